"""What stands in for the outside of the production classes: clock, disk, prices, chain, log lines."""

import contextlib
import os
from collections.abc import Coroutine, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import actors.market
import actors.member
import actors.processes
import actors.supervisor
import actors.venue_keeper
import actors.wal
import chains.asking
from actors.base import Actor, Crashed, Done
from actors.executor import Executor
from actors.market import Market
from actors.messages import Append, Refusal, Role, RolledBack
from actors.portfolio import Portfolio
from actors.positions import Positions
from actors.strategist import Strategist
from actors.wal import Wal
from actors.wisher import Wisher
from storage import chain, config, logs, replica, resolution
from storage.log import Log
from strategies import limits
from tests.simulation import disk
from tests.simulation.chains import MOST_FEE
from tests.simulation.disk import Replacement
from tests.simulation.outside import USDC
from tests.simulation.scheduler import Crash, Scheduler

CAST = {
    Role("wal"): Wal, Role("portfolio"): Portfolio, Role("executor"): Executor, Role("positions"): Positions,
    Role("strategist:momentum"): Strategist, Role("market"): Market,
}  # fmt: skip


class Now:
    """The schedule that is played.  What stands in for the outside asks it, and so is put in place once."""

    world: Any = None
    folded: dict[tuple[int, int], Any]
    unpacked: dict[bytes, Any]
    settings: dict[int, Any]

    def begin(self, world: Any) -> None:
        self.world, self.folded, self.unpacked, self.settings = world, {}, {}, {}


NOW = Now()
_append, _open, _resolve, _heard = Log.append, Log.open, resolution.resolve, Wisher.heard
_fold, _unpacked, _settings_in = replica.fold, replica.unpacked, config.settings_in
_terms_of = limits.terms_of


def nobody_waits(scheduler: Scheduler) -> bool:
    """No executor has asked the chain, or told the log what it has heard of it."""
    said = any(
        pair.sender.startswith("executor.") and pair.target.startswith("wal.") for pair in scheduler.waiting()
    )
    return not said and not any(executor._busy() for executor in _executors(scheduler))


def lacks_gas(scheduler: Scheduler) -> bool:
    """An executor says that somebody has to send some."""
    return any(executor.role and executor._waiting() for executor in _executors(scheduler))


def _executors(scheduler: Scheduler) -> list[Executor]:
    return [seat.actor for seat in scheduler.seats.values() if isinstance(seat.actor, Executor)]


def append(self: Log, append: Append) -> int | Refusal:
    """The log's own append, with death before and after it, and the naive books told of what is durable."""
    world = NOW.world
    rare = isinstance(append.records[0].body, RolledBack)
    world.perhaps_die(f"before {append.id} is written", times=20 if rare else 5)
    before = self.head.lsn
    lsn = _append(self, append)
    if self.head.lsn > before:
        world.written(append)
    world.perhaps_die(f"after {append.id} is written")
    return lsn


def opened(path: Path) -> Log:
    log = _open(path)
    NOW.world.naive.reopened(log.head.lsn)
    return log


def resolve(entry, evidence):
    row = _resolve(entry, evidence)
    NOW.world.resolved(resolution.TABLES[type(evidence)], row.number)
    return row


def fold(records, books=None):
    """The same news told to the same books are added up once: nobody can change what comes out."""
    key = (id(records), id(books))
    known = NOW.folded.get(key)
    if known is None:
        known = NOW.folded[key] = (_fold(records, books), records, books)  # Kept, so that ids stay theirs.
    return known[0]


def unpacked(body: bytes):
    """The same bytes are the same books."""
    if body not in NOW.unpacked:
        NOW.unpacked[body] = _unpacked(body)
    return NOW.unpacked[body]


def settings_in(message):
    """The same tables are the same settings."""
    known = NOW.settings.get(id(message))
    if known is None:
        known = NOW.settings[id(message)] = (_settings_in(message), message)
    return known[0]


def heard(self, answer, sender):
    wish = _heard(self, answer, sender)
    if wish is not None:
        NOW.world.naive.accepted(self.address.text, answer)  # Not id(): the dead are freed, it is given anew.
    return wish


def terms_of(settings, tokens, strategies, quoted=None, gas=None):
    """In some worlds orders pay their fees in an asset of its own."""
    chain = NOW.world.chain
    gas = gas if chain.fee_asset == USDC else (chain.fee_asset, MOST_FEE)
    return _terms_of(settings, tokens, strategies, quoted, gas)


def _venue(*asked: object) -> Any:
    """What the executor opens in the paper venue's place."""
    world = NOW.world
    venue = world.venue(*asked)
    venue.chain, venue.hook = world.chain, world.perhaps_die
    return venue


def beside(self: Actor, work: Coroutine[Any, Any, Any], tag: str) -> None:
    """What takes time takes none in a schedule, which waits for nothing: no loop is needed for that."""
    try:
        work.send(None)
    except StopIteration as end:
        self.post(Done(tag, end.value))
    except Exception as error:  # noqa: BLE001  Whatever it is, the actor is told, as ever.
        self.post(Crashed(tag, f"{type(error).__name__}: {error}"))
    else:
        raise AssertionError(f"{tag} waits for something outside of its schedule")


def _gone(_code: int) -> None:
    raise Crash


def _nothing(*_: object, **__: object) -> None:
    """Nobody reads the log lines of a schedule."""


@contextlib.contextmanager
def staged() -> Iterator[None]:
    """The stand-ins are in place; within another one they are already."""
    if Log.append is append:
        yield
        return
    before = [(where, name, vars(where)[name]) for where, name, _ in REPLACEMENTS]
    for where, name, instead in REPLACEMENTS:
        setattr(where, name, instead)
    try:
        yield
    finally:
        for where, name, real in before:
            setattr(where, name, real)


# Only the outside: clock, disk, prices, chain, log lines, and how long things take.
REPLACEMENTS: list[Replacement] = [
    *disk.REPLACEMENTS,
    (Actor, "beside", beside),
    (Actor, "now_ns", lambda _actor: NOW.world.now_ns()),
    (logs, "start", _nothing),
    (actors.member, "settings_in", settings_in),
    (actors.supervisor, "settings_in", settings_in),
    (actors.supervisor, "cast_of", lambda *_: CAST),
    (actors.supervisor, "PING_SECONDS", 8.0),  # Most of the talk, and least of it.
    (actors.supervisor, "SETTLE_PINGS", 1),
    (actors.market, "open_feed", lambda *_: NOW.world.feed),
    (actors.venue_keeper, "PaperVenue", _venue),
    (os, "_exit", _gone),
    (actors.processes, "child", lambda _pid: None),  # Nobody has a process of his own.
    (actors.wal, "SNAPSHOT_EVERY", 10),
    (chain, "row_hash", lru_cache(maxsize=4_096)(chain.row_hash)),  # The same fields are hashed once.
    (Log, "append", append),
    (Log, "open", opened),
    (chains.asking, "resolve", resolve),
    (replica, "fold", fold),
    (limits, "terms_of", terms_of),
    (replica, "unpacked", unpacked),
    (Wisher, "heard", heard),
]
