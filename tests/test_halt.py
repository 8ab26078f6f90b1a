"""halt-latch: nothing more is bought, restarts change nothing, and only an operator lifts it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.commands.folders import owner
from actors.messages import Halted, OrderOpened, Side
from storage.layout import log_path
from storage.log import records

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def command(*words, code=0):
    done = command_of(*words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def command_of(*words):
    line = [sys.executable, "run.py", *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def started(data_dir):
    """A simulated market that trades several times a second."""
    words = ("--feed", "simulated", "--speed", "20000", "--no-view", "--data-dir", str(data_dir))
    nowhere = subprocess.DEVNULL
    run = subprocess.Popen([sys.executable, "run.py", *words], cwd=ROOT, stdout=nowhere, stderr=nowhere)
    until(lambda: "running" in command_of("status", "--data-dir", str(data_dir)).stdout)
    return run


def until(truth):
    end = time.monotonic() + 60
    while not truth():
        assert time.monotonic() < end
        time.sleep(0.2)


def lsns(data_dir, fits):
    return [lsn for lsn, record in records(log_path(data_dir)) if fits(record.body)]


def buys(data_dir):
    return lsns(data_dir, lambda body: isinstance(body, OrderOpened) and body.order.side is Side.BUY)


def test_nothing_is_bought_after_a_halt_nor_after_a_restart_until_it_is_lifted(tmp_path):
    data_dir = tmp_path / "data"
    run = started(data_dir)
    until(lambda: buys(data_dir))
    assert "Halted" in command("halt", "--data-dir", str(data_dir), "--reason", "a rumour")
    (halted,) = lsns(data_dir, lambda body: isinstance(body, Halted))
    assert "HALTED (everything): a rumour" in command("status", "--data-dir", str(data_dir))
    assert "halted: everything: a rumour" in command("wal", "verify", "--data-dir", str(data_dir))
    run.kill()
    run.wait(10)
    until(lambda: owner(data_dir) is None)
    run = started(data_dir)
    assert "HALTED (everything): a rumour" in command("status", "--data-dir", str(data_dir))
    time.sleep(3)
    assert max(buys(data_dir)) < halted
    assert "--scope house: write" in command(
        "halt", "--scope", "house", "--reason", "x", "--data-dir", str(data_dir), code=2
    )
    refused = command("lift", "--scope", "wallet", "--reason", "x", "--data-dir", str(data_dir), code=2)
    assert '"wallet" is not halted (everything is)' in refused
    assert "Lifted" in command("lift", "--reason", "it was one", "--data-dir", str(data_dir))
    until(lambda: max(buys(data_dir)) > halted)
    command("stop", "--data-dir", str(data_dir))
    run.wait(30)
    assert "every promise is kept" in command("wal", "verify", "--data-dir", str(data_dir))
