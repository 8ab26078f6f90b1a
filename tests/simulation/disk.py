"""The log's file as a schedule has it: SQLite in memory, under the log's own code.

It lives as long as the schedule, whoever dies.  What was not committed at a death is rolled back, as SQLite
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
from storage.chain import FORMAT
from storage.log import SCHEMA

Replacement = tuple[Any, str, Any]


class Kept(sqlite3.Connection):
    """Whoever closes it only lets go of it."""

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()


def _template() -> bytes:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript(f"{SCHEMA} PRAGMA user_version = {FORMAT};")
    return database.serialize()


TEMPLATE = _template()


class Disk:
    def __init__(self, path: Path) -> None:
        path.write_text("The log of a schedule is in memory.")
        self.database = sqlite3.connect(":memory:", isolation_level=None, factory=Kept)
        self.database.deserialize(TEMPLATE)

    @contextlib.contextmanager
    def reader(self, _path: Path) -> Iterator[sqlite3.Connection]:
        yield self.database

    def replacements(self) -> list[Replacement]:
        """Where the log and its readers would open a file, and lengthen it."""
        return [
            (storage.log, "_connected", lambda _path: self.database),
            (storage.log, "_primed", lambda _path: 0),
            (storage.log, "_index_allocated", lambda _path: os.open(os.devnull, os.O_RDONLY)),
            (storage.log_file, "reader", self.reader),
        ]

    def end(self) -> None:
        sqlite3.Connection.close(self.database)
