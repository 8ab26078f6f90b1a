"""How large a schedule is: most are small, for few bugs need much, and many small ones take no time."""

from typing import NamedTuple

from tests.simulation.outside import drawn


class Size(NamedTuple):
    """Of a world its tokens and its bars, of a schedule what goes wrong in it: one of each is drawn."""

    tokens: tuple[int, ...]
    bars: tuple[int, ...]
    live_bars: int  # Of a market that is live, ...
    live_share: float  # ... which on chains that fork so many are.
    mishaps: tuple[int, ...]
    shares: tuple[float, ...]  # How soon they come.
    slow: tuple[int, ...]  # Actors.
    stuck_seconds: tuple[float, ...]  # So long somebody receives nothing, ...
    stuck_by: int  # ... from this step on at the latest, if at all, ...
    halted_by: tuple[int, int]  # ... and between which the operator halts.
    deadlines: tuple[int, ...]  # Seconds: a chain is not waited for, and an approval comes before its swap.
    patience: int  # Minutes after the feed's end, in which what is blocked may end.
    whole: int  # One in so many is drained and stopped, ...
    twice: int  # ... and one in so many is started again after that.
    from_nothing: float  # The share of those that start under faults.
    alike: int  # So many times as many schedules as elsewhere are of the same world.


LARGE = Size(
    tokens=(1, 1, 2, 3), bars=(4, 5, 5, 6, 7, 10), live_bars=14, live_share=0.15,
    mishaps=(0, 1, 2, 4, 8), shares=(0.002, 0.01, 0.05), slow=(0, 0, 1, 2),
    stuck_seconds=(0.3, 1.5, 5.0, 40.0), stuck_by=150, halted_by=(20, 150), deadlines=(180, 600, 1_800),
    patience=30,
    whole=4, twice=8, from_nothing=1.0, alike=1,
)  # fmt: skip
SMALL = Size(
    tokens=(1, 1, 1, 2), bars=(3, 4, 4, 5), live_bars=9, live_share=0.05,
    mishaps=(0, 1, 1, 2), shares=(0.01, 0.03, 0.08), slow=(0, 0, 0, 1),
    stuck_seconds=(0.3, 1.5, 5.0), stuck_by=60, halted_by=(5, 60), deadlines=(180, 180, 600),
    patience=20,
    whole=20, twice=40, from_nothing=0.06, alike=4,
)  # fmt: skip
LARGE_SHARE = 0.03  # Of worlds.


def size_of(outside: int) -> Size:
    return LARGE if drawn("large", outside) < LARGE_SHARE else SMALL


def world_number(outside: int, size: Size) -> int:
    """Several that are on the same kind of chain, and send in the same channel, are one."""
    return outside - outside % (6 * size.alike) + outside % 6
