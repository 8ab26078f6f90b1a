"""strategies/limits.py and strategies/sizing.py for a backtest: whether a wish becomes an order."""

from actors.messages import BPS, Refusal
from strategies.compiled import inlined, part
from strategies.kernel.tables import BUY, NO_ORDER, REFUSALS, SELL, Row, Table, pair, put
from strategies.kernel.trades import DAY_NS
from strategies.kernel.wide import narrow, share

POSITION_NOT_FOUND, POSITION_EXISTS, TOKEN_CLAIMED, COOLDOWN, DAILY_LOSS, STREAK, MAX_POSITIONS = (
    REFUSALS.index(each)
    for each in (
        Refusal.POSITION_NOT_FOUND, Refusal.POSITION_EXISTS, Refusal.TOKEN_CLAIMED, Refusal.COOLDOWN,
        Refusal.DAILY_LOSS, Refusal.LOSS_STREAK, Refusal.MAX_POSITIONS,
    )
)  # fmt: skip
CHAIN_EXPOSURE, TOTAL_EXPOSURE, STRATEGY_BUDGET, TOO_SMALL, NOT_POSITIVE, NO_FUNDS = (
    REFUSALS.index(each)
    for each in (
        Refusal.CHAIN_EXPOSURE, Refusal.TOTAL_EXPOSURE, Refusal.STRATEGY_BUDGET, Refusal.AMOUNT_TOO_SMALL,
        Refusal.AMOUNT_NOT_POSITIVE, Refusal.NOT_ENOUGH_FUNDS,
    )
)  # fmt: skip
APPROVED = -1


@part
def sell(book: Row, token: Row, strategy: int, portion_bps: int) -> int:
    """APPROVED, with the order's side, amount and buyer in the token; or why not."""
    if token.owner >= 0 and token.owner != strategy:
        return POSITION_NOT_FOUND
    if token.state != NO_ORDER:
        return TOKEN_CLAIMED
    if token.owner < 0:
        return POSITION_NOT_FOUND
    amount = pair(token.quantity)
    if portion_bps != BPS:
        amount = share(amount, portion_bps)
    if amount[0] == 0 and amount[1] == 0:
        return NOT_POSITIVE
    if book.free < book.max_fee:
        return NO_FUNDS
    token.side, token.buyer = SELL, token.owner
    put(token.amount, amount)
    return APPROVED


@part
def buy(book: Row, tokens: Table, mind: Row, at_ns: int) -> int:
    """APPROVED, with the order's side, amount and buyer in the token; or the first reason against it."""
    token = tokens[mind.token]
    refusal = _forbidden(book, tokens, token, at_ns)
    if refusal != APPROVED:
        return refusal
    amount, tightest = _amount(book, tokens, token, mind)
    if amount < max(1, book.min_order):
        return tightest
    token.side, token.buyer, token.reason = BUY, mind.strategy, 0
    put(token.amount, narrow(amount))
    return APPROVED


@inlined
def _forbidden(book: Row, tokens: Table, token: Row, at_ns: int) -> int:
    if token.owner >= 0:
        return POSITION_EXISTS
    if token.state != NO_ORDER:
        return TOKEN_CLAIMED
    if token.left_ns >= 0 and at_ns < token.left_ns + book.cooldown_ns:
        return COOLDOWN
    today = book.day_result if book.day == at_ns // DAY_NS else 0
    if today < 0 and -today * BPS >= book.deposits * book.daily_loss_bps:
        return DAILY_LOSS
    if book.losses >= book.loss_streak and at_ns < book.last_loss_ns + book.pause_ns:
        return STREAK
    if book.holdings + _buys(tokens) >= book.most_positions:
        return MAX_POSITIONS
    return APPROVED


@inlined
def _buys(tokens: Table) -> int:
    """Live orders to buy."""
    count = 0
    for number in range(len(tokens)):
        if tokens[number].state != NO_ORDER and tokens[number].side == BUY:
            count += 1
    return count


@inlined
def _used(tokens: Table, strategy: int, chain: int) -> int:
    """Cost of open positions, and what live buys may cost, of one strategy or chain; -1 for all."""
    total = 0
    for number in range(len(tokens)):
        token = tokens[number]
        if chain >= 0 and token.chain != chain:
            continue
        if token.owner >= 0 and (strategy < 0 or token.owner == strategy):
            total += token.paid
        buys = token.state != NO_ORDER and token.side == BUY
        if buys and (strategy < 0 or token.buyer == strategy):
            total += token.reservation
    return total


@inlined
def _amount(book: Row, tokens: Table, token: Row, mind: Row) -> tuple[int, int]:
    """What the tightest of the limits leaves, and which that is, in their order of precedence."""
    deposits = book.deposits
    budget = deposits * mind.budget_bps // BPS
    amount, tightest = deposits * book.chain_bps // BPS - _used(tokens, -1, token.chain), CHAIN_EXPOSURE
    room = deposits * book.total_bps // BPS - _used(tokens, -1, -1)
    if room < amount:
        amount, tightest = room, TOTAL_EXPOSURE
    room = budget - _used(tokens, mind.strategy, -1)
    if room < amount:
        amount, tightest = room, STRATEGY_BUDGET
    room = min(budget * mind.buy_bps // BPS, deposits * book.position_bps // BPS)
    if room < amount:
        amount, tightest = room, TOO_SMALL
    room = book.free - book.max_fee * (
        book.holdings + _buys(tokens) + 2
    )  # Their sells, its own, and its buy.
    if room < amount:
        amount, tightest = room, NO_FUNDS
    return amount, tightest
