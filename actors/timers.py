"""What is to happen later, in the order in which it is due; equal moments keep the order of asking."""

import heapq
import itertools
from typing import Generic, TypeVar

T = TypeVar("T")


class Timers(Generic[T]):
    """Moments are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._count = itertools.count()

    def add(self, due: float, item: T) -> None:
        heapq.heappush(self._heap, (due, next(self._count), item))

    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> list[T]:
        taken = []
        while self._heap and self._heap[0][0] <= now:
            taken.append(heapq.heappop(self._heap)[2])
        return taken

    def moments(self) -> list[float]:
        return sorted(due for due, *_ in self._heap)
