"""Orders in a backtest: from the approval to the fill, as the executor, the paper venue and storage/fills.py
have it in a run in which nothing goes wrong.

An order is quoted at the close of the bar at which it was decided, lands at the open of the token's next bar
past the latency, reverts there for its fee if it would give less than the slippage allows, and dies if there
is no such bar in time.
"""

from actors.messages import BPS
from strategies.compiled import inlined, part
from strategies.kernel.swaps import bought, price_paid, reserves_at, sold, tokens_of_depth
from strategies.kernel.tables import (
    BUY,
    DEAD,
    LANDED,
    NO_ORDER,
    REVERTED,
    ROLLED_BACK,
    SELL,
    SENT,
    TAKE_PROFIT,
    UNSIGNED,
    Row,
    Table,
    pair,
    put,
)
from strategies.kernel.watches import watch, watched
from strategies.kernel.wide import Wide, at_most, minus, narrow, narrowed, share

DAY_NS = 86_400 * 10**9


@part
def open_order(book: Row, token: Row, number: int, orders: Table, at_ns: int) -> None:
    """T1 of an order whose side, amount, buyer and reason stand in the token: its money is set aside."""
    amount = pair(token.amount)
    token.reservation = book.max_fee + (narrowed(amount) if token.side == BUY else 0)
    book.free -= token.reservation
    book.reserved += token.reservation
    token.state, token.asked_ns, token.sequence = UNSIGNED, at_ns, book.opened
    token.closes = 1 if token.side == SELL and pair(token.quantity) == amount else 0
    if book.opened < len(orders):
        order = orders[book.opened]
        order.at_ns, order.token, order.strategy = at_ns, number, token.buyer
        order.side, order.reason, order.bar = token.side, token.reason, token.bar
        order.entry = book.opened if token.side == BUY else token.entry
        put(order.amount_in, amount)
    book.opened += 1
    book.live += 1


@inlined
def _swapped(token: Row, quotes: int, tokens: Wide) -> Wide:
    """What the order gives in a pool of these reserves."""
    if token.side == BUY:
        return bought(narrowed(pair(token.amount)), quotes, tokens, token.fee)
    return narrow(sold(pair(token.amount), quotes, tokens, token.fee))


@inlined
def _tokens_in_pool(token: Row, bar: Row) -> Wide:
    known = pair(bar.reserve_token)
    if known[0] != 0 or known[1] != 0:
        return known
    return tokens_of_depth(bar.reserve_quote, pair(bar.exact_close), pair(token.unit))


@part
def quote(book: Row, token: Row, bars: Table, at_ns: int) -> None:
    """T2, if the token has a bar at this tick: what it must give at least, and from when on it can land."""
    if token.bar < 0:
        return
    bar = bars[token.bar]
    promised = _swapped(token, bar.reserve_quote, _tokens_in_pool(token, bar))
    least = share(promised, BPS - book.slippage_bps)
    if least[0] == 0 and least[1] == 0:
        return
    put(token.least, least)
    token.state, token.sent_ns, token.nonce = SENT, at_ns, book.signed
    book.signed += 1


@part
def settle(book: Row, tokens: Table, orders: Table, bars: Table, at_ns: int) -> None:
    """A tick's outcomes, by nonce; then what could not be quoted before is quoted, or it is too late."""
    number = _next_sent(tokens, -1)
    while number >= 0:
        token = tokens[number]
        nonce = token.nonce
        if at_ns > token.sent_ns + book.valid_ns:
            end(book, token, orders, DEAD, 0, at_ns)
        elif token.bar >= 0 and at_ns > token.sent_ns and at_ns >= token.sent_ns + book.latency_ns:
            _land(book, token, orders, bars[token.bar], at_ns)
        number = _next_sent(tokens, nonce)
    number = _next_unsigned(tokens, -1)
    while number >= 0:
        token = tokens[number]
        sequence = token.sequence
        if at_ns > token.asked_ns + book.deadline_ns:
            end(book, token, orders, ROLLED_BACK, 0, at_ns)
        else:
            quote(book, token, bars, at_ns)
        number = _next_unsigned(tokens, sequence)


@inlined
def _next_sent(tokens: Table, after: int) -> int:
    """The token whose order has the next nonce; -1 for none."""
    found = -1
    for number in range(len(tokens)):
        sent = tokens[number].state == SENT and tokens[number].nonce > after
        if sent and (found < 0 or tokens[number].nonce < tokens[found].nonce):
            found = number
    return found


@inlined
def _next_unsigned(tokens: Table, after: int) -> int:
    """The token whose order is the next oldest without bytes; -1 for none."""
    found = -1
    for number in range(len(tokens)):
        unsigned = tokens[number].state == UNSIGNED and tokens[number].sequence > after
        if unsigned and (found < 0 or tokens[number].sequence < tokens[found].sequence):
            found = number
    return found


@inlined
def _land(book: Row, token: Row, orders: Table, bar: Row, at_ns: int) -> None:
    """At the open of its bar; the fee is paid whatever comes of it."""
    known, unit = _tokens_in_pool(token, bar), pair(token.unit)
    quotes, tokens = reserves_at(pair(bar.exact_open), bar.reserve_quote, known, unit)
    out = _swapped(token, quotes, tokens)
    if token.owner >= 0:
        token.charged += book.gas
    if not at_most(pair(token.least), out):
        end(book, token, orders, REVERTED, book.gas, at_ns)
        return
    end(book, token, orders, LANDED, book.gas, at_ns)
    if token.sequence < len(orders):
        put(orders[token.sequence].amount_out, out)
    if token.side == BUY:
        _bought(book, token, out, at_ns)
    else:
        _sold(book, token, orders, out, at_ns)


@inlined
def end(book: Row, token: Row, orders: Table, outcome: int, fee: int, at_ns: int) -> None:
    """The order is over: what is left of its reservation is free again, and its token too."""
    book.reserved -= token.reservation
    book.free += token.reservation - fee
    book.fees += fee
    _note_result(book, -fee, at_ns)
    token.state, token.freed_ns = NO_ORDER, at_ns
    book.live -= 1
    if token.sequence < len(orders):
        order = orders[token.sequence]
        order.outcome, order.done_ns, order.fee = outcome, at_ns, fee


@inlined
def _note_result(book: Row, amount: int, at_ns: int) -> None:
    """So much more was made on this day."""
    day = at_ns // DAY_NS
    if book.day != day:
        book.day, book.day_result = day, 0
    book.day_result += amount


@inlined
def _bought(book: Row, token: Row, out: Wide, at_ns: int) -> None:
    cost = narrowed(pair(token.amount))
    book.free -= cost
    book.cost += cost
    book.holdings += 1
    token.owner, token.paid, token.since_ns, token.entry = token.buyer, cost, at_ns, token.sequence
    token.gain, token.charged, token.took_profit = 0, book.gas, 0
    put(token.quantity, out)
    if watched(book):
        watch(book, token, price_paid(cost, out, pair(token.unit)))


@inlined
def _sold(book: Row, token: Row, orders: Table, out: Wide, at_ns: int) -> None:
    amount, proceeds, cost = pair(token.amount), narrowed(out), token.paid
    if token.closes == 0:
        cost = narrowed(price_paid(cost, pair(token.quantity), amount))  # cost * amount // quantity
    gain = proceeds - cost
    book.free += proceeds
    book.cost -= cost
    book.realised += gain
    _note_result(book, gain, at_ns)
    token.gain += gain
    if token.closes != 0:
        _closed(book, token, at_ns)
    else:
        token.paid -= cost
        put(token.quantity, minus(pair(token.quantity), amount))
        if token.reason == TAKE_PROFIT:
            token.took_profit = 1
    if token.sequence < len(orders):
        orders[token.sequence].cost = cost


@inlined
def _closed(book: Row, token: Row, at_ns: int) -> None:
    if token.gain < token.charged:
        book.losses += 1
        book.last_loss_ns = at_ns
    else:
        book.losses = 0
    book.holdings -= 1
    book.closed += 1
    token.owner, token.left_ns = -1, at_ns
