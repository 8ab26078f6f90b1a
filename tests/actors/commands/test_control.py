"""A run that is watched and ended from outside, as an operator does it: real processes, a real log."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.commands import control
from actors.commands.folders import owner, run_dir
from actors.messages import GOES_ON, Id, RunState, StatusReport
from storage import log
from storage.layout import log_path

pytestmark = pytest.mark.processes
RUN = str(Path(__file__).parents[3] / "run.py")


class Live:
    """A run in a data folder, and what can be asked about it."""

    def __init__(self, data_dir):
        self.data_dir, self.processes = data_dir, set()
        command = [sys.executable, RUN, "--feed", "simulated", "--speed", "600", "--data-dir", str(data_dir)]
        self.launcher = subprocess.Popen(
            [*command, "--no-view"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ask(self, *words, code=0):
        command = [sys.executable, RUN, *words, "--data-dir", str(self.data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def trades(self):
        """Wait until it has written something, and remember whom it consists of."""
        end = time.monotonic() + 20
        while not (log_path(self.data_dir).exists() and "running" in self.status()):
            assert time.monotonic() < end, "it does not get going"
            assert self.launcher.poll() is None, self.launcher.communicate()
        self.processes = family(self.launcher.pid)
        assert len(self.processes) > 8
        return self

    def status(self):
        command = [sys.executable, RUN, "status", "--data-dir", str(self.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    def ended(self):
        """Its exit code and what it said, once it is seen that nothing is left of it."""
        said, complaint = self.launcher.communicate(timeout=40)
        assert complaint == ""
        assert not [pid for pid in self.processes if is_alive(pid)]
        assert not (self.data_dir / "lock").exists()
        assert owner(self.data_dir) is None
        assert not run_dir(self.data_dir).exists()
        return self.launcher.returncode, said


def family(pid):
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def live(tmp_path):
    run = Live(tmp_path / "data")
    yield run.trades()
    if run.launcher.poll() is None:
        run.launcher.kill()
        run.launcher.communicate()


def test_a_running_system_says_so_and_stops_in_order_when_it_is_told(live):
    assert "PAPER, play money   running" in live.ask("status").stdout
    said = live.ask("stop").stdout.splitlines()
    assert said[0].startswith("Accepted: it finishes what is under way (draining")
    assert said[-1] == "Stopped."
    code, said = live.ended()
    assert code == 0
    assert "all 8 kept" in said
    assert "every promise is kept" in live.ask("wal", "verify").stdout
    assert "Nothing runs on" in live.ask("status", code=2).stderr


def test_a_stop_that_leaves_an_order_open_says_so(capsys):
    sentence = f"1 orders and 0 positions stay open: {GOES_ON}"
    report = StatusReport(Id("stop"), RunState.DRAINING, sentence, 1, {}, {}, {})
    assert control._stopped(report, close_positions=False) == 0
    assert capsys.readouterr().out.strip() == f"Stopped: {sentence}."


def test_a_close_that_leaves_something_open_or_unknown_is_not_done():
    for left in ("0 orders and 2 positions stay open", "the portfolio does not say what stays open"):
        report = StatusReport(Id("stop"), RunState.DRAINING, f"{left}: {GOES_ON}", 1, {}, {}, {})
        assert control._stopped(report, close_positions=True) == 1


def test_an_end_that_nobody_has_seen_is_no_stop(capsys):
    report = StatusReport(Id("stop"), RunState.DRAINING, "finishes what is under way", 1, {}, {}, {})
    assert control._stopped(report, close_positions=False) == 1
    assert "ended without a word (draining; what is open is not known yet)" in capsys.readouterr().out


def test_a_stop_is_told_again_to_the_successor_of_a_supervisor_that_died(live):
    command = [sys.executable, RUN, "stop", "--data-dir", str(live.data_dir)]
    wal = int(live.ask("status", "--process", "wal").stdout)
    supervisor = int(Path(f"/proc/{wal}/stat").read_text().rpartition(")")[2].split()[1])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stopping:
        assert stopping.stdout.readline().startswith("Accepted")
        os.kill(supervisor, signal.SIGKILL)
        said, _ = stopping.communicate(timeout=60)
    assert (stopping.returncode, said) == (0, "Stopped.\n")
    code, said = live.launcher.communicate(timeout=40)[0], live.launcher.returncode
    assert said == 0, code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_with_exit_code_0_and_nothing_left(live, number):
    os.kill(live.launcher.pid, number)
    assert_in_order(*live.ended())


def test_ctrl_c_reaches_every_process_and_the_run_still_ends_in_order(live):
    os.killpg(live.launcher.pid, signal.SIGINT)
    assert_in_order(*live.ended())


def assert_in_order(code, said):
    assert code == 0
    assert "Stopping: finishes what is under way" in said
    assert "stopped:" in said


def test_its_data_folder_is_its_own(live):
    before = log.head_of(log_path(live.data_dir)).lsn
    for words in (("--feed", "simulated", "--no-view"), ("wal", "rebuild")):
        refused = live.ask(*words, code=2)
        assert refused.stdout == ""
        assert len(refused.stderr.splitlines()) == 1
        assert f"belongs to a running instance (process {live.launcher.pid})" in refused.stderr
    assert "running" in live.status()
    assert log.head_of(log_path(live.data_dir)).lsn >= before
    live.ask("stop")
    assert live.ended()[0] == 0
    assert "rebuilt from" in live.ask("wal", "rebuild").stdout


def test_a_role_has_a_process_that_can_be_named_and_what_is_no_role_has_none(live):
    pid = int(live.ask("status", "--process", "executor").stdout)
    assert pid in live.processes
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while live.ask("status").stdout and not is_replaced(live, pid):
        assert time.monotonic() < end
    assert 'No process plays "cook"' in live.ask("status", "--process", "cook", code=2).stderr
    live.ask("stop")
    assert live.ended()[0] == 0


def is_replaced(live, pid):
    command = [sys.executable, RUN, "status", "--process", "executor", "--data-dir", str(live.data_dir)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout.strip()
    return said.isdigit() and int(said) != pid and "running" in live.status()
