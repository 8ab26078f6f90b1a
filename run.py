#!/usr/bin/env python3
"""Holdfast's command line: what can be asked for; what is done is in actors/commands/."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from actors.commands import control, wal
from actors.commands.arguments import completed
from actors.commands.doctor import doctor as look_at_everything
from actors.commands.paper import FailedError, Options
from actors.commands.paper import paper as trade
from actors.commands.refused import FAILED, REFUSED, CannotRunError
from chains.feeds.tables import RecordingError
from storage import logs
from storage.config import load
from storage.log import LogError
from storage.strict_toml import ConfigError

HERE = Path(__file__).parent

app = typer.Typer(
    help="Trades tokens as actors that share nothing but messages, and survives kill -9.  Play money.",
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    add_completion=False,
)
log_commands = typer.Typer(help="Look into the write-ahead log.")
config_commands = typer.Typer(help="Look at the configuration.")
app.add_typer(log_commands, name="wal")
app.add_typer(config_commands, name="config")

Config = Annotated[Path, typer.Option("--config", help="The settings.", show_default="config.toml")]
DataDir = Annotated[str | None, typer.Option("--data-dir", help="Where the log and the books live.")]


def overrides(**given: object) -> dict[str, object]:
    """Whatever was typed, by its key in config.toml."""
    return {f"run.{name}": value for name, value in given.items() if value not in (None, [], False)}


def data_dir(config: Path, given: str | None) -> Path:
    return Path(load(config, overrides(data_dir=given)).run.data_dir)


@app.command()
def paper(  # noqa: PLR0913, PLR0917  An option each.
    recording: Annotated[
        list[str] | None, typer.Option(help="Files of bars: CSV, CSV.gz or Parquet.")
    ] = None,
    speed: Annotated[str | None, typer.Option(help='Times faster than real time, or "max".')] = None,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop when the recording is over.")] = False,
    data_dir: DataDir = None,
    seed: Annotated[int | None, typer.Option(help="Of the simulated market and of bad luck.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Write what the run came to as JSON.")] = None,
    feed: Annotated[str | None, typer.Option(help="auto, live, simulated or recording.")] = None,
    close_on_stop: Annotated[bool, typer.Option("--close-on-stop", help="Sell all positions first.")] = False,
    config: Config = HERE / "config.toml",
    no_view: Annotated[bool, typer.Option("--no-view", help="Lines of text instead of tables.")] = False,
) -> None:
    """Trade play money (the default command)."""
    feed = feed or ("recording" if recording else None)
    given = overrides(
        recordings=recording, speed=speed, until_end=until_end, data_dir=data_dir, seed=seed, feed=feed,
        close_on_stop=close_on_stop,
    )  # fmt: skip
    raise typer.Exit(trade(Options(config, given, summary, view=not no_view)))


@app.command()
def status(
    given: DataDir = None,
    process: Annotated[str, typer.Option(help="Only the process id of this role, for kill.")] = "",
    config: Config = HERE / "config.toml",
) -> None:
    """What a run is at, from another terminal."""
    folder = data_dir(config, given)
    raise typer.Exit(control.process(folder, process) if process else control.status(folder))


@app.command()
def stop(
    given: DataDir = None,
    close_positions: Annotated[bool, typer.Option("--close-positions", help="Sell them first.")] = False,
    config: Config = HERE / "config.toml",
) -> None:
    """End a run in order, from another terminal, and wait until it has ended."""
    seconds = load(config).run.drain_seconds + 10.0
    raise typer.Exit(control.stop(data_dir(config, given), close_positions, seconds))


@app.command()
def doctor(given: DataDir = None, config: Config = HERE / "config.toml") -> None:
    """Look at everything that a run needs."""
    raise typer.Exit(look_at_everything(config, overrides(data_dir=given)))


@log_commands.command()
def show(
    given: DataDir = None,
    after: Annotated[int, typer.Option(help="Only records after this LSN.")] = 0,
    operation: Annotated[str, typer.Option(help="Only records of this operation's id.")] = "",
    config: Config = HERE / "config.toml",
) -> None:
    """Print the records."""
    raise typer.Exit(wal.show(data_dir(config, given), after, operation))


@log_commands.command()
def verify(given: DataDir = None, config: Config = HERE / "config.toml") -> None:
    """Check the file, the chain of hashes, the books and the promises."""
    raise typer.Exit(wal.verify(data_dir(config, given)))


@log_commands.command()
def rebuild(given: DataDir = None, config: Config = HERE / "config.toml") -> None:
    """Drop the projection database and make it anew from the log."""
    raise typer.Exit(wal.rebuild(data_dir(config, given)))


@config_commands.command()
def check(config: Config = HERE / "config.toml") -> None:
    """Check every setting, and start nothing."""
    load(config)
    print(f"{config}: every setting is known and possible.")


def main(words: list[str]) -> int:
    """The exit code; whatever is expected to go wrong is one sentence on stderr."""
    logs.to_stderr()
    try:
        app(completed(words))
    except (CannotRunError, ConfigError, RecordingError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    except (FailedError, LogError) as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
