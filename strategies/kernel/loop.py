"""The backtest's loop: tick by tick, in the order in which the actors of a run do things.

At each tick: outcomes of what is under way; exits; the strategies; then the Portfolio decides, sells first,
in the order of the ids of the wishes; and last the strategies are told what came out otherwise.
"""

from actors.messages import BPS
from strategies import steps
from strategies.compiled import compiled, inlined, part
from strategies.kernel.calm import Step, calm
from strategies.kernel.checks import APPROVED, buy, sell
from strategies.kernel.minds import ended, ends_late, grow, wish
from strategies.kernel.tables import (
    LIKE_DESK,
    LIKE_TAPE,
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
from strategies.kernel.watches import look, watched
from strategies.kernel.wide import floated
from strategies.layout import AGE, HELD, LAST, MARK


@compiled(LIKE_TAPE, LIKE_DESK)
def play(tape: Tape, desk: Desk) -> None:
    """The whole tape."""
    turns(steps.step, tape, desk)


@part
def turns(step: Step, tape: Tape, desk: Desk) -> None:
    """With any step, that of one strategy or of all."""
    book, tokens, bars = desk.books[0], desk.tokens, tape.bars
    first, last = steps.together(desk.minds)
    alone = len(desk.minds) == 1 and len(tokens) == 1 and first == last
    moment, wishes, rules = 0, False, watched(book)
    while moment < len(tape.moments):
        if alone and book.live == 0:
            moment, wishes = calm(step, tape, desk, moment)
            if moment == len(tape.moments):
                break
        at_ns = tape.moments[moment]
        _show(tokens, bars, tape.firsts[moment], tape.firsts[moment + 1])
        busy = book.live != 0
        if busy:
            settle(book, tokens, desk.orders, bars, at_ns)
        exits = rules and book.holdings != 0 and look(book, tokens, bars, at_ns)
        if not wishes:
            wishes = _wishes(step, desk, bars, at_ns, first, last)
        if wishes or exits:
            _decide_sells(book, desk, bars, at_ns)
            _decide_buys(book, desk, bars, at_ns)
        if busy:
            _tell(tokens, desk.minds, desk.states, at_ns)
        _hide(tokens, bars, tape.firsts[moment], tape.firsts[moment + 1])
        if moment < len(desk.equity):
            desk.equity[moment] = _equity(book, tokens)
        moment, wishes = moment + 1, False


@inlined
def _wishes(step: Step, desk: Desk, bars: Table, at_ns: int, first: int, last: int) -> bool:
    """Every strategy sees its bars that have ended; those of `first` to `last` choose after that."""
    minds, states, params, found = desk.minds, desk.states, desk.params, False
    for place in range(len(minds)):
        mind = minds[place]
        if ends_late(mind, at_ns):
            found |= wish(mind, step(mind.kind, states[place], params[place], ended(mind)))
        if grow(mind, desk.tokens[mind.token].bar, bars, at_ns):
            found |= wish(mind, step(mind.kind, states[place], params[place], ended(mind)))
    if first < last and steps.choose(states[first:last], params[first:last], desk.targets, desk.scratch):
        for place in range(first, last):
            found |= wish(minds[place], desk.targets[place - first])
    return found


@inlined
def _show(tokens: Table, bars: Table, first: int, last: int) -> None:
    for number in range(first, last):
        token = tokens[bars[number].token]
        token.bar, token.price = number, bars[number].close


@inlined
def _hide(tokens: Table, bars: Table, first: int, last: int) -> None:
    for number in range(first, last):
        tokens[bars[number].token].bar = -1


@inlined
def _equity(book: Row, tokens: Table) -> float:
    total = float(book.free + book.reserved)
    if book.holdings != 0:
        for number in range(len(tokens)):
            token = tokens[number]
            if token.owner >= 0:
                total += floated(pair(token.quantity)) * token.price / token.scale
    return total


# -- the Portfolio --
@inlined
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
    quote(book, token, bars, at_ns)
    return True


@inlined
def _decide_buys(book: Row, desk: Desk, bars: Table, at_ns: int) -> None:
    for place in range(len(desk.minds)):
        mind = desk.minds[place]
        if mind.buy_bps == 0:
            continue
        verdict = buy(book, desk.tokens, mind, at_ns)
        mind.buy_bps = 0
        if verdict == APPROVED:
            open_order(book, desk.tokens[mind.token], mind.token, desk.orders, at_ns)
            quote(book, desk.tokens[mind.token], bars, at_ns)
        else:
            desk.refused[mind.strategy, verdict] += 1
            _hold(desk.states[place], False)


@inlined
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
