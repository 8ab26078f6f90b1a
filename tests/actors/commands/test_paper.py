"""The launcher's conversation with a supervisor: one that behaves, and some that do not."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from msgspec import to_builtins

from actors.base import Actor
from actors.commands import paper
from actors.commands.folders import run_dir
from actors.commands.paper import trade
from actors.commands.refused import FailedError
from actors.messages import GetStatus, Id, Ping, RunState, Start, StatusReport, Stop
from actors.processes import admin_pid
from storage.config import Run, Settings

pytestmark = pytest.mark.processes


class Steady(Actor):
    """Runs until it is told to stop; stops at once."""

    state = RunState.STARTING
    stops_after = 0.1
    ends_by_itself = False

    def receive(self, message, sender):
        match message:
            case Start():
                self.state = RunState.STOPPED if self.ends_by_itself else RunState.RUNNING
            case Stop():
                self.state = RunState.DRAINING
                self.tell(sender, self.report(message.id))
                self.wake(self.stops_after, Ping(1))
            case Ping():
                self.state = RunState.STOPPED
            case GetStatus():
                self.tell(sender, self.report(message.id))

    def report(self, id):
        facts = {"executor": {"in_flight": ["buy:1"], "unknown": 1}}
        return StatusReport(id, self.state, "well", 1, {}, facts, {"supervisor": os.getpid()})


class Short(Steady):
    ends_by_itself = True


class Stubborn(Steady):
    stops_after = 3600


class Failing(Steady):
    def report(self, id):
        return StatusReport(id, RunState.FAILED, "the disk is full: free some space", 1, {}, {})


class Mortal(Steady):
    """Dies of every third question."""

    asked = 0

    def receive(self, message, sender):
        self.asked += isinstance(message, GetStatus)
        if self.asked == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        super().receive(message, sender)


class Spoken:
    """A view that remembers what it was told."""

    def __init__(self):
        self.reports, self.sentences = [], []

    def show(self, report):
        self.reports.append(report)

    def say(self, sentence):
        self.sentences.append(sentence)

    def close(self):
        pass


@pytest.fixture
def watch(tmp_path):
    view = Spoken()

    def run(supervisor, **choices):
        settings = Settings(run=Run(data_dir=str(tmp_path), **choices))
        begin = Start(Id("start"), to_builtins(settings), to_builtins(settings.run))
        return trade(begin, settings.run, tmp_path, view, supervisor), view

    yield run
    assert not run_dir(tmp_path).exists(), "sockets or locks were left behind"


def interrupt(*after_seconds):
    """Ctrl-C, from another thread, while the main one waits."""
    for seconds in after_seconds:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def processes_of(view):
    return {pid for report in view.reports for pid in report.pids.values()}


def is_alive(pid):
    """A zombie that init has not buried yet is dead enough."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_that_ends_by_itself_is_watched_to_its_end(watch):
    last, view = watch(Short)
    assert last.state is RunState.STOPPED
    assert not any(map(is_alive, processes_of(view)))


def test_an_interrupt_is_a_stop_in_order(watch):
    interrupt(0.6)
    last, view = watch(Steady)
    assert last.state is RunState.STOPPED
    assert view.sentences == ["Stopping: finishes what is under way, 30 s at most."]
    assert RunState.RUNNING in {report.state for report in view.reports}


def test_a_second_interrupt_says_what_is_still_going_on_and_too_long_a_stop_is_ended_hard(watch, monkeypatch):
    monkeypatch.setattr(paper, "GRACE_SECONDS", 1.0)
    interrupt(0.6, 1.4)
    last, view = watch(Stubborn, drain_seconds=1)
    assert last is None
    unknown = "order buy:1, 1 orders whose outcome the venue has not told yet"
    assert view.sentences[1] == f"Still draining; open: {unknown}."
    assert view.sentences[2].startswith(f"Not stopped after 1 s (draining; open: {unknown}): ended hard.")
    assert not any(map(is_alive, processes_of(view)))


def test_a_failed_run_ends_with_its_sentence(watch):
    last, _ = watch(Failing)
    assert (last.state, last.sentence) == (RunState.FAILED, "the disk is full: free some space")


def test_a_supervisor_that_dies_has_a_successor_and_one_that_always_dies_ends_the_run(watch):
    with pytest.raises(FailedError, match="has died 6 times"):
        watch(Mortal)


def test_the_end_of_the_admin_is_noticed_and_said(watch, tmp_path):
    def kill():
        pid = admin_pid(str(run_dir(tmp_path)))
        assert pid
        os.kill(pid, signal.SIGKILL)

    threading.Timer(1.0, kill).start()
    began = time.monotonic()
    with pytest.raises(FailedError, match="The actor system has ended"):
        watch(Steady)
    assert time.monotonic() - began < 5


def test_handlers_of_signals_are_put_back(watch):
    before = signal.getsignal(signal.SIGINT)
    watch(Short)
    assert signal.getsignal(signal.SIGINT) is before
