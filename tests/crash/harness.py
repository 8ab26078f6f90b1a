"""What the crash harnesses share: the workload as a child, strace around it, and a verdict in one line."""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from shutil import which

from tests.crash.workload import CONTROLS

ROOT = Path(__file__).parents[2]
SHM = Path("/dev/shm")
LONG = 3_600  # Seconds: nobody waits longer.
ALL = 1_000_000  # Points: there are fewer.
# Every call that changes a file, a folder or a lock, or makes a change durable.  Between two of them the
# files stay what they are, so a crash there is the crash at the next.
CALLS = (
    "openat", "mkdir", "write", "pwrite64", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync",
    "sync_file_range", "rename", "unlink", "unlinkat", "flock", "close",
)  # fmt: skip
MISSING = "" if which("strace") else "strace is missing: apt install strace"


class Tally:
    """Counts what was tried of what is wanted, keeps what was wrong, and says so now and then."""

    def __init__(self, name: str, unit: str, wanted: int = 0) -> None:
        self.name, self.unit, self.wanted = name, unit, wanted
        self.tried, self.bad = 0, []
        self._started = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def good(self) -> bool:
        """Nothing was wrong, and nothing that is wanted was left out."""
        return not self.bad and self.tried >= self.wanted

    def chosen(self, count: int, most: int, seed: int, seconds: float) -> Iterator[int]:
        """So many of so many, each once, by chance, and as long as there is time."""
        self.wanted += min(most, count)
        for index in Random(seed).sample(range(count), min(most, count)):
            if self.seconds > seconds:
                return
            yield index

    def note(self, where: str, complaint: str) -> None:
        self.tried += 1
        if complaint:
            self.bad.append(f"{where}: {complaint}")
        if time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            print(f"{self.name}: {self.tried} {self.unit}, {len(self.bad)} bad", flush=True)

    def __str__(self) -> str:
        word = "BAD" if self.bad else "good" if self.good else "TOO FEW"
        counts = f"{self.tried:,} of {self.wanted:,} {self.unit}, {len(self.bad)} bad"
        return f"{self.name}: {word}: {counts}, {self.seconds:.0f} s"

    def verdict(self) -> int:
        for each in self.bad[:5]:
            print(f"  {each[:300]}")
        print(self, flush=True)
        return 0 if self.good else 1


def options(doc: str, **more: int) -> argparse.Namespace:
    """The command line of a harness: --seed, --control, and its own bounds with their defaults."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=LONG, help="then it is judged by what was tried")
    parser.add_argument("--control", choices=CONTROLS, help="a log that is not durable: must be reported bad")
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    end_in_order()
    return parser.parse_args()


def end_in_order() -> None:
    """A harness that is told to end takes its folders and mounts down first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def folder() -> tempfile.TemporaryDirectory[str]:
    """In memory, where that is possible: nothing here waits for a real disk."""
    return tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None)


def workload(log: Path | str, *more: str) -> list[str]:
    return [sys.executable, "-B", "-m", "tests.crash.workload", str(log), *more]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def straced(trace: Path, command: list[str], *more: str) -> list[str]:
    return ["strace", "-qq", "-y", "-o", str(trace), "-e", "trace=" + ",".join(CALLS), *more, *command]


def only(folder: Path, names: Sequence[str]) -> list[str]:
    """Only what touches these files is seen, and counted: `when=` of an injection counts nothing else."""
    return [word for path in (folder, *(folder / name for name in names)) for word in ("-P", str(path))]
