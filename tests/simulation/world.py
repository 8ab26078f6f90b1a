"""One schedule: the production actors over a log in memory, from first start to last stop."""

import atexit
import contextlib
import functools
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from loguru import logger
from msgspec import to_builtins
from thespian.actors import PoisonMessage

from actors.base import Actor
from actors.executor import BALANCES, Executor
from actors.market import Market
from actors.messages import (
    EVERYTHING,
    WALLET,
    Append,
    Close,
    Execute,
    Halt,
    Id,
    Lift,
    Propose,
    Role,
    RunState,
    Start,
    Stop,
)
from actors.portfolio import Portfolio
from actors.positions import Positions
from actors.strategist import Strategist
from actors.supervisor import Revive, Supervisor
from actors.wal import Wal
from storage.audit import audited
from storage.books import fold
from storage.config import Exits, Limits, Momentum, Paper, Run, Settings
from storage.layout import log_path, venue_path
from storage.log import Log, records
from storage.resolution import Table
from tests.simulation.chains import chain_of, compared
from tests.simulation.checks import demand
from tests.simulation.disk import Disk
from tests.simulation.outside import MINUTE_NS, USDC, Prices
from tests.simulation.scheduler import Crash, Scheduler
from tests.simulation.stage import replaced, replacements

CAST = {
    Role("wal"): Wal, Role("portfolio"): Portfolio, Role("executor"): Executor, Role("positions"): Positions,
    Role("strategist:momentum"): Strategist, Role("market"): Market,
}  # fmt: skip
SETTINGS = Settings(
    paper=Paper(gas="0.02", capital="10000"),
    momentum=Momentum(timeframe_minutes=1, entry_bars=2, exit_bars=2, atr_bars=2, target_volatility=0),
    exits=Exits(stop_bps=300, take_profit_bps=300, trailing_bps=200),
    limits=Limits(
        cooldown_minutes=0, loss_streak=1_000, daily_loss_bps=10_000, slippage_bps=9_000, deadline_seconds=60
    ),
)
WORLDS_OF = 16  # So many schedules have the same prices and the same chain.
REPEATED = (BALANCES, "execute ")
MOST_STEPS = 60_000
QUICK = 2_000  # Steps from the last mishap to the end.
ROOT = Path(tempfile.mkdtemp(prefix="holdfast-sim-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)


class World:
    """What is the same for several schedules, and what goes wrong in this one."""

    def __init__(self, seed: int, calm: bool = False) -> None:
        self.seed, self.outside = seed, seed // WORLDS_OF
        self.folder = ROOT
        self.scheduler = Scheduler(seed)
        self.chance = random.Random(f"world {seed}")
        self.feed = _prices(self.outside)
        self.chain, self.venue, self.naive = chain_of(self.outside, seed)
        self.cast = CAST
        self.disk = Disk(log_path(self.folder))
        self.rows: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.mishaps, self.share, self.last_mishap = 0, 0.0, 0
        self.clock_ns = 0  # How far the wall clock was set.
        self.scheduler.killed = self.buried
        self.scheduler.watched = {**self.naive.watched(), PoisonMessage: self.poisoned}
        self.poison = ""
        self.told_out = 0
        self.halts, self.operator_at, self.operator_does = 0, MOST_STEPS, Halt
        self.halted_scope, self.operated_at = EVERYTHING, -MOST_STEPS
        if not calm:
            self.upset()

    def upset(self) -> None:
        self.mishaps = self.chance.choice([0, 1, 2, 4, 8])
        self.share = self.chance.choice([0.002, 0.01, 0.05])
        self.scheduler.early_share = self.chance.choice([0.001, 0.005, 0.02])
        self.scheduler.repeated = (Append, Execute, Propose, Close, Halt, Lift)
        self.scheduler.repeat_share = self.chance.choice([0.0, 0.05])
        if self.chance.random() < 0.1:
            self.operator_at = self.chance.randint(20, 150)
        names = [kind.__name__.lower() for kind in (*CAST.values(), Supervisor)]
        for _ in range(self.chance.choice([0, 0, 1, 2])):
            slow = self.chance.choice(names)
            self.scheduler.slow |= {(slow, each) for each in names if self.chance.random() < 0.5}
            self.faults["slow actor"] += 1

    def now_ns(self) -> int:
        return int(self.scheduler.now * 1e9) + self.clock_ns

    # -- faults ---------------------------------------------------------------------------------------------
    def perhaps_die(self, moment: str, times: int = 5) -> None:
        """Where it hurts: between a write and its answer, between a signature and its sending."""
        if self.mishaps and self.chance.random() < self.share * times:
            self.mishap("death " + moment.partition(" ")[0], moment)
            raise Crash

    def mishap(self, kind: str, sentence: str) -> None:
        self.mishaps -= 1
        self.last_mishap = self.scheduler.steps
        self.faults[kind] += 1
        self.scheduler.note(sentence)

    def perhaps_kill(self) -> None:
        if self.chance.random() > self.share / 5:
            return
        lot = self.chance.random()
        paths = [path for path in self.scheduler.seats if path != self.path]
        if lot < 0.2:
            self.mishap("death of all", "everything is killed")
            self.kill_all()
            self.start()
        elif lot < 0.3:
            hours = self.chance.choice([-24, -1, 1, 24])
            self.mishap("clock set", f"the clock is set by {hours} hours")
            self.clock_ns += hours * 3_600 * 10**9
        elif paths:
            victim = self.chance.choice(sorted(paths))
            self.mishap("death of one", f"{victim} is killed")
            self.scheduler.kill(victim)

    def kill_all(self) -> None:
        for path in [path for path in self.scheduler.seats if path.startswith("supervisor")]:
            self.scheduler.kill(path)
        self.scheduler.silence()

    def buried(self, actor: Actor) -> None:
        """What the operating system does for the dead: files are closed, locks released.

        Nobody may fail by himself: a schedule has only outside faults.
        """
        log = getattr(actor, "log", None)
        if isinstance(log, Log):
            with contextlib.suppress(OSError):
                log.close()
        demand(not actor._failed, f"{actor.name} has failed: {self.poison}")

    def poisoned(self, _sender: str, said: PoisonMessage) -> None:
        self.poison = str(said.poisonMessage)

    # -- a run ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        self.stopped = False
        self.path = str(self.scheduler.create(Supervisor).addressDetails)
        actor = self.scheduler.seats[self.path].actor
        assert isinstance(actor, Supervisor)
        self.supervisor = actor
        run = Run(data_dir=str(self.folder), speed="max", until_end=True, seed=self.seed, feed="simulated")
        start = Start(Id("start"), to_builtins(SETTINGS), to_builtins(run))
        self.scheduler.send("outside", self.path, start)

    def to_the_end(self, whole: bool = True) -> None:
        """The feed is finite, and so are the mishaps: everything must come to an end.

        With `whole` the run is drained and stopped; else it ends when the feed has, and all is quiet.
        """
        scheduler, broadcasts = self.scheduler, self.chain.broadcasts
        self.last_mishap = scheduler.steps
        while self.supervisor.state is not RunState.STOPPED:
            if not whole and self.supervisor.stopping and not scheduler.queues:
                break
            if self.supervisor.state is RunState.FAILED:
                self.again()
            if not scheduler.queues:
                self.check_idle()
            if self.naive.halts:
                self.perhaps_stop()
            if scheduler.steps >= self.operator_at:
                self.perhaps_halt()
            demand(scheduler.step(), "liveness: nobody has anything left to do")
            if len(broadcasts) > self.told_out:
                self.look_out()
            if self.mishaps:
                self.perhaps_kill()
            if not self.mishaps:
                quick = scheduler.steps - self.last_mishap < QUICK
                demand(quick, "liveness: no end so many steps after the last mishap")
            demand(scheduler.steps < MOST_STEPS, "liveness: no end after so many steps")
        self.quiet = scheduler.steps - self.last_mishap
        while whole and len(scheduler.seats) > 1 and scheduler.step():
            pass

    def perhaps_stop(self) -> None:
        """A wallet that a stranger has the key of may never come to an end: the operator ends it."""
        over = self.chain.head_ns > self.feed.ticks[-1].at_ns + 30 * MINUTE_NS
        lifts = self.operator_does is Lift or self.scheduler.steps < self.operated_at + 500
        if over and self.naive.halted and not lifts and not self.stopped:
            self.stopped = True
            self.scheduler.early_share = 0.3  # Only time ends this one.
            self.scheduler.send("outside", self.path, Stop(Id("stop"), False))

    def perhaps_halt(self) -> None:
        """The operator halts, and lifts what he has halted; what he does changes what is traded."""
        if self.supervisor.state is RunState.RUNNING:
            id = Id(f"operator {self.halts} {self.operator_at}")
            if self.operator_does is Halt:
                scope = self.chance.choice([EVERYTHING, EVERYTHING, WALLET])
                self.halted_scope, message = scope, Halt(id, scope, "a rumour")
                self.faults[f"halt of {scope}"] += 1
            else:
                message = Lift(id, self.halted_scope, "it was one")
            self.halts, self.operated_at = self.halts + 1, self.scheduler.steps
            self.scheduler.send("outside", self.path, message)
            self.operator_does = Lift if self.operator_does is Halt else Halt
            self.operator_at = self.scheduler.steps + (40 if self.operator_does is Lift else MOST_STEPS)

    def check_idle(self) -> None:
        """Nobody has anything to do, and no successor is on its way: then every question has its answer.

        Questions are repeated, but that is for what nobody expects.  Two may wait for it: the first balances,
        told to a portfolio that does not listen yet, and an order of a portfolio that the executor has not
        met yet, for he answers its predecessor.
        """
        if any(isinstance(message.payload, Revive) for _, _, _, message in self.scheduler.timers):
            return
        waiting = {
            path: list(getattr(s.actor, "_unanswered", ())) for path, s in self.scheduler.seats.items()
        }
        asked = {path: keys for path, keys in waiting.items() if keys}
        if not any(key.startswith(REPEATED) for keys in asked.values() for key in keys):
            demand(not asked, f"liveness: {asked}: unanswered, and nobody is at it")

    def again(self) -> None:
        """Who dies ten times in a minute is given up, and the operator starts anew."""
        demand("keeps dying" in self.supervisor.sentence, self.supervisor.sentence)
        self.kill_all()
        self.start()

    def look_out(self) -> None:
        for tx_id in self.chain.broadcasts[self.told_out :]:
            self.naive.broadcast(tx_id)
        self.told_out = len(self.chain.broadcasts)

    def written(self, append: Append) -> None:
        """It is durable; nobody has heard of it yet."""
        before = (self.naive.free(), dict(self.naive.held))
        self.naive.write(append)
        if self.scheduler.trace is not None:
            told = ", ".join(f"{each.operation_id} {each.status}" for each in append.records)
            self.scheduler.note(f"record {self.naive.records} at {append.records[0].at_ns // 10**9}: {told}")
            after = (self.naive.free(), self.naive.held)
            if before != after:
                self.scheduler.note(f"free {before[0]:,} -> {after[0]:,}, held {before[1]} -> {after[1]}")

    def resolved(self, table: Table, number: str) -> None:
        self.rows[table.name, number] += 1

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
        self.mishaps, self.operator_at = 0, MOST_STEPS
        self.kill_all()
        self.start()
        self.to_the_end()
        new = {kind for kind, count in self.naive.kinds.items() if count != before.get(kind, 0)}
        demand(new <= {"StateSaved"}, f"recovering twice is not recovering once: {new}")


UNTOLD = {"settings", "run", "replica", "books", "feed", "recent", "trader", "peers", "seen", "start",
          "before", "batch", "restarts", "prices", "log"}  # fmt: skip


@functools.lru_cache(maxsize=64)
def _prices(outside: int) -> Prices:
    chance = random.Random(f"prices {outside}")
    return Prices(outside, chance.choice([1, 1, 2, 3]), chance.choice([4, 5, 5, 6, 7, 10]))


@functools.lru_cache(maxsize=64)
def undisturbed(outside: int) -> tuple[tuple, ...]:
    """How the orders of this world end where nobody dies, and nothing is late or said twice."""
    with world_of(outside * WORLDS_OF, calm=True) as world:
        world.start()
        world.to_the_end(whole=False)
        world.check_the_end()
        return tuple(world.naive.trades)


@contextlib.contextmanager
def world_of(seed: int, calm: bool = False) -> Iterator[World]:
    """The production classes in a world of their own."""
    venue_path(ROOT).write_text("The chain is in memory; an executor sees that it is there.")
    log_path(ROOT).with_suffix(".head").unlink(missing_ok=True)
    world = World(seed, calm)
    logger.remove()
    with replaced(replacements(world)):
        try:
            yield world
        finally:
            world.kill_all()
            world.disk.end()


def play(seed: int, trace: list[str] | None = None) -> World:
    """One schedule from beginning to end; raises AssertionError where a promise is broken."""
    outside = seed // WORLDS_OF
    same = undisturbed(outside) if compared(outside) else None
    with world_of(seed) as world:
        if trace is not None:
            world.scheduler.trace = trace
            logger.add(
                lambda line: trace.append(f"       ** {line.rstrip()}"), format="{message}", level="ERROR"
            )
        try:
            world.start()
            world.to_the_end(whole=seed % 4 == 0)
            world.check_the_end()
            if same is not None and not world.halts:
                world.naive.same_trades(same)
            if seed % 8 == 0 and not world.halts:
                world.check_twice()
        except AssertionError:
            world.describe()
            raise
        return world
