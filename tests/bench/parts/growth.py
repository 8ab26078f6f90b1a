"""A log that grows, and other stores with the same records, measured at each size."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from msgspec import Struct, json

from actors.messages import Append, Asset, Deposited, Id
from storage import log as module
from storage.books import Books, fold
from storage.chain import Row, chained
from storage.layout import log_path
from storage.log import Log, records, verify
from storage.snapshots import packed
from storage.start import started
from storage.trades import local
from tests.bench.parts import stores, trades
from tests.bench.parts.disk import Probe, clocked, megabytes
from tests.bench.parts.newcomer import books_after

TAIL = 900  # Records after the newest snapshot: the Wal makes one every 1,000.
OPEN_ORDERS = 100
OURS = "ours"
USDC = Asset("paper:USDC")


class Grown(Struct, frozen=True):
    """What was measured at one size; by store where others were measured too."""

    records: int
    append_ratio: dict[str, float]
    mb: dict[str, float]
    start_ms: float
    books_ms: float
    verify_per_s: float
    replay_per_s: float


def growing(folder: Path, sizes: list[int]) -> Iterator[Grown]:
    """Most of it is written in large transactions."""
    path, probe, books = log_path(folder), Probe(folder), Books()
    source = trades.appends(10**9, OPEN_ORDERS)
    with stores.opened(folder) as others:
        for size in sizes:
            log = Log.open(path)
            books = _filled(log, others, source, books, size - TAIL)
            log.save_snapshot(log.head.lsn, packed(books))
            books = _filled(log, others, source, books, size)
            count = log.head.lsn  # An append may reach beyond the size.
            log.close()
            start = median(clocked(lambda: _start(path)) for _ in range(5))
            newcomer = median(books_after(folder, count) for _ in range(3))
            verified = min(clocked(lambda: verify(path)) for _ in range(3))  # Neighbours only slow it down.
            replayed = clocked(lambda: fold(record for _, record in records(path)))
            mb = {OURS: megabytes(path), **{name: megabytes(folder / stores.FILES[name]) for name in others}}
            log = Log.open(path)
            ratios = beside(log, others, probe, deposits(f"at{size}:", 200))
            books = fold(log.after(count), books)
            log.close()
            yield Grown(count, ratios, mb, start * 1e3, newcomer * 1e3, count / verified, count / replayed)


def beside(
    log: Log, others: dict[str, stores.Write], probe: Probe, appends: Iterator[Append]
) -> dict[str, float]:
    """Each append into each store in turn, so that a noisy moment is the same for all: medians, in probes."""
    took: dict[str, list[float]] = {name: [] for name in (OURS, *others)}
    probed = []
    for append in appends:
        rows, _ = chained(append, log.head)
        pairs = pairs_of(rows)
        took[OURS].append(clocked(lambda append=append: log.append(append)))
        probed.append(clocked(probe))
        for name, write in others.items():
            took[name].append(clocked(lambda write=write, pairs=pairs: write(pairs)))
    return {name: median(each) / median(probed) for name, each in took.items()}


def deposits(name: str, count: int, each: int = 1) -> Iterator[Append]:
    for number in range(count):
        id = f"{name}{number}"
        yield Append(Id(id), tuple(local(f"{id}/{n}", Deposited(USDC, 1), 0) for n in range(each)))


def pairs_of(rows: list[Row]) -> stores.Pairs:
    return [(row[0].to_bytes(8, "big"), json.encode(row[1:9]) + row[10]) for row in rows]


def _start(path: Path) -> None:
    """What the Wal does before it can decide."""
    log = Log.open(path)
    books, _ = started(log)
    log.close()
    assert OPEN_ORDERS <= len(books.live) <= OPEN_ORDERS + 1


def _filled(
    log: Log, others: dict[str, stores.Write], source: Iterator[Append], books: Books, goal: int
) -> Books:
    """Many appends a transaction: what `Log.append` does for each, without waiting for the disk each time."""
    while log.head.lsn < goal:
        rows, head, news = [], log.head, []
        while head.lsn < goal and len(rows) < 20_000:
            append = next(source)
            more, head = chained(append, head)
            rows += more
            news += append.records
        with log._database as database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(module._INSERT, rows)
        log.head = head
        log._note_head()
        log._checkpoint()
        for write in others.values():
            write(pairs_of(rows))
        books = fold(news, books)
    return books
