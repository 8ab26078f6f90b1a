"""What a log must be after a crash, judged by the production code that would open it then."""

from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from actors.messages import Record
from storage.audit import audited
from storage.books import Books, faults, fold
from storage.log import Head, Log, LogError, records, verify, verify_file
from storage.log_file import noted_head
from storage.snapshots import packed
from tests.crash.steps import Expected
from tests.crash.workload import copy_of

EXPECTED = Expected()


class Said(Struct):
    """What a workload printed: the last LSN it vouched for, with its hash."""

    lsn: int = 0
    hash: str = ""
    closed: bool = False
    acks: int = 0
    copied: int = 0  # The end of the last copy.


class Found(Struct, frozen=True):
    head: Head
    records: tuple[Record, ...]
    snapshot: tuple[int, bytes] | None


def said(output: str, before_ns: int | None = None, earlier: Said | None = None) -> Said:
    """Whole lines only, and only those that were printed before a moment."""
    last = earlier or Said()
    acks = 0
    for line in output[: output.rfind("\n") + 1].splitlines():
        what, lsn, hash, at_ns = line.split()
        if before_ns is not None and int(at_ns) >= before_ns:
            break
        acks += what == "ack"
        copied = int(lsn) if what == "copied" else last.copied
        last = Said(int(lsn), hash.strip("-"), what == "closed", acks, copied)
    return last


def complaint(path: Path, last: Said, latest: Said | None = None) -> str:
    """What is wrong with the log that a crash has left after these acknowledgements; empty if nothing is.

    `latest` is what was said while the power was going: it may be there, and at most one append beyond it.
    """
    try:
        started, found = _started(path), _opened(path)
    except LogError as error:
        return f"it is refused: {error}"
    except Exception as error:  # noqa: BLE001  Whatever it is, the operator gets no sentence.
        return f"it breaks: {error!r}"
    if started != (found.head, found.snapshot):
        return f"opened twice it is another: {started[0]} and {found.head}"
    return _of(found, last, latest or last) or _of_copies(path, last)


def _of_copies(path: Path, last: Said) -> str:
    """One that has its name is whole, and so is its note once it was vouched for."""
    if last.copied and not copy_of(path, last.copied).exists():
        return f"the copy of the log up to {last.copied} is not there"
    for copy in sorted(path.parent.glob("copy-??????.db")):
        try:
            head = verify(copy)
        except LogError as error:
            return f"a copy is refused: {error}"
        if copy != copy_of(path, head.lsn) or (head.lsn == last.copied and noted_head(copy) != head):
            return f"{copy.name} ends at {head.lsn}, and its note says {noted_head(copy)}"
    return ""


def _started(path: Path) -> tuple[Head, tuple[int, bytes] | None]:
    """As the Wal actor starts.  The head has a hash of all records before it."""
    log = Log.open(path)
    try:
        return log.head, log.snapshot()
    finally:
        log.close()


def _opened(path: Path) -> Found:
    """And once more, with all that can be asked of it."""
    log = Log.open(path)
    try:
        verify_file(path)
        numbered = list(records(path))
        assert [lsn for lsn, _ in numbered] == list(range(1, log.head.lsn + 1))
        return Found(log.head, tuple(record for _, record in numbered), log.snapshot())
    finally:
        log.close()


def _of(found: Found, last: Said, latest: Said) -> str:
    lsn = found.head.lsn
    if lsn < last.lsn:
        return f"record {last.lsn} was acknowledged and the log ends at {lsn}"
    if lsn == last.lsn and last.hash and found.head.hash.hex() != last.hash:
        return f"record {lsn} was acknowledged with another hash"
    if not EXPECTED.ends_an_append(lsn):
        return f"the log ends at {lsn}, in the middle of an append"
    if lsn > EXPECTED.next_end(latest.lsn):
        return f"only one append was under way after {latest.lsn}, and the log ends at {lsn}"
    if found.records != EXPECTED.through(lsn):
        return "a record is not what was written"
    if found.snapshot and found.snapshot[1] != _snapshot(found.snapshot[0]):
        return f"the snapshot at {found.snapshot[0]} is not the fold of the records"
    return _books_and_audit(lsn)


@lru_cache
def _snapshot(lsn: int) -> bytes:
    return packed(_folded(lsn))


@lru_cache(maxsize=10_000)
def _folded(lsn: int) -> Books:
    return fold(EXPECTED.through(lsn))


@lru_cache(maxsize=10_000)
def _books_and_audit(lsn: int) -> str:
    """The records are the expected ones by now, so each LSN is compared once."""
    books, audit = _folded(lsn), audited(enumerate(EXPECTED.through(lsn), 1))
    if broken := [*faults(books), *audit.broken]:
        return f"a promise is broken: {broken[0]}"
    for asset, account in books.ledger.accounts.items():
        folded = (account.free, account.reserved, account.fees, account.realised)
        if folded != (audit.free[asset], audit.reserved(asset), audit.fees[asset], audit.realised[asset]):
            return f"books and audit differ in {asset}"
    held = {position.id: (position.quantity, position.cost) for position in books.positions.values()}
    if held != {id: (holding.quantity, holding.cost) for id, holding in audit.holdings.items()}:
        return "books and audit differ in their positions"
    return ""
