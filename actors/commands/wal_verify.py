"""Reads a whole log twice over, as the books and as the auditor, and says what is wrong and what is open."""

import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, json

from actors.commands.decimals import decimals_in
from actors.commands.refused import DONE, FAILED
from actors.commands.view import say
from actors.messages import Asset, Id, Record, Refusal, Side, Status
from storage import books, log
from storage.audit import Audit
from storage.books import Books, LiveOrder
from storage.chain import GENESIS, Row, record_of
from storage.config import Settings
from storage.layout import log_path
from storage.log_file import archives_of, assert_format, reader, rows_of, snapshot_in
from storage.snapshots import unpacked
from storage.story import Decimals, span, worded_all


class OpenOperation(Struct, frozen=True):
    """An order that has not ended, or whose fill is not final; times are the market's."""

    id: Id
    status: Status
    side: Side
    token: Asset
    since_ns: str  # As a string: more than a double can hold.
    age_seconds: int
    attempts: int
    tx_id: str | None
    holds: str


class Verdict(Struct, frozen=True):
    log: str
    records: int
    head: str
    broken: tuple[str, ...]
    open: tuple[OpenOperation, ...]
    halts: dict[str, str]  # Scope -> reason.


class Reading:
    """Two readers side by side; when the books refuse a record they stop there and say so."""

    def __init__(self) -> None:
        self.books = Books()
        self.refused = False
        self.audit = Audit()
        self.blamed: list[str] = []
        self.now_ns = 0

    def read(self, first: int, batch: list[Record]) -> None:
        for lsn, record in enumerate(batch, first):
            self.now_ns = max(self.now_ns, record.at_ns)
            self.audit.read(lsn, record)
        if not self.refused:
            self._book(first, batch)

    def compare(self, lsn: int, snapshot: bytes) -> None:
        """A start folds on from the snapshot: it must be what the records before it add up to."""
        saved = unpacked(snapshot)
        if saved is not None and not self.refused and saved != self.books:
            self.blamed.append(f"record {lsn}: replay: its snapshot is not what the records add up to")

    def faults(self) -> tuple[str, ...]:
        self.audit.finish()
        found = [*self.blamed, *_sentences(self.audit)]
        if not self.refused:
            found += [f"record {self.audit.lsn}, the last: {fault}" for fault in books.faults(self.books)]
        return tuple(found)

    def _book(self, first: int, batch: list[Record]) -> None:
        """All at once, for that is many times as fast; one by one to name the one that is refused."""
        try:
            self.books = books.fold(batch, self.books)
        except books.Unbookable:
            for lsn, record in enumerate(batch, first):
                after = books.book(self.books, record)
                if isinstance(after, Refusal):
                    what = f"{type(record.body).__name__} of operation {record.operation_id}"
                    self.blamed.append(f"record {lsn}: the books refuse {what}: {after}")
                    self.refused = True
                    return
                self.books = after


def verify(settings: Settings, as_json: bool) -> int:
    """LogError names the first record that is not what was written."""
    data_dir = Path(settings.run.data_dir)
    verdict = verdict_on(log_path(data_dir), decimals_in(data_dir, settings))
    if as_json:
        sys.stdout.write(json.format(json.encode(verdict)).decode() + "\n")
    else:
        _say(verdict)
    return FAILED if verdict.broken else DONE


def verdict_on(path: Path, decimals: Decimals) -> Verdict:
    """Files, chain, books and promises; and what is under way, as far as the books could read."""
    reading, head = Reading(), GENESIS
    with reader(path) as database:
        assert_format(database, path)
        saved_lsn, snapshot = snapshot_in(database, path) or (0, b"")
    for rows in rows_of(path):
        head = rows[-1][10]
        for part in _cut(rows, saved_lsn):
            reading.read(part[0][0], [record_of(row) for row in part])
            if part[-1][0] == saved_lsn:
                reading.compare(saved_lsn, snapshot)
    for file in (*archives_of(path), path):
        log.verify_file(file)
    folded = reading.books
    unended = (*folded.live.values(), *(each.live for each in folded.booked.values()))
    under_way = tuple(_open(live, folded, reading.now_ns, decimals) for live in unended)
    return Verdict(str(path), reading.audit.lsn, head.hex(), reading.faults(), under_way, folded.halts)


def _cut(rows: list[Row], lsn: int) -> Iterator[list[Row]]:
    """After a record, if it is among them."""
    place = lsn - rows[0][0] + 1
    yield from (part for part in (rows[: max(place, 0)], rows[max(place, 0) :]) if part)


def _open(live: LiveOrder, folded: Books, now_ns: int, decimals: Decimals) -> OpenOperation:
    order = live.order
    return OpenOperation(
        order.id, live.status, order.side, order.token, str(order.at_ns),
        max(0, now_ns - order.at_ns) // 10**9, len(live.attempts),
        live.attempts[-1].tx_id if live.attempts else None,
        worded_all(folded.ledger.reservations.get(order.id, {}), decimals),
    )  # fmt: skip


def _sentences(audit: Audit) -> list[str]:
    return [f"record {each.lsn}: {each.promise}: {each.sentence}" for each in audit.broken]


def _say(verdict: Verdict) -> None:
    for sentence in verdict.broken:
        say(f"{verdict.log}: {sentence}")
    for each in verdict.open:
        tx = f", transaction {each.tx_id}" if each.tx_id else ""
        say(
            f"open: {each.id}: {each.status.value} for {span(each.age_seconds * 10**9)} of market time, "
            f"{each.side.value} {each.token}{tx}, holds {each.holds}"
        )
    for scope, reason in verdict.halts.items():
        say(f"halted: {scope}: {reason}")
    if not verdict.broken:
        say(
            f"{verdict.log}: {verdict.records:,} records, chained without a gap; every promise is kept; "
            f"{len(verdict.open) or 'no'} operation{'' if len(verdict.open) == 1 else 's'} open; "
            f"head {verdict.head}"
        )
