"""Looks into the log: what is in it, the story of an order, a copy for others, the tables made from it."""

import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import json
from rich.console import Console
from rich.table import Table

from actors.commands.decimals import decimals_in
from actors.commands.folders import owned
from actors.commands.refused import DONE, CannotRunError
from actors.commands.view import say
from actors.messages import Id
from storage import export as exports
from storage import log, story
from storage.config import Settings
from storage.layout import log_path, projection_path


def show(data_dir: Path, after: int, as_json: bool) -> int:
    """Each record that follows an LSN."""
    if as_json:
        sys.stdout.writelines(exports.json_lines(log_path(data_dir), after + 1, None))
        return DONE
    drawn = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("lsn", "at_ns", "operation", "status", "id", "record"):
        drawn.add_column(column, justify="right" if column == "lsn" else "left", overflow="fold")
    for lsn, record in log.records(log_path(data_dir)):
        if lsn > after:
            body = json.encode(record.body).decode()
            drawn.add_row(
                str(lsn), str(record.at_ns), record.operation, record.status, record.operation_id, body
            )
    console = Console()
    width = console.width if console.is_terminal else 100_000  # A line each, for grep and its like.
    Console(width=width).print(drawn, highlight=False, markup=False)
    return DONE


def tell(settings: Settings, operation: str, as_json: bool) -> int:
    """The life of an order, a sentence for each of its records."""
    data_dir = Path(settings.run.data_dir)
    orders, now_ns = _found(log_path(data_dir), operation)
    mine = [each for each in exports.stored(log_path(data_dir)) if _belongs(each, orders, operation)]
    if as_json:
        sys.stdout.writelines(exports.line(each).decode() + "\n" for each in mine)
        return DONE
    numbered = [(each.lsn, each.record) for each in mine]
    for told in story.told(numbered, decimals_in(data_dir, settings)):
        say(f"{told.at}  record {told.lsn}, {told.status}: {told.sentence}")
    for sentence in story.ending(numbered, now_ns):
        say(sentence)
    return DONE


def _found(path: Path, operation: str) -> tuple[tuple[Id, ...], int]:
    """The orders that a name stands for, and the market's time at the end of the log."""
    names, now_ns = story.Names(), 0
    for _, record in log.records(path):
        names.read(record)
        now_ns = max(now_ns, record.at_ns)
    orders = names.find(operation)
    if orders is None:
        near = names.near(operation)
        hint = f"did you mean {' or '.join(near)}" if near else "`run.py wal show` lists those that there are"
        raise CannotRunError(f"--operation {operation}: no operation of {path} has this id; {hint}.")
    return orders, now_ns


def _belongs(entry: exports.Stored, orders: tuple[Id, ...], operation: str) -> bool:
    if orders:
        return story.order_of(entry.record.body) in orders
    return entry.record.operation_id == operation


def export(settings: Settings, form: str, first: int, last: int | None, out: Path | None) -> int:
    """Records as JSON lines, or fills as CSV; to stdout if no file is named."""
    if last is not None and last < first:
        raise CannotRunError(f"--to {last} comes before --from {first}: name the earlier LSN first.")
    data_dir = Path(settings.run.data_dir)
    path = log_path(data_dir)
    if form == "csv":
        lines: Iterable[str] = exports.csv_lines(path, first, last, decimals_in(data_dir, settings))
    else:
        lines = exports.json_lines(path, first, last)
    if out is None:
        sys.stdout.writelines(lines)
    else:
        count = _written(lines, out)
        say(f"{out}: {count:,} lines.")
    return DONE


def _written(lines: Iterable[str], out: Path) -> int:
    """Whole or not at all, and never over a file that is there."""
    if out.exists():
        raise CannotRunError(f"--out {out}: it is there already; name another file, or remove it first.")
    part, count = out.with_name(f"{out.name}.part"), 0
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            for count, text in enumerate(lines, 1):  # noqa: B007  The last of them is their number.
                file.write(text)
        part.rename(out)
    except OSError as error:
        raise CannotRunError(
            f"--out {out}: {(error.strerror or str(error)).lower()}; name a file in a folder that can be"
            " written."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return count


def rebuild(data_dir: Path) -> int:
    """Drop the projection and make it anew; refused while a run writes it, for it would lose what follows."""
    from storage.projection import rebuild as rebuild_projection  # noqa: PLC0415  The other words need none.

    source, path = log_path(data_dir), projection_path(data_dir)
    if not source.exists():
        raise log.LogError(f"{source}: there is no log; name the folder of a run with --data-dir.")
    with owned(data_dir):
        digest = rebuild_projection(source, path)
        say(f"{path}: rebuilt from {log.head_of(source).lsn:,} records; sha256 {digest}")
    return DONE
