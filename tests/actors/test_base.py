"""What a handler of our Actor may rely on, with real processes and in process."""

import os
import signal
import time
from pathlib import Path

import pytest

from actors.base import Address, Poisoned
from tests.actors.worker import Confused, Do, Say, Worker, diary, diary_of, pid_of

ROOT = Path(__file__).parents[2]


# -- addresses ---------------------------------------------------------------------------------------
def test_an_address_is_final_when_spawn_returns_and_the_same_from_every_side(any_system):
    parent = any_system.create(Worker)
    child = any_system.ask(parent, Do("spawned", "spawn")).text
    assert diary_of(any_system, parent, 1) == [f"child:{child}"]
    any_system.kill(Address(child))
    assert diary_of(any_system, parent, 2)[1] == f"exited:{child}"


def test_a_global_name_is_found_and_belongs_to_one_actor(any_system):
    assert any_system.find("boss") is None
    boss = any_system.create(Worker, "boss")
    assert any_system.create(Worker, "boss") == boss
    assert any_system.find("boss") == boss
    assert any_system.find("nobody") is None


@pytest.mark.processes
def test_an_actor_is_named_by_its_global_name_or_its_class(system):
    assert system.ask(system.create(Worker, "boss"), Do("n", "name")).text == "boss"
    assert system.ask(system.create(Worker), Do("n", "name")).text == "Worker"


# -- failure -----------------------------------------------------------------------------------------
def test_a_handler_that_fails_runs_once_and_the_sender_is_told_why(any_system, tmp_path):
    parent = any_system.create(Worker)
    child = Address(any_system.ask(parent, Do("spawned", "spawn")).text)
    any_system.tell(child, Do("f", "keep", path=str(tmp_path / "log")))
    answer = any_system.ask(child, Do("wrong", "fail"))
    assert answer == Poisoned("Worker cannot handle Do: ValueError('as told')", "wrong")
    assert diary_of(any_system, parent, 2) == [f"child:{child.text}", f"exited:{child.text}"]
    any_system.ask(parent, Do("pause", "sleep", amount=0.3))
    assert len(diary(any_system, parent)) == 2
    assert (tmp_path / "log").read_text() == "failing\n"  # Once, and no on_exit on a broken state.


def test_what_is_queued_behind_a_failure_is_not_handled(any_system):
    worker = any_system.create(Worker)
    any_system.tell(worker, Do("nap", "sleep", amount=0.1))
    any_system.tell(worker, Do("bad", "fail"))
    any_system.tell(worker, Do("late", "diary"))
    heard = [any_system.listen(1) for _ in range(3)]
    assert heard[0] == Say("nap", "slept")
    assert isinstance(heard[1], Poisoned)
    assert heard[2] is None


def test_an_actor_hears_what_its_peer_could_not_handle(any_system):
    one, other = any_system.create(Worker), any_system.create(Worker)
    any_system.tell(one, Do("q", "make fail", other))
    assert diary_of(any_system, one, 1) == ["poisoned:q:Worker cannot handle Do: ValueError('as told')"]


def test_an_actor_that_fails_even_at_exiting_is_gone_all_the_same(any_system):
    confused = any_system.create(Confused)
    any_system.kill(confused)
    assert any_system.ask(confused, Say("a"), 0.3) is None
    assert isinstance(any_system.ask(any_system.create(Confused), Say("b")), Poisoned)


def test_a_message_that_is_not_registered_is_a_failure_of_who_sends_it(any_system):
    answer = any_system.ask(any_system.create(Worker), Do("p", "tell private"))
    assert "Private can not travel" in answer.text


# -- exiting -----------------------------------------------------------------------------------------
def test_after_stop_nothing_more_is_received_and_on_exit_runs(any_system, tmp_path):
    worker = any_system.create(Worker)
    any_system.tell(worker, Do("f", "keep", path=str(tmp_path / "log")))
    any_system.tell(worker, Do("bye", "stop"))
    any_system.tell(worker, Do("late", "diary"))
    assert any_system.listen(1) == Say("bye", "stopping")
    assert any_system.listen(0.5) is None
    assert (tmp_path / "log").read_text() == "on_exit\n"


@pytest.mark.processes
def test_an_exit_goes_down_the_family_and_the_eldest_is_the_last_to_be_gone(system, tmp_path):
    top = system.create(Worker)
    middle = Address(system.ask(top, Do("s", "spawn")).text)
    bottom = Address(system.ask(middle, Do("s", "spawn")).text)
    for name, worker in (("top", top), ("middle", middle), ("bottom", bottom)):
        system.tell(worker, Do("f", "keep", path=str(tmp_path / name)))
        assert pid_of(system, worker)
    pid = pid_of(system, top)
    system.kill(top)
    end = time.monotonic() + 3
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    files = [tmp_path / name for name in ("top", "middle", "bottom")]
    assert [file.read_text() for file in files] == ["on_exit\n"] * 3  # Who exits hears of no other's end.
    order = [file.stat().st_mtime_ns for file in files]
    assert order == sorted(order)


@pytest.mark.processes
def test_who_is_asked_twice_to_exit_prepares_for_it_once(system, tmp_path):
    parent = system.create(Worker)
    child = Address(system.ask(parent, Do("s", "spawn")).text)
    system.tell(parent, Do("f", "keep", path=str(tmp_path / "log")))
    system.tell(child, Do("z", "sleep", amount=0.4))
    time.sleep(0.1)  # It is at it.
    system.kill(parent)
    system.kill(parent)
    assert system.listen(1) == Say("z", "slept")
    assert (tmp_path / "log").read_text() == "on_exit\n"


@pytest.mark.processes
def test_a_sigterm_is_a_request_to_exit(system, tmp_path):
    parent = system.create(Worker)
    child = Address(system.ask(parent, Do("s", "spawn")).text)
    system.tell(child, Do("f", "keep", path=str(tmp_path / "log")))
    os.kill(pid_of(system, child), signal.SIGTERM)
    assert diary_of(system, parent, 2)[1] == f"exited:{child.text}"
    assert (tmp_path / "log").read_text() == "on_exit\n"


@pytest.mark.processes
def test_an_exit_is_told_when_the_process_is_gone(system):
    parent = system.create(Worker)
    child = Address(system.ask(parent, Do("s", "spawn")).text)
    pid = pid_of(system, child)
    system.tell(parent, Do("k", "kill", child))
    assert diary_of(system, parent, 2)[1] == f"exited:{child.text}"
    assert not Path(f"/proc/{pid}").exists()


# -- time --------------------------------------------------------------------------------------------
@pytest.mark.processes
@pytest.mark.parametrize("asleep", [0.0, 0.5])
def test_timers_fire_in_the_order_in_which_they_are_due_even_if_all_are_late(system, asleep):
    worker = system.create(Worker)
    system.tell(worker, Do("t", "timers", amount=asleep))
    fired = ["now", "0.1", "0.1", "0.2", "0.3"]
    assert diary_of(system, worker, 5) == [f"private:{each}:True" for each in fired]


def test_now_is_the_wall_clock(any_system):
    before = time.time_ns()
    now = int(any_system.ask(any_system.create(Worker), Do("n", "now")).text)
    assert before <= now <= time.time_ns()
