"""The log for others: JSON lines of records, CSV of fills.  Read-only, so a run may go on writing meanwhile.

Integers that a double can not hold are written as strings, for most readers of JSON would round them.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.messages import (
    Allowed,
    Finalized,
    Id,
    Landed,
    Order,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Record,
    Reversed,
    Side,
    Units,
)
from storage import log
from storage.amounts import shown
from storage.chain import record_of
from storage.log_file import rows_of
from storage.story import Decimals, moment

SAFE = 2**53 - 1  # The largest integer that a double keeps apart from its neighbours.
COLUMNS = (
    "lsn", "at_utc", "at_ns", "order", "position", "strategy", "reason", "side", "token", "quote",
    "token_units", "quote_units", "fee_units", "realised_units", "token_amount", "quote_amount", "fee_amount",
    "realised_amount", "fee_asset", "tx_id", "evidence",
)  # fmt: skip


class Stored(msgspec.Struct, frozen=True):
    """A record with its place in the chain."""

    lsn: int
    append_id: str
    hash: str
    record: Record


def stored(path: Path, first: int = 1, last: int | None = None) -> Iterator[Stored]:
    """first <= lsn <= last, the chain checked from its beginning, in the archives; raises LogError."""
    for rows in rows_of(path):
        if last is not None and rows[0][0] > last:
            return
        for row in rows:
            if first <= row[0] and (last is None or row[0] <= last):
                yield Stored(row[0], row[1], row[10].hex(), record_of(row))


def line(entry: Stored) -> bytes:
    """One record as JSON."""
    record = entry.record
    return msgspec.json.encode(
        {
            "lsn": entry.lsn, "append_id": entry.append_id, "operation_id": record.operation_id,
            "operation": record.operation.value, "status": record.status.value,
            "kind": type(record.body).__name__, "at_ns": exact(record.at_ns), "at_utc": moment(record.at_ns),
            "body": exact(msgspec.to_builtins(record.body)), "hash": entry.hash,
        }
    )  # fmt: skip


def exact(value: Any) -> Any:
    """The same, with every integer that a double would round as a string."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) > SAFE else value
    if isinstance(value, dict):
        return {name: exact(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [exact(each) for each in value]
    return value


def json_lines(path: Path, first: int, last: int | None) -> Iterator[str]:
    for entry in stored(path, first, last):
        yield line(entry).decode() + "\n"


def csv_lines(path: Path, first: int, last: int | None, decimals: Decimals) -> Iterator[str]:
    """A header, then what landed between two LSNs: base units exactly, whole tokens where they are known."""
    yield _csv(COLUMNS)
    for row in fills(log.records(path), first, last, decimals):
        yield _csv(row)


def fills(
    records: Iterator[tuple[int, Record]], first: int, last: int | None, decimals: Decimals
) -> Iterator[tuple[object, ...]]:
    """A row for each fill that stands, once it is final; at the end of the log those that are not yet.

    The fill counts by its own LSN; its fee is that of all its order's transactions.
    """
    orders: dict[Id, Order] = {}
    landed: dict[Id, tuple[int, Record, Landed]] = {}
    spent: Counter[Id] = Counter()
    booked: dict[Id, tuple[object, ...]] = {}
    for lsn, record in records:
        match record.body:
            case OrderOpened(order):
                orders[order.id] = order
            case Allowed() as body:
                spent[body.order] += body.fee
            case Landed() as body:
                whole = replace(body, fee=Units(body.fee + spent[body.order]))
                landed[body.order] = (lsn, record, whole)
            case PositionOpened() | PositionReduced() | PositionClosed() as change:
                at, fill, body = landed.pop(change.order)
                if at >= first and (last is None or at <= last):
                    booked[change.order] = _row(at, fill, body, orders[change.order], change, decimals)
                    if body.final:
                        yield booked.pop(change.order)
            case Finalized(id) if id in booked:
                yield booked.pop(id)
            case Reversed(id):
                booked.pop(id, None)
            case _:
                pass
    yield from booked.values()


def _row(
    lsn: int,
    record: Record,
    landed: Landed,
    order: Order,
    change: PositionOpened | PositionReduced | PositionClosed,
    decimals: Decimals,
) -> tuple[object, ...]:
    buys = order.side is Side.BUY
    tokens, quotes = (landed.amount_out, landed.amount_in) if buys else (landed.amount_in, landed.amount_out)
    realised = None if isinstance(change, PositionOpened) else change.proceeds - change.cost
    amounts = (
        (tokens, order.token),
        (quotes, order.quote),
        (landed.fee, order.fee_asset),
        (
            realised,
            order.quote,
        ),
    )
    return (
        lsn, moment(record.at_ns), record.at_ns, order.id, change.position, order.strategy, order.reason,
        order.side.value, order.token, order.quote,
        *(units for units, _ in amounts),
        *("" if units is None or asset not in decimals else shown(units, decimals[asset])
          for units, asset in amounts),
        order.fee_asset, landed.tx_id, landed.evidence,
    )  # fmt: skip


def _csv(row: tuple[object, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()
