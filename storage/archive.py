"""Moves the oldest records out of the log into a file of their own, without a gap in the chain.

An archive is a log like any other, with the same checks; what is left of the log remembers where the chain
went on (its anchor), and which appends there were.  Only a prefix goes, all of it older than a moment, before
the newest snapshot (which stands for it) and before the first record of every operation that is still open.
The archive is on disk, and read again, before the log forgets anything: after a crash in between do it anew.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from actors.messages import Record
from storage.chain import COLUMNS, FORMAT, Head, LogError, Row, head_after, record_of
from storage.log import ANCHOR, SCHEMA, Log
from storage.log_file import (
    anchor_of,
    archive_path,
    archives_of,
    end_of,
    explained,
    head_of,
    not_beside,
    reader,
    synced,
    verify,
)
from storage.start import started

_INSERT = f"INSERT INTO records VALUES ({','.join('?' * 11)})"  # noqa: S608
_BETWEEN = f"SELECT {COLUMNS} FROM records WHERE lsn > ? AND lsn <= ? ORDER BY lsn"  # noqa: S608


class Archived(Struct, frozen=True):
    path: Path
    records: int
    head: Head


def archive(log: Log, before_ns: int) -> Archived | None:
    """None if there is nothing that may go; raises LogError if it can not be done."""
    with reader(log.path) as database:
        if end_of(database) != log.head:  # Without its -wal SQLite reads on, what is older.
            raise LogError(f"{log.path}: its end can not be read now; look at the disk, and try again.")
        last = _last_to_go(log, database, before_ns)
        if last <= log.anchor.lsn:
            return None
        (digest,) = database.execute("SELECT hash FROM records WHERE lsn = ?", (last,)).fetchone()
        head, path = Head(last, digest), archive_path(log.path, last)
        _write(database, log.anchor, head, path)
    moved = Archived(path, last - log.anchor.lsn, head)
    log.forget(head)
    return moved


def _last_to_go(log: Log, database: sqlite3.Connection, before_ns: int) -> int:
    """The end of an append, so that none is torn apart."""
    books, lsn = started(log)
    limits = [lsn, _first(database, "at_ns >= ?", before_ns)]
    limits += [_first(database, "operation_id = ?", id) for id in (*books.live, *books.booked)]
    row = database.execute(
        "SELECT lsn FROM records AS mine WHERE lsn < ? AND append_id <>"
        " (SELECT append_id FROM records WHERE lsn = mine.lsn + 1) ORDER BY lsn DESC LIMIT 1",
        (min(limits),),
    ).fetchone()
    return int(row[0]) if row else 0


def newest_ns(log: Log) -> int:
    """The latest market time of a record."""
    with reader(log.path) as database:
        (found,) = database.execute("SELECT max(at_ns) FROM records").fetchone()
    return int(found or 0)


def _first(database: sqlite3.Connection, condition: str, value: int | str) -> int:
    query = f"SELECT lsn FROM records WHERE {condition} ORDER BY lsn LIMIT 1"  # noqa: S608
    row = database.execute(query, (value,)).fetchone()
    return int(row[0]) if row else 2**63 - 1


def _write(database: sqlite3.Connection, anchor: Head, head: Head, path: Path) -> None:
    """The file is complete if it has its name; one of an archiving that was broken off is made anew."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        _fill(database, anchor, head, part)
        if verify(part) != head:
            raise LogError(f"{part}: it does not end as the log did; nothing was removed from the log.")
        if path.exists() and head_of(path) != head:
            raise LogError(f"{path} is of another log, say from before a restored backup: move it away.")
        synced(part)
        part.replace(path)
        synced(path.parent)
    except sqlite3.Error as error:
        raise explained(part, error) from error
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}; its folder must be writable and have room.") from error


def _fill(database: sqlite3.Connection, anchor: Head, head: Head, part: Path) -> None:
    with closing(sqlite3.connect(part, isolation_level=None)) as fresh:
        fresh.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT};")
        if anchor.lsn:
            fresh.execute(ANCHOR)
            fresh.execute("INSERT INTO anchor VALUES (?, ?)", (anchor.lsn, anchor.hash))
        fresh.executemany(_INSERT, database.execute(_BETWEEN, (anchor.lsn, head.lsn)))
        fresh.execute("COMMIT")


def archived(log: Path, after: int, through: int, most: int = 1_000) -> tuple[Record, ...]:
    """The next records of those that have left the log up to an LSN; raises LogError."""
    last = min(through, after + most)
    _assert_joined(log)
    path = next((each for each in archives_of(log) if _last_in(each) > after), None)
    rows: list[Row] = []
    if path is not None:
        with reader(path) as database:
            rows = database.execute(_BETWEEN, (after, last)).fetchall()
    if path is None or not rows or rows[0][0] != after + 1:
        raise not_beside(log, after + 1, through)
    head_after(path, Head(after, rows[0][9]), rows)
    return tuple(map(record_of, rows))


def _assert_joined(log: Path) -> None:
    """Each archive begins where the one before it ended, and the log where the last did."""
    with reader(log) as database:
        end = anchor_of(database)
    head = Head()
    for archive in (each for each in archives_of(log) if _last_in(each) <= end.lsn):
        with reader(archive) as database:
            joined, head = anchor_of(database) == head, end_of(database)
        if not joined:
            raise LogError(f"{archive} is of another log, say from before a restored backup: move it away.")
    if head != end:
        raise not_beside(log, head.lsn + 1, end.lsn)


def _last_in(archive: Path) -> int:
    return int(archive.stem.rpartition("-")[2])
