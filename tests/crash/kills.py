"""SIGKILL at every file call of a log's life: `python -m tests.crash.kills [--points N]`.

A first recording numbers the calls of an undisturbed child; then one child after another dies at the
next.  Its parts are a first start with every kind of operation, a recovery from what a death has left, and an
archiving with a backup, which is begun anew after each death.
"""

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tests.crash import checker, harness
from tests.crash.checker import Said
from tests.crash.harness import LONG
from tests.crash.nursery import traced

FOLDER = "its folder"
ROUND = 28  # Appends: every kind of operation, and a snapshot.


class Part(Struct, frozen=True):
    name: str
    appends: int
    before: Path | None  # What it starts from.
    said: Said  # What had been acknowledged by then.
    then: tuple[str, ...] = ()  # What is done after the appends.


class Point(Struct, frozen=True):
    """The k-th call of a name, and the file it is about."""

    part: Part
    call: str
    number: int
    file: str
    names: tuple[str, ...]  # Of all files that the part touches.
    after: str  # What the child has last said: open, ack, saved, closing or, before anything, nothing.


def words(part: Part, log: Path, control: str | None) -> list[str]:
    """What its child is told."""
    more = ["--control", control] if control else []
    return [str(log), "--appends", str(part.appends), "--then", *part.then, *more]


def parts(place: Path) -> list[Part]:
    """The crash that the recoveries start from leaves everything in the -wal."""
    left, old = place / "left" / "wal.db", place / "old" / "wal.db"
    output = harness.run(harness.workload(left, "--appends", str(ROUND), "--abandon")).stdout
    older = harness.run(harness.workload(old, "--appends", str(ROUND), "--then", "archive")).stdout
    return [
        Part("first start", ROUND, None, Said()),
        Part("recovery", 4, left.parent, checker.said(output)),
        Part("archiving", 1, left.parent, checker.said(output), ("archive", "backup")),
        Part("second archiving", ROUND, old.parent, checker.said(older), ("archive", "backup")),
    ]


def log_of(part: Part, place: Path) -> Path:
    shutil.rmtree(place / "data", ignore_errors=True)
    if part.before:
        shutil.copytree(part.before, place / "data")
    return place / "data" / "wal.db"


def points(part: Part, place: Path, control: str | None) -> Iterator[Point]:
    log, trace = log_of(part, place), place / "trace"
    recorded = traced(trace, words(part, log, control))
    assert recorded.returncode == 0, recorded.stderr
    seen: Counter[str] = Counter()
    after, lines = "", trace.read_text().splitlines()
    names = tuple(sorted({_file(line, log) for line in lines if str(log.parent) in line} - {FOLDER}))
    for line in lines:
        called = re.match(r"(\w+)\(", line)
        if told := re.match(r'write\(1<.*"(\w+) ', line):
            after = told[1]
        if called and str(log.parent) in line:
            seen[called[1]] += 1
            yield Point(part, called[1], seen[called[1]], _file(line, log), names, after)


def _file(line: str, log: Path) -> str:
    """Only the last path counts: a file that is opened is named after its folder."""
    paths = re.findall(rf"{re.escape(str(log.parent))}(/[\w.-]+)?", line)
    return paths[-1].strip("/") or FOLDER


def killed(point: Point, place: Path, control: str | None) -> str:
    """What is wrong after a death at this call."""
    log = log_of(point.part, place)
    kill = ("-e", f"inject={point.call}:signal=SIGKILL:when={point.number}")
    only = harness.only(log.parent, point.names)
    dead = traced(place / "trace", words(point.part, log, control), *only, *kill)
    if dead.returncode not in {-9, 137}:
        return f"it was to be killed and ended with {dead.returncode}: {dead.stderr[-200:]}"
    last = checker.said(dead.stdout, earlier=point.part.said)
    complaint = checker.complaint(log, last)
    return complaint or (_begun_anew(point.part, log, last) if point.part.then else "")


def _begun_anew(part: Part, log: Path, last: Said) -> str:
    child = harness.run(harness.workload(log, "--appends", "0", "--then", *part.then))
    if child.returncode != 0:
        return f"it can not be done anew: {child.stderr[-200:]}"
    return checker.complaint(log, checker.said(child.stdout, earlier=last))


def sweep(most: int, seed: int, control: str | None = None, seconds: float = LONG) -> harness.Tally:
    """All points, or so many by chance."""
    tally = harness.Tally("kills", "points")
    with harness.folder() as folder:
        place = Path(folder)
        found = [point for part in parts(place) for point in points(part, place, control)]
        print(f"kills: {len(found)} points, {dict(Counter(point.call for point in found))}", flush=True)
        for index in tally.chosen(len(found), most, seed, seconds):
            point = found[index]
            tally.note(f"{point.part.name}, {point.call} {point.number}", killed(point, place, control))
    return tally


def main() -> int:
    if harness.MISSING:
        sys.exit(harness.MISSING)
    asked = harness.options(__doc__, points=harness.ALL)
    return sweep(asked.points, asked.seed, asked.control, asked.seconds).verdict()


if __name__ == "__main__":
    sys.exit(main())
