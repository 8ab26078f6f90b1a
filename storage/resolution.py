"""What becomes of an order that is half done: its state and the chain's evidence -> exactly one row.

Three tables: the paper venue, EVM and Solana.  They are data; the docs' tables are printed from them, and a
test looks at every combination there is.  Pure: the executor gathers the evidence, at its start and then at
every sweep, and does what the row says.  What has not ended is asked about again at the next sweep.

Two rules run through all of it.  An order with bytes ends only on proof (no-guess): a receipt, or that its
bytes can not land any more.  And as long as they can, nothing else may (exactly-once): only the same bytes
are sent, or others under the same nonce.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from storage.books import LiveOrder
from storage.evidence import (
    Action,
    Answer,
    Channel,
    Deadline,
    Depth,
    Entry,
    Evidence,
    Evm,
    Fee,
    Fence,
    Height,
    Ledger,
    Node,
    Nonce,
    Paper,
    Pool,
    Receipt,
    Signature,
    Solana,
    Wallet,
)

When = dict[str, frozenset[StrEnum]]  # Field -> what it may be; a field that is not named may be anything.


class Row(Struct, frozen=True):
    number: str  # Stays what it is: a journal may name it.
    action: Action
    because: str
    when: When
    channel: Channel | None = None  # Where bytes go; None: nothing leaves the process.


class Table(Struct, frozen=True):
    name: str
    evidence: type[Evidence]
    entries: tuple[Entry, ...]
    rows: tuple[Row, ...]


def when(**fields: StrEnum | frozenset[StrEnum]) -> When:
    return {name: each if isinstance(each, frozenset) else frozenset({each}) for name, each in fields.items()}


def but(value: StrEnum) -> frozenset[StrEnum]:
    return frozenset(type(value)) - {value}


UNDER_WAY: frozenset[StrEnum] = frozenset({Entry.IN_PROGRESS, Entry.CANCELLING})
TROUBLED = but(Node.OK)
USED: frozenset[StrEnum] = frozenset({Nonce.USED, Nonce.USED_AT_K})
NOT_USED: frozenset[StrEnum] = frozenset({Nonce.FREE, Nonce.FOREIGN_AT_K})


def _first(letter: str, under_way: Entry | frozenset[StrEnum]) -> tuple[Row, ...]:
    """The rows that real chains share: no bytes of the swap, all is over, or nobody to ask."""
    signable = when(entry=Entry.PENDING, wallet=Wallet.GOOD, deadline=Deadline.BEFORE)
    return (
        Row(f"{letter}1", Action.NOTHING, "a repeated request gets the stored answer",
            when(entry=Entry.FINAL)),
        Row(f"{letter}2", Action.ROLL_BACK, "no bytes of its swap exist, and this wallet signs nothing more",
            when(entry=Entry.PENDING, wallet=Wallet.QUARANTINED)),
        Row(f"{letter}3", Action.ROLL_BACK, "no bytes of its swap exist, and it is too late to sign any",
            when(entry=Entry.PENDING, wallet=Wallet.GOOD, deadline=Deadline.PAST)),
        Row(f"{letter}4", Action.QUOTE, "no bytes of its swap exist; the old quote is stale",
            signable | when(node=Node.OK)),
        Row(f"{letter}5", Action.WAIT, "a quote of such a node is worth nothing",
            signable | when(node=TROUBLED)),
        Row(f"{letter}6", Action.WAIT, "what is booked stays booked until there is evidence against it",
            when(entry=Entry.BOOKED, node=TROUBLED)),
        Row(f"{letter}7", Action.BLOCK, "no answer, or one that can not be trusted, proves nothing",
            when(entry=under_way, node=TROUBLED)),
    )  # fmt: skip


PAPER = Table("Paper", Paper, (Entry.PENDING, Entry.IN_PROGRESS, Entry.FINAL), (
    Row("P1", Action.NOTHING, "a repeated request gets the stored answer", when(entry=Entry.FINAL)),
    Row("P2", Action.ROLL_BACK, "no bytes of its swap exist, and this wallet signs nothing more",
        when(entry=Entry.PENDING, wallet=Wallet.QUARANTINED)),
    Row("P3", Action.ROLL_BACK, "no bytes of its swap exist, and it is too late to sign any",
        when(entry=Entry.PENDING, wallet=Wallet.GOOD, deadline=Deadline.PAST)),
    Row("P4", Action.QUOTE, "no bytes of its swap exist; the old quote is stale",
        when(entry=Entry.PENDING, wallet=Wallet.GOOD, deadline=Deadline.BEFORE)),
    Row("P5", Action.SETTLE_LANDED, "it is on chain, and this chain has no reorgs",
        when(entry=Entry.IN_PROGRESS, answer=Answer.LANDED)),
    Row("P6", Action.SETTLE_FAILED, "it is on chain, without effect",
        when(entry=Entry.IN_PROGRESS, answer=Answer.REVERTED)),
    Row("P7", Action.WAIT, "the venue has it",
        when(entry=Entry.IN_PROGRESS, answer=Answer.WAITING)),
    Row("P8", Action.RESEND, "the venue may not have heard of it yet",
        when(entry=Entry.IN_PROGRESS, answer=Answer.MISSING, deadline=Deadline.BEFORE, wallet=Wallet.GOOD),
        Channel.PUBLIC),
    Row("P9", Action.WAIT, "it may land until it expires, and this wallet sends nothing any more",
        when(entry=Entry.IN_PROGRESS, answer=Answer.MISSING, deadline=Deadline.BEFORE,
             wallet=Wallet.QUARANTINED)),
    Row("P10", Action.MARK_DEAD, "the venue does not have it, and would not take it any more",
        when(entry=Entry.IN_PROGRESS, answer=Answer.MISSING, deadline=Deadline.PAST)),
    Row("P11", Action.BLOCK, "silence proves nothing, however late it is",
        when(entry=Entry.IN_PROGRESS, answer=Answer.UNANSWERED)),
))  # fmt: skip


# -- EVM: a signed transaction never expires; it ends when its nonce does --------------------------------
def _receipt(entry: Entry | frozenset[StrEnum], receipt: Receipt, depth: Depth | frozenset[StrEnum]) -> When:
    return when(entry=entry, node=Node.OK, receipt=receipt, depth=depth, nonce=USED)


def _absent(entry: Entry | frozenset[StrEnum], nonce: Nonce) -> When:
    return when(entry=entry, node=Node.OK, receipt=Receipt.NONE, nonce=nonce)


def _alive(entry: Entry) -> When:
    return _absent(entry, Nonce.FREE) | when(wallet=Wallet.GOOD)


_LATE = _alive(Entry.IN_PROGRESS) | when(deadline=Deadline.PAST)
_TIMELY = _alive(Entry.IN_PROGRESS) | when(deadline=Deadline.BEFORE)
_CANCEL = _alive(Entry.CANCELLING)
_PUBLIC, _PRIVATE = when(channel=Channel.PUBLIC), when(channel=Channel.PRIVATE)
_LOST, _POOLED = when(fee=but(Fee.LOW), pool=Pool.ABSENT), when(fee=but(Fee.LOW), pool=Pool.SEEN)
_LOW, _PAYABLE, _CAPPED = when(fee=Fee.LOW), when(fee=but(Fee.CAPPED)), when(fee=Fee.CAPPED)

EVM = Table("EVM", Evm, tuple(Entry), (
    *_first("E", UNDER_WAY),
    Row("E8", Action.BLOCK, "a receipt of ours, and the nonce not used by us: not of the same block",
        when(entry=UNDER_WAY | {Entry.BOOKED}, node=Node.OK, receipt=but(Receipt.NONE), nonce=NOT_USED)),
    Row("E9", Action.NOTE_FINALITY, "no reorg is expected to reach it",
        _receipt(Entry.BOOKED, Receipt.SUCCESS, Depth.FINAL)),
    Row("E10", Action.WAIT, "a reorg can still undo it",
        _receipt(Entry.BOOKED, Receipt.SUCCESS, but(Depth.FINAL))),
    Row("E11", Action.COMPENSATE, "a reorg has replaced what was booked",
        when(entry=Entry.BOOKED, node=Node.OK, nonce=USED,
             receipt=frozenset({Receipt.REVERTED, Receipt.CANCELLED}))),
    Row("E12", Action.COMPENSATE, "a reorg has undone what was booked; the pool does not get it back",
        when(entry=Entry.BOOKED, node=Node.OK, receipt=Receipt.NONE)),
    Row("E13", Action.SETTLE_LANDED, "it is on chain, deep enough to trade on",
        _receipt(UNDER_WAY, Receipt.SUCCESS, but(Depth.SHALLOW))),
    Row("E14", Action.WAIT, "the newest blocks are replaced too often",
        _receipt(UNDER_WAY, Receipt.SUCCESS, Depth.SHALLOW)),
    Row("E15", Action.SETTLE_FAILED, "it is on chain, without effect, and stays there",
        _receipt(UNDER_WAY, Receipt.REVERTED, Depth.FINAL)),
    Row("E16", Action.WAIT, "after a reorg the same bytes could succeed",
        _receipt(UNDER_WAY, Receipt.REVERTED, but(Depth.FINAL))),
    Row("E17", Action.SETTLE_FAILED, "the cancel has the nonce and keeps it: the order can not land",
        _receipt(Entry.CANCELLING, Receipt.CANCELLED, Depth.FINAL)),
    Row("E18", Action.WAIT, "after a reorg the order could land in the cancel's stead",
        _receipt(Entry.CANCELLING, Receipt.CANCELLED, but(Depth.FINAL))),
    Row("E19", Action.BLOCK, "a cancel has landed that was never journalled",
        when(entry=Entry.IN_PROGRESS, node=Node.OK, receipt=Receipt.CANCELLED, nonce=USED)),
    Row("E20", Action.BLOCK, "the nonce is used at the head, perhaps by ours unseen; a reorg may free it",
        _absent(UNDER_WAY, Nonce.USED)),
    Row("E21", Action.BLOCK, "one node alone says that a stranger used the nonce: ask a second",
        _absent(UNDER_WAY, Nonce.USED_AT_K)),
    Row("E22", Action.QUARANTINE, "a stranger has the key; he used the nonce for good, so ours can not land",
        _absent(UNDER_WAY, Nonce.FOREIGN_AT_K) | when(wallet=Wallet.GOOD)),
    Row("E23", Action.QUARANTINE, "the same, whatever the wallet was halted for before",
        _absent(UNDER_WAY, Nonce.FOREIGN_AT_K) | when(wallet=Wallet.QUARANTINED)),
    Row("E24", Action.BLOCK, "it may still land, and this wallet sends and signs nothing any more",
        _absent(UNDER_WAY, Nonce.FREE) | when(wallet=Wallet.QUARANTINED)),
    # It can land, and it is too late: it would only cost its fee, at whatever time it likes.
    Row("E25", Action.CANCEL, "past its deadline, but it never expires", _LATE | _PAYABLE | _PUBLIC,
        Channel.PUBLIC),
    Row("E26", Action.CANCEL, "past its deadline, but it never expires", _LATE | _PAYABLE | _PRIVATE,
        Channel.PRIVATE),
    Row("E27", Action.CANCEL, "nothing seen that the cancel would have to outbid",
        _LATE | _CAPPED | _PUBLIC | when(pool=Pool.ABSENT), Channel.PUBLIC),
    Row("E28", Action.CANCEL, "nothing seen that the cancel would have to outbid",
        _LATE | _CAPPED | _PRIVATE | when(pool=Pool.ABSENT), Channel.PRIVATE),
    Row("E29", Action.BLOCK, "a cancel would have to pay more than the cap allows",
        _LATE | _CAPPED | when(pool=Pool.SEEN)),
    # It can land, and should.
    Row("E30", Action.BUMP, "it has waited too long for its fee", _TIMELY | _LOW | _PUBLIC, Channel.PUBLIC),
    Row("E31", Action.BUMP, "it has waited too long for its fee", _TIMELY | _LOW | _PRIVATE,
        Channel.PRIVATE),
    Row("E32", Action.WAIT, "it is in the pool", _TIMELY | _POOLED),
    Row("E33", Action.RESEND, "perhaps never sent, perhaps dropped", _TIMELY | _LOST | _PUBLIC,
        Channel.PUBLIC),
    Row("E34", Action.RESEND, "no node can see it; only its own relay may", _TIMELY | _LOST | _PRIVATE,
        Channel.PRIVATE),
    # The same for a cancel, which has no deadline.
    Row("E35", Action.BUMP, "the cancel has waited too long for its fee", _CANCEL | _LOW | _PUBLIC,
        Channel.PUBLIC),
    Row("E36", Action.BUMP, "the cancel has waited too long for its fee", _CANCEL | _LOW | _PRIVATE,
        Channel.PRIVATE),
    Row("E37", Action.WAIT, "the cancel is in the pool", _CANCEL | _POOLED),
    Row("E38", Action.RESEND, "the cancel was perhaps never sent", _CANCEL | _LOST | _PUBLIC,
        Channel.PUBLIC),
    Row("E39", Action.RESEND, "the cancel was perhaps never sent", _CANCEL | _LOST | _PRIVATE,
        Channel.PRIVATE),
))  # fmt: skip


# -- Solana: a transaction expires by block height; absence is proof only past the slot fence -------------
def _status(entry: Entry, *statuses: Signature) -> When:
    return when(entry=entry, node=Node.OK, signature=frozenset(statuses))


_GONE = _status(Entry.IN_PROGRESS, Signature.ABSENT)
_VALID, _EXPIRED = _GONE | when(height=Height.VALID), _GONE | when(height=Height.EXPIRED)
_GOOD = when(wallet=Wallet.GOOD)

SOLANA = Table("Solana", Solana, (Entry.PENDING, Entry.IN_PROGRESS, Entry.BOOKED, Entry.FINAL), (
    *_first("S", Entry.IN_PROGRESS),
    Row("S8", Action.NOTE_FINALITY, "finalized is for good", _status(Entry.BOOKED, Signature.FINALIZED)),
    Row("S9", Action.WAIT, "booked and not finalized; processed or an error may still be forked away",
        _status(Entry.BOOKED, Signature.PROCESSED, Signature.CONFIRMED, Signature.CONFIRMED_ERROR)),
    Row("S10", Action.COMPENSATE, "it was finalized, with an error, on another fork than it was booked on",
        _status(Entry.BOOKED, Signature.FINALIZED_ERROR)),
    Row("S11", Action.COMPENSATE, "the fork that it was booked on is gone",
        _status(Entry.BOOKED, Signature.ABSENT) | when(ledger=Ledger.WHOLE)),
    Row("S12", Action.BLOCK, "a node without the ledger of that time knows nothing of it",
        _status(Entry.BOOKED, Signature.ABSENT) | when(ledger=Ledger.CUT)),
    Row("S13", Action.SETTLE_LANDED, "confirmed is good enough to trade on",
        _status(Entry.IN_PROGRESS, Signature.CONFIRMED, Signature.FINALIZED)),
    Row("S14", Action.SETTLE_FAILED, "it is on chain, without effect, and stays there",
        _status(Entry.IN_PROGRESS, Signature.FINALIZED_ERROR)),
    Row("S15", Action.WAIT, "processed is never believed, an error only when it is finalized",
        _status(Entry.IN_PROGRESS, Signature.PROCESSED, Signature.CONFIRMED_ERROR)),
    Row("S16", Action.RESEND, "it can land, and the same bytes have the same signature",
        _VALID | _GOOD | _PUBLIC, Channel.PUBLIC),
    Row("S17", Action.RESEND, "it can land; others than its own relay must not see it",
        _VALID | _GOOD | _PRIVATE, Channel.PRIVATE),
    Row("S18", Action.WAIT, "it can land until it expires, and this wallet sends nothing any more",
        _VALID | when(wallet=Wallet.QUARANTINED)),
    Row("S19", Action.WAIT, "expired, but the answers are not twice from past the slot fence yet",
        _EXPIRED | when(ledger=Ledger.WHOLE, fence=but(Fence.TWICE))),
    Row("S20", Action.MARK_DEAD, "expired, and twice absent from a whole ledger past the slot fence",
        _EXPIRED | when(ledger=Ledger.WHOLE, fence=Fence.TWICE)),
    Row("S21", Action.BLOCK, "a node without the ledger of that time knows nothing of it: ask another",
        _EXPIRED | when(ledger=Ledger.CUT)),
))  # fmt: skip

INTRODUCTION = """\
Printed from the tables in `storage/resolution.py` by `make docs`; a test compares the two, and another looks
at every combination of state and evidence there is: each has exactly one row.  The Executor asks the venue
about every order that has bytes and is not final, at its start and then at every tick, and does what the row
says.  Fields that a row does not name may be anything.  Where a channel stands in brackets, bytes leave the
process, and go that way."""

TABLES: dict[type[Evidence], Table] = {table.evidence: table for table in (PAPER, EVM, SOLANA)}


# -- looking up --------------------------------------------------------------------------------------
@lru_cache(maxsize=1_024)
def resolve(entry: Entry, evidence: Evidence) -> Row:
    """The row that applies; there is one and no other, or the process must stop."""
    return only(TABLES[type(evidence)], entry, evidence)


def only(table: Table, entry: Entry, evidence: Evidence) -> Row:
    assert entry in table.entries, f"{table.name}: no order is {entry} there"
    found = [row for row in table.rows if _applies(row, entry, evidence)]
    assert len(found) == 1, f"{entry}, {evidence}: rows {[row.number for row in found]} instead of one"
    return found[0]


def entry_of(live: LiveOrder) -> Entry:
    """Of an order that has not ended and is not booked."""
    if not live.attempts:
        return Entry.PENDING
    return Entry.CANCELLING if live.attempts[-1].cancels else Entry.IN_PROGRESS


def markdown(table: Table) -> str:
    """The table as the docs carry it."""
    lines = ["| row | state | evidence | action | because |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(row))} |" for row in table.rows)])


def page() -> str:
    """All tables: storage/RESOLVER.md."""
    tables = (f"## {table.name}\n\n{markdown(table)}\n" for table in TABLES.values())
    return "\n".join([f"# What becomes of an order that is half done\n\n{INTRODUCTION}\n", *tables])


def _applies(row: Row, entry: Entry, evidence: Evidence) -> bool:
    return all(
        (entry if field == "entry" else getattr(evidence, field)) in allowed
        for field, allowed in row.when.items()
    )


def _cells(row: Row) -> Iterator[str]:
    yield row.number
    yield _words(row.when["entry"])
    evidence = (f"{name} {_words(allowed)}" for name, allowed in row.when.items() if name != "entry")
    yield "; ".join(evidence) or "any"
    yield f"{row.action} ({row.channel})" if row.channel else row.action.value
    yield row.because


def _words(allowed: frozenset[StrEnum]) -> str:
    """In the order of the catalogue."""
    kind = type(next(iter(allowed)))
    return " or ".join(each for each in kind if each in allowed)
