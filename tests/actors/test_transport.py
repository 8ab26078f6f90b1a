"""The transport, with real processes: order, loss, kills, and what is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from actors import frames, processes
from actors.base import Address, System
from actors.messages import Ping
from tests.actors.crowd import (
    Gossip,
    Heard,
    Heir,
    Item,
    Nursery,
    Peers,
    Sleep,
    alive,
    descendants,
    family,
    sockets,
    ticks,
    wait_until,
)

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.processes


# -- order and loss ----------------------------------------------------------------------------------
def heard_all(system: System, actors: list[Address], each: int) -> list[Heard]:
    def all_there() -> list[Heard] | None:
        answers = [system.ask(actor, Ping(number)) for number, actor in enumerate(actors)]
        complete = all(sum(a.counts.values()) == each * (len(actors) - 1) for a in answers)
        return answers if complete else None

    assert wait_until(all_there, 30)
    return all_there() or []


def test_six_actors_that_burst_at_each_other_lose_nothing_and_reorder_nothing(system):
    each = 700
    actors = [system.create(Gossip) for _ in range(6)]
    for actor in actors:
        system.tell(actor, Peers("go", tuple(a for a in actors if a != actor), each))
    for answer in heard_all(system, actors, each):
        assert answer.disorder == 0
        assert set(answer.counts.values()) == {each}
        assert len(answer.counts) == 5


def test_a_busy_receiver_keeps_nobody_waiting_but_its_own_messages_and_loses_none(system):
    hub, busy, free = (system.create(Gossip) for _ in range(3))
    system.tell(busy, Sleep(4.5))
    started = time.monotonic_ns()
    assert system.ask(hub, Peers("to busy", (busy,), 5000)) == Item("to busy", 5000)
    assert system.ask(hub, Peers("to free", (free,), 1)) == Item("to free", 1)
    answer = system.ask(free, Ping(1))
    assert sum(answer.counts.values()) == 1
    assert answer.after_ns - started < 4_500_000_000  # While the other still sleeps.
    assert wait_until(lambda: sum(system.ask(busy, Ping(2)).counts.values()) == 5000, 30)
    assert system.ask(busy, Ping(3)).disorder == 0


def test_five_megabytes_and_256_bits_arrive_as_they_were_sent(system):
    gossip = system.create(Gossip)
    item = Item("echo", 2**256 - 1, "€" * 5_000_000)
    for _ in range(2):  # The second begins where the first ends.
        assert system.ask(gossip, item, 20) == item


def test_a_message_beyond_the_limit_is_refused_where_it_is_sent(system, monkeypatch):
    gossip = system.create(Gossip)
    monkeypatch.setattr(frames, "MAX_BODY", 1000)
    with pytest.raises(ValueError, match="exceeds the limit of 1000: split it"):
        system.tell(gossip, Item("echo", 1, "x" * 1000))
    assert system.ask(gossip, Item("echo", 1)) == Item("echo", 1)


def test_a_peer_that_dies_takes_its_connection_along(system):
    gossip = system.create(Gossip)
    pid = next(iter(descendants(system.admin_pid)))
    assert system.ask(gossip, Item("echo", 1))
    before = sockets(pid)
    for number in range(5):
        other = system.create(Gossip)
        assert system.ask(gossip, Peers(f"p{number}", (other,), 1))
        assert system.ask(other, Ping(number))
        system.kill(other)
    assert wait_until(lambda: sockets(pid) == before)


def test_a_process_inherits_no_socket_of_its_parent(system):
    for _ in range(8):
        assert system.ask(system.create(Gossip), Item("echo", 1))
    _, pids = family(system, 2)
    assert sockets(pids[-1]) == 3  # It listens, hears its parent, and speaks to it.


# -- kills -------------------------------------------------------------------------------------------
def test_a_killed_child_is_reported_to_its_parent_once(system):
    _, pids = family(system, 1)
    os.kill(pids[1], signal.SIGKILL)
    assert system.listen(2) == Item("exited", 1)
    assert system.listen(0.5) is None


def test_the_last_words_of_a_child_come_before_the_news_of_its_end(system):
    for words in (0, 1, 200):  # As many as the kernel keeps for the dead.
        assert system.ask(system.create(Heir), Item("inherit", words)) == Item("inherit", words, "True")


def test_of_many_deaths_at_almost_the_same_time_each_is_reported_once(system):
    nursery = system.create(Nursery)
    system.ask(nursery, Item("beget", 30))
    for pid in descendants(system.admin_pid)[1:]:
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: system.ask(nursery, Item("ended?", 0)).number == 30, 20.0)
    assert system.ask(nursery, Item("still?", 0)).number == 30


def test_a_killed_parent_takes_its_descendants_along(system):
    _, pids = family(system, 3)
    os.kill(pids[1], signal.SIGKILL)
    assert wait_until(lambda: not any(map(alive, pids[1:])))
    assert alive(pids[0])


def test_a_killed_admin_takes_everybody_along_and_a_new_one_starts_at_once(run_dir):
    system = System.start(run_dir)
    _, pids = family(system, 2)
    admin = system.admin_pid
    os.kill(admin, signal.SIGKILL)
    assert wait_until(lambda: not any(map(alive, [admin, *pids])))
    assert system.admin_pid is None
    system.shutdown()
    successor = System.start(run_dir)
    assert successor.ask(successor.create(Gossip), Item("echo", 1)) == Item("echo", 1)
    successor.shutdown()
    assert not [path for path in run_dir.iterdir() if path.is_socket()]


LAUNCHER = """
import os, sys, time
sys.path[:0] = [{root!r}]
from tests.actors import crowd as t
system = t.System.start({run_dir!r})
print(system.admin_pid, *t.family(system, 2)[1], flush=True)
time.sleep(60)
"""


@pytest.fixture
def launcher(run_dir: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    code = LAUNCHER.format(root=str(ROOT), run_dir=str(run_dir))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, [int(each) for each in process.stdout.readline().split()]
        process.kill()


def test_a_killed_launcher_takes_the_admin_and_everybody_along(launcher):
    process, pids = launcher
    assert len(pids) == 4
    assert all(map(alive, pids))
    process.kill()
    assert wait_until(lambda: not any(map(alive, pids)))


# -- the end -----------------------------------------------------------------------------------------
def test_after_a_shutdown_there_is_no_process_and_no_socket(run_dir):
    system = System.start(run_dir)
    for _ in range(3):
        family(system, 2)
    pids = [system.admin_pid, *descendants(system.admin_pid)]
    assert len(pids) == 10
    system.shutdown()
    assert not any(map(alive, pids))
    assert [path.name for path in run_dir.iterdir()] == [processes.LOCK]


def test_a_sigterm_to_the_admin_is_a_shutdown(run_dir):
    system = System.start(run_dir)
    _, pids = family(system, 2)
    os.kill(system.admin_pid, signal.SIGTERM)
    assert wait_until(lambda: not any(map(alive, pids)))
    assert wait_until(lambda: system.admin_pid is None)
    system.shutdown()


def test_an_actor_that_does_not_listen_is_ended_by_force(run_dir, monkeypatch):
    monkeypatch.setattr("thespian.system.systemBase.MAX_SYSTEM_SHUTDOWN_DELAY", timedelta(seconds=0.2))
    monkeypatch.setattr("actors.base.PATIENCE_SECONDS", 0.2)
    system = System.start(run_dir)
    system.tell(system.create(Gossip), Sleep(30))
    pids = [system.admin_pid, *descendants(system.admin_pid)]
    system.shutdown()
    assert wait_until(lambda: not any(map(alive, pids)))


def test_nobody_uses_the_processor_while_there_is_nothing_to_do(system):
    family(system, 2)
    pids = [system.admin_pid, *descendants(system.admin_pid)]
    before = [ticks(pid) for pid in pids]
    time.sleep(2)
    assert [ticks(pid) for pid in pids] == before
