"""The log against what the disk can do at best, and beside other stores, measured in the same run.

    .venv/bin/python -m tests.bench.log [--quick] [--json PATH]

The probe is 256 bytes written over zeros and synced.  LMDB and RocksDB are measured if they can be imported.
With --json, a plot of what grows with the log is written beside it.  A start is all from opening the file to
books that can decide, in a process that has its modules loaded; network and other actors are left out.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

from msgspec import Struct

from actors.messages import Append, Asset, Deposited, Id
from storage import log as module
from storage.books import Books, fold
from storage.chain import chained
from storage.log import Log, records, verify
from storage.snapshots import packed, unpacked
from storage.trades import local
from tests.bench.parts import plot, stores, trades

WANTED = {
    "append p50 / probe": ("<=", 1.6),
    "flushes an append": ("<=", 1.1),
    "written an append, KiB": ("<=", 20.0),
    "batches of 64, records/s": (">=", 20_000.0),
    "start, ms": ("<=", 150.0),
    "full verify, records/s": (">=", 250_000.0),
}
TAIL = 900  # Records after the newest snapshot: the Wal makes one every 1,000.
OPEN_ORDERS = 100
USDC = Asset("paper:USDC")


class Probe:
    """What this disk takes at best for 256 bytes to be there for certain."""

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
    """Counts what reaches the disk under a folder; None where the kernel does not say."""

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


class Grown(Struct, frozen=True):
    """What was measured at one size of the log."""

    records: int
    append_ratio: float
    start_ms: float
    verify_per_s: float
    replay_per_s: float
    mb: float


def clocked(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def deposits(name: str, count: int, each: int = 1) -> Iterator[Append]:
    for number in range(count):
        id = f"{name}{number}"
        yield Append(Id(id), tuple(local(f"{id}/{n}", Deposited(USDC, 1), 0) for n in range(each)))


def against_the_probe(log: Log, probe: Probe, appends: Iterable[Append]) -> tuple[float, float]:
    """Seconds at the median, one after the other: append, probe."""
    pairs = [(clocked(lambda each=each: log.append(each)), clocked(probe)) for each in appends]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def appending(folder: Path, count: int) -> dict[str, float]:
    """Trades one append at a time, a snapshot every 1,000 records, as the Wal does it; then batches."""
    log, probe, device = Log.open(folder / "appending.db"), Probe(folder), Device(folder)
    books, saved, measured = Books(), 0, []
    for number, append in enumerate(trades.appends(2 * count)):
        books = fold(append.records, books)
        if number < count:  # Until the files have their steady size.
            log.append(append)
        else:
            before = device.count()
            took = clocked(lambda append=append: log.append(append))
            after = device.count()
            measured.append((took, after[0] - before[0], after[1] - before[1], clocked(probe)))
        if log.head.lsn - saved >= 1_000:
            log.save_snapshot(log.head.lsn, packed(books))
            saved = log.head.lsn
    took, size, flushes, probed = zip(*measured, strict=True)
    found = {"probe p50, us": median(probed) * 1e6, "append p50, us": median(took) * 1e6}
    found["append p50 / probe"] = median(took) / median(probed)
    if device.known:
        found["flushes an append"] = sum(flushes) / len(flushes)
        found["written an append, KiB"] = sum(size) / len(size) / 1024
    batches = [clocked(lambda each=each: log.append(each)) for each in deposits("batch", 200, 64)]
    found["batches of 64, records/s"] = 64 / median(batches)
    log.close()
    return found


def rivals(folder: Path, count: int) -> dict[str, float]:
    """The same records into each store in turn, so that a noisy moment is the same for all."""
    with stores.opened(folder) as others:
        log, probe = Log.open(folder / "beside.db"), Probe(folder)
        took: dict[str, list[float]] = {name: [] for name in ["ours", "probe", *others]}
        for append in trades.appends(count):
            rows, _ = chained(append, log.head)
            pairs = [(row[0].to_bytes(8, "big"), json.dumps(row[1:9]).encode() + row[10]) for row in rows]
            took["ours"].append(clocked(lambda append=append: log.append(append)))
            took["probe"].append(clocked(probe))
            for name, write in others.items():
                took[name].append(clocked(lambda write=write, pairs=pairs: write(pairs)))
        log.close()
    probed = median(took["probe"])
    return {f"{name} p50 / probe": median(each) / probed for name, each in took.items() if name != "probe"}


def started(path: Path) -> Books:
    """As the Wal starts: the snapshot, and what follows it."""
    log = Log.open(path)
    lsn, body = log.snapshot() or (0, b"")
    books = fold(log.after(lsn), unpacked(body) if body else Books())
    log.close()
    return books


def growing(folder: Path, sizes: list[int]) -> Iterator[Grown]:
    """One log that grows, measured at each size; most of it is written in large transactions."""
    path, probe, books = folder / "growing.db", Probe(folder), Books()
    source = trades.appends(10**9, OPEN_ORDERS)
    for size in sizes:
        log = Log.open(path)
        books = filled(log, source, books, size - TAIL)
        log.save_snapshot(log.head.lsn, packed(books))
        books = filled(log, source, books, size)
        log.close()
        spent = median(clocked(lambda: started(path)) for _ in range(5))
        assert OPEN_ORDERS <= len(started(path).live) <= OPEN_ORDERS + 1
        verified = clocked(lambda: verify(path))
        replayed = clocked(lambda: fold(record for _, record in records(path)))
        log = Log.open(path)
        count, mb = log.head.lsn, path.stat().st_size / 1e6
        append, probed = against_the_probe(log, probe, deposits(f"at{size}:", 300))
        books = fold(log.after(count), books)
        log.close()
        yield Grown(count, append / probed, spent * 1e3, count / verified, count / replayed, mb)


def filled(log: Log, source: Iterator[Append], books: Books, goal: int) -> Books:
    """Many appends a transaction: what `Log.append` does for each, without waiting for the disk each time."""
    while log.head.lsn < goal:
        rows, head, news = [], log.head, []
        while head.lsn < goal and len(rows) < 20_000:
            append = next(source)
            more, head = chained(append, head)
            rows += more
            news += append.records
        with log._database as database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(module._INSERT, rows)
        log.head = head
        log._note_head()
        log._checkpoint()
        books = fold(news, books)
    return books


def verdict(row: str, value: float) -> str:
    if row not in WANTED:
        return ""
    sign, limit = WANTED[row]
    good = value <= limit if sign == "<=" else value >= limit
    return f"{'as wanted' if good else 'NOT AS WANTED'}: {sign} {limit:g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Up to 100,000 records.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hf-bench-", dir=options.json and options.json.parent) as name:
        folder = Path(name)
        found = appending(folder, 500 if options.quick else 2_000)
        found |= rivals(folder, 300 if options.quick else 1_000)
        sizes = [10**3, 10**4, 10**5] if options.quick else [10**3, 10**4, 10**5, 10**6]
        grown = list(growing(folder, sizes))
    last = grown[-1]
    found["records in the log"] = last.records
    found["start, ms"] = last.start_ms
    found["full verify, records/s"] = last.verify_per_s
    found["verify and fold, records/s"] = last.replay_per_s
    found["file, MB"] = last.mb
    judged = {row: verdict(row, value) for row, value in found.items()}
    for row, value in found.items():
        print(f"{row:28}{value:14,.3f}  {judged[row]}")
    for each in grown:
        print(f"grown: {each}")
    if options.json:
        rows = {row: {"ours": value, "verdict": judged[row]} for row, value in found.items()}
        growth = [{name: getattr(each, name) for name in each.__struct_fields__} for each in grown]
        options.json.write_text(json.dumps({**rows, "growth": growth}, indent=2))
        options.json.with_suffix(".svg").write_text(plot.drawn(growth))
    return int(any(each.startswith("NOT") for each in judged.values()))


if __name__ == "__main__":
    sys.exit(main())
