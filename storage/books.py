"""Everything the log adds up to: money, live orders, open positions, and what the limits must remember.

The books of any moment are `fold(records)`; every actor that needs them folds the same records with the same
function.  Pure: no clock, no disk, no actor.
"""

from collections.abc import Iterable
from typing import Any, assert_never

from msgspec.structs import replace

from actors.messages import (
    BPS,
    EVERYTHING,
    WALLET,
    Adopted,
    Allowed,
    Body,
    Dead,
    Deposited,
    Finalized,
    Halted,
    Landed,
    Leg,
    Lifted,
    Order,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    PositionReversed,
    Rebalanced,
    Record,
    Refusal,
    Reserved,
    Returned,
    Reversed,
    Reverted,
    RolledBack,
    Side,
    Signed,
    StateSaved,
    Withdrawn,
)
from storage import ledger as money
from storage import orders
from storage.fills import open_position, sell
from storage.finality import finalize, reverse, reverse_position
from storage.holdings import (
    DAY_NS,
    REMEMBERED,
    Booked,
    Books,
    Day,
    End,
    EndedOrder,
    LegDone,
    LiveOrder,
    Outcome,
    Position,
    at_most,
    claim_of,
    counted,
    last_final,
    paid_fee,
    remembered,
    status_after,
    still_loose,
    with_ledger,
)
from storage.tables import Own, put, without

__all__ = [
    "DAY_NS", "REMEMBERED", "Booked", "Books", "Day", "End", "EndedOrder", "LegDone", "LiveOrder", "Outcome",
    "Position", "Unbookable", "book", "faults", "fold",
]  # fmt: skip

_TABLES = (
    "live", "booked", "ended", "positions", "claims", "freed_at_ns", "left_at_ns", "saved", "counts",
)  # fmt: skip


FEW = 6  # Records, as those of one append.


class Unbookable(ValueError):
    """A record that no run of ours can have written."""


def fold(records: Iterable[Record], books: Books | None = None) -> Books:
    """Raises Unbookable at the first record that the books refuse: such a log is not ours."""
    books = books or Books()
    many = not isinstance(records, tuple) or len(records) > FEW
    if many:  # Else it costs less to replace the few tables that are changed.
        books = _tables_as(Own, books)
    for record in records:
        after = book(books, record)
        if isinstance(after, Refusal):
            raise Unbookable(f"operation {record.operation_id} ({_kind(record.body)}): {after}")
        books = after
    return _tables_as(dict, books) if many else books


def book(books: Books, record: Record) -> Books | Refusal:
    """The books with one record more, or the first reason against it."""
    body = record.body
    match body:
        case OrderOpened(order):
            return _open(books, order, record.at_ns)
        case Reserved(order_id, asset, amount):
            live = books.live.get(order_id)
            if live is None:
                return Refusal.ORDER_NOT_FOUND
            more = bool(live.attempts) and asset == live.order.fee_asset  # Only a chain asks for more.
            return with_ledger(books, money.reserve(books.ledger, order_id, asset, amount, more))
        case Signed():
            return _sign(books, body, record.at_ns)
        case Landed() | Reverted() | Dead() | RolledBack():
            return _end(books, body, record.at_ns)
        case Allowed():
            return _allow(books, body, record.at_ns)
        case Returned(order_id, asset, amount):
            if order_id not in books.ended:
                return Refusal.ORDER_NOT_FOUND
            return with_ledger(books, money.give_back(books.ledger, order_id, asset, amount))
        case PositionOpened():
            return open_position(books, body, record.at_ns)
        case PositionReduced() | PositionClosed():
            return sell(books, body, record.at_ns)
        case Finalized():
            return finalize(books, body, record.at_ns)
        case PositionReversed():
            return reverse_position(books, body, record.at_ns)
        case Reversed():
            return reverse(books, body, record.at_ns)
        case _:
            return _book_else(books, body)


def _book_else(
    books: Books, body: Deposited | Adopted | Withdrawn | Halted | Lifted | Rebalanced | StateSaved
) -> Books | Refusal:
    """What belongs to no order."""
    match body:
        case Deposited(asset, amount):
            return with_ledger(books, money.deposit(books.ledger, asset, amount))
        case Adopted(wallet, nonce):
            if books.wallet or books.nonce or nonce < 0:
                return Refusal.TRANSITION_NOT_ALLOWED
            return replace(books, wallet=wallet, nonce=nonce)
        case Withdrawn(asset, amount):
            return with_ledger(books, money.withdraw(books.ledger, asset, amount))
        case Halted(scope, reason):
            return replace(books, halts={**books.halts, scope: reason})
        case Lifted(scope, _):
            if scope not in books.halts:
                return Refusal.TRANSITION_NOT_ALLOWED
            # Who lets the wallet sign again has compared it with the log: as it stands is how it is.
            trusted = None if scope == WALLET else books.last_final
            return replace(books, halts=without(books.halts, scope), last_final=trusted)
        case Rebalanced(at_ns, budgets):
            last_ns = books.mix.at_ns if books.mix else -1
            if at_ns <= last_ns or min(budgets.values(), default=0) < 0 or sum(budgets.values()) > BPS:
                return Refusal.TRANSITION_NOT_ALLOWED
            last_order_ns = max(books.last_order_ns, at_ns)  # What was decided before it is not decided anew.
            return replace(books, mix=body, last_order_ns=last_order_ns)
        case StateSaved():
            return replace(books, saved=put(books.saved, body.role, body))
        case _:
            assert_never(body)


def faults(books: Books) -> list[str]:
    """Promises that the books break; checked after every append, so it must hold between appends."""
    found = []
    for asset, account in books.ledger.accounts.items():
        if fault := money.broken(account):
            found.append(f"no-overdraft: {asset}: {fault}")
        held = sum(each.get(asset, 0) for each in books.ledger.reservations.values())
        cost = sum(each.cost for each in books.positions.values() if each.quote == asset)
        if held != account.reserved or cost != account.cost:
            found.append(f"no-overdraft: {asset}: reservations or positions do not add up to the account")
    holding, live = books.ledger.reservations.keys(), books.live.keys() | books.booked.keys()
    found += [f"no-overdraft: order {id} has ended and still holds money" for id in holding - live]
    found += [f"no-overdraft: order {id} is live and holds no money" for id in live - holding]
    if sorted(books.claims.values()) != sorted(live):
        found.append("one-position: claims and live orders differ")
    newest = (next(reversed(books.ended.values()), None), next(reversed(books.booked.values()), None))
    for fill in newest:
        if fill and not fill.booked:
            found.append(f"settle-from-chain: order {fill.order.id} has landed without a position")
    return found


def _kind(body: Body) -> str:
    return type(body).__name__


def _tables_as(kind: type[dict[Any, Any]], books: Books) -> Books:
    """The same books in tables of their own; none of `books` is changed by what is done to them."""
    ledger = replace(books.ledger, reservations=kind(books.ledger.reservations))
    tables = {name: kind(getattr(books, name)) for name in _TABLES}
    return replace(books, ledger=ledger, **tables)


def _open(books: Books, order: Order, at_ns: int) -> Books | Refusal:
    if order.id in books.live or order.id in books.booked or order.id in books.ended:
        return Refusal.ID_TAKEN
    if not books.signs or (EVERYTHING in books.halts and order.side is Side.BUY):
        return Refusal.HALTED
    if order.amount_in <= 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    position = books.positions.get(order.token) if order.side is not Side.REVOKE else None
    if order.side is Side.BUY and position:
        return Refusal.POSITION_EXISTS
    if order.side is Side.SELL and (position is None or position.id != order.position):
        return Refusal.POSITION_NOT_FOUND
    if claim_of(order) in books.claims:
        return Refusal.TOKEN_CLAIMED
    if position and order.amount_in > position.quantity:
        return Refusal.NOT_ENOUGH_TOKENS
    if position and order.closes != (order.amount_in == position.quantity):
        return Refusal.TRANSITION_NOT_ALLOWED
    return replace(
        books,
        live=put(books.live, order.id, LiveOrder(order, since_ns=at_ns)),
        claims=put(books.claims, claim_of(order), order.id),
        last_order_ns=max(books.last_order_ns, at_ns),
        counts=counted(books, "orders"),
    )


def _sign(books: Books, signed: Signed, at_ns: int) -> Books | Refusal:
    live = books.live.get(signed.order)
    if live is None:
        return Refusal.ORDER_NOT_FOUND
    if not books.signs:
        return Refusal.HALTED
    status = orders.after(live.status, "Signed")
    if status is None or signed.attempt != live.next_attempt or not _follows(books, live, signed):
        return Refusal.TRANSITION_NOT_ALLOWED
    if at_most(live.order).keys() != books.ledger.reservations.get(signed.order, {}).keys():
        return Refusal.RESERVATION_NOT_FOUND
    after = replace(live, status=status, attempts=(*live.attempts, signed), since_ns=at_ns)
    return replace(
        books,
        live=put(books.live, signed.order, after),
        last_order_ns=max(books.last_order_ns, at_ns),
        nonce=max(books.nonce, signed.nonce + 1),
    )


def _follows(books: Books, live: LiveOrder, signed: Signed) -> bool:
    """The first attempt takes a new nonce, the next ones keep it: so only one of them can land."""
    if live.order.side is Side.REVOKE and signed.leg is not Leg.REVOKE:
        return False
    if not live.attempts:
        return signed.nonce >= books.nonce and not signed.cancels
    last = live.attempts[-1]
    return (signed.nonce, signed.leg) == (last.nonce, last.leg) and signed.cancels >= last.cancels


def _allow(books: Books, body: Allowed, at_ns: int) -> Books | Refusal:
    """Its attempts are put by, and what is next has a nonce of its own."""
    live = books.live.get(body.order)
    if live is None:
        return Refusal.ORDER_NOT_FOUND
    status = status_after(live, body)
    if status is None:
        return Refusal.TRANSITION_NOT_ALLOWED
    ledger = money.spend(books.ledger, body.order, live.order.fee_asset, body.fee, "fees")
    if isinstance(ledger, Refusal):
        return ledger
    done = (*live.legs_done, LegDone(live.attempts, body))
    after = replace(live, status=status, attempts=(), legs_done=done, since_ns=at_ns)
    books = replace(
        books,
        ledger=ledger,
        live=put(books.live, body.order, after),
        last_order_ns=max(books.last_order_ns, at_ns),
        last_final=last_final(books, body),
        counts=counted(books, "allowed"),
    )
    return paid_fee(books, live.order, body.fee, at_ns)


def _end(books: Books, outcome: End, at_ns: int) -> Books | Refusal:
    live = books.live.get(outcome.order)
    if live is None:
        return Refusal.ORDER_NOT_FOUND
    status = status_after(live, outcome)
    if status is None:
        return Refusal.TRANSITION_NOT_ALLOWED
    if isinstance(outcome, Landed) and outcome.amount_in != live.order.amount_in:
        return Refusal.TRANSITION_NOT_ALLOWED
    fee = outcome.fee if isinstance(outcome, (Landed, Reverted)) else 0
    ledger = money.spend(books.ledger, live.order.id, live.order.fee_asset, fee, "fees")
    if isinstance(ledger, Refusal):
        return ledger
    after = replace(
        books,
        ledger=ledger,
        live=without(books.live, live.order.id),
        last_order_ns=max(books.last_order_ns, at_ns),
        counts=counted(books, _kind(outcome).lower()),
    )
    if isinstance(outcome, Landed) and not outcome.final:
        before = books.positions.get(live.order.token)
        booked = Booked(replace(live, status=status), outcome, before, None, at_ns)
        after = replace(after, booked=put(books.booked, live.order.id, booked))
    else:
        booked_now, fees = not isinstance(outcome, Landed), live.spent + fee
        after = _freed(after, EndedOrder(live.order, status, outcome, booked_now, fees), at_ns)
        final = live.attempts[-1].nonce if live.attempts else None
        loose = (*books.loose, *live.legs_done) if final is None else still_loose(books, final)
        after = replace(after, loose=loose, last_final=last_final(books, outcome))
    return paid_fee(after, live.order, fee, at_ns)


def _freed(books: Books, ended: EndedOrder, at_ns: int) -> Books:
    claim = claim_of(ended.order)
    return replace(
        books,
        claims=without(books.claims, claim),
        freed_at_ns=put(books.freed_at_ns, claim, at_ns),
        ended=remembered(books, ended),
    )
