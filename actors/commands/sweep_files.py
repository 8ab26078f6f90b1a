"""What a sweep keeps on disk: a line of JSON for each set, written as soon as it is known.

A line says by its key what it is the answer to, so a file may hold many sweeps, and whatever is in it is
never computed again.  The last line may be torn, by a kill or a full disk: it is cut off.  Any other line
that can not be read is a sentence.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from actors.commands.refused import CannotRunError
from strategies.sweep import Field, Parameters, Row, key_of, row_of

Report = Callable[[int], object]  # So many more sets are done.


def fingerprints(paths: Sequence[str | Path]) -> dict[str, str]:
    """SHA-256 of each file by its name."""
    found = {}
    for path in map(Path, paths):
        with path.open("rb") as file:
            digest = sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        found[path.name] = digest.hexdigest()
    return found


def fingerprint(paths: Sequence[str | Path]) -> str:
    """Of all files together, in their order; their names do not matter but for the token they tell."""
    return sha256(msgspec.json.encode(list(fingerprints(paths).items()))).hexdigest()


class Kept:
    """The rows of a file, and new ones at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: dict[str, Row] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
            whole = path.read_bytes()
        except OSError as error:
            raise CannotRunError(f"{path} can not be used ({error}): name another with --keep.") from error
        end = whole.rfind(b"\n") + 1
        os.truncate(path, end)
        for number, line in enumerate(whole[:end].splitlines(), 1):
            try:
                row = msgspec.json.decode(line, type=Row)
            except msgspec.DecodeError as error:
                self._file.close()
                raise CannotRunError(
                    f"{path}, line {number} is no result of a sweep ({error}): "
                    f"remove that line, or name another file with --keep."
                ) from error
            self.rows[row.key] = row

    def add(self, row: Row) -> None:
        self._file.write(msgspec.json.encode(row) + b"\n")
        self._file.flush()
        self.rows[row.key] = row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class Crew:
    """Threads that play sets: the compiled loop gives up Python's lock, so they are processors at work."""

    def __init__(self, kept: Kept, workers: int, report: Report) -> None:
        self._kept, self._report = kept, report
        self._pool = ThreadPoolExecutor(workers)
        self.computed = 0

    def rows(self, field: Field, sets: Iterable[Parameters]) -> tuple[Row, ...]:
        """In the order of the sets, each of them kept before the next one is looked at."""
        wanted = [(key_of(field, parameters), parameters) for parameters in sets]
        missing = {key: parameters for key, parameters in wanted if key not in self._kept.rows}
        self._report(len(wanted) - len(missing))
        for row in self._played(field, missing):
            self._kept.add(row)
            self.computed += 1
            self._report(1)
        return tuple(self._kept.rows[key] for key, _ in wanted)

    def _played(self, field: Field, missing: dict[str, Parameters]) -> Iterator[Row]:
        return self._pool.map(lambda item: row_of(field, *item), missing.items())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
