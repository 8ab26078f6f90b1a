"""The words of `run.py wal`: what can be asked of the log; what is done is in the files beside this one."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from actors.commands.options import CONFIG, Config, DataDir, Json, folder_of, settings_of

log_commands = typer.Typer(help="Look into the write-ahead log.")


class Form(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


@log_commands.command()
def show(
    given: DataDir = None,
    after: Annotated[int, typer.Option(min=0, help="Only records after this LSN.")] = 0,
    operation: Annotated[
        str, typer.Option(help="The life of one order as a story: its id, its beginning, or its position's.")
    ] = "",
    as_json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Print the records; of one order, as sentences with whole tokens and UTC times."""
    from actors.commands import wal  # noqa: PLC0415  What reads logs is for those that ask for it.

    if operation:
        raise typer.Exit(wal.tell(settings_of(config, given), operation, as_json))
    raise typer.Exit(wal.show(folder_of(config, given), after, as_json))


@log_commands.command()
def verify(given: DataDir = None, as_json: Json = False, config: Config = CONFIG) -> None:
    """Check the file, the chain of hashes, the books and the promises; list what is open.

    The exit code is 1 if anything is wrong, with a sentence that names the record.
    """
    from actors.commands.wal_verify import verify as verify_log  # noqa: PLC0415  As above.

    raise typer.Exit(verify_log(settings_of(config, given), as_json))


@log_commands.command()
def export(
    given: DataDir = None,
    form: Annotated[
        Form, typer.Option("--format", help="jsonl: a record a line; csv: a fill a line.")
    ] = Form.JSONL,
    first: Annotated[int, typer.Option("--from", min=1, help="The first LSN.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="The last LSN.", show_default="end")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A new file.", show_default="stdout")] = None,
    config: Config = CONFIG,
) -> None:
    """Write the records as JSON lines, or the fills as CSV.  A run may go on meanwhile.

    Integers beyond 2^53 are strings, for most readers of JSON would round them.
    """
    from actors.commands import wal  # noqa: PLC0415  As above.

    raise typer.Exit(wal.export(settings_of(config, given), form, first, last, out))


@log_commands.command()
def backup(
    given: DataDir = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="A new file.", show_default="beside the log")
    ] = None,
    config: Config = CONFIG,
) -> None:
    """Copy the log, verified and of one moment.  A run may go on meanwhile.

    Where its chain ends is printed, and noted beside it: kept apart, that tells whether it is still the same.
    """
    from actors.commands import wal_keep  # noqa: PLC0415  As above.

    raise typer.Exit(wal_keep.backup(folder_of(config, given), to))


@log_commands.command()
def cleanup(
    older_than: Annotated[str, typer.Option("--older-than", help="By market time: 30d, 12h or 90m.")],
    given: DataDir = None,
    config: Config = CONFIG,
) -> None:
    """Move old records of closed operations to an archive beside the log; stop the run first.

    The chain goes on through it: `wal verify`, `show`, `export` and `rebuild` read both as one.
    """
    from actors.commands import wal_keep  # noqa: PLC0415  As above.

    raise typer.Exit(wal_keep.cleanup(folder_of(config, given), older_than))


@log_commands.command()
def rebuild(given: DataDir = None, config: Config = CONFIG) -> None:
    """Drop the projection database and make it anew from the log."""
    from actors.commands import wal  # noqa: PLC0415  As above.

    raise typer.Exit(wal.rebuild(folder_of(config, given)))
