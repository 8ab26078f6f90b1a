"""One schedule: the production actors over a log in memory, from first start to last stop."""

import atexit
import contextlib
import os
import random
import shutil
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from msgspec import to_builtins
from thespian.actors import PoisonMessage

from actors.base import Actor
from actors.messages import (
    EVERYTHING,
    GOES_ON,
    NEVER,
    WALLET,
    AlreadyClosing,
    Append,
    Approved,
    Balances,
    Close,
    Committed,
    Decided,
    Directory,
    Durable,
    Execute,
    Executing,
    Follow,
    Halt,
    Handled,
    Id,
    Lift,
    Offered,
    Propose,
    Ready,
    Refused,
    RunState,
    Snapshot,
    Start,
    Stop,
    Subscribe,
    TickClosed,
    TickDone,
    Ticks,
)
from actors.supervisor import Revive, Supervisor
from actors.venue_keeper import BALANCES
from storage.config import Run
from storage.layout import log_path, venue_path
from storage.log import Log
from storage.resolution import Table
from tests.simulation.chains import chain_of, chanced, compared
from tests.simulation.checks import Violation, demand
from tests.simulation.disk import DATABASE
from tests.simulation.evm import EvmChain
from tests.simulation.market import prices_of, settings_of
from tests.simulation.outside import MINUTE_NS, drawn, lot
from tests.simulation.scheduler import Crash, Scheduler, spared
from tests.simulation.sizes import SMALL, Size
from tests.simulation.stage import CAST, lacks_gas, nobody_waits
from tests.simulation.svm import SvmChain

WORLDS_OF = 16  # So many schedules have the same prices and the same chain.
REPEATED = (BALANCES, "execute ")
STUCK_LONG = 1_000.0  # Seconds: the supervisor gives up on who does not answer for so long.
WISHERS = ("strategist.", "positions.")
MOST_STEPS, QUICK = 60_000, 2_000  # In all; and from the last mishap to the end.
LOOKED_ON = 50  # Steps: what has no bytes is rolled back before the operator stops what is blocked.
SETTLED = 30  # Steps after a mishap: as many as a successor takes to be there, and to go on.
ROOT = Path(tempfile.mkdtemp(prefix="holdfast-sim-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)
venue_path(ROOT).write_text("The chain is in memory; an executor sees that it is there.")
log_path(ROOT).write_text("The log of a schedule is in memory.")


FATAL = (
    AlreadyClosing, Append, Approved, Balances, Close, Committed, Decided, Directory, Durable, Execute,
    Executing, Follow, Handled, Offered, Propose, Ready, Refused, Snapshot, Subscribe, TickClosed, TickDone,
    Ticks,
)  # fmt: skip


class World:
    """What is the same for several schedules, and what goes wrong in this one."""

    def __init__(self, outside: int, size: Size) -> None:
        self.outside, self.size, self.from_nothing = outside, size, True
        self.folder = ROOT
        self.scheduler = Scheduler(outside)
        self.feed = prices_of(outside, size)
        self.chain, self.venue, self.naive = chain_of(outside)
        DATABASE.wipe()
        self.rows: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.mishaps, self.share, self.last_mishap = 0, 0.0, 0
        self.spared = 0  # So many messages of the kind at which somebody dies.
        self.clock_ns = 0  # How far the wall clock was set.
        self.poison = ""
        self.told_out = 0
        self.brief, self.ended_before = False, 0  # Whether it may end before its feed does, ...
        self.sells = False  # ... and not before all is sold.
        self.blocked_at = -1  # The step from which on the wallet is, if it is.
        self.halts, self.operator_at, self.operator_does = 0, MOST_STEPS, Halt
        self.stick_at = MOST_STEPS
        self.halted_scope, self.operated_at = EVERYTHING, -MOST_STEPS

    def chanced(self, seed: int) -> None:
        """From now on what is left to chance is what this schedule's seed says."""
        self.seed = seed
        self.scheduler.chanced(seed)
        self.chance = random.Random(f"world {seed}")
        chanced(self.chain, seed)

    def wire(self) -> None:
        """Whoever has to hear of something does, until `unwire`: what is wired is a cycle."""
        self.scheduler.killed = self.buried
        self.scheduler.doomed = self.doomed
        self.scheduler.watched = {**self.naive.watched(), PoisonMessage: self.poisoned}
        if isinstance(self.chain, EvmChain | SvmChain):
            self.chain.nobody_waits = partial(nobody_waits, self.scheduler)
        if isinstance(self.chain, EvmChain):
            self.chain.lacks_gas = partial(lacks_gas, self.scheduler)

    def unwire(self) -> None:
        self.scheduler.killed, self.scheduler.watched, self.scheduler.doomed = _nobody, {}, spared
        for name in ("nobody_waits", "lacks_gas"):
            vars(self.chain).pop(name, None)

    def upset(self) -> None:
        size = self.size
        self.brief = lot("brief", self.seed) < size.brief and not compared(self.outside)
        self.ended_before, self.sells = len(self.naive.trades), lot("sells", self.seed) < 0.5
        self.mishaps = self.chance.choice(size.mishaps)
        self.share = self.chance.choice(size.shares)
        self.scheduler.early_share = self.chance.choice([0.001, 0.005, 0.02])
        self.scheduler.repeated = (Append, Execute, Propose, Close, Halt, Lift)
        self.scheduler.repeat_share = self.chance.choice([0.0, 0.05])
        if drawn("stuck", self.seed) < 0.1:
            self.stuck = random.Random(f"stuck {self.seed}")
            self.stick_at = self.stuck.randint(min(10, size.stuck_by // 6), size.stuck_by)
        if self.chance.random() < 0.1:
            self.operator_at = self.chance.randint(*size.halted_by)
        self.slow_down(self.chance.choice(size.slow))
        if size.doomed and self.chance.random() < size.doomed:
            self.scheduler.doom = self.chance.choice(FATAL)
            self.spared = self.chance.choice([0, 0, 0, 1, 2, 4])

    def slow_down(self, actors: int) -> None:
        names = [kind.__name__.lower() for kind in (*CAST.values(), Supervisor)]
        for _ in range(actors):
            slow = self.chance.choice(names)
            self.scheduler.slow_down(
                {(slow, each) for each in names if self.chance.random() < 0.5} - {(slow, slow)}
            )
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

    def doomed(self, sender: str, receiver: str) -> str:
        """Most messages are of few kinds: where chance alone kills, it seldom does at one of the others."""
        self.spared -= 1
        if self.spared >= 0 or not self.mishaps:
            return ""
        who = self.chance.choice(["sender", "before", "after"])
        victim, self.scheduler.doom = sender if who == "sender" else receiver, None
        if victim == self.path or victim not in self.scheduler.seats:
            return ""
        self.mishap("death at a message", f"{victim} is killed")
        if who == "sender":
            self.scheduler.kill(victim)
        return who if who != "sender" and receiver in self.scheduler.seats else ""

    def kill_somebody(self) -> None:
        """Or everybody; or the clock is set."""
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

    def stick_somebody(self) -> None:
        """He receives nothing for a while, and what is sent to him waits, or has no room."""
        self.stick_at = MOST_STEPS
        victim = self.stuck.choice(sorted(self.scheduler.seats))
        full = self.stuck.random() < 0.5
        room = self.stuck.choice([0, 0, 1, 3]) if full else None
        long = self.stuck.random() < 0.01 and self.size != SMALL
        seconds = STUCK_LONG if long else self.stuck.choice(self.size.stuck_seconds)
        self.faults["full mailbox" if full else "stuck actor"] += 1
        self.scheduler.note(f"{victim} receives nothing for {seconds} s; room for {room}")
        self.scheduler.stick(victim, seconds, room)

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
        if actor._failed:
            raise Violation(f"{actor.name} has failed: {self.poison}")

    def poisoned(self, _sender: str, said: PoisonMessage) -> None:
        self.poison = str(said.poisonMessage)

    # -- a run ----------------------------------------------------------------------------------------------
    def start(self) -> None:
        self.stopped = False
        self.path = str(self.scheduler.create(Supervisor).addressDetails)
        actor = self.scheduler.seats[self.path].actor
        assert isinstance(actor, Supervisor)
        self.supervisor = actor
        run = Run(data_dir=str(self.folder), speed="max", until_end=True, seed=self.outside, feed="simulated")
        start = Start(Id("start"), settings_of(self.outside, self.size), to_builtins(run))
        self.scheduler.send("outside", self.path, start)

    def to_the_end(self, whole: bool = True) -> None:
        """The feed is finite, and so are the mishaps: everything must come to an end.

        With `whole` the run is drained and stopped; else it ends when the feed has, and all is quiet; or, if
        that was drawn, once all is settled that it is about.
        """
        scheduler, chain, naive = self.scheduler, self.chain, self.naive
        step, chance, often = scheduler.step, self.chance.random, self.share / 5
        ready, broadcasts = scheduler.ready, chain.broadcasts
        self.last_mishap = scheduler.steps
        while (state := self.supervisor.state) is not RunState.STOPPED:
            if state is RunState.FAILED:
                self.again()
            if not (ready or scheduler.late or scheduler.held):
                if self.supervisor.stopping and not whole and not (naive.live and not naive.known_blocked):
                    break
                self.check_idle()
            if naive.halts or chain.deep:
                self.perhaps_stop()
            elif self.brief and not (whole or naive.live or self.mishaps) and self.settled():
                break
            if scheduler.steps >= self.operator_at or scheduler.steps >= self.stick_at:
                self.interfere()
            if not step():
                raise Violation("liveness: nobody has anything left to do")
            if len(broadcasts) > self.told_out:
                self.look_out()
            if self.mishaps:
                if chance() <= often:
                    self.kill_somebody()
            elif scheduler.steps - self.last_mishap >= QUICK:
                self.last_mishap = scheduler.steps if scheduler.stuck else scheduler.released
                quick = scheduler.steps - self.last_mishap < QUICK
                demand(quick, "liveness: no end so many steps after the last mishap")
        self.quiet = scheduler.steps - max(self.last_mishap, scheduler.released)
        while whole and len(scheduler.seats) > 1 and scheduler.step():
            pass
        if naive.live and not naive.blocked and self.supervisor.sentence.endswith(GOES_ON):
            self.kill_all()  # Somebody was stuck for longer than a drain has patience.
            self.start()
            self.to_the_end(whole)

    def settled(self) -> bool:
        """Orders of this schedule have ended, the last mishap is over, and all are there."""
        sup, steps = self.supervisor, self.scheduler.steps
        return (
            len(self.naive.trades) > self.ended_before
            and not (self.sells and any(self.naive.held.values()))
            and steps > max(self.last_mishap, self.scheduler.released, self.operated_at) + SETTLED
            and sup.state is RunState.RUNNING and len(sup.ready) == len(sup.cast)
        )  # fmt: skip

    def interfere(self) -> None:
        """What was drawn for this step, if for none before MOST_STEPS: then this one is too long."""
        if self.scheduler.steps >= MOST_STEPS:
            raise Violation("liveness: no end after so many steps")
        if self.scheduler.steps >= self.operator_at:
            self.perhaps_halt()
        if self.scheduler.steps >= self.stick_at:
            self.stick_somebody()

    def perhaps_stop(self) -> None:
        """A wallet that is blocked, by a stranger or a broken chain, may never end: the operator ends it."""
        over = self.chain.head_ns > self.feed.ticks[-1].at_ns + self.size.patience * MINUTE_NS
        lifts = self.operator_does is Lift or self.scheduler.steps < self.operated_at + 500
        if not (over and self.naive.known_blocked) or lifts:
            self.blocked_at = -1
        elif self.blocked_at < 0:
            self.blocked_at = self.scheduler.steps
        elif not self.stopped and self.scheduler.steps > self.blocked_at + LOOKED_ON:
            self.stopped = True
            self.scheduler.early_share = 0.3  # Only time ends this one.
            self.scheduler.send("outside", self.path, Stop(Id("stop"), False))

    def perhaps_halt(self) -> None:
        """The operator halts, and lifts what he has halted; what he does changes what is traded."""
        if self.supervisor.state is RunState.RUNNING:
            id = Id(f"operator {self.halts} {self.operator_at}")
            if self.operator_does is Halt:
                scope = self.chance.choice([EVERYTHING, EVERYTHING, WALLET])
                if self.chain.deep_ns < NEVER:  # Else his lift could be on its way when it breaks.
                    scope = EVERYTHING
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
        met yet, for he answers its predecessor.  And what is wished at the last tick of all, if the portfolio
        that has refused it is dead: a successor would say so at the next tick.
        """
        if any(isinstance(message.payload, Revive) for _, _, _, message in self.scheduler.timers):
            return
        if self.scheduler.stuck or self.scheduler.now < self.scheduler.late_until:
            return
        waiting = {
            path: list(getattr(s.actor, "_unanswered", ())) for path, s in self.scheduler.seats.items()
        }
        over = WISHERS if self.supervisor.stopping else ()
        asked = {path: keys for path, keys in waiting.items() if keys and not path.startswith(over)}
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
        if self.scheduler.trace is None:
            self.naive.write(append)
        else:
            before = (self.naive.free(), dict(self.naive.held))
            self.naive.write(append)
            told = ", ".join(f"{each.operation_id} {each.status}" for each in append.records)
            self.scheduler.note(f"record {self.naive.records} at {append.records[0].at_ns // 10**9}: {told}")
            after = (self.naive.free(), self.naive.held)
            if before != after:
                self.scheduler.note(f"free {before[0]:,} -> {after[0]:,}, held {before[1]} -> {after[1]}")

    def resolved(self, table: Table, number: str) -> None:
        self.rows[table.name, number] += 1


def _nobody(_: Actor) -> None:
    """All are dead."""
