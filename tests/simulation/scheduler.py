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
        self.chance = self.random.random
        self.now = 1_700_000_000.0
        self.seats: dict[str, Seat] = {}
        self.queues: dict[Pair, deque[Any]] = {}
        self.ready, self.late = Ready(), Ready()
        self.lanes: dict[Pair, Ready] = {}
        self.stuck, self.stuck_until = "", 0.0  # An actor that receives nothing until then.
        self.room: int | None = None  # So many messages may wait for it; None: as many as are sent.
        self.held = Ready()  # What waits for it.
        self.released = 0  # The step at which the last who was stuck has caught up, at the latest.
        self.late_until = 0.0  # Then everything that was late, or lost, has been asked again.
        self.slow: set[Pair] = set()  # Kinds of actors whose messages to one another take long.
        self.timers: list[tuple[float, int, str, Any]] = []
        self.addresses = {EXTERNAL: ActorAddress(EXTERNAL)}
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
        if self.room is not None and target == self.stuck and self._overflows(sender, message):
            return
        pair = (sender, target)
        queue = self.queues.get(pair)
        if queue is None:
            queue = self._queue(pair)
        queue.append(message)
        share = self.repeat_share
        if share and message.__class__ in self.repeated and self.chance() < share:
            queue.append(message)

    def _queue(self, pair: Pair) -> deque[Any]:
        queue = self.queues.get(pair)
        if queue is None:
            queue = self.queues[pair] = deque()
            lane = self.lanes.get(pair) or self._lane(pair)
            lane.places[pair] = len(lane.pairs)
            lane.pairs.append(pair)
        return queue

    def _lane(self, pair: Pair) -> Ready:
        late = self.slow and (_kind(pair[0]), _kind(pair[1])) in self.slow
        lane = self.held if pair[1] == self.stuck else self.late if late else self.ready
        self.lanes[pair] = lane
        return lane

    # -- full mailboxes -------------------------------------------------------------------------------------
    def stick(self, path: str, seconds: float, room: int | None) -> None:
        """It lives and receives nothing, timers neither; `room`: of what is sent more is lost, if need be."""
        self.release()
        self.stuck, self.stuck_until, self.room = path, self.now + seconds, room
        self._sort(path)

    def release(self) -> None:
        """What the dead had said may now come after what their successors say: repeats put that right."""
        path, self.stuck, self.room = self.stuck, "", None
        if path:
            waiting = sum(len(self.queues[pair]) for pair in self.held.pairs)
            self.late_until, self.released = self.now + REPEATS, self.steps + 2 * waiting  # And answered.
        self._sort(path)

    def _sort(self, target: str) -> None:
        for pair in [pair for pair in self.lanes if pair[1] == target]:
            lane = self.lanes.pop(pair)
            if pair in self.queues:
                lane.remove(pair)
                self._lane(pair).add(pair)

    def _overflows(self, sender: str, message: Any) -> bool:
        """The sender is told; only of what somebody repeats until it is answered, for the transport loses
        nothing while its target lives, and whatever is said once relies on that.
        """
        waiting = sum(len(self.queues[pair]) for pair in self.held.pairs)
        if message.__class__ not in ANSWERED or self.room is None or waiting < self.room:
            return False
        self.note(f"{self.stuck} has no room for {told(message)} of {sender}")
        self._queue((self.stuck, sender)).append(PoisonMessage(message, "its mailbox is full"))
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
        for pair in [pair for pair in self.queues if path in pair]:
            keep = len(self.queues[pair])
            if pair[1] == path:
                keep = 0
            elif last_words:
                keep = self.random.randint(0, keep)
            self._cut(pair, keep)
        if path == self.stuck:
            self.release()
        self.deaths += 1
        self.killed(seat.actor)
        seat.actor._myRef = seat.actor = None  # No cycle: the dead are freed at once.
        if seat.parent in self.seats:
            self.seats[seat.parent].children.remove(path)
            self._queue((path, seat.parent)).append(ChildActorExited(seat.address))

    def _cut(self, pair: Pair, keep: int) -> None:
        queue = self.queues[pair]
        while len(queue) > keep:
            queue.pop()
        if not queue:
            del self.queues[pair]
            self.lanes[pair].remove(pair)

    def silence(self) -> None:
        """Nobody is left who could hear anything."""
        self.queues.clear()
        self.timers.clear()
        self.ready, self.late, self.held, self.lanes = Ready(), Ready(), Ready(), {}
        self.stuck, self.room = "", None

    # -- time and chance ----------------------------------------------------------------------------------
    def step(self) -> bool:
        """Deliver one message or fire one timer; False if there is nothing left to do."""
        self.steps += 1
        ready, queues, chance = self.ready, self.queues, self.chance
        idle = not (ready.pairs or self.late.pairs)
        if self.stuck and (self.now >= self.stuck_until or (idle and not self.timers)):
            self.release()
            return True
        if self.timers and (idle or chance() < self.early_share):
            self.now, _, target, message = heapq.heappop(self.timers)
            if target == self.stuck:
                self._queue((target, target)).append(message)
            else:
                self._deliver(target, target, message)
            return True
        if idle:
            return False
        if self.late.pairs and (not ready.pairs or chance() < PATIENCE):
            ready = self.late
        pair = ready.pairs[int(chance() * len(ready.pairs))]
        queue = queues[pair]
        message = queue.popleft()
        if not queue:
            del queues[pair]
            ready.remove(pair)
        self.now += 0.0002
        self._deliver(pair[0], pair[1], message)
        return True

    def _deliver(self, sender: str, target: str, message: Any) -> None:
        seat = self.seats.get(target)
        if seat is None:
            return
        if self.trace is not None and not isinstance(message, QUIET):
            self.trace.append(f"{self.now:.4f} {sender} -> {target}: {told(message)}")
        try:
            seat.actor.receiveMessage(message, self.addresses[sender])
        except Crash:
            self.note(f"{target} is killed while it handles {type(message).__name__}")
            self.kill(target)
            return
        if message.__class__ is ActorExitRequest:
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
