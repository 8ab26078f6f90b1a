"""Looks into the log: what is in it, whether it is whole, and the tables that are made from it."""

from pathlib import Path

from msgspec import json
from rich.console import Console
from rich.table import Table

from actors.commands.folders import owned
from actors.commands.refused import DONE, FAILED
from actors.commands.view import say
from storage import books, log
from storage.audit import audited
from storage.layout import log_path, projection_path
from storage.projection import rebuild as rebuild_projection


def show(data_dir: Path, after: int, operation: str) -> int:
    """Each record that follows an LSN, or those of one operation."""
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("lsn", "at_ns", "operation", "status", "id", "record"):
        drawn.add_column(column, justify="right" if column == "lsn" else "left", overflow="fold")
    for lsn, record in log.records(log_path(data_dir)):
        if lsn > after and operation in {"", record.operation_id}:
            body = json.encode(record.body).decode()
            drawn.add_row(
                str(lsn), str(record.at_ns), record.operation, record.status, record.operation_id, body
            )
    console = Console()
    width = console.width if console.is_terminal else 100_000  # A line each, for grep and its like.
    Console(width=width).print(drawn, highlight=False, markup=False)
    return DONE


def verify(data_dir: Path) -> int:
    """The file, the chain, the books and the promises; LogError names the first record that is wrong."""
    path = log_path(data_dir)
    audit = audited(log.records(path))
    log.verify_file(path)
    faults = [f"{each.promise}: record {each.lsn}: {each.sentence}" for each in audit.broken]
    try:
        faults += books.faults(books.fold(record for _, record in log.records(path)))
    except books.Unbookable as error:
        faults.append(f"books: {error}")
    for fault in faults:
        say(fault)
    if faults:
        return FAILED
    head = log.head_of(path)
    say(f"{path}: {head.lsn:,} records, chained without a gap; every promise is kept; head {head.hash.hex()}")
    return DONE


def rebuild(data_dir: Path) -> int:
    """Drop the projection and make it anew; refused while a run writes it, for it would lose what follows."""
    source, path = log_path(data_dir), projection_path(data_dir)
    if not source.exists():
        raise log.LogError(f"{source}: there is no log; name the folder of a run with --data-dir.")
    with owned(data_dir):
        digest = rebuild_projection(source, path)
        say(f"{path}: rebuilt from {log.head_of(source).lsn:,} records; sha256 {digest}")
    return DONE
