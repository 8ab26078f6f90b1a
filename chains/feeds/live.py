"""Live prices as a feed: a ring of the last ticks, which the Market actor adds to as they come."""

from collections import deque
from itertools import islice

from actors.messages import Instrument, Tick

RING = 10_000  # Ticks that a subscriber may be behind before it misses some.


class LiveFeed:
    paced = False
    total: int | None = None

    def __init__(self, instruments: tuple[Instrument, ...], bar_seconds: int, name: str) -> None:
        self.instruments, self.name = instruments, name
        self.bar_ns = bar_seconds * 10**9
        self._ring: deque[Tick] = deque(maxlen=RING)
        self._dropped = 0

    def add(self, tick: Tick) -> bool:
        """False, and nothing added, if it has no bars or is not newer than the last."""
        if not tick.bars or (self._ring and tick.at_ns <= self._ring[-1].at_ns):
            return False
        self._dropped += len(self._ring) == RING
        self._ring.append(tick)
        return True

    def read(self, after_ns: int | None, count: int) -> tuple[Tick, ...]:
        if after_ns is None:
            return tuple(islice(self._ring, count))
        newer = 0  # Counted from the end: a subscriber is rarely far behind.
        for tick in reversed(self._ring):
            if tick.at_ns <= after_ns:
                break
            newer += 1
        first = len(self._ring) - newer
        return tuple(islice(self._ring, first, first + count))

    def ended(self, after_ns: int) -> bool:  # noqa: ARG002
        return False

    def position(self, at_ns: int) -> int:
        return self._dropped + len(self._ring) - len(self.read(at_ns, RING))
