"""A copy of a log, made while its writer goes on; where the chain ended is noted beside it.

A copy is only as good as its note: kept apart from the copy, it tells later whether both are still the same.
"""

import sqlite3
from pathlib import Path

from storage.chain import Head, LogError
from storage.log_file import end_of, explained, full, note_of, noted_head, reader, synced, verify

PAGES = 1_000  # At a time; a writer never waits, for it and a reader do not lock one another out.


def back_up(log: Path, copy: Path) -> Head:
    """The end of the copied chain; the copy is verified, on disk, and complete if it is there at all."""
    if copy.exists():
        raise LogError(f"{copy}: this file exists; name another for the copy.")
    note = copy.with_suffix(".head")  # As a log has it: whoever opens the copy compares the two.
    if copy.suffix != ".db":
        raise LogError(f"{copy}: a copy's name ends with .db, and its note's with .head.")
    part = copy.with_name(f"{copy.name}.part")
    if note.exists() and not part.exists():  # With it, it is what a death has left of this copy.
        raise LogError(f"{note}: this file exists, and would be the copy's note; name another for the copy.")
    try:
        note.unlink(missing_ok=True)  # Before the part, or nobody would know whose it was.
        part.unlink(missing_ok=True)
        _copied(log, part)
        head = verify(part)
        _noted(note, note_of(head))
        synced(note)
        synced(part)
        part.replace(copy)
        synced(copy.parent)
    except OSError as error:
        raise LogError(f"{copy}: {error.strerror}; its folder must be writable and have room.") from error
    return head


def _noted(path: Path, note: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        if file.write(note) != len(note):
            raise full()


def _copied(log: Path, part: Path) -> None:
    """All of one moment: one transaction of the reader spans the copy."""
    noted = noted_head(log)
    with reader(log) as database:
        database.execute("BEGIN")
        # The moment is now.  Without its -wal SQLite reads on, what is older.
        if noted and end_of(database).lsn < noted.lsn:
            raise LogError(f"{log}: record {noted.lsn} can not be read now; look at the disk, and try again.")
        try:
            fresh = sqlite3.connect(part)
        except sqlite3.Error as error:
            raise explained(part, error) from error
        try:
            database.backup(fresh, pages=PAGES)
            # One file, without a -wal beside it; SQLite answers what it has come to, and raises nothing.
            if fresh.execute("PRAGMA journal_mode = DELETE").fetchone() != ("delete",):
                raise LogError(
                    f"{part}: it could not be finished; its folder must be writable and have room."
                )
        except sqlite3.Error as error:
            raise explained(part, error) from error
        finally:
            fresh.close()
