"""What all actors share, from outside: messages in, messages out, in real processes."""

import time

import msgspec
import pytest

from actors.base import Actor, System
from actors.member import Member
from actors.messages import (
    Address,
    Begin,
    Committed,
    Directory,
    Durable,
    Id,
    Offered,
    Ping,
    Pong,
    Ready,
    Role,
    Snapshot,
    Subscribe,
    Ticks,
)
from storage import logs
from storage.books import fold
from storage.config import Run, Settings
from storage.snapshots import packed
from tests.actors.alone import alone
from tests.deals import busy_desk


class Asker(Member):
    """Asks the one that it is told is the log, until that answers."""

    follows_log = False

    def met(self, role):
        if role == "wal":
            self.ask("question", Role("wal"), Ping(7))

    def opened(self):
        self.heard = []

    def hear(self, message, _sender):
        match message:
            case Durable():
                self.answered("question")
            case Offered() | Ticks():
                self.heard.append(type(message).__name__)
            case Pong():
                pass

    def facts(self):
        return {"heard": self.heard}


def begin(tmp_path):
    run = Run(data_dir=str(tmp_path))
    return Begin(Role("asker"), msgspec.to_builtins(Settings()), msgspec.to_builtins(run))


@pytest.fixture
def asker(system: System, tmp_path):
    (tmp_path / "logs").mkdir()
    address = system.create(Asker)
    system.tell(address, begin(tmp_path))
    return address


class Deaf(Actor):
    """A peer that never answers, but counts."""

    def __init__(self):
        super().__init__()
        self.pings = 0

    def receive(self, message, sender):
        match message:
            case Ping(7):
                self.pings += 1
            case Ping(number):
                self.tell(sender, Pong(Role("deaf"), number, {"pings": self.pings}))


def pings(system: System, peer: Address, number: int) -> int:
    return system.ask(peer, Ping(number)).facts["pings"]


def test_a_question_is_repeated_until_it_is_answered(system, asker):
    peer = system.create(Deaf)
    system.tell(asker, Directory(1, {Role("wal"): peer}))
    assert system.listen(2.5) is None
    heard = pings(system, peer, 100)
    assert heard >= 2
    system.tell(asker, Durable(Id("x"), 1))
    assert system.listen(1.5) is None
    after = pings(system, peer, 101)
    assert system.listen(1.5) is None
    assert pings(system, peer, 102) == after


def test_a_successor_is_asked_at_once_and_an_older_directory_changes_nothing(system, asker):
    first, second = system.create(Deaf), system.create(Deaf)
    system.tell(asker, Directory(2, {Role("wal"): first}))
    system.tell(asker, Directory(3, {Role("wal"): second}))
    system.tell(asker, Directory(1, {Role("wal"): first}))
    assert system.ask(asker, Ping(5)).role == "asker"
    assert pings(system, second, 100) >= 1
    before = pings(system, first, 101)
    assert system.listen(1.5) is None
    assert pings(system, first, 102) == before


def test_what_arrives_before_the_beginning_is_kept(system, tmp_path):
    (tmp_path / "logs").mkdir()
    address = system.create(Asker)
    system.tell(address, Ping(3))
    assert system.listen(0.3) is None
    system.tell(address, begin(tmp_path))
    assert system.listen(2.0).number == 3


class Speaker(Actor):
    """Says what it hears to the asker."""

    def __init__(self):
        super().__init__()
        self.asker = None

    def receive(self, message, _sender):
        match message:
            case Directory(_, actors):
                self.asker = actors[Role("asker")]
            case Offered() | Ticks():
                self.tell(self.asker, message)


def test_what_a_market_offers_waits_until_the_directory_names_it(system, asker):
    """Answered at once, the answer would go to its dead predecessor, and both would wait for ever."""
    old, new = system.create(Speaker), system.create(Speaker)
    for speaker in (old, new):
        system.tell(speaker, Directory(1, {Role("asker"): asker}))
    system.tell(asker, Directory(1, {Role("market"): old}))
    system.tell(new, Offered((), 60))
    system.tell(new, Ticks((), 0, 0))
    assert heard(system, asker) == []
    system.tell(asker, Directory(2, {Role("market"): new}))
    system.tell(new, Ticks((), 0, 0))
    system.tell(old, Ticks((), 0, 0))
    assert heard(system, asker) == ["Offered", "Ticks"]


def heard(system, asker):
    """Once everything that was said before has arrived."""
    time.sleep(0.2)
    return system.ask(asker, Ping(1)).facts["heard"]


class Reader(Member):
    """Keeps books."""

    def opened(self):
        self.read = []

    def news(self, message):
        self.read += message.records


def test_a_newcomer_begins_with_a_snapshot_and_after_that_misses_no_record(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    desk = busy_desk()
    last = len(desk.records)
    reader = alone(Reader, tmp_path, "reader", "wal", "supervisor")
    assert reader.told == [("wal", Subscribe(Role("reader"), 0, epoch=1))]
    assert reader.hears(Snapshot(last, packed(desk.books).decode())) == []
    said = reader.hears(Committed(last, last, ()))
    assert said == [("supervisor", Ready(Role("reader"), last))]
    assert reader.replica.books == desk.books
    assert reader.hears(Committed(last + 5, last + 6, (desk.records[0],))) == [
        ("wal", Subscribe(Role("reader"), last, every=True, epoch=1))
    ]
    missed = tuple(desk.records[:1]) * 2
    assert reader.hears(Committed(last, last + 2, missed, replay=True)) == [
        ("wal", Subscribe(Role("reader"), last + 2, every=True, epoch=1))
    ]
    assert reader.read == list(missed)


def test_a_snapshot_that_comes_after_the_books_are_complete_hides_no_record(tmp_path, monkeypatch):
    """It was asked for twice, of a log that died and of its successor, and both have answered."""
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    desk = busy_desk()
    last = len(desk.records)
    reader = alone(Reader, tmp_path, "reader", "wal", "supervisor")
    reader.hears(Snapshot(last - 2, packed(fold(desk.records[:-2])).decode()))
    reader.hears(Committed(last - 2, last - 2, ()))
    reader.hears(Snapshot(last, packed(desk.books).decode()))
    assert reader.hears(Committed(last, last, ())) == [
        ("wal", Subscribe(Role("reader"), last - 2, every=True, epoch=1))
    ]
    reader.hears(Committed(last - 2, last, tuple(desk.records[-2:])))
    assert reader.read == desk.records[-2:]
    assert reader.replica.books == desk.books
