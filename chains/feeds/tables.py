"""Reading a recording's file: CSV, CSV.gz or Parquet in, checked columns out.

Whatever is wrong with a file is said in one sentence that names the file, the row, the column, the value
and the fix.  Rows are counted from 1, without the header.
"""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

CHUNK = 20_000  # Rows that are held as text at a time.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A number is seconds, milliseconds, microseconds or nanoseconds since 1970, by its size: up to the year 5138.
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))
_ARROW_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_LAST_NS = 2**63 - 1

Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Integers = list[int]
Column = Times | Floats | Integers


class RecordingError(ValueError):
    """A recording can not be used; the sentence says why and what to do."""


def cell_error(path: Path, row: int, column: str, value: object, fix: str) -> RecordingError:
    return RecordingError(f'{path.name}, row {row}, column "{column}": {value!r} {fix}')


def nanoseconds(value: object) -> int:
    """A moment as nanoseconds since 1970: a number in any usual unit, or ISO 8601 (UTC without a zone)."""
    if isinstance(value, str) and not _is_number(value):
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        passed = moment - _EPOCH
        return ((passed.days * 86_400 + passed.seconds) * 10**6 + passed.microseconds) * 1_000
    number = _whole(value) if isinstance(value, str | int) else float(str(value))
    for limit, unit in _UNITS:
        if 0 <= number < limit:
            return int(number * unit)
    raise ValueError(f"{value} is out of range")


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit()


def _whole(value: str | int) -> int | float:
    return float(value) if isinstance(value, str) and "." in value else int(value)


# What a column may hold: how a cell is read, and what to say when it can not be.
Kind = tuple[Callable[[Any], int | float], str]
TIME: Kind = (nanoseconds, "is no time; write ISO 8601 or seconds since 1970")
NUMBER: Kind = (float, "is no number; repair or remove the row")
INTEGER: Kind = (int, "is no whole number; repair or remove the row")


def header(path: Path) -> tuple[str, ...]:
    """The names of the columns, as they are in the file."""
    with _readable(path):
        if path.suffix == ".parquet":
            return tuple(_parquet(path).schema_arrow.names)
        with _text(path) as lines:
            return tuple(name.strip() for name in next(csv.reader(lines), ()))


def load(path: Path, kinds: dict[str, Kind]) -> dict[str, Column]:
    """These columns of a file; times come as int64 nanoseconds, numbers as float64, integers as a list."""
    with _readable(path):
        loaded = _load_parquet(path, kinds) if path.suffix == ".parquet" else _load_csv(path, kinds)
    if not len(next(iter(loaded.values()))):
        raise RecordingError(f"{path.name} holds no rows; record some, or name another file")
    return loaded


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if not path.is_file():
        raise RecordingError(f"{path} is not there; check the path given for the recording")
    try:
        yield
    except (EOFError, zlib.error, OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path.name} is cut off or damaged ({error}); fetch it again") from error


def _text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _load_csv(path: Path, kinds: dict[str, Kind]) -> dict[str, Column]:
    with _text(path) as lines:
        rows = csv.reader(lines)
        names = [name.strip() for name in next(rows)]
        places = {name: names.index(name) for name in kinds}
        parts: dict[str, list[Column]] = {name: [] for name in kinds}
        before = 0
        while chunk := list(islice(rows, CHUNK)):
            _check_width(path, chunk, len(names), before)
            for name, kind in kinds.items():
                cells = [row[places[name]] for row in chunk]
                parts[name].append(_convert(path, name, kind, cells, before))
            before += len(chunk)
    return {name: _joined(kinds[name], parts[name]) for name in kinds}


def _check_width(path: Path, rows: Sequence[Sequence[str]], width: int, before: int) -> None:
    for number, row in enumerate(rows, before + 1):
        if len(row) != width:
            raise RecordingError(
                f"{path.name}, row {number} has {len(row)} columns instead of {width}; "
                f"the file may be cut off: fetch it again or remove the row"
            )


def _convert(path: Path, name: str, kind: Kind, cells: Sequence[object], before: int) -> Column:
    """Convert at full speed; only when that fails look for the cell that is to blame."""
    read = kind[0]
    try:
        values = list(map(read, cells))
    except (ValueError, TypeError, OverflowError):
        for row, cell in enumerate(cells, before + 1):
            try:
                read(cell)
            except (ValueError, TypeError, OverflowError):
                raise cell_error(path, row, name, cell, kind[1]) from None
        raise
    return _joined(kind, [[int(value) for value in values]] if kind is INTEGER else [np.array(values)])


def _joined(kind: Kind, parts: Sequence[Column]) -> Column:
    if kind is INTEGER:
        return [int(value) for part in parts for value in part]
    type = np.int64 if kind is TIME else np.float64
    return np.concatenate([np.zeros(0, type), *(np.asarray(part, type) for part in parts)])


def _parquet(path: Path) -> Any:
    # Large, and needed for Parquet alone.
    from pyarrow import ArrowException, parquet  # noqa: PLC0415

    try:
        return parquet.ParquetFile(path)
    except ArrowException as error:
        raise OSError(str(error).splitlines()[0]) from error


def _load_parquet(path: Path, kinds: dict[str, Kind]) -> dict[str, Column]:
    from pyarrow import ArrowException  # noqa: PLC0415

    try:
        table = _parquet(path).read(columns=list(kinds))
    except ArrowException as error:
        raise OSError(str(error).splitlines()[0]) from error
    return {name: _arrow_column(path, name, kind, table.column(name)) for name, kind in kinds.items()}


def _arrow_column(path: Path, name: str, kind: Kind, column: Any) -> Column:
    """Whole columns are converted at once where Arrow's type allows it."""
    from pyarrow import types  # noqa: PLC0415

    if column.null_count:
        row = column.is_null().to_pylist().index(True) + 1
        raise cell_error(path, row, name, None, "is missing; fill it in or remove the row")
    if kind is TIME and types.is_timestamp(column.type):
        return _nanoseconds(path, name, column)
    if kind is NUMBER and (types.is_floating(column.type) or types.is_integer(column.type)):
        return np.asarray(column.to_numpy(), np.float64)
    return _convert(path, name, kind, column.to_pylist(), 0)


def _nanoseconds(path: Path, name: str, column: Any) -> Column:
    """Since 1970.  By hand, for Arrow's own cast takes a tenth of a second to load."""
    parts = [chunk.view("int64").to_numpy(zero_copy_only=False) for chunk in column.chunks]
    counts = np.concatenate([np.zeros(0, np.int64), *parts])
    unit = _ARROW_UNITS[column.type.unit]
    beyond = np.flatnonzero((counts > _LAST_NS // unit) | (counts < -_LAST_NS // unit))
    if len(beyond):
        row = int(beyond[0])
        fix = f"{column.type.unit} since 1970 is not between 1677 and 2262; repair or remove the row"
        raise cell_error(path, row + 1, name, int(counts[row]), fix)
    return counts * unit
