"""Recorded markets: one or more files, merged by time into ticks.

A row says when its bar starts, a tick when it ends.  Missing minutes are left missing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from actors.messages import Tick
from chains.feeds.series import Series, open_series
from chains.feeds.tables import RecordingError, Times
from storage.config import Paper, Recording

__all__ = ["RecordedFeed", "RecordingError", "open_recordings"]


def open_recordings(paths: Sequence[str | Path], paper: Paper, recording: Recording) -> "RecordedFeed":
    """RecordingError, in one sentence, if a file is missing or unsound, or files do not fit together."""
    if not paths:
        raise RecordingError("no recording is named; give --recording FILE or run.recordings")
    return RecordedFeed([open_series(Path(path), paper, recording) for path in paths])


class InOrder(Struct, frozen=True):
    """The bars of moment m are firsts[m] to firsts[m + 1]; each is row `row` of series `owner`."""

    series: tuple[Series, ...]
    moments: Times
    firsts: Times
    owner: npt.NDArray[np.int32]
    row: Times


class RecordedFeed:
    paced = True

    def __init__(self, series: Sequence[Series]) -> None:
        _check_together(series)
        self._series = series
        self.instruments = tuple({s.instrument.token: s.instrument for s in series}.values())
        self.bar_ns = series[0].bar_ns
        ends = np.concatenate([s.ends for s in series])
        owner = np.concatenate([np.full(len(s.ends), n, np.int32) for n, s in enumerate(series)])
        row = np.concatenate([np.arange(len(s.ends), dtype=np.int64) for s in series])
        order = np.lexsort((owner, ends))
        self._owner, self._row = owner[order], row[order]
        self._moments, firsts = np.unique(ends[order], return_index=True)
        self._firsts = np.append(firsts, len(ends))
        self.total: int | None = len(self._moments)
        self._check_overlap()
        files = ", ".join(s.path.name.split(".")[0] for s in series)
        days = f"{_day(self._moments[0])} to {_day(self._moments[-1])}"
        self.name = f"recording {files}, {self.total:,} bars, {days}"

    def read(self, after_ns: int | None, count: int) -> tuple[Tick, ...]:
        first = 0 if after_ns is None else self.position(after_ns)
        return tuple(self._tick(place) for place in range(first, min(first + count, len(self._moments))))

    def ended(self, after_ns: int) -> bool:
        return after_ns >= int(self._moments[-1])

    def position(self, at_ns: int) -> int:
        return int(np.searchsorted(self._moments, at_ns, side="right"))

    def in_order(self) -> "InOrder":
        """All at once, for whoever reads it from the first bar to the last."""
        return InOrder(tuple(self._series), self._moments, self._firsts, self._owner, self._row)

    def _tick(self, place: int) -> Tick:
        members = range(int(self._firsts[place]), int(self._firsts[place + 1]))
        bars = tuple(self._series[self._owner[m]].bar(int(self._row[m])) for m in members)
        return Tick(int(self._moments[place]), bars)

    def _check_overlap(self) -> None:
        """Several files may hold one token, one after the other, but a moment has one price."""
        tokens = [s.instrument.token for s in self._series]
        if len(set(tokens)) == len(tokens):
            return
        for place in range(len(self._moments)):
            members = self._owner[self._firsts[place] : self._firsts[place + 1]]
            names = [tokens[m] for m in members]
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                files = " and ".join(self._series[m].path.name for m in members if tokens[m] == twice)
                moment = datetime.fromtimestamp(int(self._moments[place]) / 1e9, UTC)
                raise RecordingError(f"{files} both have a bar that ends at {moment}; name only one of them")


def _check_together(series: Sequence[Series]) -> None:
    first = series[0]
    for other in series[1:]:
        if other.bar_ns != first.bar_ns:
            raise RecordingError(
                f"{first.path.name} has bars of {first.bar_ns / 1e9:g} s and {other.path.name} of "
                f"{other.bar_ns / 1e9:g} s; use files with bars of one length"
            )
        for mine in series:
            if mine.instrument.token == other.instrument.token and mine.instrument != other.instrument:
                raise RecordingError(
                    f"{mine.path.name} and {other.path.name} describe {mine.instrument.token} differently; "
                    f"use files of one pool"
                )


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(int(at_ns) / 1e9, UTC).strftime("%Y-%m-%d")
