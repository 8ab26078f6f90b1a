"""An actor that receives nothing for a while: what waits for it, what is lost, and who is told."""

import pytest
from msgspec import Struct

from actors.base import Actor, Done, Poisoned
from actors.messages import Drained, Durable, Id, Role
from tests.simulation.scheduler import Scheduler
from tests.simulation.stage import staged

ANSWER, WORD = Durable(Id("a"), 1), Drained(Role("wal"))  # The one is asked for again, the other is not.


class Tick(Struct, frozen=True):
    """A timer's message."""


class Listener(Actor):
    def __init__(self):
        super().__init__()
        self.heard = []

    def receive(self, message, sender):
        self.heard.append((message, sender.text))


@pytest.fixture
def scheduler():
    scheduler = Scheduler(1)
    scheduler.killed = lambda _: None
    return scheduler


def listener(scheduler):
    path = scheduler.create(Listener).addressDetails
    return path, scheduler.seats[path].actor


def run(scheduler, steps=50):
    for _ in range(steps):
        scheduler.step()


def test_whoever_is_stuck_receives_nothing_until_then_and_then_all_of_it_in_order(scheduler):
    path, actor = listener(scheduler)
    other, _ = listener(scheduler)
    scheduler.send(other, path, WORD)
    scheduler.stick(path, 5.0, room=None)
    scheduler.send(other, path, ANSWER)
    actor.wake(1.0, Tick())
    scheduler.timer(4.0, other, Tick())
    scheduler.step()
    scheduler.step()
    assert actor.heard == []
    run(scheduler)
    assert [message for message, sender in actor.heard if sender == other] == [WORD, ANSWER]
    assert (Tick(), path) in actor.heard


def test_a_full_mailbox_loses_an_answer_and_its_sender_is_told(scheduler):
    path, actor = listener(scheduler)
    other, sender = listener(scheduler)
    scheduler.stick(path, 5.0, room=1)
    scheduler.send(other, path, ANSWER)
    scheduler.send(other, path, ANSWER)
    run(scheduler)
    assert actor.heard == [(ANSWER, other)]
    ((told, _),) = sender.heard
    assert isinstance(told, Poisoned)
    assert told.id == "a"


def test_a_full_mailbox_loses_nothing_that_is_said_once(scheduler):
    path, actor = listener(scheduler)
    scheduler.stick(path, 5.0, room=0)
    scheduler.send("outside", path, WORD)
    run(scheduler)
    assert [message for message, _ in actor.heard] == [WORD]


async def doubled(number):
    return 2 * number


def test_what_runs_beside_an_actor_ends_at_once_and_arrives_as_a_message(scheduler):
    path, actor = listener(scheduler)
    with staged():
        actor.beside(doubled(21), "sum")
        actor.beside(doubled(None), "none")
    run(scheduler)
    assert actor.heard[0] == (Done("sum", 42), path)
    assert actor.heard[1][0].tag == "none"
    assert "TypeError" in actor.heard[1][0].error_text


def test_whoever_dies_while_he_is_stuck_leaves_nothing_behind(scheduler):
    path, _ = listener(scheduler)
    scheduler.stick(path, 5.0, room=None)
    scheduler.send("outside", path, WORD)
    scheduler.kill(path)
    assert not scheduler.step()
    assert not scheduler.stuck
