"""The bars at which nothing happens, of one token under one strategy: nothing is done there but to look.

While no order is under way, a tick only lets the bar grow, asks the strategy at its end, and compares the
close with the prices of the exits.  Those are compared as floats, a little too early; at such a close, as at
a wish, the whole tick follows, which counts in whole numbers.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from strategies.compiled import inlined, part
from strategies.kernel.minds import alone_in_frame, end_of_frame, ended, ends_late, whole, wish
from strategies.kernel.tables import Desk, Row, Tape, pair
from strategies.kernel.watches import follow
from strategies.kernel.wide import at_most, floated

Step = Callable[..., float]
NEVER_NS = 2**62
NEAR = 2.0**-40  # A share of a price; floats are right to 2 ** -52.


class Band(NamedTuple):
    """Closes between the first two, before that time, meet no exit; those up to the peak are no new high."""

    low: float
    high: float
    peak: float
    until_ns: int


@part
def calm(step: Step, tape: Tape, desk: Desk, moment: int) -> tuple[int, bool]:
    """The next moment that needs a whole tick, and whether the strategy has seen it, and wishes something."""
    mind, bars, first, wished = desk.minds[0], tape.bars, moment, False
    book, token = desk.books[0], desk.tokens[0]
    band = _band(book, token)
    while moment < len(tape.moments) and not wished:
        at_ns, number = tape.moments[moment], tape.firsts[moment]
        if ends_late(mind, at_ns) or tape.firsts[moment + 1] != number + 1 or at_ns >= band.until_ns:
            break
        close = bars[number].close
        if not band.low < close < band.high:
            break
        if close > band.peak:
            follow(book, token, pair(bars[number].exact_close))
            band = _band(book, token)
        if alone_in_frame(mind, at_ns):
            moment, wished = _whole_frames(step, tape, desk, moment, band)
        else:
            moment, wished = _in_frame(step, tape, desk, moment, band)
    if first < moment:
        token.price = bars[tape.firsts[moment - 1]].close
    return moment, wished


@part
def _whole_frames(step: Step, tape: Tape, desk: Desk, first: int, band: Band) -> tuple[int, bool]:
    """From a bar that is all of one of the strategy's, and has been looked at, on to the first that is not
    the next of its kind, or that the band does not hold.
    """
    mind, state, params = desk.minds[0], desk.states[0], desk.params[0]
    moments, firsts = tape.moments[first:], tape.firsts[first:]
    bars, equity = tape.bars[firsts[0] :], desk.equity[first:]
    money, held, scale = _worth(desk.books[0], desk.tokens[0])
    number, next_ns, most = firsts[0], moments[0], len(moments)
    for place in range(most):
        bar = bars[place]
        if wish(mind, step(mind.kind, state, params, whole(bar))):
            mind.frame_end_ns = next_ns
            return first + place, True
        if place < len(equity):
            equity[place] = money + held * bar.close / scale
        after = place + 1
        next_ns += mind.frame_ns
        if after == most or moments[after] != next_ns or firsts[after + 1] != number + after + 1:
            break
        close = bars[after].close
        if not band.low < close < band.high or close > band.peak or next_ns >= band.until_ns:
            break
    mind.frame_end_ns = next_ns - mind.frame_ns
    return first + after, False


@part
def _in_frame(step: Step, tape: Tape, desk: Desk, first: int, band: Band) -> tuple[int, bool]:
    """From a bar that has been looked at on to the end of the strategy's bar that it is a part of."""
    mind, moments, firsts = desk.minds[0], tape.moments[first:], tape.firsts[first:]
    bars, equity = tape.bars[firsts[0] :], desk.equity[first:]
    money, held, scale = _worth(desk.books[0], desk.tokens[0])
    if mind.end_ns == 0:
        mind.end_ns = end_of_frame(mind, moments[0])
        mind.open, mind.high, mind.low, mind.volume = bars[0].open, bars[0].high, bars[0].low, 0
    high, low, volume, end_ns = mind.high, mind.low, mind.volume, mind.end_ns
    for place in range(len(moments)):
        bar, after = bars[place], place + 1
        high, low, volume = max(high, bar.high), min(low, bar.low), volume + bar.volume
        if place < len(equity):
            equity[place] = money + held * bar.close / scale
        if after == len(moments) or moments[after] > end_ns or firsts[after + 1] != firsts[after] + 1:
            break
        close = bars[after].close
        if not band.low < close < band.high or close > band.peak or moments[after] >= band.until_ns:
            break
    mind.high, mind.low, mind.volume = high, low, volume
    mind.close, mind.reserve = bars[after - 1].close, float(bars[after - 1].reserve_quote)
    if moments[after - 1] == end_ns and wish(
        mind, step(mind.kind, desk.states[0], desk.params[0], ended(mind))
    ):
        return first + after - 1, True
    return first + after, False


@part
def _band(book: Row, token: Row) -> Band:
    if token.owner < 0:
        return Band(-math.inf, math.inf, math.inf, NEVER_NS)
    low, high, peak = 0.0, math.inf, math.inf
    if book.stop_bps != 0:
        low = floated(pair(token.stop_at))
    if book.trailing_bps != 0:
        peak = floated(pair(token.highest)) * (1.0 - NEAR)
        if at_most(pair(token.arm_at), pair(token.highest)):
            low = max(low, floated(pair(token.fell_at)))
    if book.take_bps != 0 and book.take_portion_bps != 0 and token.took_profit == 0:
        high = floated(pair(token.take_at)) * (1.0 - NEAR)
    until_ns = token.since_ns + book.hold_ns if book.hold_ns != 0 else NEVER_NS
    return Band(low * (1.0 + NEAR), high, peak, until_ns)


@inlined
def _worth(book: Row, token: Row) -> tuple[float, float, float]:
    """Money, what is held, and the scale of its price."""
    held = floated(pair(token.quantity)) if token.owner >= 0 else 0.0
    return float(book.free + book.reserved), held, token.scale
