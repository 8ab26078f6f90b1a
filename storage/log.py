"""The write-ahead log: one append-only SQLite file, hash-chained, with one writer.

`journal_mode=WAL` with `synchronous=FULL` is what survived every power cut that we tried; the settings are
read back, for SQLite ignores what it does not like.  Beside the file lie `.lock`, held by the writer, and
`.head`, the last LSN that was acknowledged: if the log ever ends before it, something was lost.

Who verifies what, and when: `Log.open` the newest snapshot and every record after it, so that an old log
starts as fast as a young one; `Log.read` what it gives out; `Log.verify_some`, called by the owner while it
is idle, all records and their index, over and over; `records` and `verify_file` everything, when asked to.

An I/O error leaves it unknown what is on disk.  `append` then raises `LogFailed`, and the only right answer
is to end the process, start anew and read.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Self

from actors.messages import Append, Record, Refusal
from storage.chain import (
    COLUMNS,
    FORMAT,
    GENESIS,
    Head,
    LogCorrupt,
    LogError,
    Row,
    chained,
    content_hash,
    hash_of,
    head_after,
    record_of,
)
from storage.log_file import (
    UNREADABLE,
    LogFailed,
    anchor_of,
    assert_format,
    assert_nothing_lost,
    end_of,
    explained,
    full,
    head_of,
    note_of,
    noted_head,
    records,
    snapshot_in,
    synced,
    verify,
    verify_file,
)

__all__ = [
    "FORMAT", "GENESIS", "Head", "Log", "LogBusy", "LogCorrupt", "LogError", "LogFailed",
    "head_of", "records", "verify", "verify_file",
]  # fmt: skip

PAGE = 2048  # An append changes few bytes of few pages, and writes whole pages.
PRIMED = 4 << 20  # What appends overwrite, rather than lengthen the -wal file, which costs a second flush.
INDEX = 256 << 10  # Of the -shm file: it is written through memory, where a full disk is a SIGBUS.
_STAYS = """
CREATE TRIGGER records_remain BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
"""
SCHEMA = f"""
CREATE TABLE records (
    lsn INTEGER PRIMARY KEY, append_id TEXT NOT NULL, operation_id TEXT NOT NULL, operation TEXT NOT NULL,
    status TEXT NOT NULL, kind TEXT NOT NULL, at_ns INTEGER NOT NULL, version INTEGER NOT NULL,
    body TEXT NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX records_by_append ON records (append_id);
CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TABLE snapshots (lsn INTEGER PRIMARY KEY, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
{_STAYS}"""
_PRAGMAS = {
    "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2, "trusted_schema": 0,
    "wal_autocheckpoint": 0, "journal_size_limit": -1,
}  # fmt: skip
_INSERT = f"INSERT INTO records VALUES ({','.join('?' * 11)})"  # noqa: S608
_AFTER = f"SELECT {COLUMNS} FROM records WHERE lsn > ? ORDER BY lsn LIMIT ?"  # noqa: S608
_BY_APPEND = f"SELECT {COLUMNS} FROM records WHERE append_id = ? ORDER BY lsn"  # noqa: S608
_INDEXED = "SELECT 1 FROM records INDEXED BY records_by_append WHERE append_id = ? AND lsn = ?"
_UP_TO = f"SELECT {COLUMNS} FROM records WHERE lsn <= ? ORDER BY lsn"  # noqa: S608
ANCHOR = "CREATE TABLE IF NOT EXISTS anchor (lsn INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT"
_FORGETTING = (
    "DROP TRIGGER records_remain",
    ANCHOR,
    "CREATE TABLE IF NOT EXISTS archived"
    " (append_id TEXT PRIMARY KEY, lsn INTEGER NOT NULL, content BLOB NOT NULL) STRICT, WITHOUT ROWID",
)


class LogBusy(LogError):
    """Another process writes this log."""


class Log:
    """The writer.  There is one, in the Wal actor; `open` refuses a second."""

    def __init__(self, path: Path, database: sqlite3.Connection, files: tuple[int, ...], head: Head) -> None:
        self.path, self.head = path, head
        self.anchor = self._seen = anchor_of(database)  # `_seen`: how far `verify_some` has come.
        self._database, self._files = database, files
        self._head_file = files[-1]
        self._note_head()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take the lock, make sure that what is read is on disk, verify the newest of it; raises LogError."""
        files = [_locked(path)]
        database: sqlite3.Connection | None = None
        try:
            _assert_not_emptied(path)
            database = _connected(path)
            head = end_of(database)
            assert_nothing_lost(path, head, database)
            files.append(_index_allocated(path))
            if _primed(path) > PRIMED:  # Else it would grow with every start that comes before a snapshot.
                database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            _assert_tail(path, database)
            files.append(os.open(path.with_suffix(".head"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            synced(path.parent)  # Whatever of it is new; SQLite does so too, and ignores the answer.
            return cls(path, database, tuple(files), head)
        except BaseException as error:
            _let_go(database, files)
            if isinstance(error, (*UNREADABLE, OSError)):
                raise explained(path, error) from error
            raise

    def append(self, append: Append) -> int | Refusal:
        """The LSN of its last record, once that is durable.  The same append again is not written again."""
        try:
            if known := self.known(append):
                return known
            rows, head = chained(append, self.head)
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany(_INSERT, rows)
            self.head = head
            self._note_head()
        except (sqlite3.Error, OSError) as error:
            raise LogFailed(f"{self.path}: {error}; the log could not be written.") from error
        return head.lsn

    def read(self, after: int, most: int = 1_000) -> tuple[Record, ...]:
        """At most so many records that follow an LSN; raises LogCorrupt rather than give out another."""
        if after < self.anchor.lsn:
            raise LogError(
                f"{self.path}: records up to {self.anchor.lsn} are in the archive; read them there."
            )
        rows = self._rows(_AFTER, (after, most))
        head = head_after(self.path, Head(after, rows[0][9] if rows else GENESIS), rows)
        if head.lsn < min(after + most, self.head.lsn):
            raise LogCorrupt(f"{self.path}: record {head.lsn + 1} is missing; restore the last backup.")
        return tuple(map(record_of, rows))

    def after(self, lsn: int) -> Iterator[Record]:
        """All records that follow an LSN: after the newest snapshot's they are what a start folds."""
        while batch := self.read(lsn):
            lsn += len(batch)
            yield from batch

    def verify_some(self, most: int = 1_000) -> int:
        """Verify the next records and their index; the LSN it came to.  After the last it begins anew."""
        rows = self._rows(_AFTER, (self._seen.lsn, most))
        for row in rows:
            self._seen = _verified(self.path, self._database, self._seen, row)
        reached = self._seen.lsn
        if len(rows) < most:
            if reached != self.head.lsn:
                raise LogCorrupt(f"{self.path}: record {reached + 1} is missing; restore the last backup.")
            self._seen = self.anchor
        return reached

    def save_snapshot(self, lsn: int, body: bytes) -> None:
        """Folded state by LSN; only the newest is kept, for it is made from the records alone."""
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.execute("DELETE FROM snapshots")
                row = (lsn, body.decode(), hash_of(lsn, body))
                self._database.execute("INSERT INTO snapshots VALUES (?, ?, ?)", row)
            self._checkpoint()
        except sqlite3.Error as error:
            raise LogFailed(f"{self.path}: {error}; a snapshot could not be written.") from error

    def snapshot(self) -> tuple[int, bytes] | None:
        try:
            return snapshot_in(self._database, self.path)
        except UNREADABLE as error:
            raise explained(self.path, error) from error

    def forget(self, through: Head) -> None:
        """Remove what an archive holds; the ids of its appends are kept, for they may be repeated."""
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                for statement in _FORGETTING:
                    self._database.execute(statement)
                appends = self._database.execute(_UP_TO, (through.lsn,))
                self._database.executemany("INSERT INTO archived VALUES (?, ?, ?)", _remembered(appends))
                self._database.execute("DELETE FROM records WHERE lsn <= ?", (through.lsn,))
                self._database.execute("DELETE FROM anchor")
                self._database.execute("INSERT INTO anchor VALUES (?, ?)", (through.lsn, through.hash))
                self._database.execute(_STAYS)
            self._checkpoint()
        except sqlite3.Error as error:
            raise LogFailed(f"{self.path}: {error}; the archived records could not be removed.") from error
        self.anchor = self._seen = through

    def close(self) -> None:
        _let_go(self._database, self._files)

    def known(self, append: Append) -> int | Refusal | None:
        """The LSN of an append that is written already; refused if it was another with the same id."""
        rows = self._rows(_BY_APPEND, (append.id,))
        if not rows:
            return self._known_of_old(append) if self.anchor.lsn else None
        head = head_after(self.path, Head(rows[0][0] - 1, rows[0][9]), rows)
        same = tuple(map(record_of, rows)) == append.records
        return head.lsn if same else Refusal.ID_TAKEN

    def _known_of_old(self, append: Append) -> int | Refusal | None:
        query = "SELECT lsn, content FROM archived WHERE append_id = ?"
        row = self._database.execute(query, (append.id,)).fetchone()
        if row is None:
            return None
        return int(row[0]) if row[1] == content_hash(append.records) else Refusal.ID_TAKEN

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Row]:
        try:
            return self._database.execute(query, values).fetchall()
        except UNREADABLE as error:
            raise explained(self.path, error) from error

    def _checkpoint(self) -> None:
        """So that the -wal file is overwritten from its beginning; an append never waits for it."""
        self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _note_head(self) -> None:
        """Not synced: it need only survive the process, and must never be ahead of the log."""
        note = note_of(self.head)
        if os.pwrite(self._head_file, note, 0) != len(note):
            raise full()


def _locked(path: Path) -> int:
    try:
        _folder_made(path.parent)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
    except BlockingIOError as error:
        raise LogBusy(f"{path}: another process writes this log; stop it first.") from error
    except OSError as error:
        raise explained(path, error) from error
    return lock


def _folder_made(folder: Path) -> None:
    """Durable from the first: a record in a folder that is not there after a power cut is lost too."""
    if not folder.is_dir():
        _folder_made(folder.parent)
        folder.mkdir(exist_ok=True)
        synced(folder.parent)


def _let_go(database: sqlite3.Connection | None, files: Iterable[int]) -> None:
    """The database first: to close a file of its own takes SQLite's locks on it away."""
    if database:
        database.close()
    for file in files:
        os.close(file)


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            database.execute(f"PRAGMA page_size = {PAGE}")
            _set_up(database, path)
            database.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
        else:
            _set_up(database, path)
        assert_format(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _set_up(database: sqlite3.Connection, path: Path) -> None:
    for name, value in _PRAGMAS.items():
        database.execute(f"PRAGMA {name} = {value}")
        (got,) = database.execute(f"PRAGMA {name}").fetchone()
        if got != value:
            raise LogError(
                f"{path}: record 1 can not be read: SQLite answers {name} = {got} instead of {value};"
                " this disk can not hold a log."
            )


def _primed(path: Path) -> int:
    """Lengthen the -wal file, and sync what a process that was killed may have written to it; its size."""
    file = os.open(path.with_name(f"{path.name}-wal"), os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(file).st_size
        while size < PRIMED:
            if not (written := os.pwrite(file, bytes(PRIMED - size), size)):
                raise full()
            size += written
        os.fdatasync(file)
    finally:
        os.close(file)
    return size


def _index_allocated(path: Path) -> int:
    """The -shm file on its disk, as SQLite does page by page, but of a small page only a part; to be held."""
    file = os.open(path.with_name(f"{path.name}-shm"), os.O_RDWR | os.O_CLOEXEC)
    try:
        os.posix_fallocate(file, 0, INDEX)
    except OSError:
        os.close(file)  # That takes SQLite's locks away: the database is closed now.
        raise
    return file


def _assert_not_emptied(path: Path) -> None:
    """Before anything is written: an empty file where a log was is no new log."""
    noted = noted_head(path)
    if noted is not None and noted.lsn and not (path.exists() and path.stat().st_size):
        raise LogCorrupt(
            f"{path}: record {noted.lsn} was acknowledged but the file is empty; restore the last backup."
        )


def _assert_tail(path: Path, database: sqlite3.Connection) -> None:
    """The newest snapshot is what was written, and so is every record from its own on."""
    anchor = anchor_of(database)
    lsn, _ = snapshot_in(database, path) or (0, b"")
    if lsn < anchor.lsn:
        raise LogCorrupt(
            f"{path}: records up to {anchor.lsn} are archived, and no snapshot stands for them;"
            " restore the last backup."
        )
    head = _before(path, database, max(lsn, 1)) if lsn > anchor.lsn else anchor
    try:
        for row in database.execute(_AFTER, (head.lsn, -1)):
            head = _verified(path, database, head, row)
    except UNREADABLE as error:
        raise explained(path, error, head.lsn + 1) from error


def _before(path: Path, database: sqlite3.Connection, lsn: int) -> Head:
    row = database.execute("SELECT previous FROM records WHERE lsn = ?", (lsn,)).fetchone()
    if row is None:
        raise LogCorrupt(f"{path}: record {lsn} has a snapshot but is missing; restore the last backup.")
    return Head(lsn - 1, row[0])


def _verified(path: Path, database: sqlite3.Connection, head: Head, row: Row) -> Head:
    """The chain goes on, and the index knows the record: by it a repeated append is recognised."""
    head = head_after(path, head, (row,))
    if not database.execute(_INDEXED, (row[1], row[0])).fetchone():
        raise LogCorrupt(f"{path}: record {row[0]} is missing in the index; restore the last backup.")
    return head


def _remembered(rows: Iterable[Row]) -> Iterator[tuple[str, int, bytes]]:
    for id, group in groupby(rows, key=lambda row: row[1]):
        append = list(group)
        yield id, append[-1][0], content_hash(tuple(map(record_of, append)))
