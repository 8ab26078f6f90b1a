"""What the disk can do at best, and what reaches it, for others to be compared with."""

import os
import time
from collections.abc import Callable
from pathlib import Path


class Probe:
    """What this disk takes at best for 256 bytes to be there for certain: written over zeros, and synced."""

    def __init__(self, folder: Path, most: int = 20_000) -> None:
        self._file = os.open(folder / "probe", os.O_RDWR | os.O_CREAT)
        os.pwrite(self._file, bytes(256 * most), 0)
        os.fsync(self._file)
        self._at = 0

    def __call__(self) -> None:
        os.pwrite(self._file, b"\1" * 256, self._at)
        os.fdatasync(self._file)
        self._at += 256


class Device:
    """Counts what reaches the disk under a folder; `known` says whether the kernel tells."""

    def __init__(self, folder: Path) -> None:
        device = folder.stat().st_dev
        self._stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
        self.known = self._stat.exists()

    def count(self) -> tuple[int, int]:
        """Bytes written, flushes."""
        if not self.known:
            return 0, 0
        fields = self._stat.read_text().split()
        return int(fields[6]) * 512, int(fields[15])


def clocked(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def megabytes(path: Path) -> float:
    """Of a file with what lies beside it under a longer name, or of a folder."""
    files = path.rglob("*") if path.is_dir() else path.parent.glob(f"{path.name}*")
    return sum(each.stat().st_blocks * 512 for each in files) / 1e6
