"""The bars at which nothing happens, of one token under one strategy: nothing is done there but to look.

While no order is under way, a tick only lets the bar grow, asks the strategy at its end, and compares the
close with the prices of the exits.  Those are compared as floats, a little too early; at such a close, as at
a wish, the whole tick follows, which counts in whole numbers.
"""

import math
from collections.abc import Callable

from strategies.compiled import inlined, part
from strategies.kernel.minds import alone_in_frame, ended, ends_late, grow, whole, wish
from strategies.kernel.tables import Desk, Floats, Row, Tape, pair
from strategies.kernel.watches import follow
from strategies.kernel.wide import at_most, floated

Step = Callable[..., float]
NEVER_NS = 2**62
NEAR = 2.0**-40  # A share of a price; floats are right to 2 ** -52.


@part
def calm(step: Step, tape: Tape, desk: Desk, moment: int) -> tuple[int, bool]:
    """The next moment that needs a whole tick, and whether the strategy has seen it, and wishes something."""
    mind, bars, first, wished = desk.minds[0], tape.bars, moment, False
    state, params = desk.states[0], desk.params[0]
    book, token = desk.books[0], desk.tokens[0]
    low, high, peak, until_ns = _band(book, token)
    while moment < len(tape.moments):
        at_ns, number = tape.moments[moment], tape.firsts[moment]
        if ends_late(mind, at_ns) or tape.firsts[moment + 1] != number + 1 or at_ns >= until_ns:
            break
        close = bars[number].close
        if not low < close < high:
            break
        if close > peak:
            follow(book, token, pair(bars[number].exact_close))
            low, high, peak, until_ns = _band(book, token)
        if alone_in_frame(mind, at_ns):
            wished = wish(mind, step(mind.kind, state, params, whole(bars[number])))
        elif grow(mind, number, bars, at_ns):
            wished = wish(mind, step(mind.kind, state, params, ended(mind)))
        if wished:
            break
        moment += 1
    if first < moment:
        _mark(tape, book, token, desk.equity, first, moment)
    return moment, wished


@part
def _band(book: Row, token: Row) -> tuple[float, float, float, int]:
    """Closes between the first two, before that time, meet no exit; those up to the third are no new high."""
    if token.owner < 0:
        return -math.inf, math.inf, math.inf, NEVER_NS
    low, high = 0.0, math.inf
    if book.stop_bps != 0:
        low = floated(pair(token.stop_at))
    if book.trailing_bps != 0 and at_most(pair(token.arm_at), pair(token.highest)):
        low = max(low, floated(pair(token.fell_at)))
    if book.take_bps != 0 and book.take_portion_bps != 0 and token.took_profit == 0:
        high = floated(pair(token.take_at)) * (1.0 - NEAR)
    until_ns = token.since_ns + book.hold_ns if book.hold_ns != 0 else NEVER_NS
    return low * (1.0 + NEAR), high, floated(pair(token.highest)) * (1.0 - NEAR), until_ns


@inlined
def _mark(tape: Tape, book: Row, token: Row, equity: Floats, first: int, after: int) -> None:
    """The equity of moments with one bar each, and the price after them."""
    bars = tape.bars
    token.price = bars[tape.firsts[after - 1]].close
    money = float(book.free + book.reserved)
    if len(equity) == 0:
        return
    if token.owner < 0:
        equity[first:after] = money
        return
    held, scale = floated(pair(token.quantity)), token.scale
    for moment in range(first, after):
        equity[moment] = money + held * bars[tape.firsts[moment]].close / scale
