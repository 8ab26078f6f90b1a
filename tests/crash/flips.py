"""Flipped bits: every one of a small log, 10,000 of a large one: `python -m tests.crash.flips [--large N]`.

A flip is harmless, if production code still reads every record and the snapshot as they were written.  It is
bad if it is believed, and if the log is refused in any other way than by a sentence that names a record.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

from storage import log
from tests.crash import checker, harness

PRIMED = 4096  # The -wal is made anew for every flip.
SMALL, LARGE, HOT, OLD = 3, 700, 6, 28  # Appends; OLD: there is a snapshot.
MOST = {"small": 10_000_000, "large": 10_000, "hot": 10_000}  # Bits: of the small log, all that there are.
NAMES_A_RECORD = re.compile(r"records? \d+")


class Specimen:
    """The files of a log as they were; each flip starts from them."""

    def __init__(self, folder: Path, appends: int, *more: str) -> None:
        self.log = folder / "wal.db"
        command = harness.workload(self.log, "--appends", str(appends), "--primed", f"{PRIMED}", *more)
        self.said = checker.said(harness.run(command).stdout)
        self.files = {
            path.name: path.read_bytes()
            for path in folder.iterdir()
            if path.suffix in {".db", ".db-wal", ".head"}
        }

    def flipped(self, name: str, bit: int) -> str:
        """What is wrong once this bit is another; empty if it made no difference."""
        for path in self.log.parent.iterdir():
            path.unlink()
        for each, data in self.files.items():
            (self.log.parent / each).write_bytes(data)
        changed = bytearray(self.files[name])
        changed[bit // 8] ^= 1 << bit % 8
        (self.log.parent / name).write_bytes(changed)
        return checker.complaint(self.log, self.said)


def flips(tally: harness.Tally, specimen: Specimen, name: str, bits: Iterable[int]) -> Counter[str]:
    """How they ended: harmless, refused by record, refused without one, or believed."""
    ends: Counter[str] = Counter()
    for bit in bits:
        complaint = specimen.flipped(name, bit)
        refused = complaint.startswith("it is refused: ")
        named = refused and NAMES_A_RECORD.search(complaint)
        broke = complaint.startswith("it breaks: ")
        end = "broke" if broke else "believed" if complaint else "harmless"
        end = "refused, and the record is named" if named else "refused without a record" if refused else end
        ends[end] += 1
        tally.note(f"{name}, bit {bit}", "" if named else complaint)
    return ends


def bits_of(name: str, data: bytes) -> int:
    """Without what primes a -wal: zeros, that nobody reads."""
    return 8 * len(data.rstrip(b"\0") if name.endswith("-wal") else data)


def search(
    small: int, large: int, hot: int, seed: int, seconds: float = harness.LONG
) -> tuple[harness.Tally, dict[str, Counter[str]]]:
    """By kind of log; of the small one every bit, if so many are asked for."""
    found, tally = {}, harness.Tally("flips", "bits")
    logs = {
        "small log": (SMALL, small, ".db", ()),
        "large log": (LARGE, large, ".db", ()),
        "archived log": (OLD, hot, ".db", ("--then", "archive")),
        "hot -wal": (HOT, hot, ".db-wal", ("--abandon",)),
        "head": (SMALL, min(small, 824), ".head", ()),
    }
    for kind, (appends, most, suffix, more) in logs.items():
        with harness.folder() as folder, patch.object(log, "PRIMED", PRIMED):
            specimen = Specimen(Path(folder), appends, *more)
            name = specimen.log.with_suffix(suffix).name
            size = bits_of(name, specimen.files[name])
            until = tally.seconds + (seconds - tally.seconds) / (len(logs) - len(found))
            bits = tally.chosen(size, most, seed, until)
            found[kind] = flips(tally, specimen, name, bits)
            print(f"flips: {kind}: {found[kind].total()} of {size} bits: {dict(found[kind])}", flush=True)
    return tally, found


def main() -> int:
    asked = harness.options(__doc__, **MOST)
    tally, _ = search(asked.small, asked.large, asked.hot, asked.seed, asked.seconds)
    return tally.verdict()


if __name__ == "__main__":
    sys.exit(main())
