"""One thread, one seed: who is heard next, when clocks tick, who dies, and where.

It stands where Thespian and the operating system stand, under the production actor classes.  Between two
actors messages keep their order; across pairs any order may happen.  A dead actor's last words may be lost
from any point on, what was on its way to it is gone, and its parent hears of it at any later time.
"""

import heapq
import operator
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ChildActorExited,
    PoisonMessage,
    WakeupMessage,
)

from actors.base import Actor
from actors.messages import (
    AlreadyClosing,
    Append,
    Approved,
    Balances,
    Begin,
    Close,
    Committed,
    Directory,
    Durable,
    Execute,
    Executing,
    Ping,
    Pong,
    Propose,
    Refused,
    Start,
    TickClosed,
    TickDone,
)

EXTERNAL = "outside"
QUIET = (Ping, Pong, WakeupMessage, Begin, Start, Directory)  # Left out of a trace.
REPEATS = 5.0  # Seconds, in which what was not answered is asked again, some times over.
PATIENCE = 0.02  # How often the messages of a slow pair, or a timer, come before what is ready.
# What is asked until it is answered, and the answers.
ANSWERED = {
    AlreadyClosing, Append, Approved, Balances, Close, Durable, Execute, Executing, Ping, Pong, Propose,
    Refused, TickClosed, TickDone,
}  # fmt: skip
Names = tuple[str, str]  # Who speaks to whom.


class Crash(BaseException):
    """The process is gone, at this very instant.  Not an Exception: no handler of ours may catch it."""


class Place(ActorAddress):
    """An address that is read without a call, as it is for every message."""

    addressDetails = ""  # noqa: N815  Thespian's name for it.

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.addressDetails = path


@dataclass
class Seat:
    """What Thespian calls an actor's reference: all that an actor can reach of the world."""

    scheduler: "Scheduler"
    path: str
    parent: str
    address: ActorAddress
    globalName: str | None = None  # noqa: N815  Thespian's name for it.
    actor: Actor | None = None
    children: list[str] = field(default_factory=list)

    def actor_send(self, target: ActorAddress, message: Any) -> None:
        self.scheduler.send(self.path, target.addressDetails, message)

    def createActor(self, kind, _requirements=None, name=None, _source=None) -> ActorAddress:  # noqa: N802
        return self.scheduler.create(kind, self.path, name)

    def wakeupAfter(self, period: timedelta, payload: Any = None) -> None:  # noqa: N802
        self.scheduler.timer(period.total_seconds(), self.path, WakeupMessage(period, payload))


class Pair:
    """What one actor has said to another, and the other has not received."""

    __slots__ = ("address", "lane", "place", "said", "sender", "since", "target")

    def __init__(self, sender: str, target: str, address: ActorAddress, lane: "list[Pair]") -> None:
        self.sender, self.target, self.address = sender, target, address
        self.said: deque[Any] = deque()
        self.lane = lane  # Of the pairs that are as soon heard; it stands there while something waits ...
        self.place = self.since = 0  # ... at this place, and has for so long.

    def leave(self) -> None:
        """One of a lane is picked by chance, added and removed, all at once."""
        lane = self.lane
        last = lane.pop()
        if last is not self:
            lane[self.place], last.place = last, self.place


class Scheduler:
    """The world decides what goes wrong; here is what that means for messages and timers."""

    def __init__(self, seed: int) -> None:
        self.chanced(seed)
        self.now = 1_700_000_000.0
        self.seats: dict[str, Seat] = {}
        self.pairs: dict[Names, Pair] = {}
        self.ready: list[Pair] = []
        self.late: list[Pair] = []
        self.stuck, self.stuck_until = "", 0.0  # An actor that receives nothing until then.
        self.room: int | None = None  # So many messages may wait for it; None: as many as are sent.
        self.held: list[Pair] = []  # What waits for it.
        self.released = 0  # The step at which the last who was stuck has caught up, at the latest.
        self.late_until = 0.0  # Then everything that was late, or lost, has been asked again.
        self.slow: set[Names] = set()  # Kinds of actors whose messages to one another take long.
        self.timers: list[tuple[float, int, str, Any]] = []
        self.addresses = {EXTERNAL: Place(EXTERNAL)}
        self.steps = self.numbers = self.deaths = self.turns = 0
        self.killed: Callable[[Actor], None] = lambda _: None
        self.watched: dict[type, Callable[[str, Any], None]] = {}  # Told of a message as it is sent.
        self.doom: type | None = None  # At a message of this kind somebody may die ...
        self.doomed: Callable[[str, str], str] = spared  # ... says who: whoever sent it, or hears it.
        self.trace: list[str] | None = None
        self.early_share = 0.0
        self.repeat_share = 0.0
        self.repeated: tuple[type, ...] = ()

    def chanced(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.chance = self.random.random

    # -- what actors call ---------------------------------------------------------------------------------
    def create(self, kind: type[Actor], parent: str = EXTERNAL, name: str | None = None) -> ActorAddress:
        self.numbers += 1
        path = f"{kind.__name__.lower()}.{self.numbers}"
        seat = Seat(self, path, parent, self.address_of(path), name)
        seat.actor = kind()
        seat.actor._myRef = seat
        self.seats[path] = seat
        if parent in self.seats:
            self.seats[parent].children.append(path)
        return seat.address

    def address_of(self, path: str) -> ActorAddress:
        if path not in self.addresses:
            self.addresses[path] = Place(path)
        return self.addresses[path]

    def send(self, sender: str, target: str, message: Any) -> None:
        kind = message.__class__
        if kind in self.watched:
            self.watched[kind](sender, message)
        if self.room is not None and target == self.stuck and self._overflows(sender, message):
            return
        pair = self.pairs.get((sender, target)) or self._pair(sender, target)
        said = pair.said
        if not said:
            lane = pair.lane
            self.turns = pair.since = self.turns + 1
            pair.place = len(lane)
            lane.append(pair)
        said.append(message)
        share = self.repeat_share
        if share and kind in self.repeated and self.chance() < share:
            said.append(message)

    def _pair(self, sender: str, target: str) -> Pair:
        late = self.slow and (_kind(sender), _kind(target)) in self.slow
        lane = self.held if target == self.stuck else self.late if late else self.ready
        pair = self.pairs[sender, target] = Pair(sender, target, self.addresses[sender], lane)
        return pair

    def forget_silent(self) -> None:
        """Pairs of whom nothing waits are as good as those that have never spoken."""
        self.pairs = {names: pair for names, pair in self.pairs.items() if pair.said}

    # -- full mailboxes -------------------------------------------------------------------------------------
    def stick(self, path: str, seconds: float, room: int | None) -> None:
        """It lives and receives nothing, timers neither; `room`: of what is sent more is lost, if need be."""
        self.release()
        self.stuck, self.stuck_until, self.room = path, self.now + seconds, room
        self._sort({names for names in self.pairs if names[1] == path})

    def release(self) -> None:
        """What the dead had said may now come after what their successors say: repeats put that right."""
        path, self.stuck, self.room = self.stuck, "", None
        if path:
            waiting = sum(len(pair.said) for pair in self.held)
            self.late_until, self.released = self.now + REPEATS, self.steps + 2 * waiting  # And answered.
        self._sort({names for names in self.pairs if names[1] == path})

    def slow_down(self, kinds: set[Names]) -> None:
        """From now on, what has been said included."""
        self.slow |= kinds
        self._sort({names for names in self.pairs if (_kind(names[0]), _kind(names[1])) in kinds})

    def _sort(self, changed: set[Names]) -> None:
        """Into the lanes in which they are now."""
        for names in [names for names in self.pairs if names in changed]:
            pair = self.pairs.pop(names)
            if pair.said:
                pair.leave()
                other = self._pair(*names)
                other.said, other.since, other.place = pair.said, pair.since, len(other.lane)
                other.lane.append(other)

    def _overflows(self, sender: str, message: Any) -> bool:
        """The sender is told; only of what somebody repeats until it is answered, for the transport loses
        nothing while its target lives, and whatever is said once relies on that.
        """
        waiting = sum(len(pair.said) for pair in self.held)
        if message.__class__ not in ANSWERED or self.room is None or waiting < self.room:
            return False
        self.note(f"{self.stuck} has no room for {told(message)} of {sender}")
        self.send(self.stuck, sender, PoisonMessage(message, "its mailbox is full"))
        return True

    def timer(self, seconds: float, target: str, message: Any) -> None:
        self.numbers += 1
        heapq.heappush(self.timers, (self.now + max(0.0, seconds), self.numbers, target, message))

    # -- death --------------------------------------------------------------------------------------------
    def kill(self, path: str, last_words: bool = True) -> None:
        seat = self.seats.pop(path, None)
        if seat is None or seat.actor is None:
            return
        for child in list(seat.children):
            self.kill(child, last_words)
        for pair in self.waiting():
            if pair.target == path:
                self._cut(pair, 0)
            elif pair.sender == path and last_words:
                self._cut(pair, self.random.randint(0, len(pair.said)))
        if path == self.stuck:
            self.release()
        self.deaths += 1
        self._bury(seat)
        if seat.parent in self.seats:
            self.seats[seat.parent].children.remove(path)
            self.send(path, seat.parent, ChildActorExited(seat.address))

    def _bury(self, seat: Seat) -> None:
        self.killed(seat.actor)
        vars(seat.actor).clear()  # No cycle: the dead are freed at once.
        seat.actor = None

    def waiting(self) -> list[Pair]:
        """Those of whom something waits, the longest first."""
        return sorted([*self.ready, *self.late, *self.held], key=_since)

    def _cut(self, pair: Pair, keep: int) -> None:
        while len(pair.said) > keep:
            pair.said.pop()
        if not pair.said:
            pair.leave()

    def end(self) -> None:
        """The schedule is over: these are no deaths, for nobody is left to hear of them."""
        for seat in self.seats.values():
            self._bury(seat)
        self.seats.clear()
        self.silence()

    def silence(self) -> None:
        """Nobody is left who could hear anything."""
        for table in (self.pairs, self.timers, self.ready, self.late, self.held):
            table.clear()
        self.stuck, self.room = "", None

    # -- time and chance ----------------------------------------------------------------------------------
    def step(self) -> bool:
        """Deliver one message or fire one timer; False if there is nothing left to do."""
        self.steps += 1
        lane, chance = self.ready, self.chance
        idle = not (lane or self.late)
        if self.stuck and (self.now >= self.stuck_until or (idle and not self.timers)):
            self.release()
            return True
        if self.timers and (idle or chance() < self.early_share):
            self.now, _, target, message = heapq.heappop(self.timers)
            if target == self.stuck:
                self.send(target, target, message)
            elif (seat := self.seats.get(target)) is not None:
                self._deliver(target, seat, message, seat.address)
            return True
        if idle:
            return False
        if self.late and (not lane or chance() < PATIENCE):
            lane = self.late
        pair = lane[int(chance() * len(lane))]
        said = pair.said
        message = said.popleft()
        if not said:
            pair.leave()
        self.now += 0.0002
        if (seat := self.seats.get(pair.target)) is not None:
            self._deliver(pair.sender, seat, message, pair.address)
        return True

    def _deliver(self, sender: str, seat: Seat, message: Any, address: ActorAddress) -> None:
        if self.trace is not None and not isinstance(message, QUIET):
            self.trace.append(f"{self.now:.4f} {sender} -> {seat.path}: {told(message)}")
        when = self.doomed(sender, seat.path) if message.__class__ is self.doom else ""
        if when == "before":
            self.kill(seat.path)
            return
        try:
            seat.actor.receiveMessage(message, address)
        except Crash:
            self.note(f"{seat.path} is killed while it handles {type(message).__name__}")
            when = "after"
        if when == "after":
            self.kill(seat.path)
        elif message.__class__ is ActorExitRequest:
            self.note(f"{seat.path} has left")
            self.kill(seat.path, last_words=False)

    def note(self, line: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.now:.4f} ** {line}")


def spared(_sender: str, _receiver: str) -> str:
    return ""


_since = operator.attrgetter("since")


def _kind(path: str) -> str:
    return path.partition(".")[0]


def told(message: Any) -> str:
    """A message in short: its fields, the long ones by their size."""
    name = type(message).__name__
    if isinstance(message, Committed | Append):
        kinds = ", ".join(type(record.body).__name__ for record in message.records)
        where = message.id if isinstance(message, Append) else f"{message.after}-{message.through}"
        return f"{name} {where}: {kinds}"
    fields = getattr(message, "__struct_fields__", ())
    return f"{name} {', '.join(_short(each, getattr(message, each)) for each in fields)}".rstrip()


def _short(name: str, value: Any) -> str:
    if isinstance(value, tuple | dict) and len(value) > 1 and len(repr(value)) > 80:
        return f"{name}: {len(value)} of them"
    text = str(getattr(value, "id", value))
    return f"{name}={text if len(text) <= 80 else text[:80] + '…'}"
