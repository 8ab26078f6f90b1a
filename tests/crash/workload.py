"""A child that writes a log and says what was acknowledged; what it is killed, starved and cut off for.

    python -m tests.crash.workload LOG [--appends N] [--abandon] [--control NAME] [--primed BYTES]
        [--then archive backup]

It opens the log (a recovery, if it was left by a crash), goes on where it ends, and prints a line when it is
`open`, after each append (`ack`), each snapshot (`saved`) and each chore after them (`archived`, `copied`):
LSN, hash and the moment, a monotonic one.  An error of the log ends it with 70, as it ends the Wal actor.
"""

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from actors.messages import Append
from storage import log
from storage.archive import archive
from storage.backup import back_up
from storage.books import Books, fold
from storage.log import Log, LogError
from storage.snapshots import packed
from tests.crash.steps import steps

FAILED = 70
# Not durable, and every harness must notice.
CONTROLS = {
    "NORMAL": ("PRAGMA synchronous=NORMAL",),
    "OFF": ("PRAGMA synchronous=OFF",),
    "DELETE": ("PRAGMA journal_mode=DELETE", "PRAGMA synchronous=FULL"),
    "NOSYNC": ("PRAGMA synchronous=OFF",),  # And from the first moment, nothing else is synced either.
    "EARLY": (),  # It acknowledges before it writes.
}
LATE_SECONDS = 0.005  # What it then waits: a cut between the two must be likely enough to be tried.
NEVER = 10**18


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("--appends", type=int, help="then end; without it, go on for ever")
    parser.add_argument("--abandon", action="store_true", help="end without closing, as a crash would")
    parser.add_argument("--control", choices=CONTROLS)
    parser.add_argument("--primed", type=int, default=log.PRIMED, help="the length that the -wal is given")
    parser.add_argument("--then", nargs="*", choices=("archive", "backup"), default=())
    return parser.parse_args(words)


def say(what: str, lsn: int, hash: bytes) -> None:
    os.write(1, f"{what} {lsn} {hash.hex() or '-'} {time.monotonic_ns()}\n".encode())


def opened(path: Path, control: str | None) -> Log:
    if control == "NOSYNC":
        os.fsync = os.fdatasync = lambda _: None
    ours = Log.open(path)
    if control:
        database = next(each for each in vars(ours).values() if isinstance(each, sqlite3.Connection))
        for pragma in CONTROLS[control]:
            database.execute(pragma).fetchone()
    return ours


def write(ours: Log, most: int | None, early: bool) -> None:
    books, lsn, left = Books(), 0, iter(count() if most is None else range(most))
    for step in steps():
        if isinstance(step, Append):
            books, lsn = fold(step.records, books), lsn + len(step.records)
            if lsn <= ours.head.lsn:
                continue
            if next(left, None) is None:
                return
            if early:
                say("ack", lsn, b"")
                time.sleep(LATE_SECONDS)
            assert ours.append(step) == lsn, step
            say("ack", lsn, ours.head.hash)
        elif lsn == ours.head.lsn:
            ours.save_snapshot(lsn, packed(books))
            say("saved", lsn, ours.head.hash)


def copy_of(log: Path, lsn: int) -> Path:
    return log.with_name(f"copy-{lsn:06d}.db")


def look_after(ours: Log, chores: Sequence[str]) -> None:
    for chore in chores:
        if chore == "archive":
            archive(ours, NEVER)
            say("archived", ours.head.lsn, ours.head.hash)
        else:
            copy = copy_of(ours.path, ours.head.lsn)
            if not copy.exists():
                back_up(ours.path, copy)
            say("copied", ours.head.lsn, ours.head.hash)


def main(words: Sequence[str]) -> None:
    asked = arguments(words)
    log.PRIMED = asked.primed
    try:
        ours = opened(asked.log, asked.control)
        say("open", ours.head.lsn, ours.head.hash)
        write(ours, asked.appends, asked.control == "EARLY")
        look_after(ours, asked.then)
    except LogError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(FAILED)
    if asked.abandon:
        os._exit(0)
    say("closing", ours.head.lsn, ours.head.hash)
    ours.close()
    say("closed", ours.head.lsn, ours.head.hash)


if __name__ == "__main__":
    main(sys.argv[1:])
