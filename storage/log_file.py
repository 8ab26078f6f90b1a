"""A log's file as anybody may read it while its writer goes on; the writer is storage/log.py.

Records that were archived are read from the archives beside the log, as if they had never left it.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from itertools import islice, repeat
from multiprocessing import get_context
from pathlib import Path

from actors.messages import Record
from storage.chain import (
    COLUMNS,
    FORMAT,
    RAW_COLUMNS,
    Head,
    LogCorrupt,
    LogError,
    Row,
    hash_of,
    head_after,
    raw_head_after,
    record_of,
)

LAST = 2**63 - 1
BATCH = 500
LONG = 50_000  # Records: what is worth more processes.
PART = 25_000  # Records: what one of them takes at a time, for some are slower than others.
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)  # What SQLite says against a file.
NOT_OURS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
}  # fmt: skip
_RAW = f"SELECT {RAW_COLUMNS} FROM records WHERE lsn > ? AND lsn <= ? AND version = ? ORDER BY lsn"  # noqa: S608


class LogFailed(LogError):
    """The disk failed during a write: whether it happened is unknown until the log is read again."""


def records(path: Path) -> Iterator[tuple[int, Record]]:
    """Every record from the first, chain checked on the way, without becoming the writer; raises LogError."""
    for rows in rows_of(path):
        yield from ((row[0], record_of(row)) for row in rows)


def rows_of(path: Path) -> Iterator[list[Row]]:
    """The same as rows, some at a time."""
    with reader(path) as database:
        assert_format(database, path)
        head, anchor = Head(), anchor_of(database)
        for archive in archives_of(path) if anchor.lsn else ():
            with reader(archive) as archived:
                for rows in _batches(archive, archived, head.lsn, anchor.lsn):
                    head = head_after(archive, head, rows)
                    yield rows
        if head != anchor:
            raise not_beside(path, head.lsn + 1, anchor.lsn)
        for rows in _batches(path, database, head.lsn):
            head = head_after(path, head, rows)
            yield rows
        assert_nothing_lost(path, head, database)


def _batches(path: Path, database: sqlite3.Connection, after: int, last: int = LAST) -> Iterator[list[Row]]:
    """Those before one that can not be read are given out first, so that the one to blame is named."""
    query = f"SELECT {COLUMNS} FROM records WHERE lsn > ? AND lsn <= ? ORDER BY lsn"  # noqa: S608
    rows: list[Row] = []
    try:
        cursor = database.execute(query, (after, last))
        while True:
            rows = []
            rows.extend(islice(cursor, BATCH))  # What came before an error stays in it.
            if not rows:
                return
            yield rows
            after = rows[-1][0]
    except UNREADABLE as error:
        if rows:
            yield rows
        raise explained(path, error, after + len(rows) + 1) from error


def verify(path: Path) -> Head:
    """Every page, index and record of this file; its end.  A long one is read by every core."""
    with reader(path) as database:
        assert_format(database, path)
        anchor, end = anchor_of(database), end_of(database)
        seams = [_head_at(database, lsn) for lsn in range(anchor.lsn + PART, end.lsn, PART)]
    heads = [anchor, *(seam for seam in seams if seam), end]
    if end.lsn - anchor.lsn < LONG or None in seams:
        head = _chain(path, anchor, LAST)
        verify_file(path)
    else:
        head = _in_parts(path, heads)
    with reader(path) as database:
        assert_nothing_lost(path, head, database)
    return head


def _in_parts(path: Path, heads: list[Head]) -> Head:
    """Whoever finds what first: it is the first record that is wrong that is named."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as beside:
        pages = beside.submit(verify_file, path)
        found = list(beside.map(_part, repeat(path), heads, heads[1:]))
        assert found == heads[1:], "a row was read twice, and was not the same"
        if pages.exception():
            _chain(path, heads[0], heads[-1].lsn)  # Raises if a record is to blame: that says more.
        pages.result()
    return heads[-1]


def _part(path: Path, head: Head, end: Head) -> Head:
    """As `_chain`, in less time."""
    with reader(path) as database:
        database.text_factory = bytes
        with suppress(*UNREADABLE):
            if raw_head_after(head, database.execute(_RAW, (head.lsn, end.lsn, FORMAT))) == end:
                return end
    return _chain(path, head, end.lsn)


def _chain(path: Path, head: Head, last: int) -> Head:
    with reader(path) as database:
        for rows in _batches(path, database, head.lsn, last):
            head = head_after(path, head, rows)
    return head


def _head_at(database: sqlite3.Connection, lsn: int) -> Head | None:
    row = database.execute("SELECT lsn, hash FROM records WHERE lsn = ?", (lsn,)).fetchone()
    return Head(*row) if row else None


def verify_file(path: Path) -> None:
    """Check the pages and indexes of the file itself; raises LogCorrupt."""
    with reader(path) as database:
        (answer,) = database.execute("PRAGMA integrity_check").fetchone()
        snapshot_in(database, path)
    if answer != "ok":
        raise _corrupt(path, _place(path), " ".join(str(answer).split()))


def head_of(path: Path) -> Head:
    """The end of a log, unchecked."""
    with reader(path) as database:
        return end_of(database)


def archive_path(path: Path, last: int) -> Path:
    """Where the records up to this one are, once they are archived."""
    return path.with_name(f"{path.stem}-archive-{last:012d}.db")


def archives_of(path: Path) -> list[Path]:
    """From the oldest on."""
    return sorted(path.parent.glob(f"{path.stem}-archive-{'[0-9]' * 12}.db"))


@contextmanager
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can not write; what SQLite says against the file is raised as a LogError."""
    try:
        if not path.exists():
            raise LogError(f"{path}: there is no log; start a run first, or name its folder with --data-dir.")
        with closing(_looking(path)) as database:
            yield database
    except (*UNREADABLE, OSError) as error:
        raise explained(path, error) from error


def _looking(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def assert_format(database: sqlite3.Connection, path: Path) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != FORMAT:
        raise LogCorrupt(
            f"{path}: record 1 can not be read: log format {version} is not {FORMAT};"
            " open it with the Holdfast that wrote it."
        )


def end_of(database: sqlite3.Connection) -> Head:
    row = database.execute("SELECT lsn, hash FROM records ORDER BY lsn DESC LIMIT 1").fetchone()
    return Head(*row) if row else anchor_of(database)


def anchor_of(database: sqlite3.Connection) -> Head:
    """The last record that was archived: the chain of what is left begins after it."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'anchor'").fetchone():
        return Head()
    row = database.execute("SELECT lsn, hash FROM anchor").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("where the archived records end is not noted")
    return Head(*row)


def assert_nothing_lost(path: Path, head: Head, database: sqlite3.Connection) -> None:
    """A log that ends before an acknowledged LSN has lost records, say by a flipped bit in its tail."""
    noted, anchor = noted_head(path), anchor_of(database)
    if noted is None or noted.lsn < anchor.lsn or noted == anchor:
        return
    row = database.execute("SELECT hash FROM records WHERE lsn = ?", (noted.lsn,)).fetchone()
    if row is None or row[0] != noted.hash:
        raise LogCorrupt(
            f"{path}: record {noted.lsn} was acknowledged but is not there (the log ends at {head.lsn});"
            " restore the last backup, this file can not be trusted."
        )


def note_of(head: Head) -> bytes:
    line = f"{head.lsn:020d} {head.hash.hex()}"
    return f"{line} {blake2b(line.encode(), digest_size=8).hexdigest()}\n".encode()


def noted_head(path: Path) -> Head | None:
    """None if there is no note, or it was torn by a crash of the machine."""
    try:
        line, _, check = path.with_suffix(".head").read_text("ascii").strip().rpartition(" ")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if blake2b(line.encode(), digest_size=8).hexdigest() != check:
        return None
    lsn, _, digest = line.partition(" ")
    return Head(int(lsn), bytes.fromhex(digest))


def snapshot_in(database: sqlite3.Connection, path: Path) -> tuple[int, bytes] | None:
    row = database.execute("SELECT lsn, body, hash FROM snapshots ORDER BY lsn DESC LIMIT 1").fetchone()
    if row is None:
        return None
    lsn, text, digest = row
    if not isinstance(text, str) or digest != hash_of(lsn, text.encode()):  # A flip makes a NULL of a text.
        raise LogCorrupt(
            f"{path}: the snapshot at record {lsn} is not what was written; restore the last backup."
        )
    return lsn, text.encode()


def explained(path: Path, error: Exception, lsn: int | None = None) -> LogError:
    """`lsn`: the first record that could not be read; without it, it is looked for."""
    if isinstance(error, OSError):
        return _refused_by_the_system(path, error)
    text = " ".join(str(error).split())
    place = f"record {lsn} can not be read" if lsn else _place(path)
    if "readonly" in text or "unable to open" in text:
        return LogError(f"{path}: {place}: {text}; its folder must be writable.")
    if "full" in text or "disk I/O" in text:
        return LogFailed(f"{path}: {place}: {text}; free some space (or mend the disk) and start again.")
    return _corrupt(path, place, text)


def last_good(path: Path) -> int:
    """The last record that can be read with all before it; 0 if there is none.  What stops it is known."""
    good = 0
    with suppress(*UNREADABLE, LogCorrupt, OSError), closing(_looking(path)) as database:
        head = anchor_of(database)
        good = head.lsn
        for row in database.execute(f"SELECT {COLUMNS} FROM records WHERE lsn > ? ORDER BY lsn", (good,)):  # noqa: S608
            head = head_after(path, head, (row,))
            good = head.lsn
    return good


def _place(path: Path) -> str:
    """Damage may be in no record at all: it is named after the last that is good."""
    good = last_good(path)
    return f"record {good} is the last that can be read" if good else "record 1 can not be read"


def _corrupt(path: Path, place: str, text: str) -> LogCorrupt:
    return LogCorrupt(f"{path}: {place}: {text}; restore the last backup, this file can not be trusted.")


def _refused_by_the_system(path: Path, error: OSError) -> LogError:
    if error.errno in NOT_OURS:
        return LogError(f"{path}: {error.strerror}; the log's folder must be writable.")
    return LogFailed(f"{path}: {error.strerror}; free some space (or mend the disk) and start again.")


def synced(path: Path) -> None:
    """A file's bytes, or a folder's names, are on disk."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def full() -> OSError:
    """A write that was not whole: the disk says no more than that."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def not_beside(path: Path, first: int, last: int) -> LogError:
    return LogError(
        f"{path}: records {first} to {last} are in an archive that is not beside it; put it back."
    )
