"""What a chain has taken beyond all that the books have free for it.  Pure.

No bytes of a transaction bound what its data costs on L1, so an order may have cost more than was set aside,
in a wallet that has no more free.  The money is gone all the same.  Its outcome waits until another gives
back what it did not use, or until gas has come that the books do not know of: that is then booked with it.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Append, Deposited, Id, Reserved, Units
from storage.books import Books, Outcome, fold
from storage.holdings import holdings
from storage.trades import local, settlement


class Purse(Struct, frozen=True):
    """A wallet where no reorg is expected to reach: its next nonce, and what it has of one asset."""

    nonce: int
    amount: int


class Covered(NamedTuple):
    """What books the first of several outcomes, if the wallet has what they leave it; else what it lacks."""

    append: Append
    lacking: int


def asks_for_more(append: Append) -> bool:
    """It takes from what is free, and that may be gone when it is written."""
    return any(isinstance(record.body, Reserved) for record in append.records)


def short(books: Books, append: Append) -> int:
    """What would have to be free beside what is, for an outcome to be booked."""
    more = (record.body for record in append.records if isinstance(record.body, Reserved))
    return sum(max(0, each.amount - books.ledger.account(each.asset).free) for each in more)


def only_these(books: Books, orders: Collection[Id]) -> bool:
    """No other order of the wallet has done anything that is not booked, or that a reorg can undo."""
    begun = {id for id, live in books.live.items() if live.begun}
    return not books.booked and begun == set(orders)


def covered(books: Books, outcomes: Sequence[Outcome], purse: Purse, at_ns: int) -> Covered:
    """All of them are final: with the least that must have come for them to have happened, the books must not
    say that there is more than there is.
    """
    asset = books.live[outcomes[0].order].order.fee_asset
    appends = []
    for outcome in outcomes:
        appends.append(_with_gas(books, outcome, at_ns))
        books = fold(appends[-1].records, books)
    return Covered(appends[0], max(0, holdings(books).get(asset, 0) - purse.amount))


def _with_gas(books: Books, outcome: Outcome, at_ns: int) -> Append:
    append = settlement(books, outcome, at_ns)
    missing = Units(short(books, append))
    if not missing:
        return append
    asset = books.live[outcome.order].order.fee_asset
    gas = local(f"deposit:{append.id}", Deposited(asset, missing), at_ns)
    return replace(append, records=(gas, *append.records))
