"""Crash images, what a power cut may leave, by the ten thousand: `python -m tests.crash.images [--images N]`.

A child's calls are recorded once: a first start, deaths with a recovery each, archives, backups, closes.
After every call the model of the disk gives images, each is written out and opened with production code.
"""

import sys
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count
from pathlib import Path
from random import Random
from unittest.mock import patch

from storage import log
from tests.crash import checker, harness, traces
from tests.crash.checker import Said
from tests.crash.disk import Change, Disk, Image
from tests.crash.nursery import traced

# Appends, the sync at which it is killed: what it has written by then is not synced, and the next life
# reads it (without one it is closed), and what it does after the appends.
ARCHIVE, BACKUP = "archive", "backup"
LIVES = (
    (20, 16, ()), (15, 12, ()), (12, None, (ARCHIVE, BACKUP)), (12, 9, ()), (3, 4, (BACKUP,)),
)  # fmt: skip
AT_ONCE = 6  # Images by chance at one call, before the next is looked at.
ALL_OF_A_CALL = 12  # With the plain ones.
MOST = 50_000
PRIMED = 64 << 10  # Short, so that an image is soon written; appends overwrite it, and then they lengthen it.


def recorded(place: Path, primed: int, control: str | None, tally: harness.Tally) -> list[Change | str]:
    """What the lives of a log did to its files, and what they said, in order.

    A log that syncs less than it should outlives its death, which is bad, unless it is a control.
    """
    path, trace = place / "recorded" / "wal.db", place / "trace"
    reader, found = traces.Reader(str(path.parent)), []
    more = ["--primed", str(primed), *(["--control", control] if control else [])]
    for appends, last_sync, chores in LIVES:
        kill = ["-e", f"inject=fdatasync:signal=SIGKILL:when={last_sync}"] if last_sync else []
        words = [str(path), "--appends", str(appends), "--then", *chores, *more]
        child = traced(trace, words, *traces.WHOLE, *kill)
        assert child.returncode in {0, -9, 137}, child.stderr
        if last_sync and not control and child.returncode == 0:
            tally.note("a life", f"it was to die at its sync {last_sync}, and has none")
        found += [change for line in trace.read_text().splitlines() for change in reader.changes(line)]
    return found


def moments(changes: list[Change | str]) -> Iterator[tuple[int, Disk, Said]]:
    """After each change: the disk, and what had been acknowledged."""
    disk, last = Disk(), Said()
    for number, change in enumerate(changes):
        if isinstance(change, str):
            last = checker.said(change, earlier=last)
        else:
            disk.apply(change)
            yield number, disk, last


class Album:
    """Opens each distinct image once."""

    def __init__(self, folder: Path, tally: harness.Tally) -> None:
        self._folder, self._tally = folder, tally
        self._seen: set[bytes] = set()

    def look(self, where: str, image: Image, last: Said) -> None:
        digest = blake2b(last.lsn.to_bytes(8, "big"), digest_size=16)
        for name, data in sorted(image.items()):
            digest.update(f"{name} {len(data)} ".encode() + data)
        if digest.digest() in self._seen:
            return
        self._seen.add(digest.digest())
        self._write(image)
        self._tally.note(where, checker.complaint(self._folder / "wal.db", last))

    def _write(self, image: Image) -> None:
        self._folder.mkdir(exist_ok=True)
        for path in self._folder.iterdir():
            path.unlink()
        for name, data in image.items():
            (self._folder / name).write_bytes(data)


def search(
    most: int,
    seed: int,
    control: str | None = None,
    first_bad: bool = False,
    primed: int = PRIMED,
    seconds: float = harness.LONG,
) -> harness.Tally:
    """So many distinct images, or so long, or until the first bad one."""
    tally = harness.Tally(f"images of {control or 'the log'}", "distinct images", most)
    with harness.folder() as folder, patch.object(log, "PRIMED", primed):
        place = Path(folder)
        changes = recorded(place, primed, control, tally)
        print(f"{tally.name}: {len(changes)} calls recorded", flush=True)
        share = most / (len(changes) * ALL_OF_A_CALL)  # Few images are of all lives too.
        album = Album(place / "image", tally)
        for round in count():
            for number, disk, last in moments(changes):
                if Random(f"{round} {seed} {number}").random() > share:
                    continue
                for image in disk.images(Random(f"{seed} {round} {number}"), AT_ONCE):
                    album.look(f"round {round}, call {number}", image, last)
                    if tally.tried >= most or tally.seconds > seconds or (first_bad and tally.bad):
                        return tally
    raise AssertionError("unreachable")


def main() -> int:
    if harness.MISSING:
        sys.exit(harness.MISSING)
    asked = harness.options(__doc__, images=MOST, primed=PRIMED)
    bounds = {"primed": asked.primed, "seconds": asked.seconds}
    return search(asked.images, asked.seed, asked.control, **bounds).verdict()


if __name__ == "__main__":
    sys.exit(main())
