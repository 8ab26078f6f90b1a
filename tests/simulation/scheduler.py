"""One thread, one seed: who is heard next, when clocks tick, who dies, and where.

It stands where Thespian and the operating system stand, under the production actor classes.  Between two
actors messages keep their order; across pairs any order may happen.  A dead actor's last words may be lost
from any point on, what was on its way to it is gone, and its parent hears of it at any later time.
"""

import heapq
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
    WakeupMessage,
)

from actors.base import Actor
from actors.messages import Append, Begin, Committed, Directory, Ping, Pong, Start

EXTERNAL = "outside"
QUIET = (Ping, Pong, WakeupMessage, Begin, Start, Directory)  # Left out of a trace.
PATIENCE = 0.02  # How often the messages of a slow pair, or a timer, come before what is ready.
Pair = tuple[str, str]


class Crash(BaseException):
    """The process is gone, at this very instant.  Not an Exception: no handler of ours may catch it."""


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


class Ready:
    """Pairs that have something to say: one is picked by chance, added and removed, all at once."""

    def __init__(self) -> None:
        self.pairs: list[Pair] = []
        self.places: dict[Pair, int] = {}

    def add(self, pair: Pair) -> None:
        self.places[pair] = len(self.pairs)
        self.pairs.append(pair)

    def remove(self, pair: Pair) -> None:
        place, last = self.places.pop(pair), self.pairs.pop()
        if last != pair:
            self.pairs[place], self.places[last] = last, place


class Scheduler:
    """The world decides what goes wrong; here is what that means for messages and timers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_700_000_000.0
        self.seats: dict[str, Seat] = {}
        self.queues: dict[Pair, deque[Any]] = {}
        self.ready, self.late = Ready(), Ready()
        self.slow: set[Pair] = set()  # Kinds of actors whose messages to one another take long.
        self.timers: list[tuple[float, int, str, Any]] = []
        self.addresses: dict[str, ActorAddress] = {}
        self.steps = self.numbers = self.deaths = 0
        self.killed: Callable[[Actor], None] = lambda _: None
        self.watched: dict[type, Callable[[str, Any], None]] = {}  # Told of a message as it is sent.
        self.trace: list[str] | None = None
        self.early_share = 0.0
        self.repeat_share = 0.0
        self.repeated: tuple[type, ...] = ()

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
            self.addresses[path] = ActorAddress(path)
        return self.addresses[path]

    def send(self, sender: str, target: str, message: Any) -> None:
        if watcher := self.watched.get(message.__class__):
            watcher(sender, message)
        queue = self._queue((sender, target))
        queue.append(message)
        share = self.repeat_share
        if share and isinstance(message, self.repeated) and self.random.random() < share:
            queue.append(message)

    def _queue(self, pair: Pair) -> deque[Any]:
        queue = self.queues.get(pair)
        if queue is None:
            queue = self.queues[pair] = deque()
            self._lane(pair).add(pair)
        return queue

    def _lane(self, pair: Pair) -> Ready:
        return self.late if self.slow and (_kind(pair[0]), _kind(pair[1])) in self.slow else self.ready

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
        for pair in [pair for pair in self.queues if path in pair]:
            keep = len(self.queues[pair])
            if pair[1] == path:
                keep = 0
            elif last_words:
                keep = self.random.randint(0, keep)
            self._cut(pair, keep)
        self.deaths += 1
        self.killed(seat.actor)
        if seat.parent in self.seats:
            self.seats[seat.parent].children.remove(path)
            self._queue((path, seat.parent)).append(ChildActorExited(seat.address))

    def _cut(self, pair: Pair, keep: int) -> None:
        queue = self.queues[pair]
        while len(queue) > keep:
            queue.pop()
        if not queue:
            del self.queues[pair]
            self._lane(pair).remove(pair)

    def silence(self) -> None:
        """Nobody is left who could hear anything."""
        self.queues.clear()
        self.timers.clear()
        self.ready, self.late = Ready(), Ready()

    # -- time and chance ----------------------------------------------------------------------------------
    def step(self) -> bool:
        """Deliver one message or fire one timer; False if there is nothing left to do."""
        self.steps += 1
        ready, chance = self.ready, self.random.random
        if self.timers and (not self.queues or chance() < self.early_share):
            self.now, _, target, message = heapq.heappop(self.timers)
            self._deliver(target, target, message)
            return True
        if not self.queues:
            return False
        if self.late.pairs and (not ready.pairs or chance() < PATIENCE):
            ready = self.late
        pair = ready.pairs[int(chance() * len(ready.pairs))]
        queue = self.queues[pair]
        message = queue.popleft()
        if not queue:
            del self.queues[pair]
            ready.remove(pair)
        self.now += 0.0002
        self._deliver(pair[0], pair[1], message)
        return True

    def _deliver(self, sender: str, target: str, message: Any) -> None:
        seat = self.seats.get(target)
        if seat is None or seat.actor is None:
            return
        if self.trace is not None and not isinstance(message, QUIET):
            self.trace.append(f"{self.now:.4f} {sender} -> {target}: {told(message)}")
        try:
            seat.actor.receiveMessage(message, self.address_of(sender))
        except Crash:
            self.note(f"{target} is killed while it handles {type(message).__name__}")
            self.kill(target)
            return
        if isinstance(message, ActorExitRequest):
            self.note(f"{target} has left")
            self.kill(target, last_words=False)

    def note(self, line: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.now:.4f} ** {line}")


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
