"""The Supervisor starts everybody, tells each who the others are, and replaces whoever dies."""

import os
from collections.abc import Iterable
from typing import Any, assert_never

from loguru import logger
from msgspec import Struct

from actors import processes
from actors.base import Actor, Address, ChildExited, Poisoned
from actors.messages import (
    GOES_ON,
    SAVES,
    Begin,
    Directory,
    Drain,
    Drained,
    Fatal,
    FeedEnded,
    GetStatus,
    Halt,
    Id,
    Lift,
    Ping,
    Pong,
    Ready,
    Role,
    RunState,
    SaveState,
    SignRefused,
    Start,
    StatusReport,
    Stop,
    Unlocked,
)
from actors.system import CAST, SIGNER, cast_of
from storage.config import Run, run_in, settings_in
from storage.supervision import Restarts, allowed

PING_SECONDS = 0.25
SILENT_PINGS = 120  # Half a minute without an answer: it hangs, and is asked to exit ...
GRACE_PINGS = 20  # ... and is killed if it does not do that either.
PORTFOLIO, MARKET = Role("portfolio"), Role("market")
DRAINED = (PORTFOLIO, Role("positions"), Role("executor"), MARKET)
SETTLE_PINGS = 8  # After the last saved state, for it to become durable and recorded.


class Beat(Struct, frozen=True):
    """Time to look after everybody."""


class Revive(Struct, frozen=True):
    role: Role


class Supervisor(Actor):
    """The run state machine: starting, running (or waiting for a successor), draining, stopped or failed."""

    def __init__(self) -> None:
        super().__init__()
        self.me = Role("supervisor")
        self.state, self.sentence = RunState.STARTING, "starting"
        self.start: Start | None = None
        self.run = Run()
        self.cast = CAST
        self.epoch = 0
        self.actors: dict[Role, Address] = {}
        self.ready: set[Role] = set()
        self.restarts = Restarts()
        self.pongs: dict[Role, int] = {}
        self.handles: dict[Role, int] = {}  # On the processes of those that have answered.
        self.asked_to_go: set[Role] = set()
        self.seen: dict[Role, dict[str, Any]] = {}
        self.number = 0
        self.stopping: Stop | None = None
        self.stop_at = 0
        self.settled_at: int | None = None
        self.left: tuple[int, int] | None = None  # Orders and positions that are open since the stop.

    def receive(
        self,
        message: (
            Start | Stop | Halt | Lift | GetStatus | Ready | Pong | ChildExited | Fatal | FeedEnded | Drained
            | Beat | Revive | Unlocked | SignRefused | Poisoned
        ),
        sender: Address,
    ) -> None:  # fmt: skip
        match message:
            case Start():
                self._start(message)
            case Stop():
                self._stop(message)
            case Halt() | Lift():
                self._send(PORTFOLIO, message)
            case GetStatus(id):
                self.tell(sender, self.report(id))
            case Ready(role, lsn):
                self.ready.add(role)
                logger.info("{} is ready at record {}", role, lsn)
                self._look()
            case Pong(role, number, facts):
                if self.actors.get(role) == sender:
                    self.pongs[role], self.seen[role] = number, {**facts}
                    self._hold(role, int(facts["pid"]))
                    self._count(role, number)
            case ChildExited(child):
                self._lost(child)
            case Fatal(role, sentence):
                logger.error("{}: {}", role, sentence)
                self._end(RunState.FAILED, sentence)
            case FeedEnded(_, bars):
                logger.info("the recording has ended after {} ticks", bars)
                if self.run.until_end:
                    self._stop(Stop(Id("feed-ended"), False))
            case Beat():
                self._beat()
            case Revive(role):
                self._spawn(role)
                self._tell_everybody()
                self._send_drain((role,))
            case Drained() | Unlocked() | SignRefused() | Poisoned():
                logger.debug("the supervisor hears of {}", message)
            case _:
                assert_never(message)

    # -- the conversation with the launcher --------------------------------------------------------------
    def report(self, id: Any) -> StatusReport:
        """Who has no books yet says nothing of what is in them."""
        known = {role: facts for role, facts in self.seen.items() if role in self.ready}
        return StatusReport(
            id, self.state, self.sentence, self.epoch, dict(self.restarts.counts), known,
            {role: int(facts.get("pid", 0)) for role, facts in self.seen.items()},
            self.run.mode if self.start else "",
        )  # fmt: skip

    def _start(self, start: Start) -> None:
        """Once; a repeated start changes nothing."""
        if self.start is not None:
            return
        self.start = start
        self.run = run_in(start.run)
        self.cast = cast_of(self.run, settings_in(start.settings))
        for role in self.cast:
            self._spawn(role)
        self._tell_everybody()
        self.wake(PING_SECONDS, Beat())

    def _stop(self, stop: Stop) -> None:
        """One that sells what is held comes after one that does not, as long as all are there to do it."""
        sells_too = self.stopping is not None and stop.close_positions and not self.stopping.close_positions
        if self.start is None or self._ended() or (self.stopping is not None and not sells_too):
            return
        self.stopping, self.stop_at, self.left, self.settled_at = stop, self.number, None, None
        self.state, self.sentence = RunState.DRAINING, "finishes what is under way"
        self._send_drain(DRAINED)

    def _send_drain(self, roles: Iterable[Role]) -> None:
        """A successor is told what its predecessor was; the market goes on as long as there is to be sold."""
        if (stop := self.stopping) is None:
            return
        for role in roles:
            if role in DRAINED and not (role == MARKET and stop.close_positions):
                self._send(role, Drain(stop.close_positions))

    def _count(self, role: Role, number: int) -> None:
        """Only the Portfolio knows what is open, and only once it has its books and has heard of the stop."""
        if role == PORTFOLIO and role in self.ready and self.stopping is not None and number > self.stop_at:
            facts = self.seen[role]
            held = facts["open_positions"] if self.stopping.close_positions else 0
            self.left = len(facts["open_orders"]), held

    # -- children ---------------------------------------------------------------------------------------
    def _spawn(self, role: Role) -> None:
        assert self.start is not None
        if role in self.actors or self._ended():
            return
        begin = Begin(role, self.start.settings, self.start.run)
        if role == SIGNER:
            from actors.signer import begun_by  # noqa: PLC0415  As in actors/system.py.

            assert self.start.unlock is not None, "a live run without a key"
            self.actors[role] = begun_by(self, begin, self.start.unlock)
        else:
            self.actors[role] = self.spawn(self.cast[role])
            self.tell(self.actors[role], begin)
        self.pongs[role] = self.number

    def _tell_everybody(self) -> None:
        """Once all are here: the market waits for everybody that a directory names, and for nobody else."""
        if self.actors.keys() < self.cast.keys():
            return
        self.epoch += 1
        directory = Directory(self.epoch, {**self.actors, self.me: self.address})
        for address in self.actors.values():
            self.tell(address, directory)

    def _lost(self, child: Address) -> None:
        role = next((role for role, address in self.actors.items() if address == child), None)
        if role is None or self._ended():
            return
        del self.actors[role]
        self.left = None if role == PORTFOLIO else self.left
        self.ready.discard(role)
        self._let_go(role)
        self.restarts, wait = allowed(self.restarts, role, self.now_ns())
        if wait is None:
            self._end(RunState.FAILED, f"{role} keeps dying; the reason is in the logs folder.")
            return
        logger.warning("{} has died; its successor starts in {} s", role, wait)
        if self.stopping is None:
            self.state, self.sentence = RunState.WAITING, f"{role} has died; its successor is on its way"
        self.wake(wait, Revive(role))

    # -- looking after everybody ------------------------------------------------------------------------
    def _beat(self) -> None:
        if self._ended():
            return
        self.number += 1
        for role, address in list(self.actors.items()):
            self.tell(address, Ping(self.number))
            if self.number - self.pongs[role] > SILENT_PINGS:
                self._give_up(role, address)
        if self.stopping is not None:
            self._drain()
        self.wake(PING_SECONDS, Beat())

    def _hold(self, role: Role, pid: int) -> None:
        """In a system without processes there are none to hold."""
        if role not in self.handles and (handle := processes.child(pid)) is not None:
            self.handles[role] = handle

    def _let_go(self, role: Role) -> None:
        self.asked_to_go.discard(role)
        if (handle := self.handles.pop(role, None)) is not None:
            os.close(handle)

    def _give_up(self, role: Role, address: Address) -> None:
        """Who hangs hears no request to exit; and while he lives there is no successor."""
        self.pongs[role] = self.number - SILENT_PINGS + GRACE_PINGS
        if role not in self.asked_to_go:
            logger.error("{} does not answer: it is asked to exit", role)
            self.asked_to_go.add(role)
            self.kill(address)
        elif role in self.handles:
            logger.error("{} does not exit either: it is killed", role)
            processes.kill(self.handles[role])

    def _look(self) -> None:
        if self.stopping is None and not self._ended() and self.ready >= set(self.cast):
            self.state, self.sentence = RunState.RUNNING, "running"

    def _drain(self) -> None:
        """First the orders under way (and the positions, if they are to go), then everybody's state."""
        assert self.stopping is not None
        waited = (self.number - self.stop_at) * PING_SECONDS
        patience = waited >= self.run.drain_seconds - 2
        nothing = self.left == (0, 0)
        if self.settled_at is None and (patience or (waited >= 2 * PING_SECONDS and nothing)):
            self.settled_at = self.number
            self.sentence = SAVES if nothing else _stays_open(self.left)
            self._send(MARKET, Drain(False))
            for role in self.actors:
                self._send(role, SaveState())
        elif self.settled_at is not None and self.number - self.settled_at >= SETTLE_PINGS:
            self._end(RunState.STOPPED, "stopped" if nothing else _stays_open(self.left))

    def _send(self, role: Role, message: Struct) -> None:
        if role in self.actors:
            self.tell(self.actors[role], message)

    def _end(self, state: RunState, sentence: str) -> None:
        """The last first: nobody asks somebody who is gone."""
        if self._ended():
            return
        self.state, self.sentence = state, sentence
        for role in reversed(self.cast):
            if role in self.actors:
                self.kill(self.actors[role])

    def _ended(self) -> bool:
        return self.state in {RunState.STOPPED, RunState.FAILED}


def _stays_open(left: tuple[int, int] | None) -> str:
    if left is None:
        return f"the portfolio does not say what stays open: {GOES_ON}"
    orders, positions = left
    return f"{orders} orders and {positions} positions stay open: {GOES_ON}"
