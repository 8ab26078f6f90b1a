"""One schedule: the production actors over a log on a RAM disk, from first start to last stop."""

import contextlib
import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from loguru import logger
from msgspec import to_builtins

import actors.executor
import actors.market
import actors.supervisor
import actors.wal
from actors.base import Actor
from actors.executor import Executor
from actors.market import Market
from actors.messages import (
    NEVER,
    WALLET,
    Append,
    Close,
    Execute,
    Id,
    Propose,
    Refusal,
    Role,
    RunState,
    Start,
    Stop,
)
from actors.portfolio import Portfolio
from actors.positions import Positions
from actors.strategist import Strategist
from actors.supervisor import Supervisor
from actors.wal import Wal
from storage import logs
from storage.audit import audited
from storage.books import fold
from storage.config import Exits, Limits, Momentum, Paper, Run, Settings
from storage.layout import log_path, venue_path
from storage.log import Log, records
from storage.trades import halting
from tests.simulation.checks import Naive, demand
from tests.simulation.evm import EvmChain, EvmVenue
from tests.simulation.evm_checks import EvmNaive
from tests.simulation.outside import MINUTE_NS, T0, USDC, Chain, Prices, SimVenue
from tests.simulation.scheduler import Crash, Scheduler, Stuck
from tests.simulation.svm import SvmChain, SvmVenue
from tests.simulation.svm_checks import SvmNaive

CAST = {
    Role("wal"): Wal, Role("portfolio"): Portfolio, Role("executor"): Executor, Role("positions"): Positions,
    Role("strategist:momentum"): Strategist, Role("market"): Market,
}  # fmt: skip
SETTINGS = Settings(
    paper=Paper(gas="0.02", capital="10000"),
    momentum=Momentum(timeframe_minutes=1, entry_bars=2, exit_bars=2, atr_bars=2, target_volatility=0),
    exits=Exits(stop_bps=300, take_profit_bps=300, trailing_bps=200),
    limits=Limits(cooldown_minutes=0, loss_streak=1_000, daily_loss_bps=10_000, slippage_bps=9_000),
)
MOST_STEPS = 60_000
RAM = Path("/dev/shm")


@dataclass
class Figures:
    """What a schedule has seen; added up over all of them."""

    schedules: int = 0
    steps: int = 0
    deaths: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    def add(self, world: "World") -> None:
        self.schedules += 1
        self.steps += world.scheduler.steps
        self.deaths += world.scheduler.deaths
        for kind, count in world.naive.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count


class World:
    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        self.scheduler = Scheduler(seed)
        self.chance = random.Random(f"world {seed}")
        self.feed = Prices(seed, self.chance.choice([1, 1, 2, 3]), self.chance.choice([5, 6, 6, 8, 8, 25]))
        self.chain, self.naive = made(seed)
        self.mishaps = self.chance.choice([0, 1, 2, 4, 8])
        self.share = self.chance.choice([0.002, 0.01, 0.05])
        self.scheduler.repeated = (Append, Execute, Propose, Close)
        self.scheduler.repeat_share = self.chance.choice([0.0, 0.05])
        self.scheduler.killed = self.buried
        self.told_out = 0
        halts = isinstance(self.chain, SvmChain) and self.chance.random() < 0.2
        self.halt_ns = T0 + self.chance.randint(3, 12) * MINUTE_NS if halts else NEVER

    def now_ns(self) -> int:
        return int(self.scheduler.now * 1e9)

    # -- faults ---------------------------------------------------------------------------------------------
    def perhaps_die(self, moment: str) -> None:
        """Where it hurts: between a write and its answer, between a signature and its sending."""
        if self.mishaps and self.chance.random() < self.share * 5:
            self.mishaps -= 1
            self.scheduler.note(moment)
            raise Crash

    def perhaps_kill(self) -> None:
        if not self.mishaps or self.chance.random() > self.share / 5:
            return
        self.mishaps -= 1
        if self.chance.random() < 0.3:
            self.scheduler.note("everything is killed")
            self.kill_all()
            self.start()
            return
        paths = [path for path in self.scheduler.seats if not path.startswith("supervisor")]
        if paths:
            victim = self.chance.choice(sorted(paths))
            self.scheduler.note(f"{victim} is killed")
            self.scheduler.kill(victim)

    def kill_all(self) -> None:
        for path in [path for path in self.scheduler.seats if path.startswith("supervisor")]:
            self.scheduler.kill(path)
        self.scheduler.queues.clear()
        self.scheduler.timers.clear()

    def buried(self, actor: Actor) -> None:
        """What the operating system does for the dead: files are closed, locks released.

        Nobody may fail by himself: a schedule has only outside faults.
        """
        log = getattr(actor, "log", None)
        if isinstance(log, Log):
            with contextlib.suppress(OSError):
                log.close()
        demand(not actor._failed, f"{actor.name} has failed")

    # -- a run ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        self.stopped = False
        self.top = self.scheduler.create(Supervisor)
        run = Run(data_dir=str(self.folder), speed="max", until_end=True, seed=self.seed, feed="simulated")
        start = Start(Id("start"), to_builtins(SETTINGS), to_builtins(run))
        self.scheduler.send("outside", self.path, start)

    @property
    def path(self) -> str:
        return str(self.top.actorAddressString)

    @property
    def supervisor(self) -> Supervisor:
        seat = self.scheduler.seats[self.path]
        assert isinstance(seat.actor, Supervisor)
        return seat.actor

    def to_the_end(self) -> None:
        """The feed is finite, and so are the mishaps: everything must come to an end."""
        while (supervisor := self.supervisor).state is not RunState.STOPPED:
            if supervisor.state is RunState.FAILED:
                demand("keeps dying" in supervisor.sentence, supervisor.sentence)
                self.kill_all()
                self.start()
            self.perhaps_stop()
            self.perhaps_halt()
            alive = self.scheduler.step()
            demand(alive, "liveness: nobody has anything left to do")
            self.look_out()
            self.perhaps_kill()
            if self.scheduler.steps > MOST_STEPS:
                raise Stuck(f"liveness: {MOST_STEPS} steps")
        while len(self.scheduler.seats) > 1 and self.scheduler.step():
            pass

    def perhaps_stop(self) -> None:
        """A wallet that a stranger has the key of may never come to an end: the operator ends it."""
        over = self.chain.head_ns > self.feed.ticks[-1].at_ns + 20 * MINUTE_NS
        if over and self.naive.halted and not self.stopped:
            self.stopped = True
            self.scheduler.send("outside", self.path, Stop(Id("stop"), False))

    def perhaps_halt(self) -> None:
        """The operator halts the wallet, and says so again until it is in the log."""
        wal = next((path for path in self.scheduler.seats if path.startswith("wal")), None)
        due = self.chain.head_ns >= self.halt_ns and not self.naive.halted
        if wal and due and self.scheduler.steps % 50 == 0:
            halt = halting(Id("halt"), WALLET, "the operator", self.halt_ns)
            self.scheduler.send("outside", wal, halt)

    def look_out(self) -> None:
        if len(self.chain.broadcasts) > self.told_out:
            for tx_id in self.chain.broadcasts[self.told_out :]:
                self.naive.broadcast(tx_id)
            self.told_out = len(self.chain.broadcasts)

    def check_the_end(self) -> None:
        self.naive.at_the_end()
        log = [record for _, record in records(log_path(self.folder))]
        demand(len(log) == self.naive.records, f"{self.naive.records} acknowledged, {len(log)} in the log")
        broken = audited(enumerate(log, 1)).broken
        demand(not broken, f"the audit: {broken}")
        books = fold(log)
        account = books.ledger.account(USDC)
        demand(account.free == self.naive.free(), f"free: {account.free} and {self.naive.free()}")
        held = {token: position.quantity for token, position in books.positions.items()}
        naive = {token: amount for token, amount in self.naive.held.items() if amount}
        demand(held == naive, f"positions: {held} and {naive}")

    def describe(self) -> None:
        """What everybody has in mind at this moment, into the trace."""
        for path, seat in self.scheduler.seats.items():
            mind = {name: value for name, value in vars(seat.actor).items() if name not in UNTOLD}
            self.scheduler.note(f"{path}: {mind}"[:2_000])

    def check_twice(self) -> None:
        """A start after the end changes nothing but what somebody remembers."""
        before = dict(self.naive.kinds)
        self.mishaps = 0
        self.kill_all()
        self.start()
        self.to_the_end()
        new = {kind for kind, count in self.naive.kinds.items() if count != before.get(kind, 0)}
        demand(new <= {"StateSaved"}, f"recovering twice is not recovering once: {new}")


def made(seed: int) -> tuple[Chain | EvmChain | SvmChain, Naive]:
    """Every second schedule is played on the paper chain, the others on an EVM chain or on Solana."""
    chance = random.Random(f"chain {seed}")
    if seed % 2:
        chain = Chain(seed, chance)
        return chain, Naive(chain)
    if seed % 4 == 2:
        svm = SvmChain(seed, chance, private=seed % 3 == 0)
        return svm, SvmNaive(svm)
    evm = EvmChain(seed, chance, private=seed % 6 == 0)
    return evm, EvmNaive(evm)


UNTOLD = {"settings", "run", "replica", "books", "feed", "recent", "trader", "peers", "seen", "start",
          "before", "batch", "restarts", "prices", "log"}  # fmt: skip


def _watched(world: World):
    """The log's own append, with death before and after it, and the naive books told of what is durable."""
    real = Log.append

    def append(self: Log, append: Append) -> int | Refusal:
        world.perhaps_die(f"before {append.id} is written")
        before = self.head.lsn
        lsn = real(self, append)
        if self.head.lsn > before:
            world.naive.write(append.records)
        world.perhaps_die(f"after {append.id} is written")
        return lsn

    return append


def _gone(_code: int) -> None:
    raise Crash


_numbers = itertools.count()


@contextlib.contextmanager
def world_of(seed: int) -> Iterator[World]:
    """The production classes, with only the outside replaced: clock, disk, prices, chain, log lines."""
    root = RAM if RAM.is_dir() else Path(tempfile.gettempdir())
    folder = root / f"holdfast-sim-{os.getpid()}-{next(_numbers)}"
    folder.mkdir()
    venue_path(folder).write_text(
        "The chain of the schedule is in memory; an executor sees that it is there."
    )
    world = World(seed, folder)
    venue = {EvmChain: EvmVenue, SvmChain: SvmVenue}.get(type(world.chain), SimVenue)
    venue.chain, venue.hook = world.chain, staticmethod(world.perhaps_die)
    logger.remove()
    patches = [
        mock.patch.object(Actor, "now_ns", world.now_ns),
        mock.patch.object(logs, "start"),
        mock.patch.object(actors.supervisor, "CAST", CAST),
        mock.patch.object(actors.supervisor, "PING_SECONDS", 2.0),  # Most of the talk, and least of it.
        mock.patch.object(actors.supervisor, "SETTLE_PINGS", 3),
        mock.patch.object(actors.market, "open_feed", return_value=world.feed),
        mock.patch.object(actors.executor, "PaperVenue", venue),
        mock.patch.object(actors.wal.os, "_exit", _gone),
        mock.patch.object(actors.wal, "SNAPSHOT_EVERY", 10),
        mock.patch.object(Log, "append", _watched(world)),
    ]
    try:
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            yield world
    finally:
        world.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


def play(seed: int, trace: list[str] | None = None) -> World:
    """One schedule from beginning to end; raises AssertionError where a promise is broken."""
    with world_of(seed) as world:
        world.scheduler.trace = trace
        try:
            world.start()
            world.to_the_end()
            world.check_the_end()
            if seed % 5 == 0:
                world.check_twice()
        except AssertionError:
            world.describe()
            raise
        return world
