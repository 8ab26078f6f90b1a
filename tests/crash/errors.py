"""A disk that fails: EIO, ENOSPC and short writes at every call: `python -m tests.crash.errors [--points N]`.

The child must end with an error, have acknowledged nothing that is not there, and leave a log that opens.
Short writes come in two kinds: a call that writes nothing, and a limit of a file's size, which
cuts one anywhere.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.crash import checker, harness, kills
from tests.crash.kills import FOLDER, Part, Point
from tests.crash.nursery import traced
from tests.crash.workload import FAILED

FULL = "error=ENOSPC"  # And full it stays.
FAULTS = ("error=EIO", FULL)
NOTHING_WRITTEN = "retval=0"
NOT_FAILED = {"close", "flock"}  # The one is never repeated, the other has answers of its own.
LIMITS = 120
SENTENCE = re.compile(r"/\S+: .*[.]\n")  # And no traceback.
PRIMED = 4096  # So that it is appends that meet the limit.
# Nothing that was acknowledged depends on these: a journal that there is only before the first record, and
# SQLite's own syncs of the folder, for the log syncs it again before it answers anything.
HARMLESS = {
    ("fdatasync", "wal.db-journal"), ("unlink", "wal.db-journal"), ("fdatasync", FOLDER), ("openat", FOLDER),
}  # fmt: skip
UNFINISHED = re.compile(r"\.db\.part-(journal|wal|shm)$")  # What is made of it is read again, and synced.


class Fault(Struct, frozen=True):
    """A point and what goes wrong there; or a size beyond which no file can grow."""

    part: Part
    point: Point | None = None
    what: str = ""
    limit: int = 0

    def __str__(self) -> str:
        if self.point is None:
            return f"{self.part.name}, no file beyond {self.limit} bytes"
        return f"{self.part.name}, {self.point.call} {self.point.number} on {self.point.file} {self.what}"


def faults(place: Path, seed: int) -> list[Fault]:
    found, chance = [], Random(seed)
    for part in kills.parts(place):
        for point in kills.points(part, place, None):
            if point.call not in NOT_FAILED:
                short = (NOTHING_WRITTEN,) if point.call.startswith(("write", "pwrite")) else ()
                found += [Fault(part, point, what) for what in (*FAULTS, *short)]
        found += [Fault(part, limit=chance.randrange(1, 300_000)) for _ in range(LIMITS)]
    return found


def may_go_unnoticed(fault: Fault) -> bool:
    """Nothing is lost by it: the -wal stays when a close fails, and a limit may never be reached."""
    point = fault.point
    if point is None or point.after == "closing":
        return True
    if (point.call, point.file) == ("openat", "wal.db-wal") and "archiving" in fault.part.name:
        return True  # A reader's: who archives or copies compares its end with the log's.
    return (point.call, point.file) in HARMLESS or UNFINISHED.search(point.file) is not None


def ended(fault: Fault, place: Path) -> tuple[int, str]:
    """The child's exit status, and what is wrong."""
    log = kills.log_of(fault.part, place)
    words = kills.words(fault.part, log, None)
    if fault.point is None:
        primed = ("--primed", f"{PRIMED}")
        child = harness.run(["prlimit", f"--fsize={fault.limit}", *harness.workload(*words, *primed)])
    else:
        on = "+" if fault.what == FULL else ""
        inject = ("-e", f"inject={fault.point.call}:{fault.what}:when={fault.point.number}{on}")
        child = traced(place / "trace", words, *harness.only(log.parent, fault.point.names), *inject)
    last = checker.said(child.stdout, earlier=fault.part.said)
    if child.returncode not in {0, FAILED} or (child.returncode and not SENTENCE.fullmatch(child.stderr)):
        return child.returncode, f"it ended with {child.returncode}: {child.stderr[-300:]}"
    if child.returncode == 0 and not (last.closed and may_go_unnoticed(fault)):
        return 0, "it went on as if nothing had happened"
    return child.returncode, checker.complaint(log, last)


def search(
    most: int, seed: int, seconds: float = harness.LONG
) -> tuple[harness.Tally, Counter[tuple[int, str]]]:
    """How the faults ended, by exit status, call and file."""
    tally, ends = harness.Tally("errors", "faults"), Counter()
    with harness.folder() as folder:
        place = Path(folder)
        found = faults(place, seed)
        print(f"errors: {len(found)} faults to inject", flush=True)
        for index in tally.chosen(len(found), most, seed, seconds):
            fault = found[index]
            status, complaint = ended(fault, place)
            tally.note(str(fault), complaint)
            ends[status, re.sub(r"\d+", "N", str(fault))] += 1
    return tally, ends


def main() -> int:
    if harness.MISSING:
        sys.exit(harness.MISSING)
    asked = harness.options(__doc__, points=harness.ALL)
    tally, ends = search(asked.points, asked.seed, asked.seconds)
    for (status, what), count in sorted(ends.items()):
        print(f"  ended with {status:2}: {count:4} x {what}")
    return tally.verdict()


if __name__ == "__main__":
    sys.exit(main())
