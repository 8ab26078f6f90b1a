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
    ActorSystemMessage,
    ChildActorExited,
    WakeupMessage,
)

from actors.base import Actor
from actors.messages import Begin, Ping, Pong, Start

EXTERNAL = "outside"
QUIET = (Ping, Pong, WakeupMessage, Begin, Start)  # Left out of a trace.
Pair = tuple[str, str]


class Crash(BaseException):
    """The process is gone, at this very instant.  Not an Exception: no handler of ours may catch it."""


class Stuck(AssertionError):
    """More steps than any schedule needs."""


@dataclass
class Seat:
    """What Thespian calls an actor's reference: all that an actor can reach of the world."""

    scheduler: "Scheduler"
    address: ActorAddress
    parent: str
    globalName: str | None = None  # noqa: N815  Thespian's name for it.
    actor: Actor | None = None
    children: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        return str(self.address.actorAddressString)

    def actor_send(self, target: ActorAddress, message: Any) -> None:
        self.scheduler.send(self.path, str(target.actorAddressString), message)

    def createActor(self, kind, _requirements=None, name=None, _source=None) -> ActorAddress:  # noqa: N802
        return self.scheduler.create(kind, self.path, name)

    def wakeupAfter(self, period: timedelta, payload: Any = None) -> None:  # noqa: N802
        self.scheduler.timer(period.total_seconds(), self.path, WakeupMessage(period, payload))


class Scheduler:
    """`faults` can be turned off; what has been decided so far stays decided."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_700_000_000.0
        self.seats: dict[str, Seat] = {}
        self.queues: dict[Pair, deque[Any]] = {}
        self.timers: list[tuple[float, int, str, Any]] = []
        self.outside: list[Any] = []
        self.steps = self.numbers = 0
        self.deaths = 0
        self.killed: Callable[[Actor], None] = lambda _: None
        self.trace: list[str] | None = None
        self.current = ""
        self.repeat_share = 0.0
        self.repeated: tuple[type, ...] = ()

    # -- what actors call ---------------------------------------------------------------------------------
    def create(self, kind: type[Actor], parent: str = EXTERNAL, name: str | None = None) -> ActorAddress:
        self.numbers += 1
        path = f"{kind.__name__.lower()}.{self.numbers}"
        seat = Seat(self, ActorAddress(path), parent, name)
        seat.actor = kind()
        seat.actor._myRef = seat
        self.seats[path] = seat
        if parent in self.seats:
            self.seats[parent].children.append(path)
        return seat.address

    def send(self, sender: str, target: str, message: Any) -> None:
        queue = self.queues.setdefault((sender, target), deque())
        queue.append(message)
        if isinstance(message, self.repeated) and self.random.random() < self.repeat_share:
            queue.append(message)

    def timer(self, seconds: float, target: str, message: Any) -> None:
        self.numbers += 1
        heapq.heappush(self.timers, (self.now + max(0.0, seconds), self.numbers, target, message))

    # -- death --------------------------------------------------------------------------------------------
    def kill(self, path: str, last_words: bool = True) -> None:
        seat = self.seats.pop(path, None)
        if seat is None or seat.actor is None:
            return
        for child in seat.children:
            self.kill(child, last_words)
        for pair in [pair for pair in self.queues if path in pair]:
            if pair[1] == path:
                del self.queues[pair]
            elif last_words:
                keep = self.random.randint(0, len(self.queues[pair]))
                self.queues[pair] = deque(list(self.queues[pair])[:keep])
        self.timers = [timer for timer in self.timers if timer[2] != path]
        heapq.heapify(self.timers)
        self.deaths += 1
        self.killed(seat.actor)
        if seat.parent in self.seats:
            self.seats[seat.parent].children.remove(path)
            self.queues.setdefault((path, seat.parent), deque()).append(ChildActorExited(seat.address))

    # -- time and chance ----------------------------------------------------------------------------------
    def step(self) -> bool:
        """Deliver one message or fire one timer; False if there is nothing left to do."""
        self.steps += 1
        pairs = [pair for pair, queue in self.queues.items() if queue]
        early = self.timers and (not pairs or self.random.random() < 0.02)
        if early:
            self.now, _, target, message = heapq.heappop(self.timers)
            self._deliver(target, target, message)
            return True
        if not pairs:
            return False
        pair = pairs[self.random.randrange(len(pairs))]
        message = self.queues[pair].popleft()
        if not self.queues[pair]:
            del self.queues[pair]
        self.now += 0.0002
        self._deliver(pair[0], pair[1], message)
        return True

    def _deliver(self, sender: str, target: str, message: Any) -> None:
        seat = self.seats.get(target)
        if seat is None or seat.actor is None:
            if target == EXTERNAL:
                self.outside.append(message)
            return
        if self.trace is not None and not isinstance(message, QUIET):
            self.trace.append(f"{self.now:.4f} {sender} -> {target}: {_told(message)}")
        self.current = target
        try:
            seat.actor.receiveMessage(message, ActorAddress(sender))
        except Crash:
            self.note(f"{target} is killed while it handles {type(message).__name__}")
            self.kill(target)
            return
        finally:
            self.current = ""
        if isinstance(message, ActorExitRequest):
            self.note(f"{target} has left")
            self.kill(target, last_words=False)

    def note(self, line: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{self.now:.4f} ** {line}")


def _told(message: Any) -> str:
    text = type(message).__name__ if isinstance(message, ActorSystemMessage) else repr(message)
    return text if len(text) <= 240 else f"{text[:240]}…"
