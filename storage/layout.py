"""Where what is kept of a run lies in its data folder."""

from functools import lru_cache
from pathlib import Path

folder_of = lru_cache(maxsize=16)(Path)


@lru_cache(maxsize=16)
def log_path(data_dir: Path) -> Path:
    """The write-ahead log: the one file that must never be lost."""
    return data_dir / "wal.db"


def backup_path(data_dir: Path, lsn: int) -> Path:
    """A copy of the log that was made when it ended there; a run never looks at it."""
    return data_dir / f"wal-backup-{lsn:012d}.db"


def projection_path(data_dir: Path) -> Path:
    """Tables for queries; made anew from the log by `wal rebuild`."""
    return data_dir / "projection.db"


@lru_cache(maxsize=16)
def venue_path(data_dir: Path) -> Path:
    """What the paper venue knows.  It plays the outside world: nothing of ours may be derived from it."""
    return data_dir / "venue.db"


@lru_cache(maxsize=16)
def logs_path(data_dir: Path) -> Path:
    return data_dir / "logs"
