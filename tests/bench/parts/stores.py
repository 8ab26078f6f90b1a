"""Other stores, set so that a write is on disk when it returns; what can not be imported is left out."""

import importlib
import importlib.util
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

Pairs = list[tuple[bytes, bytes]]
Write = Callable[[Pairs], None]
FILES = {"SQLite DELETE/EXTRA": "rival.db", "LMDB": "rival.lmdb", "RocksDB": "rival.rocks"}


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, Write]]:
    """A function for each that writes keys and values atomically and durably."""
    with ExitStack() as stack:
        found = {"SQLite DELETE/EXTRA": _sqlite(folder, stack)}
        for name, module, opener in (("LMDB", "lmdb", _lmdb), ("RocksDB", "rocksdict", _rocksdb)):
            if importlib.util.find_spec(module):
                found[name] = opener(folder, stack)
            else:
                print(f"{name} is left out: there is no module {module}")
        yield found


def _sqlite(folder: Path, stack: ExitStack) -> Write:
    database = stack.enter_context(closing(sqlite3.connect(folder / "rival.db", isolation_level=None)))
    database.executescript("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;")
    database.execute("CREATE TABLE records (lsn INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")

    def write(pairs: Pairs) -> None:
        with database:
            database.execute("BEGIN IMMEDIATE")
            rows = [(int.from_bytes(key, "big"), value) for key, value in pairs]
            database.executemany("INSERT INTO records VALUES (?, ?)", rows)

    return write


def _lmdb(folder: Path, stack: ExitStack) -> Write:
    lmdb = importlib.import_module("lmdb")
    store = stack.enter_context(closing(lmdb.open(str(folder / "rival.lmdb"), map_size=1 << 34)))

    def write(pairs: Pairs) -> None:
        with store.begin(write=True) as transaction:
            for key, value in pairs:
                transaction.put(key, value, append=True)

    return write


def _rocksdb(folder: Path, stack: ExitStack) -> Write:
    rocks = importlib.import_module("rocksdict")
    store = stack.enter_context(
        closing(rocks.Rdict(str(folder / "rival.rocks"), rocks.Options(raw_mode=True)))
    )
    durably = rocks.WriteOptions()
    durably.sync = True

    def write(pairs: Pairs) -> None:
        batch = rocks.WriteBatch(raw_mode=True)
        for key, value in pairs:
            batch.put(key, value)
        store.write(batch, durably)

    return write
