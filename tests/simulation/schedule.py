"""A schedule from its beginning, perhaps a snapshot of its world, to its end, and what must be true then."""

import contextlib
import functools
from collections.abc import Iterator

from loguru import logger

from actors.messages import Side, Ticks
from actors.wal import Wal
from storage.audit import audited
from storage.books import Books, fold
from storage.layout import log_path
from storage.log import records
from storage.start import started
from tests.simulation.chains import compared
from tests.simulation.checks import demand
from tests.simulation.outside import USDC, lot
from tests.simulation.sizes import Size, size_of, world_number
from tests.simulation.snapshot import Snapshot
from tests.simulation.stage import NOW, staged
from tests.simulation.world import MOST_STEPS, WORLDS_OF, World

MOST_IN_PEACE = 5_000  # Steps; some hundred are usual.
LATE = 0.5  # 1 is any moment, 0 the last.
UNTOLD = {"settings", "run", "replica", "books", "feed", "recent", "trader", "peers", "seen", "start",
          "before", "batch", "restarts", "prices", "log"}  # fmt: skip


@contextlib.contextmanager
def world_of(outside: int, size: Size, snapshot: Snapshot | None = None) -> Iterator[World]:
    """The production classes in a world of their own: nobody is there yet, or all are as in the snapshot."""
    logger.remove()
    with staged():
        world = World(outside, size) if snapshot is None else snapshot.restored()
        NOW.begin(world)
        world.wire()
        try:
            yield world
        finally:
            world.scheduler.end()
            world.unwire()  # No cycle: it is freed at once.
            NOW.begin(None)


# -- how it begins ------------------------------------------------------------------------------------------
def in_peace(world: World, seed: int) -> Iterator[None]:
    """Nothing goes wrong but on the chain.  It halts once the market speaks, and after each record."""
    world.chanced(seed)
    world.start()
    spoken: list[str] = []
    world.scheduler.watched[Ticks] = lambda sender, _: spoken.append(sender)
    while not spoken:
        peaceful_step(world)
    del world.scheduler.watched[Ticks]
    while not over(world):
        yield
        written = world.naive.records
        while world.naive.records == written and not over(world):
            peaceful_step(world)
            world.look_out()


def peaceful_step(world: World) -> None:
    demand(world.scheduler.step(), "liveness: nobody has anything left to do, in peace")
    demand(world.scheduler.steps < MOST_IN_PEACE, "liveness: no end after so many steps, in peace")


def over(world: World) -> bool:
    """What is halted may never end by itself."""
    return world.supervisor.stopping is not None or bool(world.naive.halts) or world.chain.deep


@functools.lru_cache(maxsize=64)
def moments(outside: int, size: Size) -> tuple[Snapshot, ...]:
    """Of the world in peace, where schedules go on in which it is not left in peace."""
    with world_of(outside, size) as world:
        kept = []
        for _ in in_peace(world, outside * WORLDS_OF):
            world.unwire()
            world.scheduler.forget_silent()
            with no_files(world):
                kept.append(Snapshot(world))
            world.wire()
        return tuple(kept)


@contextlib.contextmanager
def no_files(world: World) -> Iterator[None]:
    """Whoever goes on from here has none to close: those are of this log alone."""
    (log,) = (seat.actor.log for seat in world.scheduler.seats.values() if isinstance(seat.actor, Wal))
    files, log._files = log._files, ()
    yield
    log._files = files


def go_on(world: World, seed: int) -> None:
    """From a moment of peace, of just now or of long ago: what is counted is what is played from here on."""
    world.scheduler.steps = 0
    for counter in (world.rows, world.naive.kinds, world.naive.transitions):
        counter.clear()
    world.chanced(seed)


@contextlib.contextmanager
def in_the_end(outside: int, size: Size) -> Iterator[World]:
    """The world when all is over, in peace."""
    with world_of(outside, size, moments(outside, size)[-1]) as world:
        go_on(world, outside * WORLDS_OF)
        world.to_the_end(whole=False)
        yield world


@functools.lru_cache(maxsize=64)
def undisturbed(outside: int, size: Size) -> tuple[tuple, ...]:
    """How the orders of this world end in peace."""
    with in_the_end(outside, size) as world:
        check_the_end(world)
        return tuple(world.naive.trades)


def play(seed: int, trace: list[str] | None = None, size: Size | None = None) -> World:
    """One schedule from beginning to end; raises AssertionError where a promise is broken."""
    size = size or size_of(seed // WORLDS_OF)
    outside = world_number(seed // WORLDS_OF, size)
    same = undisturbed(outside, size) if compared(outside) else None
    from_nothing = lot("from nothing", seed) < size.from_nothing
    with world_of(outside, size, None if from_nothing else moment(outside, seed, size)) as world:
        if trace is not None:
            world.scheduler.trace = trace
            logger.add(
                lambda line: trace.append(f"       ** {line.rstrip()}"), format="{message}", level="ERROR"
            )
        try:
            begin(world, seed, from_nothing)
            world.to_the_end(whole=seed % size.whole == 0)
            books = check_the_end(world)
            if same is not None and not world.halts:
                world.naive.same_trades(same)
            halted = world.halts or world.naive.broken
            if seed % size.twice == 0 and not halted and decided(world, books):
                check_twice(world)
        except AssertionError:
            describe(world)
            raise
        return world


def moment(outside: int, seed: int, size: Size) -> Snapshot:
    """Rather a late one: more is at stake, and less is left to play."""
    kept = moments(outside, size)
    return kept[int(lot("moment", seed) ** LATE * len(kept))]


def begin(world: World, seed: int, from_nothing: bool) -> None:
    world.from_nothing = from_nothing
    if from_nothing:
        world.chanced(seed)
        world.upset()
        world.start()
    else:
        go_on(world, seed)
        world.upset()


# -- how it ends --------------------------------------------------------------------------------------------
def check_the_end(world: World) -> Books:
    world.naive.at_the_end()
    log = [record for _, record in records(log_path(world.folder))]
    demand(len(log) == world.naive.records, f"{world.naive.records} acknowledged, {len(log)} in the log")
    broken = audited(enumerate(log, 1)).broken
    demand(not broken, f"the audit: {broken}")
    books = fold(log)
    check_replay(world, books)
    account = books.ledger.account(USDC)
    demand(account.free == world.naive.free(), f"free: {account.free} and {world.naive.free()}")
    held = {token: position.quantity for token, position in books.positions.items()}
    naive = {token: amount for token, amount in world.naive.held.items() if amount}
    demand(held == naive, f"positions: {held} and {naive}")
    return books


def check_replay(world: World, books: Books) -> None:
    """The books from nothing, those of the log's owner, and those that he would start with, are the same."""
    for seat in world.scheduler.seats.values():
        if isinstance(owner := seat.actor, Wal) and owner.role:
            demand(owner.books == books, "replay: the log's owner believes what the log does not say")
            demand(
                started(owner.log)[0] == books, "replay: a start would not have the books that the log says"
            )


def decided(world: World, books: Books) -> bool:
    """No tick is left to decide for a next start; one is, if the log was stuck when the market saved."""
    saved = books.saved.get("market")
    return saved is not None and saved.through_ns >= world.feed.ticks[-1].at_ns


def check_twice(world: World) -> None:
    """A start after the end changes nothing but what somebody remembers, and what is still left over."""
    before, known = dict(world.naive.kinds), set(world.naive.orders)
    world.mishaps, world.operator_at = 0, MOST_STEPS
    world.kill_all()
    world.start()
    world.to_the_end()
    new = {kind for kind, count in world.naive.kinds.items() if count != before.get(kind, 0)}
    taken_back = [order for id, order in world.naive.orders.items() if id not in known]
    demand(all(order.side is Side.REVOKE for order in taken_back), f"a start has traded: {taken_back}")
    demand(taken_back or new <= {"StateSaved"}, f"recovering twice is not recovering once: {new}")


def describe(world: World) -> None:
    """What everybody has in mind at this moment, into the trace."""
    for path, seat in world.scheduler.seats.items():
        mind = {name: value for name, value in vars(seat.actor).items() if name not in UNTOLD}
        world.scheduler.note(f"{path}: {mind}"[:2_000])
