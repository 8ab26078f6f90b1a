"""What stands in for the outside of the production classes: clock, disk, prices, chain, log lines."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import actors.executor
import actors.market
import actors.supervisor
import actors.wal
from actors.base import Actor
from actors.messages import Append, Refusal, RolledBack
from actors.wisher import Wisher
from storage import logs, replica, resolution
from storage.log import Log
from tests.simulation.disk import Replacement
from tests.simulation.scheduler import Crash


def _append(world: Any):
    """The log's own append, with death before and after it, and the naive books told of what is durable."""
    real = Log.append

    def append(self: Log, append: Append) -> int | Refusal:
        rare = isinstance(append.records[0].body, RolledBack)
        world.perhaps_die(f"before {append.id} is written", times=20 if rare else 5)
        before = self.head.lsn
        lsn = real(self, append)
        if self.head.lsn > before:
            world.written(append)
        world.perhaps_die(f"after {append.id} is written")
        return lsn

    return append


def _open(world: Any):
    real = Log.open

    def opened(path: Path) -> Log:
        log = real(path)
        world.naive.reopened(log.head.lsn)
        return log

    return opened


def _resolve(world: Any):
    real = resolution.resolve

    def resolve(entry, evidence):
        row = real(entry, evidence)
        world.resolved(resolution.TABLES[type(evidence)], row.number)
        return row

    return resolve


def _fold():
    """The same news told to the same books are added up once: nobody can change what comes out."""
    real, known = replica.fold, {}

    def fold(records, books=None):
        key = (id(records), id(books))
        if key not in known:
            known[key] = (real(records, books), records, books)  # Kept, so that no id is given again.
        return known[key][0]

    return fold


def _heard(world: Any):
    real = Wisher.heard

    def heard(self, answer, sender):
        wish = real(self, answer, sender)
        if wish is not None:
            world.naive.accepted(
                self.address.text, answer
            )  # Not id(): the dead are freed, and it is given anew.
        return wish

    return heard


def _gone(_code: int) -> None:
    raise Crash


def _nothing(*_: object, **__: object) -> None:
    """Nobody reads the log lines of a schedule."""


@contextlib.contextmanager
def replaced(replacements: list[Replacement]) -> Iterator[None]:
    before = [(where, name, vars(where)[name]) for where, name, _ in replacements]
    for where, name, instead in replacements:
        setattr(where, name, instead)
    try:
        yield
    finally:
        for where, name, real in before:
            setattr(where, name, real)


def replacements(world: Any) -> list[Replacement]:
    """Only the outside: clock, disk, prices, chain, log lines, and how long things take."""
    venue = world.venue
    venue.chain, venue.hook = world.chain, staticmethod(world.perhaps_die)
    return [
        *world.disk.replacements(),
        (Actor, "now_ns", lambda _actor: world.now_ns()),
        (logs, "start", _nothing),
        (actors.supervisor, "CAST", world.cast),
        (actors.supervisor, "PING_SECONDS", 8.0),  # Most of the talk, and least of it.
        (actors.supervisor, "SETTLE_PINGS", 1),
        (actors.market, "open_feed", lambda *_: world.feed),
        (actors.executor, "PaperVenue", venue),
        (os, "_exit", _gone),
        (actors.wal, "SNAPSHOT_EVERY", 10),
        (Log, "append", _append(world)),
        (Log, "open", _open(world)),
        (actors.executor, "resolve", _resolve(world)),
        (replica, "fold", _fold()),
        (Wisher, "heard", _heard(world)),
    ]
