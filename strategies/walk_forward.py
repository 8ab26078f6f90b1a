"""Walk forward: parameters chosen on the past, played on what follows, window after window.  Pure.

    | inside: the best set is chosen | embargo | outside: it is played |
              | inside, later by `outside`     | embargo | outside ...

Nothing of the outside is seen while choosing.  Purged: a window's tape is cut off at its end, and a position
that is open there counts at its last close inside, so no outcome reaches over the cut; the embargo keeps
what is alike on both sides of it (a trend, a wild day) from being counted twice.  The strategies see the
inside and the embargo before they play, as they would have lived through them, and buy nothing; each window
begins with all of the capital, and its returns are chained.  A position that is open at the end of a window
counts at the last close, without the cost of selling it.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from strategies.kernel.tables import Floats, Tape
from strategies.metrics import DAY_NS
from strategies.recorded import Recorded
from strategies.sweep import (
    Field,
    Row,
    Score,
    best,
    equity_of,
    field_of,
    score_of,
    with_values,
)


class Days(Struct, frozen=True):
    inside: float
    outside: float
    embargo: float = 0.0


class Window(Struct, frozen=True):
    """Moments in nanoseconds: bars that end after the first and not after the last."""

    inside_ns: tuple[int, int]
    outside_ns: tuple[int, int]


class Stretch(Struct, frozen=True):
    """One window: what was chosen in it, and what that came to."""

    window: Window
    tried: int
    chosen: Row
    outside: Score
    growth: Floats  # Equity over capital at every bar of the outside.


def windows(recorded: Recorded, days: Days) -> tuple[Window, ...]:
    """ValueError, with the fix, if not even one fits."""
    inside, outside, embargo = (round(each * DAY_NS) for each in (days.inside, days.outside, days.embargo))
    if min(inside, outside) < 2 * recorded.bar_ns:
        raise ValueError("a window needs at least two bars on either side; name more days.")
    first, last = int(recorded.tape.moments[0]) - recorded.bar_ns, int(recorded.tape.moments[-1])
    made = []
    while first + inside + embargo + outside <= last:
        cut = first + inside
        made.append(Window((first, cut), (cut + embargo, cut + embargo + outside)))
        first += outside
    if not made:
        span = (last - int(recorded.tape.moments[0])) / DAY_NS
        raise ValueError(
            f"a window of {days.inside:g} + {days.embargo:g} + {days.outside:g} days does not fit into the "
            f"{span:.1f} days of the recording; name fewer days with --inside, --embargo and --outside."
        )
    return tuple(made)


def between(recorded: Recorded, after_ns: int, until_ns: int) -> Recorded:
    """Bars that end after one moment and not after the other."""
    tape = recorded.tape
    first, last = (int(np.searchsorted(tape.moments, each, side="right")) for each in (after_ns, until_ns))
    begins, ends = int(tape.firsts[first]), int(tape.firsts[last])
    cut = Tape(tape.moments[first:last], tape.firsts[first : last + 1] - begins, tape.bars[begins:ends])
    if len(cut.moments) < 2:
        moment = np.datetime64(after_ns, "ns").astype("datetime64[s]")
        raise ValueError(f"there are no two bars in the window after {moment}; name longer windows.")
    return replace(recorded, tape=cut)


def inside_of(whole: Field, window: Window) -> Field:
    part = between(whole.recorded, *window.inside_ns)
    return field_of(part, whole.settings, whole.strategies, whole.data)


def outside_of(whole: Field, window: Window) -> Field:
    part = between(whole.recorded, *window.outside_ns)
    seen = between(whole.recorded, window.inside_ns[0], window.outside_ns[0])
    return field_of(part, whole.settings, whole.strategies, whole.data, before=seen.tape)


def stretch_of(whole: Field, window: Window, rows: Sequence[Row], by: str) -> Stretch:
    """ValueError if no set of the window has a figure to choose by."""
    chosen = best(rows, by)
    if chosen is None:
        moment = np.datetime64(window.inside_ns[0], "ns").astype("datetime64[D]")
        first = next((row.refused for row in rows if row.refused), "none of them made a trade")
        raise ValueError(f"in the window from {moment} on no set can be chosen: {first}")
    field = outside_of(whole, window)
    played = equity_of(field, with_values(field.settings, chosen.parameters))
    return Stretch(window, len(rows), chosen, score_of(field, played), played.equity / played.equity[0])


def chained(growths: Sequence[Floats]) -> Floats:
    """One after the other, as one curve that begins at 1."""
    curve = [np.ones(1)]
    for growth in growths:
        curve.append(growth[1:] * curve[-1][-1])
    return np.concatenate(curve)


def held(whole: Field, stretches: Sequence[Stretch]) -> Floats:
    """Equal parts of all tokens over the same stretches, without costs."""
    return chained([hold_of(outside_of(whole, each.window)) for each in stretches])


def hold_of(field: Field) -> Floats:
    """Equal parts of all tokens over one field, at every bar, as multiples of the first."""
    tape, count = field.recorded.tape, len(field.recorded.instruments)
    moment_of = np.repeat(np.arange(len(tape.moments)), np.diff(tape.firsts))
    parts = []
    for number in range(count):
        own = tape.bars.token == number
        if own.any():
            places = np.searchsorted(moment_of[own], field.places, side="right") - 1
            closes = tape.bars.close[own][np.maximum(places, 0)]
            parts.append(closes / closes[0])
    mean: Floats = np.mean(parts, axis=0)
    return mean
