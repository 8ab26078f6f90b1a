"""The write-ahead log: one append-only SQLite file, hash-chained, with one writer.

`journal_mode=WAL` with `synchronous=FULL` is what survived every power cut that we tried; the settings are
read back, for SQLite ignores what it does not like.  Beside the file lie `.lock`, held by the writer, and
`.head`, the last LSN that was acknowledged: if the log ever ends before it, something was lost.

An I/O error leaves it unknown what is on disk.  `append` then raises `LogFailed`, and the only right answer
is to end the process, start anew and read.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Self

import msgspec

from actors.messages import Append, Body, Id, Operation, Record, Refusal, Status

FORMAT = 1
GENESIS = bytes(32)
_SCHEMA = """
CREATE TABLE records (
    lsn INTEGER PRIMARY KEY, append_id TEXT NOT NULL, operation_id TEXT NOT NULL, operation TEXT NOT NULL,
    status TEXT NOT NULL, kind TEXT NOT NULL, at_ns INTEGER NOT NULL, version INTEGER NOT NULL,
    body TEXT NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX records_by_append ON records (append_id);
CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER records_remain BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TABLE snapshots (lsn INTEGER PRIMARY KEY, body TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
"""
_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2, "trusted_schema": 0}
_ROW = "lsn, append_id, operation_id, operation, status, kind, at_ns, version, body, previous, hash"
_Row = tuple[int, str, str, str, str, str, int, int, str, bytes, bytes]
_decode_body = msgspec.json.Decoder(Body).decode


class LogError(Exception):
    """One sentence for the operator; nothing was changed."""


class LogCorrupt(LogError):
    """The file is not what was written."""


class LogBusy(LogError):
    """Another process writes this log."""


class LogFailed(LogError):
    """The disk failed during a write: whether it happened is unknown until the log is read again."""


class Head(msgspec.Struct, frozen=True):
    lsn: int = 0
    hash: bytes = GENESIS


class Log:
    """The writer.  There is one, in the Wal actor; `open` refuses a second."""

    def __init__(self, path: Path, database: sqlite3.Connection, lock: int, head: Head) -> None:
        self.path, self.head = path, head
        self._database, self._lock = database, lock
        self._head_file = os.open(path.with_suffix(".head"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._note_head()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take the lock, then make sure that what is read is on disk; raises LogError."""
        lock = _locked(path)
        try:
            _assert_not_emptied(path)
            database = _connected(path)
            head = _end_of(database)
            _assert_nothing_lost(path, head, database)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # Sync before anybody decides.
            return cls(path, database, lock, head)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            os.close(lock)
            raise _explained(path, error) from error
        except BaseException:
            os.close(lock)
            raise

    def append(self, append: Append) -> int | Refusal:
        """The LSN of its last record, once that is durable.  The same append again is not written again."""
        try:
            if known := self.known(append):
                return known
            rows, head = _chained(append, self.head)
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany(f"INSERT INTO records VALUES ({','.join('?' * 11)})", rows)  # noqa: S608
        except sqlite3.Error as error:
            raise LogFailed(f"{self.path}: {error}; the log could not be written") from error
        self.head = head
        self._note_head()
        return head.lsn

    def read(self, after: int, most: int = 1_000) -> tuple[Record, ...]:
        """At most so many records that follow an LSN."""
        query = f"SELECT {_ROW} FROM records WHERE lsn > ? ORDER BY lsn LIMIT ?"  # noqa: S608
        return tuple(_record(row) for row in self._database.execute(query, (after, most)))

    def save_snapshot(self, lsn: int, body: bytes) -> None:
        """Folded state by LSN; only the newest is kept, for it is made from the records alone."""
        try:
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.execute("DELETE FROM snapshots")
                row = (lsn, body.decode(), _snapshot_hash(lsn, body))
                self._database.execute("INSERT INTO snapshots VALUES (?, ?, ?)", row)
        except sqlite3.Error as error:
            raise LogFailed(f"{self.path}: {error}; a snapshot could not be written") from error

    def snapshot(self) -> tuple[int, bytes] | None:
        return _snapshot(self._database, self.path)

    def close(self) -> None:
        self._database.close()
        os.close(self._head_file)
        os.close(self._lock)

    def known(self, append: Append) -> int | Refusal | None:
        """The LSN of an append that is written already; refused if it was another with the same id."""
        query = f"SELECT {_ROW} FROM records WHERE append_id = ? ORDER BY lsn"  # noqa: S608
        rows: list[_Row] = self._database.execute(query, (append.id,)).fetchall()
        if not rows:
            return None
        same = tuple(_record(row) for row in rows) == append.records
        return rows[-1][0] if same else Refusal.ID_TAKEN

    def _note_head(self) -> None:
        """Not synced: it need only survive the process, and must never be ahead of the log."""
        line = f"{self.head.lsn:020d} {self.head.hash.hex()}"
        check = blake2b(line.encode(), digest_size=8).hexdigest()
        os.pwrite(self._head_file, f"{line} {check}\n".encode(), 0)


def records(path: Path) -> Iterator[tuple[int, Record]]:
    """Every record of a log, chain checked on the way, without becoming its writer; raises LogCorrupt."""
    database = _reader(path)
    try:
        _assert_format(database, path)
        head = Head()
        for row in database.execute(f"SELECT {_ROW} FROM records ORDER BY lsn"):  # noqa: S608
            head = _next_head(path, head, row)
            yield head.lsn, _record(row)
        _assert_nothing_lost(path, head, database)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise _explained(path, error) from error
    finally:
        database.close()


def verify_file(path: Path) -> None:
    """Check the pages and indexes of the file itself; raises LogCorrupt."""
    database = _reader(path)
    try:
        (answer,) = database.execute("PRAGMA integrity_check").fetchone()
        _snapshot(database, path)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise _explained(path, error) from error
    finally:
        database.close()
    if answer != "ok":
        answer = " ".join(str(answer).split())
        raise LogCorrupt(f"{path}: {answer}; restore the last backup, this file can not be trusted.")


def head_of(path: Path) -> Head:
    """The end of a log, unchecked."""
    database = _reader(path)
    try:
        return _end_of(database)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise _explained(path, error) from error
    finally:
        database.close()


def _reader(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise LogError(f"{path}: there is no log; start a run first, or name its folder with --data-dir.")
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _locked(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}; the log's folder must be writable.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise LogBusy(f"{path}: another process writes this log; stop it first.") from error
    return lock


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    new = database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    if new:
        database.execute("PRAGMA page_size = 4096")
    for name, value in _PRAGMAS.items():
        database.execute(f"PRAGMA {name} = {value}")
        (got,) = database.execute(f"PRAGMA {name}").fetchone()
        if got != value:
            raise LogError(
                f"{path}: SQLite answers {name} = {got} instead of {value}; this disk can not hold a log."
            )
    if new:
        database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
    _assert_format(database, path)
    return database


def _assert_format(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise LogCorrupt(
            f"{path}: log format {version} is not {FORMAT}; open it with the Holdfast that wrote it."
        )


def _end_of(database: sqlite3.Connection) -> Head:
    row = database.execute("SELECT lsn, hash FROM records ORDER BY lsn DESC LIMIT 1").fetchone()
    return Head(*row) if row else Head()


def _assert_nothing_lost(path: Path, head: Head, database: sqlite3.Connection) -> None:
    """A log that ends before an acknowledged LSN has lost records, say by a flipped bit in its tail."""
    noted = _noted_head(path)
    if noted is None or noted.lsn == 0:
        return
    row = database.execute("SELECT hash FROM records WHERE lsn = ?", (noted.lsn,)).fetchone()
    if row is None or row[0] != noted.hash:
        raise LogCorrupt(
            f"{path}: record {noted.lsn} was acknowledged but is not there (the log ends at {head.lsn});"
            " restore the last backup, this file can not be trusted."
        )


def _assert_not_emptied(path: Path) -> None:
    """Before anything is written: an empty file where a log was is no new log."""
    noted = _noted_head(path)
    if noted is not None and noted.lsn and not (path.exists() and path.stat().st_size):
        raise LogCorrupt(
            f"{path}: record {noted.lsn} was acknowledged but the file is empty; restore the last backup."
        )


def _noted_head(path: Path) -> Head | None:
    """None if there is no note, or it was torn by a crash of the machine."""
    try:
        line, _, check = path.with_suffix(".head").read_text("ascii").strip().rpartition(" ")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if blake2b(line.encode(), digest_size=8).hexdigest() != check:
        return None
    lsn, _, digest = line.partition(" ")
    return Head(int(lsn), bytes.fromhex(digest))


def _chained(append: Append, head: Head) -> tuple[list[_Row], Head]:
    rows: list[_Row] = []
    for record in append.records:
        lsn = head.lsn + 1
        kind, body = type(record.body).__name__, msgspec.json.encode(record.body).decode()
        fields = (
            lsn, append.id, record.operation_id, record.operation.value, record.status.value, kind,
            record.at_ns, FORMAT, body, head.hash,
        )  # fmt: skip
        digest = _hash(fields)
        rows.append((*fields, digest))
        head = Head(lsn, digest)
    return rows, head


def _hash(fields: tuple[object, ...]) -> bytes:
    """Each field with its length before it, so that no two rows spell the same bytes."""
    digest = blake2b(digest_size=32)
    for field in fields:
        data = field if isinstance(field, bytes) else str(field).encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.digest()


def _next_head(path: Path, head: Head, row: _Row) -> Head:
    if row[0] != head.lsn + 1:
        raise LogCorrupt(f"{path}: record {head.lsn + 1} is missing; restore the last backup.")
    if row[9] != head.hash or row[10] != _hash(row[:10]):
        raise LogCorrupt(
            f"{path}: record {row[0]} is not what was written; restore the last backup,"
            " this file can not be trusted."
        )
    return Head(row[0], row[10])


def _record(row: _Row) -> Record:
    return Record(Id(row[2]), Operation(row[3]), Status(row[4]), row[6], _decode_body(row[8]))


def _snapshot_hash(lsn: int, body: bytes) -> bytes:
    return _hash((lsn, body))


def _snapshot(database: sqlite3.Connection, path: Path) -> tuple[int, bytes] | None:
    row = database.execute("SELECT lsn, body, hash FROM snapshots ORDER BY lsn DESC LIMIT 1").fetchone()
    if row is None:
        return None
    lsn, body, digest = row[0], row[1].encode(), row[2]
    if digest != _snapshot_hash(lsn, body):
        raise LogCorrupt(
            f"{path}: the snapshot at record {lsn} is not what was written; restore the last backup."
        )
    return lsn, body


def _explained(path: Path, error: Exception) -> LogError:
    text = " ".join(str(error).split())
    if "readonly" in text or "unable to open" in text:
        return LogError(f"{path}: {text}; its folder must be writable.")
    if "full" in text or "disk I/O" in text:
        return LogFailed(f"{path}: {text}; free some space (or mend the disk) and start again.")
    return LogCorrupt(f"{path}: {text}; restore the last backup, this file can not be trusted.")
