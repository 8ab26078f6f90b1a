"""A whole run, all its processes, as fast as it goes: bars a second, memory, time to the first bar.

    .venv/bin/python -m tests.bench.whole [--json PATH] [--recording PATH]

Once with lines of text and once with the terminal view, in a pseudo-terminal.
"""

import argparse
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT.parent / "shared/data/dex/univ3_polygon_usdc_weth_005_minute_2022-07-19_2022-08-22.csv.gz"
WANTED = {"bars/s": (">=", 1000.0), "memory of all processes, MB": ("<=", 250.0), "to the first bar, s": ("<=", 3.0)}
LOOK_SECONDS = 0.1
SEEN_BARS = re.compile(r"\b([1-9][\d,]*) (?:of [\d,]+ )?bars, \d+ %")


class Run(Struct, frozen=True):
    bars: int
    first_bar_s: float
    seconds: float
    memory_mb: float
    processes: int


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    found = [pid]
    for each in found:
        try:
            found += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
        except OSError:
            continue
    return found


def memory_mb(pids: list[int]) -> float:
    """Proportional set size: what processes share is counted once."""
    kilobytes = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return kilobytes / 1024


def first_record_of(data_dir: Path) -> bool:
    """Whether a strategy has seen a bar: the market's place in the log of what the processes say."""
    path = data_dir / "logs/holdfast.log"
    return path.exists() and "first bar" in path.read_text()


def watched(command: list[str], data_dir: Path) -> Run:
    """Run it in a pseudo-terminal, and look at it now and then."""
    master, slave = pty.openpty()
    began = time.monotonic()
    child = subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said, most, processes, first, looked = "", 0.0, 0, 0.0, 0.0
    while True:
        if select.select([master], [], [], LOOK_SECONDS)[0]:
            try:
                said += os.read(master, 1 << 16).decode(errors="replace")
            except OSError:  # Its end.
                break
        now = time.monotonic()
        if not first and SEEN_BARS.search(said):
            first = now - began
        if now - looked >= LOOK_SECONDS:
            looked, pids = now, family(child.pid)
            used = memory_mb(pids)
            most, processes = (used, len(pids)) if used > most else (most, processes)
    os.close(master)
    if child.wait(60) != 0:
        raise SystemExit(f"the run has failed:\n{said[-2000:]}")
    bars = json.loads((data_dir / "out.json").read_text())["bars"]
    return Run(bars, first, time.monotonic() - began, most, processes)


def probe_ms(folder: Path) -> float:
    """What this disk takes for 256 bytes to be there for certain: median of 101, in milliseconds."""
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(101):
            began = time.monotonic()
            file.write(bytes(256))
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
    return sorted(times)[50] * 1000


def measured(recording: Path, view: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="hf-bench-") as name:
        data_dir = Path(name)
        command = [
            sys.executable, "run.py", "paper", "--recording", str(recording), "--speed", "max", "--until-end",
            "--data-dir", name, "--summary", f"{name}/out.json", *([] if view else ["--no-view"]),
        ]  # fmt: skip
        run = watched(command, data_dir)
        return {
            "bars": run.bars,
            "bars/s": run.bars / run.seconds,
            "bars/s after the first": run.bars / (run.seconds - run.first_bar_s),
            "whole run, s": run.seconds,
            "to the first bar, s": run.first_bar_s,
            "memory of all processes, MB": run.memory_mb,
            "processes": run.processes,
            "256 bytes on disk, p50 ms": probe_ms(data_dir),
        }


def verdict(row: str, values: list[float]) -> str:
    if row not in WANTED:
        return ""
    sign, limit = WANTED[row]
    good = all(value >= limit if sign == ">=" else value <= limit for value in values)
    return f"{'as wanted' if good else 'NOT AS WANTED'}: {sign} {limit:g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    options = parser.parse_args()
    if not options.recording.exists():
        print(f"{options.recording} is not here: nothing measured; name another with --recording.")
        return 0
    lines, view = measured(options.recording, view=False), measured(options.recording, view=True)
    rows, bad = {}, 0
    print(f"{'':28}{'lines':>12}{'view':>12}")
    for row, value in lines.items():
        judged = verdict(row, [value, view[row]])
        bad += judged.startswith("NOT")
        rows[row] = {"lines": value, "view": view[row], "verdict": judged}
        print(f"{row:28}{value:12.3f}{view[row]:12.3f}  {judged}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
