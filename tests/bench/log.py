"""The log against what the disk can do at best, and beside other stores, measured in the same run.

    .venv/bin/python -m tests.bench.log [--quick] [--json PATH]

The probe is 256 bytes written over zeros and synced.  LMDB and RocksDB are measured if they can be imported:
`make bench` sees to it.  With --json, a plot of what grows with the log is written beside it.  A start is all
from opening the file to books that can decide; books in another process are what a newcomer has after that.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from storage.books import Books, fold
from storage.log import Log
from storage.snapshots import packed
from tests.bench.parts import plot, stores, trades
from tests.bench.parts.disk import Device, Probe, clocked
from tests.bench.parts.growth import OURS, beside, deposits, growing
from tests.bench.parts.wanted import verdict

WANTED = {
    "append p50 / probe": ("<=", 1.6),
    "flushes an append": ("<=", 1.1),
    "written an append, KiB": ("<=", 20.0),
    "batches of 64, records/s": (">=", 20_000.0),
    "start, ms": ("<=", 150.0),
    "full verify, records/s": (">=", 250_000.0),
}


def appending(folder: Path, count: int) -> dict[str, float]:
    """Trades one append at a time, a snapshot every 1,000 records, as the Wal does it; then batches."""
    os.sync()  # What others have left to write is none of ours.
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
    with stores.opened(folder) as others:
        log = Log.open(folder / "beside.db")
        ratios = beside(log, others, Probe(folder), trades.appends(count))
        log.close()
    return {f"{name} p50 / probe": ratio for name, ratio in ratios.items()}


def measured(folder: Path, quick: bool) -> tuple[dict[str, float], list[dict]]:
    """The figures, and how they grow."""
    for name in ("appending", "rivals", "growing"):
        (folder / name).mkdir()
    found = appending(folder / "appending", 500 if quick else 2_000)
    found |= rivals(folder / "rivals", 300 if quick else 1_000)
    sizes = [10**3, 10**4, 10**5] if quick else [10**3, 10**4, 10**5, 10**6]
    grown = []
    for each in growing(folder / "growing", sizes):
        print(f"grown: {each}", flush=True)
        grown.append({name: getattr(each, name) for name in each.__struct_fields__})
    last = grown[-1]
    found |= {
        "records in the log": last["records"], "start, ms": last["start_ms"],
        "books in another process, ms": last["books_ms"], "full verify, records/s": last["verify_per_s"],
        "verify and fold, records/s": last["replay_per_s"], "on disk, MB": last["mb"][OURS],
    }  # fmt: skip
    return found, grown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Up to 100,000 records.")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hf-bench-", dir=options.json and options.json.parent) as name:
        found, growth = measured(Path(name), options.quick)
    judged = {row: verdict(WANTED, row, value) for row, value in found.items()}
    for row, value in found.items():
        print(f"{row:32}{value:14,.3f}  {judged[row]}")
    if options.json:
        rows = {row: {"ours": value, "verdict": judged[row]} for row, value in found.items()}
        options.json.write_text(json.dumps({**rows, "growth": growth}, indent=2))
        options.json.with_suffix(".svg").write_text(plot.drawn(growth))
        print(f"{options.json.with_suffix('.svg')}: how it grows")
    return int(any(each.startswith("NOT") for each in judged.values()))


if __name__ == "__main__":
    sys.exit(main())
