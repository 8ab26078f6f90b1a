"""Reads a whole log twice over, as the books and as the auditor, and says what is wrong and what is open."""

import sys
from pathlib import Path

from msgspec import Struct, json

from actors.commands.decimals import decimals_in
from actors.commands.refused import DONE, FAILED
from actors.commands.view import say
from actors.messages import Asset, Id, Record, Refusal, Side, Status
from storage import books, log
from storage.audit import Audit
from storage.books import Books, LiveOrder
from storage.config import Settings
from storage.export import newest_snapshot, stored
from storage.layout import log_path
from storage.snapshots import unpacked
from storage.story import Decimals, span, worded


class OpenOperation(Struct, frozen=True):
    """An order that has not ended; times are the market's."""

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


class Reading:
    """Two readers side by side; a reader that meets what it can not read stops there and says so."""

    def __init__(self) -> None:
        self.books: Books | None = Books()
        self.audit: Audit | None = Audit()
        self.last: Books = Books()
        self.blamed: list[str] = []
        self.lsn = self.now_ns = 0

    def read(self, lsn: int, record: Record) -> None:
        self.lsn, self.now_ns = lsn, max(self.now_ns, record.at_ns)
        self._audit(lsn, record)
        self._book(lsn, record)

    def compare(self, snapshot: bytes) -> None:
        """A start folds on from the snapshot: it must be what the records before it add up to."""
        if self.books is not None and unpacked(snapshot) != self.books:
            self.blamed.append(f"record {self.lsn}: replay: its snapshot is not what the records add up to")

    def faults(self) -> tuple[str, ...]:
        found = [*self.blamed]
        if self.audit is not None:
            self.audit.finish()
            found += _sentences(self.audit)
        if self.books is not None:
            found += [f"record {self.lsn}, the last: {fault}" for fault in books.faults(self.books)]
        return tuple(found)

    def _audit(self, lsn: int, record: Record) -> None:
        if self.audit is None:
            return
        try:
            self.audit.read(lsn, record)
        except KeyError as unknown:
            self.blamed += _sentences(self.audit)
            kind = type(record.body).__name__
            self.blamed.append(f"record {lsn}: {kind} is of {unknown}, which no record before it opened")
            self.audit = None

    def _book(self, lsn: int, record: Record) -> None:
        if self.books is None:
            return
        after = books.book(self.books, record)
        if isinstance(after, Refusal):
            what = f"{type(record.body).__name__} of operation {record.operation_id}"
            self.blamed.append(f"record {lsn}: the books refuse {what}: {after}")
            self.books = None
        else:
            self.books = self.last = after


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
    """The file, the chain, the books, the promises; and what is under way, as far as the books could read."""
    reading, head = Reading(), log.GENESIS.hex()
    snapshot: tuple[int, bytes] | None = None
    for entry in stored(path):
        snapshot = snapshot or newest_snapshot(path) or (0, b"")  # Not before the file is known to be a log.
        reading.read(entry.lsn, entry.record)
        head = entry.hash
        if snapshot[0] == entry.lsn:
            reading.compare(snapshot[1])
    log.verify_file(path)
    under_way = tuple(
        _open(live, reading.last, reading.now_ns, decimals) for live in reading.last.live.values()
    )
    return Verdict(str(path), reading.lsn, head, reading.faults(), under_way)


def _open(live: LiveOrder, folded: Books, now_ns: int, decimals: Decimals) -> OpenOperation:
    order, reservation = live.order, folded.ledger.reservations.get(live.order.id)
    return OpenOperation(
        order.id, live.status, order.side, order.token, str(order.at_ns),
        max(0, now_ns - order.at_ns) // 10**9, len(live.attempts),
        live.attempts[-1].tx_id if live.attempts else None,
        worded(reservation.amount, reservation.asset, decimals) if reservation else "nothing",
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
    if not verdict.broken:
        say(
            f"{verdict.log}: {verdict.records:,} records, chained without a gap; every promise is kept; "
            f"{len(verdict.open) or 'no'} operation{'' if len(verdict.open) == 1 else 's'} open; "
            f"head {verdict.head}"
        )
