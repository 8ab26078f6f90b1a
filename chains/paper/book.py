"""What the paper chain knows: wallet, transactions, clock.  One SQLite file, apart from the bot's own log.

Written with `synchronous=FULL`: what the venue has said it still knows after a power cut.  Integers are kept
as TEXT, for a token amount needs more than the 64 bits of SQLite's INTEGER.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from actors.messages import Asset, Units

_SCHEMA = """
CREATE TABLE IF NOT EXISTS wallet (asset TEXT PRIMARY KEY, amount TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS chain (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS transactions (
    tx_id TEXT PRIMARY KEY, raw TEXT NOT NULL, nonce TEXT NOT NULL, fate TEXT NOT NULL,
    sent_at_ns TEXT NOT NULL, lands_at_ns TEXT NOT NULL, valid_until_ns TEXT NOT NULL, status TEXT NOT NULL,
    amount_in TEXT NOT NULL, amount_out TEXT NOT NULL, fee TEXT NOT NULL, landed_at_ns TEXT NOT NULL,
    block TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS transactions_by_status ON transactions (status);
"""
_SAVE = """
INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tx_id) DO UPDATE SET
    status = excluded.status, amount_in = excluded.amount_in, amount_out = excluded.amount_out,
    fee = excluded.fee, landed_at_ns = excluded.landed_at_ns, block = excluded.block
"""


class Transaction(Struct, frozen=True):
    """A transaction as the chain sees it; amounts, time and block are 0 until it has landed."""

    tx_id: str
    raw: str
    nonce: int
    fate: str
    sent_at_ns: int
    lands_at_ns: int
    valid_until_ns: int
    status: str  # pending, landed, reverted or expired.
    amount_in: Units = Units(0)
    amount_out: Units = Units(0)
    fee: Units = Units(0)
    landed_at_ns: int = 0
    block: int = 0


class Book:
    """One connection.  Every change is one transaction of SQLite."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sqlite = sqlite3.connect(path, isolation_level=None)
        self._sqlite.execute("PRAGMA journal_mode = WAL")
        self._sqlite.execute("PRAGMA synchronous = FULL")
        mode = self._sqlite.execute("PRAGMA journal_mode").fetchone()[0]
        assert mode == "wal", f"{path}: SQLite keeps no write-ahead log here (journal_mode is {mode})"
        sync = self._sqlite.execute("PRAGMA synchronous").fetchone()[0]
        assert sync == 2, f"{path}: SQLite does not wait for the disk here (synchronous is {sync})"
        self._sqlite.executescript(_SCHEMA)

    @contextmanager
    def change(self) -> Iterator[None]:
        """All that is written inside, or nothing."""
        self._sqlite.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sqlite.execute("ROLLBACK")
            raise
        self._sqlite.execute("COMMIT")

    def value(self, name: str) -> int | None:
        row = self._sqlite.execute("SELECT value FROM chain WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def set_value(self, name: str, value: int) -> None:
        self._sqlite.execute("INSERT OR REPLACE INTO chain VALUES (?, ?)", (name, str(value)))

    def balances(self) -> dict[Asset, Units]:
        rows = self._sqlite.execute("SELECT asset, amount FROM wallet ORDER BY asset")
        return {Asset(asset): Units(int(amount)) for asset, amount in rows}

    def balance(self, asset: Asset) -> int:
        row = self._sqlite.execute("SELECT amount FROM wallet WHERE asset = ?", (asset,)).fetchone()
        return int(row[0]) if row else 0

    def add(self, asset: Asset, amount: int) -> None:
        """Pay into the wallet, or out of it."""
        after = self.balance(asset) + amount
        assert after >= 0, f"the paper wallet would hold {after} {asset}"
        self._sqlite.execute("INSERT OR REPLACE INTO wallet VALUES (?, ?)", (asset, str(after)))

    def save(self, tx: Transaction) -> None:
        fields = (getattr(tx, name) for name in tx.__struct_fields__)
        self._sqlite.execute(_SAVE, tuple(str(field) for field in fields))

    def transaction(self, tx_id: str) -> Transaction | None:
        row = self._sqlite.execute("SELECT * FROM transactions WHERE tx_id = ?", (tx_id,)).fetchone()
        return _transaction(row) if row else None

    def transactions(self) -> tuple[Transaction, ...]:
        """In the order in which they arrived."""
        return tuple(map(_transaction, self._sqlite.execute("SELECT * FROM transactions ORDER BY rowid")))

    def pending(self) -> tuple[Transaction, ...]:
        """In the order of their nonces, as a chain takes them."""
        rows = self._sqlite.execute("SELECT * FROM transactions WHERE status = 'pending'")
        return tuple(sorted(map(_transaction, rows), key=lambda tx: (tx.nonce, tx.sent_at_ns, tx.tx_id)))

    def nonce_used(self, nonce: int) -> bool:
        sql = "SELECT 1 FROM transactions WHERE nonce = ? AND status IN ('landed', 'reverted')"
        return self._sqlite.execute(sql, (str(nonce),)).fetchone() is not None

    def close(self) -> None:
        self._sqlite.close()


def _transaction(row: tuple[str, ...]) -> Transaction:
    tx_id, raw, nonce, fate, sent, lands, valid, status, amount_in, amount_out, fee, landed, block = row
    return Transaction(
        tx_id, raw, int(nonce), fate, int(sent), int(lands), int(valid), status,
        Units(int(amount_in)), Units(int(amount_out)), Units(int(fee)), int(landed), int(block),
    )  # fmt: skip
