"""Real runs for the crash tests: start, kill, start again; and what the log and the venue say afterwards."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.messages import Dead, Landed, OrderOpened, Reverted, RolledBack
from chains.paper.book import Book
from storage import log
from storage.layout import log_path, venue_path

ROOT = Path(__file__).parent.parent.parent
RECORDING = ROOT.parent / "shared/data/dex/univ3_polygon_usdc_weth_005_minute_2022-07-19_2022-08-22.csv.gz"
NAME = "univ3_polygon_usdc_weth_005_minute_2022-07-19_2022-07-26.csv"
BUSY = """
[momentum]
timeframe_minutes = 5
entry_bars = 24
exit_bars = 12
atr_bars = 12
trail_atr = 3.0
[exits]
stop_bps = 100
take_profit_bps = 80
trailing_bps = 60
[limits]
cooldown_minutes = 5
loss_streak = 100
[paper]
revert_bps = 800
timeout_bps = 800
drop_bps = 800
unanswered_bps = 1000
"""


def recording(folder: Path, rows: int) -> Path:
    """The first rows of the real recording, as a file of the test's own."""
    if not RECORDING.exists():
        pytest.skip(f"{RECORDING.name} is not there: the market data lies beside the project")
    path = folder / NAME
    with gzip.open(RECORDING, "rt") as whole, path.open("w") as part:
        for _, line in zip(range(rows + 1), whole, strict=False):
            part.write(line)
    (folder / "busy.toml").write_text(BUSY)
    return path


def command(recording: Path, data_dir: Path, *more: str) -> list[str]:
    return [
        sys.executable, str(ROOT / "run.py"), "paper", "--config", str(recording.parent / "busy.toml"),
        "--recording", str(recording), "--until-end", "--data-dir", str(data_dir), "--no-view",
        *(more or ("--speed", "max")), "--summary", str(data_dir.with_suffix(".json")),
    ]  # fmt: skip


def start(recording: Path, data_dir: Path, *more: str) -> subprocess.Popen[bytes]:
    output = data_dir.with_suffix(".out").open("ab")
    with output:
        return subprocess.Popen(command(recording, data_dir, *more), cwd=ROOT, stdout=output, stderr=output)


def to_the_end(recording: Path, data_dir: Path, *more: str) -> dict:
    run = start(recording, data_dir, *more)
    assert end_of(run, 100) == 0, data_dir.with_suffix(".out").read_text()[-2000:]
    return json.loads(data_dir.with_suffix(".json").read_text())


def end_of(run: subprocess.Popen[bytes], seconds: float) -> int | None:
    """How a run ended; None if it did not, and then nothing of it is left behind."""
    try:
        return run.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_all(run)
        return None


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def kill_all(run: subprocess.Popen[bytes]) -> list[int]:
    """SIGKILL to every process of a run in one go; the ids of the processes."""
    pids = family(run.pid)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait(10)
    return pids


def pid_of(data_dir: Path, role: str) -> int:
    """The process that plays a role now; 0 if that can not be known."""
    script = [sys.executable, str(Path(__file__).with_name("pid_of.py")), str(data_dir), role]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = subprocess.run(script, capture_output=True, text=True, timeout=20, env=environment, check=False)
    return int(asked.stdout) if asked.returncode == 0 else 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pids: list[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def trades(data_dir: Path) -> list[tuple]:
    """Token, side, bar time, amounts, fee, and the kind of end, in the order of the log."""
    orders, found = {}, []
    for _, record in log.records(log_path(data_dir)):
        body = record.body
        if isinstance(body, OrderOpened):
            orders[body.order.id] = body.order
        elif isinstance(body, Landed | Reverted | Dead | RolledBack):
            order = orders[body.order]
            amounts = (order.amount_in, getattr(body, "amount_out", None), getattr(body, "fee", None))
            found.append((order.token, order.side, order.at_ns, *amounts, type(body).__name__, order.reason))
    return found


def fills_of_log(data_dir: Path) -> dict[str, tuple[str, int, int, int]]:
    """By transaction: how it ended on chain, according to our books."""
    found = {}
    for _, record in log.records(log_path(data_dir)):
        body = record.body
        if isinstance(body, Landed):
            assert body.tx_id not in found, f"{body.tx_id} is booked twice"
            found[body.tx_id] = ("landed", body.amount_in, body.amount_out, body.fee)
        elif isinstance(body, Reverted):
            assert body.tx_id not in found, f"{body.tx_id} is booked twice"
            found[body.tx_id] = ("reverted", 0, 0, body.fee)
    return found


def fills_of_venue(data_dir: Path) -> dict[str, tuple[str, int, int, int]]:
    """By transaction: how it ended on chain, according to the chain."""
    book = Book(venue_path(data_dir))
    try:
        return {
            tx.tx_id: (tx.status, tx.amount_in, tx.amount_out, tx.fee)
            for tx in book.transactions()
            if tx.status in {"landed", "reverted"}
        }
    finally:
        book.close()
