"""A log's files as a schedule has them: SQLite, lock and noted head in memory, under the log's own code.

They live as long as the schedule, whoever dies.  What was not committed at a death is rolled back, as SQLite
does with a file; what happens to files and disks themselves is for tests/crash.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import storage.log
import storage.log_file
from storage.chain import FORMAT, Head
from storage.log import SCHEMA, Log, LogBusy

Replacement = tuple[Any, str, Any]
Rows = tuple[list[Any], list[Any], Head | None, bool]  # Records, snapshots, the noted head, the lock.


class Kept(sqlite3.Connection):
    """Whoever closes it only lets go of it, and of the lock."""

    locked = wiped = False
    noted: Head | None = None

    def close(self) -> None:
        self.locked = False
        if self.in_transaction:
            self.rollback()

    def wipe(self) -> None:
        self.close()
        self.wiped = True
        self.execute("DELETE FROM records")
        self.execute("DELETE FROM snapshots")
        self.wiped, self.noted = False, None

    def rows(self) -> Rows:
        """All that is on the disk, and who holds the lock."""
        records = self.execute("SELECT * FROM records ORDER BY lsn").fetchall()
        return records, self.execute("SELECT * FROM snapshots").fetchall(), self.noted, self.locked

    def put(self, rows: Rows) -> None:
        self.wipe()
        records, snapshots, self.noted, self.locked = rows
        self.executemany(f"INSERT INTO records VALUES ({','.join('?' * 11)})", records)
        self.executemany("INSERT INTO snapshots VALUES (?, ?, ?)", snapshots)


def _database() -> Kept:
    """The log's own schema; but when a schedule is over, its records may go."""
    database = sqlite3.connect(":memory:", isolation_level=None, factory=Kept)
    database.create_function("playing", 0, lambda: not database.wiped)
    remain = "BEFORE DELETE ON records"
    assert SCHEMA.count(remain) == 1
    schema = SCHEMA.replace(remain, f"{remain} WHEN playing()")
    database.executescript(f"{schema} PRAGMA user_version = {FORMAT};")
    return database


DATABASE = _database()  # One schedule after the other has it: its statements stay prepared.


@contextlib.contextmanager
def _reader(_path: Path) -> Iterator[sqlite3.Connection]:
    yield DATABASE


def _locked(path: Path) -> int:
    if DATABASE.locked:
        raise LogBusy(f"{path}: another actor writes this log")
    DATABASE.locked = True
    return os.open(os.devnull, os.O_RDONLY)


def _note(log: Log) -> None:
    DATABASE.noted = log.head


# Where the log and its readers would open, lock, lengthen, write or sync a file.
REPLACEMENTS: list[Replacement] = [
    (storage.log, "_locked", _locked),
    (storage.log, "_connected", lambda _path: DATABASE),
    (storage.log, "_primed", lambda _path: 0),
    (storage.log, "_index_allocated", lambda _path: os.open(os.devnull, os.O_RDONLY)),
    (storage.log, "synced", lambda _path: None),
    (storage.log, "noted_head", lambda _path: DATABASE.noted),
    (storage.log_file, "noted_head", lambda _path: DATABASE.noted),
    (storage.log_file, "reader", _reader),
    (Log, "_note_head", _note),
]
