"""The System, seen from outside: answers, folders, other processes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.base import System
from actors.messages import Ping
from tests.actors.worker import Do, Say, Worker

ROOT = Path(__file__).parents[2]


@pytest.mark.processes
def test_a_late_answer_is_not_taken_for_the_next_one(system):
    worker = system.create(Worker)
    assert system.ask(worker, Do("first", "sleep", amount=0.4), 0.1) is None
    assert system.ask(worker, Do("second", "name")) == Say("second", "Worker")
    assert system.ask(worker, Ping(7)).number == 7
    assert system.listen(0.1) is None


@pytest.mark.processes
def test_what_arrives_while_an_answer_is_awaited_is_kept(system):
    worker = system.create(Worker)
    system.tell(worker, Do("news", "sleep", amount=0.1))
    assert system.ask(worker, Do("n", "name")) == Say("n", "Worker")
    assert system.listen(1) == Say("news", "slept")


@pytest.mark.processes
def test_a_question_to_the_dead_has_no_answer_and_takes_no_time(system):
    worker = system.create(Worker)
    system.kill(worker)
    assert system.ask(worker, Ping(1), 0.3) is None
    before = time.monotonic()
    system.tell(worker, Ping(2))
    assert time.monotonic() - before < 0.1


@pytest.mark.processes
def test_only_one_system_starts_in_a_folder(system, run_dir):
    with pytest.raises(
        RuntimeError, match=rf"\(process {system.admin_pid}\) already runs in .*: stop it first"
    ):
        System.start(run_dir)


def test_there_is_nothing_to_attach_to_where_nothing_runs(run_dir):
    with pytest.raises(RuntimeError, match=r"no actor system runs in .*: start it first"):
        System.attach(run_dir)
    with pytest.raises(RuntimeError, match="no actor system runs in"):
        System.attach(run_dir / "missing")


ATTACHED = """
import sys; sys.path[:0] = [{root!r}]
from actors.base import System
from actors.messages import Ping
system = System.attach({run_dir!r})
print(system.ask(system.find("boss"), Ping(5), 5).number, system.admin_pid)
"""


@pytest.mark.processes
def test_another_process_attaches_and_its_end_ends_nobody(system, run_dir):
    boss = system.create(Worker, "boss")
    code = ATTACHED.format(root=str(ROOT), run_dir=str(run_dir))
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30)
    assert other.stdout.decode().split() == ["5", str(system.admin_pid)]
    assert system.ask(boss, Ping(6)).number == 6
