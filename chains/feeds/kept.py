"""Recordings of our own: bars of one token as Parquet, every number exact, read back as the bars they were.

Prices, volumes and reserves are whole numbers of up to 256 bits, so they stand as decimal text; `ends` are
nanoseconds since 1970.  What they are counted in stands in the file's own metadata.  A file is written beside
its place and moved there when it is whole: one that is there is never half of one.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from actors.messages import Bar, Instrument, Price, Units
from chains.feeds.tables import INTEGER, RecordingError, Times, load
from storage.config import Paper

NUMBERS = ("open", "high", "low", "close", "volume", "reserve_quote", "reserve_token")
COLUMNS = ("ends", *NUMBERS)
LABEL = b"holdfast.bars"


class Label(Struct, frozen=True):
    instrument: Instrument
    bar_ns: int


class KeptBars:
    """A file that `write` has made; RecordingError if it is not that any more."""

    def __init__(self, path: Path, paper: Paper) -> None:
        self.path = path
        label = _label(path)
        self.instrument, self.bar_ns = label.instrument, label.bar_ns
        if self.instrument.quote_decimals != paper.quote_decimals:
            raise RecordingError(
                f"{path.name} counts {self.instrument.quote} with {self.instrument.quote_decimals} decimals; "
                f"set paper.quote_decimals to {self.instrument.quote_decimals}, not {paper.quote_decimals}"
            )
        columns = load(path, dict.fromkeys(COLUMNS, INTEGER))
        self.ends: Times = np.array(columns["ends"], np.int64)
        numbers = [[int(each) for each in columns[name]] for name in NUMBERS]
        self._rows: tuple[tuple[int, ...], ...] = tuple(zip(*numbers, strict=True))
        self._check()

    def bar(self, row: int) -> Bar:
        open, high, low, close, volume, reserve_quote, reserve_token = self._rows[row]
        return Bar(
            self.instrument.token, Price(open), Price(high), Price(low), Price(close), Units(volume),
            Units(reserve_quote), Units(reserve_token),
        )  # fmt: skip

    def _check(self) -> None:
        """Nobody but a repair by hand makes these."""
        steps = np.diff(self.ends)
        if (steps <= 0).any():
            late = int(np.argmax(steps <= 0)) + 2
            raise RecordingError(
                f"{self.path.name}, row {late} is not later than the row before; sort the rows"
            )
        for number, row in enumerate(self._rows, 1):
            if min(row[:4]) <= 0 or min(row) < 0 or row[1] < row[2]:
                raise RecordingError(f"{self.path.name}, row {number} is no bar; remove the row")


def is_kept(names: Sequence[str]) -> bool:
    return set(COLUMNS) <= set(names)


def _label(path: Path) -> Label:
    # Large, and needed for Parquet alone.
    from pyarrow import parquet  # noqa: PLC0415

    said = (parquet.read_schema(path).metadata or {}).get(LABEL, b"")
    try:
        return msgspec.json.decode(said, type=Label)
    except msgspec.DecodeError as error:
        raise RecordingError(
            f"{path.name} does not say what its numbers count ({error}); record it again"
        ) from error


def write(path: Path, label: Label, bars: Sequence[tuple[int, Bar]]) -> None:
    """All bars of a file, each with the moment at which it ends; OSError if it can not be written."""
    import pyarrow as pa  # noqa: PLC0415  As above.
    from pyarrow import parquet  # noqa: PLC0415

    columns = {"ends": pa.array([at_ns for at_ns, _ in bars], pa.int64())}
    for name in NUMBERS:
        columns[name] = pa.array([str(getattr(bar, name)) for _, bar in bars], pa.string())
    table = pa.table(columns).replace_schema_metadata({LABEL: msgspec.json.encode(label)})
    beside = path.with_name(f".{path.name}.part")
    parquet.write_table(table, beside, compression="zstd")
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)
