"""The backtest's loop: tick by tick, in the order in which the actors of a run do things.

At each tick: outcomes of what is under way; exits; the strategies; then the Portfolio decides, sells first,
in the order of the ids of the wishes; and last the strategies are told what came out otherwise.
"""

from collections.abc import Callable

import numpy as np

from actors.messages import BPS
from strategies import steps
from strategies.compiled import compiled, part
from strategies.kernel.checks import APPROVED, buy, sell
from strategies.kernel.tables import (
    NO_ORDER,
    SIGNAL,
    TAKE_PROFIT,
    Desk,
    Floats,
    Row,
    Table,
    Tape,
    pair,
)
from strategies.kernel.trades import open_order, quote, settle
from strategies.kernel.watches import look
from strategies.kernel.wide import floated
from strategies.layout import AGE, HELD, LAST, MARK

Step = Callable[..., float]


@compiled
def play(tape: Tape, desk: Desk) -> None:
    """The whole tape."""
    turns(steps.step, tape, desk)


@part
def turns(step: Step, tape: Tape, desk: Desk) -> None:
    """With any step, that of one strategy or of all."""
    book, tokens, orders, minds = desk.books[0], desk.tokens, desk.orders, desk.minds
    params, states, rows, bars = desk.params, desk.states, desk.rows, tape.bars
    first, last = steps.together(minds)
    targets = np.empty(last - first)
    for moment in range(len(tape.moments)):
        at_ns = tape.moments[moment]
        _show(tokens, bars, tape.firsts[moment], tape.firsts[moment + 1])
        busy = book.live != 0
        if busy:
            settle(book, tokens, orders, bars, at_ns, rows)
        wishes = book.holdings != 0 and look(book, tokens, bars, at_ns)
        for place in range(len(minds)):
            mind = minds[place]
            if _ends_late(mind, at_ns):
                wishes |= _wish(mind, step(mind.kind, states[place], params[place], _ended(mind)))
            if _grow(mind, tokens[mind.token].bar, bars, at_ns):
                wishes |= _wish(mind, step(mind.kind, states[place], params[place], _ended(mind)))
        if first < last and steps.choose(states[first:last], params[first:last], targets):
            for place in range(first, last):
                wishes |= _wish(minds[place], targets[place - first])
        if wishes:
            _decide_sells(book, desk, bars, at_ns)
            _decide_buys(book, desk, bars, at_ns)
        if busy:
            _tell(tokens, minds, states, at_ns)
        _hide(tokens, bars, tape.firsts[moment], tape.firsts[moment + 1])
        if moment < len(desk.equity):
            desk.equity[moment] = _equity(book, tokens)


@part
def _show(tokens: Table, bars: Table, first: int, last: int) -> None:
    for number in range(first, last):
        token = tokens[bars[number].token]
        token.bar, token.price = number, bars[number].close


@part
def _hide(tokens: Table, bars: Table, first: int, last: int) -> None:
    for number in range(first, last):
        tokens[bars[number].token].bar = -1


@part
def _equity(book: Row, tokens: Table) -> float:
    total = float(book.free + book.reserved)
    if book.holdings != 0:
        for number in range(len(tokens)):
            token = tokens[number]
            if token.owner >= 0:
                total += floated(pair(token.quantity)) * token.price / token.scale
    return total


# -- the strategies: bars grow as in strategies/bars.py --
@part
def _ends_late(mind: Row, at_ns: int) -> bool:
    """A bar whose last minutes are missing has ended before this tick."""
    late: bool = mind.end_ns != 0 and mind.end_ns < at_ns
    return late


@part
def _grow(mind: Row, number: int, bars: Table, at_ns: int) -> bool:
    """Whether a bar of the strategy's timeframe ends at this tick."""
    if number < 0 and mind.end_ns == 0:
        return False
    if number >= 0:
        bar = bars[number]
        if mind.end_ns == 0:
            mind.end_ns = _end_of_frame(mind, at_ns)
            mind.open, mind.high, mind.low, mind.volume = bar.open, bar.high, bar.low, bar.volume
        else:
            mind.high, mind.low = max(mind.high, bar.high), min(mind.low, bar.low)
            mind.volume += bar.volume
        mind.close, mind.reserve = bar.close, float(bar.reserve_quote)
    ends: bool = mind.end_ns == at_ns
    return ends


@part
def _end_of_frame(mind: Row, at_ns: int) -> int:
    """Mostly the one after the last; a division costs as much as all else that is done to a bar."""
    end_ns: int = mind.frame_end_ns + mind.frame_ns
    if not mind.frame_end_ns < at_ns <= end_ns:
        end_ns = (at_ns + mind.frame_ns - 1) // mind.frame_ns * mind.frame_ns
    mind.frame_end_ns = end_ns
    return end_ns


@part
def _ended(mind: Row) -> tuple[float, float, float, float, float, float]:
    mind.end_ns = 0
    return mind.open, mind.high, mind.low, mind.close, float(mind.volume), mind.reserve


@part
def _wish(mind: Row, target: float) -> bool:
    if target <= 0.0:
        mind.sell = 1
        return True
    if target > 0.0:
        mind.buy_bps = max(1, int(target * BPS))
        return True
    return False  # NaN.


# -- the Portfolio --
@part
def _decide_sells(book: Row, desk: Desk, bars: Table, at_ns: int) -> None:
    for place in range(len(desk.minds)):
        mind = desk.minds[place]
        token = desk.tokens[mind.token]
        if token.exit != 0 and token.owner == mind.strategy:
            portion = book.take_portion_bps if token.exit == TAKE_PROFIT else BPS
            _sell(book, desk, bars, mind, portion, token.exit, at_ns)
            token.exit = 0
        if mind.sell != 0:
            mind.sell = 0
            approved = _sell(book, desk, bars, mind, BPS, SIGNAL, at_ns)
            if not approved and token.state == NO_ORDER:
                _hold(desk.states[place], token.owner == mind.strategy)


@part
def _sell(book: Row, desk: Desk, bars: Table, mind: Row, portion_bps: int, reason: int, at_ns: int) -> bool:
    token = desk.tokens[mind.token]
    verdict = sell(book, token, mind.strategy, portion_bps)
    if verdict != APPROVED:
        desk.refused[mind.strategy, verdict] += 1
        return False
    token.reason = reason
    open_order(book, token, mind.token, desk.orders, at_ns)
    quote(book, token, bars, at_ns, desk.rows)
    return True


@part
def _decide_buys(book: Row, desk: Desk, bars: Table, at_ns: int) -> None:
    for place in range(len(desk.minds)):
        mind = desk.minds[place]
        if mind.buy_bps == 0:
            continue
        verdict = buy(book, desk.tokens, mind, at_ns)
        mind.buy_bps = 0
        if verdict == APPROVED:
            open_order(book, desk.tokens[mind.token], mind.token, desk.orders, at_ns)
            quote(book, desk.tokens[mind.token], bars, at_ns, desk.rows)
        else:
            desk.refused[mind.strategy, verdict] += 1
            _hold(desk.states[place], False)


@part
def _tell(tokens: Table, minds: Table, states: Floats, at_ns: int) -> None:
    """Of each token whose order has ended at this tick, who holds it now."""
    for place in range(len(minds)):
        token = tokens[minds[place].token]
        if token.freed_ns == at_ns and token.state == NO_ORDER:
            _hold(states[place], token.owner == minds[place].strategy)


@part
def _hold(state: Floats, held: bool) -> None:
    """strategies.steps.hold."""
    if (state[HELD] != 0.0) != held:
        state[HELD] = 1.0 if held else 0.0
        state[MARK], state[AGE] = state[LAST], 0.0
