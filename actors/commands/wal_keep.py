"""Keeps the log safe and small: a copy while a run goes on, an archive of what is long over."""

import re
from pathlib import Path

from actors.commands.folders import owned
from actors.commands.refused import DONE, CannotRunError
from actors.commands.view import say
from storage import log
from storage.archive import archive, newest_ns
from storage.backup import back_up
from storage.layout import backup_path, log_path
from storage.log_file import archives_of
from storage.snapshots import packed
from storage.start import started

_UNITS_NS = {"d": 86_400 * 10**9, "h": 3_600 * 10**9, "m": 60 * 10**9}


def backup(data_dir: Path, to: Path | None) -> int:
    """A run may go on meanwhile: the copy is of one moment."""
    path = log_path(data_dir)
    copy = to or backup_path(data_dir, log.head_of(path).lsn)
    head = back_up(path, copy)
    say(f"{copy}: {head.lsn:,} records, verified; head {head.hash.hex()}, noted in {copy.stem}.head.")
    for archived in archives_of(path):
        say(f"{archived.name} holds older records, and never changes: keep a copy of it too.")
    say(
        f"To restore it: stop the run, remove {path.name}, {path.name}-wal and {path.name}-shm, then copy"
        f" {copy.name} to {path.name} and {copy.stem}.head to {path.stem}.head.  Archives that are newer than"
        f" the copy are of a log that is gone then: move them away.  A start compares books and wallet."
    )
    return DONE


def cleanup(data_dir: Path, older_than: str) -> int:
    """Refused while a run goes on.  Ages are the market's time, counted back from the newest record."""
    path, age_ns = log_path(data_dir), span_ns(older_than)
    if not path.exists():
        raise log.LogError(f"{path}: there is no log; name the folder of a run with --data-dir.")
    with owned(data_dir):
        ours = log.Log.open(path)
        try:
            books, _ = started(ours)
            ours.save_snapshot(ours.head.lsn, packed(books))  # It stands for what goes.
            moved = archive(ours, max(0, newest_ns(ours) - age_ns))
        finally:
            ours.close()
    if moved is None:
        say(
            f"{path}: nothing was moved: no record before those of an open operation is older than"
            f" {older_than} of market time."
        )
        return DONE
    say(
        f"{moved.path}: {moved.records:,} records, chained up to {moved.head.hash.hex()}; keep it beside the"
        " log, or `wal verify` and `wal rebuild` will ask for it."
    )
    say(f"{path}: goes on after record {moved.head.lsn:,}; its room is used again.")
    return DONE


def span_ns(text: str) -> int:
    found = re.fullmatch(r"(\d{1,6})([dhm])", text)
    if found is None:
        raise CannotRunError(
            f"--older-than {text}: say a whole number of days, hours or minutes: 30d, 12h or 90m."
        )
    return int(found[1]) * _UNITS_NS[found[2]]
