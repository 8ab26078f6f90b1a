"""The rules of strategies/exits.py, as prices that are worked out once and then only compared with."""

from actors.messages import BPS
from strategies.compiled import inlined, part
from strategies.kernel.tables import (
    NO_ORDER,
    STOP,
    TAKE_PROFIT,
    TIME,
    TRAILING,
    Row,
    Table,
    pair,
    put,
)
from strategies.kernel.wide import Wide, at_most, divided_by_bps, narrow, plus, share


@inlined
def watched(book: Row) -> bool:
    """Whether any rule looks at a position."""
    rules: bool = book.stop_bps != 0 or book.trailing_bps != 0 or book.take_bps != 0 or book.hold_ns != 0
    return rules


@part
def watch(book: Row, token: Row, entry: Wide) -> None:
    """A new position is watched from what was really paid a token."""
    put(token.highest, entry)
    put(token.stop_at, share(entry, BPS - book.stop_bps))
    put(token.take_at, _least(entry, BPS + book.take_bps))
    put(token.arm_at, _least(entry, BPS + book.trailing_bps))
    put(token.fell_at, share(entry, BPS - book.trailing_bps))


@part
def _least(number: Wide, bps: int) -> Wide:
    """The smallest x with x * BPS >= number * bps."""
    below, rest = divided_by_bps(number, bps)
    return below if rest == 0 else plus(below, narrow(1))


@part
def follow(book: Row, token: Row, close: Wide) -> None:
    """The highest close of a position, and how far below it the trailing stop is."""
    if not at_most(close, pair(token.highest)):
        put(token.highest, close)
        put(token.fell_at, share(close, BPS - book.trailing_bps))


@part
def look(book: Row, tokens: Table, bars: Table, at_ns: int) -> bool:
    """Every position at the close of its bar; whether one of them must go."""
    found = False
    for number in range(len(tokens)):
        token = tokens[number]
        if token.owner < 0 or token.bar < 0 or at_ns <= token.since_ns:
            continue
        close = pair(bars[token.bar].exact_close)
        follow(book, token, close)
        reason = _reason(book, token, close, at_ns)
        if reason != 0 and token.state == NO_ORDER and token.freed_ns < at_ns:
            token.exit = reason
            found = True
    return found


@part
def _reason(book: Row, token: Row, close: Wide, at_ns: int) -> int:
    """In order of precedence: the first that applies."""
    if book.stop_bps != 0 and at_most(close, pair(token.stop_at)):
        return STOP
    armed = book.trailing_bps != 0 and at_most(pair(token.arm_at), pair(token.highest))
    if armed and at_most(close, pair(token.fell_at)):
        return TRAILING
    wanted = book.take_bps != 0 and book.take_portion_bps != 0 and token.took_profit == 0
    if wanted and at_most(pair(token.take_at), close):
        return TAKE_PROFIT
    if book.hold_ns != 0 and at_ns - token.since_ns >= book.hold_ns:
        return TIME
    return 0
