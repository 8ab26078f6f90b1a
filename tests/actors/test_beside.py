"""Asyncio work beside the mailbox."""

import time
from pathlib import Path

import pytest

from actors.base import Address, System
from tests.actors.worker import Do, Worker, diary, diary_of, pid_of

ROOT = Path(__file__).parents[2]


@pytest.mark.processes
def test_work_beside_the_mailbox_leaves_it_open_and_reports_its_end(system):
    worker = system.create(Worker)
    system.tell(worker, Do("b", "beside", amount=0.4))
    asked = time.monotonic()
    assert pid_of(system, worker)
    assert time.monotonic() - asked < 0.3
    lines = diary_of(system, worker, 5)
    posted = [line for line in lines if line.startswith("private")]
    assert posted == ["private:0:True", "private:1:True", "private:2:True"]
    assert "crashed:bad:ConnectionError: no route" in lines
    assert lines[-1] == "done:slow:42"


def test_where_nothing_runs_beside_the_work_is_done_at_once():
    system = System.in_process()
    worker = system.create(Worker)
    system.tell(worker, Do("b", "beside"))
    assert diary(system, worker)[-2:] == ["done:slow:42", "crashed:bad:ConnectionError: no route"]
    system.shutdown()


@pytest.mark.processes
def test_an_actor_with_a_thread_must_not_spawn(system):
    worker = system.create(Worker)
    system.tell(worker, Do("b", "beside"))
    answer = system.ask(worker, Do("s", "spawn"))
    assert "must not spawn" in answer.text


@pytest.mark.processes
def test_the_thread_beside_does_not_keep_an_exiting_actor_alive(system):
    parent = system.create(Worker)
    child = Address(system.ask(parent, Do("s", "spawn")).text)
    system.tell(child, Do("b", "beside", amount=60))
    assert pid_of(system, child)
    told = time.monotonic()
    system.tell(parent, Do("k", "kill", child))
    assert diary_of(system, parent, 2)[1] == f"exited:{child.text}"
    assert time.monotonic() - told < 0.8
