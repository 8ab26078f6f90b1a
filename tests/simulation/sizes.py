"""How large a schedule is: most are small, for few bugs need much, and many small ones take no time."""

from typing import NamedTuple

from tests.simulation.chains import KINDS
from tests.simulation.outside import drawn


class Size(NamedTuple):
    """Of a world its tokens and its bars, of a schedule what goes wrong in it: one of each is drawn."""

    name: str
    tokens: tuple[int, ...]
    bars: tuple[int, ...]
    rises: tuple[int, ...]  # So many bars at first: who sees nothing to buy does nothing.
    falls: tuple[int, ...]  # And so many after that: who sees nothing to sell does nothing either.
    live_bars: int  # Of a market that is live, ...
    live_share: float  # ... which on chains that fork so many are.
    mishaps: tuple[int, ...]
    shares: tuple[float, ...]  # How soon they come.
    doomed: float  # The share of those in which somebody dies at a message of some kind.
    slow: tuple[int, ...]  # Actors.
    stuck_seconds: tuple[float, ...]  # So long somebody receives nothing, ...
    stuck_by: int  # ... from this step on at the latest, if at all, ...
    halted_by: tuple[int, int]  # ... and between which the operator halts.
    deadlines: tuple[int, ...]  # Seconds: a chain is not waited for, and an approval comes before its swap.
    patience: int  # Minutes after the feed's end, in which what is blocked may end.
    whole: int  # One in so many is drained and stopped, ...
    twice: int  # ... and one in so many is started again after that.
    from_nothing: float  # The share of those that start under faults.
    brief: float  # The share of those that end once what they are about has.
    alike: int  # So many times as many schedules as elsewhere are of the same world.


LARGE = Size(
    name="large", tokens=(1, 1, 2, 3), bars=(4, 5, 5, 6, 7, 10), rises=(0,), falls=(0,), live_bars=14,
    live_share=0.15,
    mishaps=(0, 1, 2, 4, 8), shares=(0.002, 0.01, 0.05), doomed=0.0, slow=(0, 0, 1, 2),
    stuck_seconds=(0.3, 1.5, 5.0, 40.0), stuck_by=150, halted_by=(20, 150), deadlines=(180, 600, 1_800),
    patience=30,
    whole=4, twice=8, from_nothing=1.0, brief=0.0, alike=1,
)  # fmt: skip
SMALL = Size(
    name="small", tokens=(1, 1, 1, 2), bars=(3, 4, 4, 5), rises=(0, 3, 3, 5), falls=(0, 0, 4), live_bars=9,
    live_share=0.05,
    mishaps=(0, 1, 1, 2), shares=(0.02, 0.05, 0.1), doomed=0.7, slow=(0, 0, 0, 1),
    stuck_seconds=(0.3, 1.5, 5.0), stuck_by=60, halted_by=(5, 60), deadlines=(180, 180, 600),
    patience=20,
    whole=20, twice=40, from_nothing=0.06, brief=0.8, alike=5,
)  # fmt: skip
# As large, but it goes on from a moment of peace, and is rarely told to stop.
MIDDLE = LARGE._replace(
    name="middle", falls=(0, 0, 3), doomed=0.7, whole=12, twice=24, from_nothing=0.05, brief=0.8, alike=5
)
VARIETIES = len(KINDS) * 2  # Each kind of chain, and each channel.
LARGE_SHARE, MIDDLE_SHARE = 0.02, 0.18  # Of worlds.


def size_of(outside: int) -> Size:
    lot = drawn("size", outside)
    return LARGE if lot < LARGE_SHARE else MIDDLE if lot < LARGE_SHARE + MIDDLE_SHARE else SMALL


def world_number(outside: int, size: Size) -> int:
    """Several that are on the same kind of chain, and send in the same channel, are one."""
    return outside - outside % (VARIETIES * size.alike) + outside % VARIETIES
