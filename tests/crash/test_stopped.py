"""SIGSTOP, for real: who hangs hears no request to exit, so he is killed, and his successor goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest
import runs

from actors import processes

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]
ROWS = 3_000
# The run as it is, but that half a minute of silence is two seconds.
HASTY = """
import sys
from actors import supervisor
from run import main
supervisor.SILENT_PINGS, supervisor.GRACE_PINGS = 8, 4
sys.exit(main(sys.argv[1:]))
"""


def test_an_executor_that_is_stopped_is_killed_and_the_books_come_out_the_same(tmp_path):
    recording = runs.recording(tmp_path, ROWS)
    runs.to_the_end(recording, tmp_path / "calm")
    data_dir = tmp_path / "data"
    command = runs.command(recording, data_dir, "--speed", "40000")
    hasty = [sys.executable, "-c", HASTY, *command[2:]]
    with data_dir.with_suffix(".out").open("ab") as output:
        run = subprocess.Popen(hasty, cwd=runs.ROOT, stdout=output, stderr=output)
    until = time.monotonic() + 20
    while not (pid := runs.pid_of(data_dir, "executor")):
        assert time.monotonic() < until, data_dir.with_suffix(".out").read_text()[-2000:]
    os.kill(pid, signal.SIGSTOP)
    assert runs.gone([pid], 15.0)
    assert runs.end_of(run, 100) == 0, data_dir.with_suffix(".out").read_text()[-2000:]
    log = (data_dir / "logs/holdfast.log").read_text()
    assert "executor does not exit either: it is killed" in log
    assert "executor has died; its successor" in log
    assert runs.trades(data_dir) == runs.trades(tmp_path / "calm")
    assert runs.fills_of_log(data_dir) == runs.fills_of_venue(data_dir)


def test_nobody_is_killed_who_is_not_a_child_of_the_one_who_kills():
    """As it would be, had another process been given the number of one that is dead."""
    assert processes.child(os.getpid()) is None
    assert processes.child(os.getppid()) is None
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    assert processes.child(ended.pid) is None


def test_a_child_that_is_stopped_is_killed_by_its_handle():
    child = subprocess.Popen(["/bin/sleep", "60"])
    child.send_signal(signal.SIGSTOP)
    handle = processes.child(child.pid)
    processes.kill(handle)
    assert child.wait(10) == -signal.SIGKILL
    processes.kill(handle)  # Gone: nobody else is meant.
    os.close(handle)
