"""The log as tables for queries.  Never the truth: drop it, rebuild it, and it has the same contents."""

from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import msgspec
from sqlite_utils import Database

from actors.messages import (
    Allowed,
    Landed,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    PositionReversed,
    Record,
    Reversed,
    Reverted,
    Side,
    Signed,
    StateSaved,
)
from storage.log import records
from storage.orders import TERMINAL

_TEXT = dict.fromkeys(("id", "side", "strategy", "token", "amount_in", "status", "tx_id", "reason"), str)
_TABLES: dict[str, tuple[dict[str, Any], str]] = {
    "events": ({"lsn": int, "operation_id": str, "operation": str, "status": str, "kind": str, "at_ns": int,
                "body": str}, "lsn"),
    "orders": ({**_TEXT, "at_ns": int, "amount_out": str, "fee": str, "approval_fee": str, "fee_asset": str,
                "ended_lsn": int}, "id"),
    "positions": ({"id": str, "token": str, "strategy": str, "quantity": str, "cost": str, "realised": str,
                   "opened_at_ns": int, "closed_at_ns": int}, "id"),
    "progress": ({"name": str, "lsn": int}, "name"),
}  # fmt: skip


class Projection:
    """Applied by LSN, a batch at a time, atomically; a batch that it has seen changes nothing."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self._database.conn.execute("PRAGMA journal_mode = WAL")
        self._database.conn.execute("PRAGMA synchronous = NORMAL")  # What is lost is applied again.
        self._laid_out()

    @property
    def lsn(self) -> int:
        row = self._database.conn.execute("SELECT lsn FROM progress WHERE name = 'log'").fetchone()
        return int(row[0]) if row else 0

    def apply(self, after: int, news: tuple[Record, ...]) -> None:
        """Records after an LSN, which must not be past what is applied already."""
        known = self.lsn
        assert after <= known, f"records {known + 1} to {after} are missing from the projection"
        fresh = news[known - after :]
        if not fresh:
            return
        with self._database.atomic():
            for lsn, record in enumerate(fresh, known + 1):
                self._apply(lsn, record)
            progress = {"name": "log", "lsn": known + len(fresh)}
            self._database.table("progress").upsert(progress, pk="name")

    def close(self) -> None:
        self._database.conn.close()

    def _laid_out(self) -> None:
        """Tables of another layout are dropped: what was in them comes again from the log."""
        known = {name: set(self._database.table(name).columns_dict) for name in self._database.table_names()}
        if known != {name: set(columns) for name, (columns, _) in _TABLES.items()}:
            for name in known:
                self._database.table(name).drop()
            for name, (columns, key) in _TABLES.items():
                self._database.create_table(name, columns, pk=key)

    def _apply(self, lsn: int, record: Record) -> None:
        body = record.body
        event = {
            "lsn": lsn, "operation_id": record.operation_id, "operation": record.operation.value,
            "status": record.status.value, "kind": type(body).__name__, "at_ns": record.at_ns,
            "body": _shown(record),
        }  # fmt: skip
        self._insert("events", event)
        match body:
            case OrderOpened(order):
                row = {
                    "id": order.id, "side": order.side.value, "strategy": order.strategy,
                    "token": order.token,
                    "amount_in": str(order.amount_in), "status": record.status.value, "reason": order.reason,
                    "at_ns": order.at_ns, "fee_asset": order.fee_asset,
                }  # fmt: skip
                self._insert("orders", row)
            case Signed():
                self._order(body.order, status=record.status.value, tx_id=body.tx_id)
            case Landed():
                self._order(
                    body.order, status=record.status.value, amount_out=str(body.amount_out),
                    fee=str(body.fee),
                    ended_lsn=lsn,
                )  # fmt: skip
            case Allowed():
                self._allow(body)
            case Reverted():
                self._order(body.order, status=record.status.value, fee=str(body.fee), ended_lsn=lsn)
            case PositionOpened() | PositionReduced() | PositionClosed():
                self._position(body, record.at_ns)
            case PositionReversed():
                self._reverse(body)
            case Reversed():
                self._order(body.order, status=record.status.value, amount_out=None, fee=None, ended_lsn=None)
            case _ if (
                record.status in TERMINAL and hasattr(body, "order") and record.operation == "trade_execute"
            ):
                self._order(body.order, status=record.status.value, ended_lsn=lsn)
            case _:
                pass  # In the events; money is in the log's fold, not here.

    def _allow(self, body: Allowed) -> None:
        """What its approvals and revocations have cost, beside the fee of what ended it."""
        query = "SELECT coalesce(approval_fee, '0') FROM orders WHERE id = ?"
        (spent,) = self._database.conn.execute(query, (body.order,)).fetchone()
        self._order(body.order, approval_fee=str(int(spent) + body.fee))

    def _reverse(self, body: PositionReversed) -> None:
        """A buy that never was leaves no row; a sell gives its tokens back."""
        table = self._database.table("positions")
        held: dict[str, Any] = table.get(body.position)
        if self._database.table("orders").get(body.order)["side"] == Side.BUY:
            table.delete(body.position)
            return
        changes = {
            "quantity": str(int(held["quantity"]) + body.quantity),
            "cost": str(int(held["cost"]) + body.cost),
            "realised": str(int(held["realised"]) - body.proceeds + body.cost),
            "closed_at_ns": None,
        }
        self._update("positions", body.position, changes)

    def _order(self, id: str, **changes: Any) -> None:
        self._update("orders", id, changes)

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        """In SQL, as the library looks at the table anew for every row."""
        values = ", ".join(f":{name}" for name in row)
        self._database.conn.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})", row)  # noqa: S608

    def _update(self, table: str, id: str, changes: dict[str, Any]) -> None:
        values = ", ".join(f"{name} = :{name}" for name in changes)
        query = f"UPDATE {table} SET {values} WHERE id = :id"  # noqa: S608
        count = self._database.conn.execute(query, {**changes, "id": id}).rowcount
        assert count == 1, f"the projection has no {id} in its {table}"

    def _position(self, body: PositionOpened | PositionReduced | PositionClosed, at_ns: int) -> None:
        if isinstance(body, PositionOpened):
            row = {
                "id": body.position, "token": body.token, "strategy": body.strategy,
                "quantity": str(body.quantity), "cost": str(body.cost), "realised": "0",
                "opened_at_ns": at_ns,
            }  # fmt: skip
            self._insert("positions", row)
            return
        query = "SELECT quantity, cost, realised FROM positions WHERE id = ?"
        quantity, cost, realised = map(int, self._database.conn.execute(query, (body.position,)).fetchone())
        changes: dict[str, Any] = {
            "quantity": str(quantity - body.quantity),
            "cost": str(cost - body.cost),
            "realised": str(realised + body.proceeds - body.cost),
        }
        if isinstance(body, PositionClosed):
            changes["closed_at_ns"] = at_ns
        self._update("positions", body.position, changes)


def rebuild(log_path: Path, database_path: Path) -> str:
    """Make it anew, beside the old one, and put it in its place; the SHA-256 of its contents."""
    fresh = database_path.with_suffix(".new")
    forgotten(fresh)
    projection = Projection(fresh)
    batch: list[Record] = []
    done = 0
    for _, record in records(log_path):
        batch.append(record)
        if len(batch) == 1_000:
            projection.apply(done, tuple(batch))
            done, batch = done + len(batch), []
    projection.apply(done, tuple(batch))
    projection.close()
    digested = digest(fresh)
    forgotten(database_path)
    fresh.replace(database_path)
    return digested


def digest(database_path: Path) -> str:
    """SHA-256 over every row of every table, in the order of their keys."""
    database = Database(database_path)
    total = sha256()
    for name, (_, key) in _TABLES.items():
        for row in database.conn.execute(f"SELECT * FROM {name} ORDER BY {key}"):  # noqa: S608
            total.update(msgspec.json.encode([name, *row]))
    database.conn.close()
    return total.hexdigest()


def _shown(record: Record) -> str:
    """Saved states are long and mean nothing to a reader: their digest is enough."""
    if isinstance(record.body, StateSaved):
        return blake2b(record.body.state.encode(), digest_size=16).hexdigest()
    return msgspec.json.encode(record.body).decode()


def forgotten(path: Path) -> None:
    """Gone, with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
