"""When a node's host may be asked again: so many requests a second, and a pause when it wants one.  Pure.

Unlike chains/feeds/pacing.py, where one caller polls, here many wait in line: whoever asks takes the next
free moment, even one that is still to come.
"""

from msgspec import Struct
from msgspec.structs import replace

from chains.chance import chance

SECOND_NS = 10**9
FIRST_PAUSE_NS = SECOND_NS // 4
LONGEST_PAUSE_NS = 60 * SECOND_NS
LONGEST_ASKED_NS = 600 * SECOND_NS


class Line(Struct, frozen=True):
    """A host's: `next_ns` is when the next request would be due if they came at the steady rate."""

    per_second: int
    next_ns: int = 0
    closed_until_ns: int = 0
    troubles: int = 0  # In a row: too many requests, or out of service.


def turn(line: Line, now_ns: int) -> int:
    """The moment at which the next request may go; up to a second's worth may go at once."""
    return max(now_ns, line.next_ns - SECOND_NS, line.closed_until_ns)


def taken(line: Line, at_ns: int) -> Line:
    """After the request that goes at `turn`."""
    return replace(line, next_ns=max(line.next_ns, at_ns) + SECOND_NS // line.per_second)


def relieved(line: Line) -> Line:
    """After an answer."""
    return replace(line, troubles=0) if line.troubles else line


def troubled(line: Line, now_ns: int, asked_ns: int | None, seed: int, host: str) -> Line:
    """After the server wanted a pause: the one that it asked for, and at least our own, which doubles.

    Of requests that were under way together only the first doubles it.
    """
    asked_ns = min(asked_ns or 0, LONGEST_ASKED_NS)
    if now_ns < line.closed_until_ns:
        return replace(line, closed_until_ns=max(line.closed_until_ns, now_ns + asked_ns))
    until_ns = now_ns + max(pause_ns(line.troubles, seed, host), asked_ns)
    next_ns = max(line.next_ns, until_ns + SECOND_NS)  # Nothing may go at once after that.
    return replace(line, troubles=line.troubles + 1, closed_until_ns=until_ns, next_ns=next_ns)


def pause_ns(troubles: int, seed: int, *names: str | int) -> int:
    """Before the next try: doubled each time, and somewhere in the upper half, so that many do not meet."""
    full_ns = min(FIRST_PAUSE_NS << min(troubles, 20), LONGEST_PAUSE_NS)
    return full_ns // 2 + int(full_ns // 2 * chance(seed, "pause", *names, troubles))
