"""A whole run, all its processes, as fast as it goes: bars a second, memory, time to the first bar.

    .venv/bin/python -m tests.bench.whole [--quick] [--json PATH] [--recording PATH]

Once with lines of text and once with the terminal view, in a pseudo-terminal.
"""

import argparse
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from actors.base import Address, System
from actors.commands.facts import facts_of
from actors.commands.folders import running_dir
from actors.commands.refused import CannotRunError
from actors.messages import GetStatus, Id, StatusReport

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT.parent / "shared/data/dex/univ3_polygon_usdc_weth_005_minute_2022-07-19_2022-08-22.csv.gz"
WANTED = {
    "bars/s": (">=", 1000.0),
    "memory of all processes, MB": ("<=", 250.0),
    "to the first bar, s": ("<=", 3.0),
}
LOOK_SECONDS = 0.2


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


def bars_seen(data_dir: Path, known: list[tuple[System, Address]]) -> int:
    """What the run itself says, asked as `run.py status` does; 0 as long as nobody answers."""
    try:
        if not known:
            system = System.attach(running_dir(data_dir))
            if (supervisor := system.find("supervisor")) is None:
                return 0
            known.append((system, supervisor))
    except (CannotRunError, RuntimeError):
        return 0
    system, supervisor = known[0]
    report = system.ask(supervisor, GetStatus(Id(f"bench-{time.monotonic_ns()}")), 1.0)
    return facts_of(report).market.bars if isinstance(report, StatusReport) else 0


def drain(terminal: int, said: list[str]) -> None:
    """Read what is drawn, as a terminal does, to its end."""
    with suppress(OSError):
        while data := os.read(terminal, 1 << 16):
            said.append(data.decode(errors="replace"))


def watched(command: list[str], data_dir: Path) -> Run:
    """Run it in a pseudo-terminal; ask until the first bar is handled, then only look at its memory."""
    master, slave = pty.openpty()
    said: list[str] = []
    known: list[tuple[System, Address]] = []
    began, first, most, processes = time.monotonic(), 0.0, 0.0, 0
    child = subprocess.Popen(command, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    reader = threading.Thread(target=drain, args=(master, said))
    reader.start()
    while child.poll() is None:
        if not first and bars_seen(data_dir, known):
            first = time.monotonic() - began
        pids = family(child.pid)
        used = memory_mb(pids)
        most, processes = (used, len(pids)) if used > most else (most, processes)
        time.sleep(LOOK_SECONDS if first else 0.02)
    seconds = time.monotonic() - began
    reader.join(10)
    os.close(master)
    if child.returncode != 0:
        raise SystemExit(f"the run has failed:\n{''.join(said)[-2000:]}")
    bars = json.loads((data_dir / "out.json").read_text())["bars"]
    return Run(bars, first, seconds, most, processes)


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
    parser.add_argument("--quick", action="store_true", help="Lines of text only.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    options = parser.parse_args()
    if not options.recording.exists():
        print(f"{options.recording} is not here: nothing is measured; name another with --recording.")
        return 0
    runs = {"lines": measured(options.recording, view=False)}
    if not options.quick:
        runs["view"] = measured(options.recording, view=True)
    print(f"{'':28}" + "".join(f"{name:>12}" for name in runs))
    rows = {row: {name: run[row] for name, run in runs.items()} for row in runs["lines"]}
    judged = {row: verdict(row, list(values.values())) for row, values in rows.items()}
    for row, values in rows.items():
        print(f"{row:28}" + "".join(f"{value:12.3f}" for value in values.values()) + f"  {judged[row]}")
    if options.json:
        found = {row: {**values, "verdict": judged[row]} for row, values in rows.items()}
        options.json.write_text(json.dumps(found, indent=2))
    return int(any(each.startswith("NOT") for each in judged.values()))


if __name__ == "__main__":
    sys.exit(main())
