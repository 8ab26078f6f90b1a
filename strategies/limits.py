"""What the Portfolio allows: a wish becomes an order, or is refused with the first reason that applies.

Pure.  Every figure is a fold of the log, so limits survive restarts; orders under way count as used, at what
they may cost at most, so that two wishes can never share one free dollar.
"""

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import (
    BPS,
    AlreadyClosing,
    Asset,
    Close,
    CloseReason,
    Id,
    Order,
    Propose,
    Refusal,
    Revoke,
    Side,
    Units,
)
from chains.amounts import quote_of
from storage.amounts import to_units
from storage.books import DAY_NS, Books, Position
from storage.config import Limits, Settings
from storage.config_strategies import Mix
from storage.holdings import at_most, freed_since
from storage.recovery import is_paid
from strategies.mix import budget_bps
from strategies.sizing import Books as Room
from strategies.sizing import buy_amount, sell_amount

SECOND_NS, MINUTE_NS = 10**9, 60 * 10**9
REVOKE_SECONDS = 3_600  # Nothing presses: gas may become cheaper.
MOST_FEES = 10  # A transaction may cost this many times the usual fee; what it does not cost comes back.

Verdict = Order | Refusal | AlreadyClosing


class Terms(Struct, frozen=True):
    """The settings that a decision needs, in base units."""

    limits: Limits
    quote: Asset
    quote_decimals: int
    fee_asset: Asset  # The quote, or what the chain wants its gas in.
    max_fee: Units
    min_order: Units
    strategies: tuple[str, ...]
    tokens: frozenset[Asset]
    mix: Mix = Mix()
    position_cap: Units | None = None  # Of a live run: what the signer would refuse is not ordered.
    capital_cap: Units | None = None


WATCHED = frozenset({CloseReason.STOP, CloseReason.TAKE_PROFIT, CloseReason.TRAILING, CloseReason.TIME})


def terms_of(
    settings: Settings,
    tokens: frozenset[Asset],
    strategies: tuple[str, ...],
    quoted: tuple[Asset, int] | None = None,
    gas: tuple[Asset, Units] | None = None,
) -> Terms:
    """`quoted`: the market's quote asset and its decimals; None: as [paper] says.

    `gas`: what the chain wants its fees in, and the most that an order may pay; None: as [paper] says.
    """
    quote, decimals = quoted or quote_of((), settings.paper)
    usual = Units(MOST_FEES * to_units(settings.paper.gas, decimals))
    fee_asset, max_fee = gas or (quote, usual)
    return Terms(
        limits=settings.limits,
        quote=quote,
        quote_decimals=decimals,
        fee_asset=fee_asset,
        max_fee=max_fee,
        min_order=Units(to_units(settings.limits.min_order, decimals)),
        strategies=strategies,
        tokens=tokens,
        mix=settings.mix,
    )


def buy(books: Books, wish: Propose, terms: Terms) -> Verdict:
    """Reasons in the order of `Refusal`."""
    if reason := _forbidden(books, wish, terms):
        return reason
    account, fees = books.ledger.account(terms.quote), _fees(books, terms)
    room = Room(
        deposits=Units(account.deposits - account.withdrawals),
        free=Units(account.free - fees.get(terms.quote, 0)),
        used_by_strategy=Units(_used(books, terms.quote, wish.strategy)),
        used_on_chain=Units(_used(books, terms.quote, None, _chain(wish.token))),
        used_in_all=Units(_used(books, terms.quote)),
    )
    amount = buy_amount(wish.target_bps, room, _limits_of(books, wish.strategy, terms), terms.min_order)
    if isinstance(amount, Refusal):
        return amount
    amount = _capped(amount, room.used_in_all, terms)
    if isinstance(amount, Refusal):
        return amount
    if any(books.ledger.account(asset).free < fee for asset, fee in fees.items()):
        return Refusal.NOT_ENOUGH_FUNDS
    return Order(
        id=wish.id, side=Side.BUY, strategy=wish.strategy, token=wish.token, quote=terms.quote,
        amount_in=amount, fee_asset=terms.fee_asset, max_fee=terms.max_fee,
        slippage_bps=terms.limits.slippage_bps, at_ns=wish.at_ns, deadline_ns=_deadline(wish.at_ns, terms),
        position=Id(f"{wish.id}/position"), reason="entry",
    )  # fmt: skip


def _limits_of(books: Books, strategy: str, terms: Terms) -> Limits:
    """With the budget that the strategy has now."""
    ceiling = terms.limits.strategy_budget_bps
    budget = budget_bps(books.mix, terms.mix, ceiling, terms.strategies, strategy)
    return replace(terms.limits, strategy_budget_bps=budget)


def _capped(amount: Units, used: Units, terms: Terms) -> Units | Refusal:
    """Within the caps of a live run, which may be lower than when the positions were bought."""
    least = max(1, terms.min_order)
    most = amount if terms.position_cap is None else min(amount, terms.position_cap)
    left = most if terms.capital_cap is None else terms.capital_cap - used
    if most < least:
        return Refusal.AMOUNT_TOO_SMALL
    return Units(min(most, left)) if left >= least else Refusal.TOTAL_EXPOSURE


def sell(books: Books, wish: Close, terms: Terms) -> Verdict:
    """first-close-wins: the first close of a position is the one; the next hears which that is."""
    holder = books.claims.get(wish.token)
    position = books.positions.get(wish.token)
    if not books.signs:
        return Refusal.HALTED
    if position and (wish.strategy not in {"", position.strategy} or wish.position not in {"", position.id}):
        return Refusal.POSITION_NOT_FOUND
    if holder is not None:
        return _claimed(books, wish, holder, position)
    if position is None:
        return Refusal.POSITION_NOT_FOUND
    if wish.reason in WATCHED and freed_since(books, wish.token, wish.at_ns):
        return Refusal.TOKEN_CLAIMED  # Who watches had read ahead, and could not know of the order.
    amount = sell_amount(position.quantity, wish.portion_bps)
    if amount <= 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    if books.ledger.account(terms.fee_asset).free < terms.max_fee:
        return Refusal.NOT_ENOUGH_FUNDS
    return _sale(wish, position, amount, terms)


def revoke(books: Books, wish: Revoke, terms: Terms) -> Order | Refusal:
    """As long as it takes nothing from what positions need for their sale."""
    if not books.signs:
        return Refusal.HALTED
    if is_paid(books, wish.token):
        return Refusal.TOKEN_CLAIMED
    if wish.amount <= 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    if books.ledger.account(terms.fee_asset).free < terms.max_fee * (len(books.positions) + 1):
        return Refusal.NOT_ENOUGH_FUNDS
    return Order(
        id=wish.id, side=Side.REVOKE, strategy="", token=wish.token, quote=terms.quote,
        amount_in=wish.amount, fee_asset=terms.fee_asset, max_fee=terms.max_fee, slippage_bps=0,
        at_ns=wish.at_ns, deadline_ns=wish.at_ns + REVOKE_SECONDS * SECOND_NS,
        position=Id(f"{wish.id}/position"), reason="left over",
    )  # fmt: skip


def _claimed(books: Books, wish: Close, holder: Id, position: Position | None) -> Refusal | AlreadyClosing:
    order = books.order(holder)
    if order and order.side is Side.SELL:
        return AlreadyClosing(wish.id, holder)
    return Refusal.NOT_FINAL if position else Refusal.TOKEN_CLAIMED


def _sale(wish: Close, position: Position, amount: Units, terms: Terms) -> Order:
    return Order(
        id=wish.id, side=Side.SELL, strategy=position.strategy, token=position.token, quote=position.quote,
        amount_in=amount, fee_asset=terms.fee_asset, max_fee=terms.max_fee,
        slippage_bps=terms.limits.slippage_bps, at_ns=wish.at_ns, deadline_ns=_deadline(wish.at_ns, terms),
        position=position.id, closes=amount == position.quantity, reason=wish.reason.value,
    )  # fmt: skip


def _forbidden(books: Books, wish: Propose, terms: Terms) -> Refusal | None:
    if books.halts:
        return Refusal.HALTED
    if not {terms.quote, terms.fee_asset} <= books.ledger.accounts.keys():
        return Refusal.MISSING_INPUT
    if wish.token not in terms.tokens:
        return Refusal.TOKEN_UNKNOWN
    if wish.strategy not in terms.strategies:
        return Refusal.STRATEGY_UNKNOWN
    if wish.token in books.positions:
        return Refusal.POSITION_EXISTS
    if wish.token in books.claims:
        return Refusal.TOKEN_CLAIMED
    return _resting(books, wish, terms)


def _resting(books: Books, wish: Propose, terms: Terms) -> Refusal | None:
    limits, day = terms.limits, books.day
    left = books.left_at_ns.get(wish.token)
    if left is not None and wish.at_ns < left + limits.cooldown_minutes * MINUTE_NS:
        return Refusal.COOLDOWN
    account = books.ledger.account(terms.quote)
    today = day.result.get(terms.quote, 0) if day.number == wish.at_ns // DAY_NS else 0
    if today < 0 and -today * BPS >= (account.deposits - account.withdrawals) * limits.daily_loss_bps:
        return Refusal.DAILY_LOSS
    paused = wish.at_ns < day.last_loss_ns + limits.loss_streak_pause_minutes * MINUTE_NS
    if day.losses >= limits.loss_streak and paused:
        return Refusal.LOSS_STREAK
    buys = sum(live.order.side is Side.BUY for live in books.live.values())
    if len(books.positions) + buys >= limits.max_positions:
        return Refusal.MAX_POSITIONS
    return None


def _used(books: Books, quote: Asset, strategy: str | None = None, chain: str | None = None) -> int:
    """Cost of open positions, and what live buys may cost, of one strategy or chain or of all."""
    orders = [live.order for live in books.live.values() if live.order.side is Side.BUY]
    held: list[tuple[str, Asset, Asset, int]] = [
        (each.strategy, each.token, each.quote, each.cost) for each in books.positions.values()
    ]
    held += [(each.strategy, each.token, each.quote, at_most(each)[each.quote]) for each in orders]
    return sum(
        amount
        for owner, token, asset, amount in held
        if asset == quote and strategy in {None, owner} and chain in {None, _chain(token)}
    )


def _fees(books: Books, terms: Terms) -> dict[Asset, int]:
    """Kept back for the buy; and so that every position, and the one to be bought, can pay for its sell."""
    buys = sum(live.order.side is Side.BUY for live in books.live.values())
    return {terms.fee_asset: terms.max_fee * (len(books.positions) + buys + 2)}


def _chain(token: Asset) -> str:
    return token.partition(":")[0]


def _deadline(at_ns: int, terms: Terms) -> int:
    return at_ns + terms.limits.deadline_seconds * SECOND_NS


def at_once(wish: Close | Propose | Revoke) -> bool:
    """An operator's close does not wait for the market, and what trades nothing has none."""
    urgent = {CloseReason.OPERATOR, CloseReason.KILL_SWITCH, CloseReason.SHUTDOWN}
    return isinstance(wish, Revoke) or (isinstance(wish, Close) and wish.reason in urgent)
