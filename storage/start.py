"""What a start knows: the newest snapshot, and the records after it."""

from storage.books import Books, Unbookable, fold
from storage.log import Log, LogCorrupt, LogError, records
from storage.snapshots import unpacked


def started(log: Log) -> tuple[Books, int]:
    """The books at the log's end, and the LSN of the snapshot that they were folded from.

    A snapshot of another layout is as good as none: then it takes every record, through the archives too.
    Raises LogError.
    """
    lsn, body = log.snapshot() or (0, b"")
    books = unpacked(body) if body else Books()
    try:
        if books is not None:
            return fold(log.after(lsn), books), lsn
        return fold(record for _, record in records(log.path)), 0
    except Unbookable as error:
        raise LogError(f"{log.path}: {error}; no run of Holdfast can have written this.") from error
    except LogCorrupt:
        raise
    except LogError as error:
        if books is not None:
            raise
        raise LogError(
            f"{error}  All records are needed, for the snapshot at record {lsn} was made by another version"
            " of Holdfast: start that one instead, if the archive is gone."
        ) from error
