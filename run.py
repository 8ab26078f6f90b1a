#!/usr/bin/env python3
"""Holdfast's command line: what can be asked for; what is done is in actors/commands/.

A command loads what it needs as it is called: nothing that looks back starts what trades.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from actors.commands import latch, options, train, words
from actors.commands.arguments import completed
from actors.commands.demo import demo_commands
from actors.commands.devnet import devnet_commands
from actors.commands.keystore import keystore_commands
from actors.commands.options import CONFIG, Config, DataDir, Json, folder_of, overrides, settings_of
from actors.commands.refused import FAILED, REFUSED, CannotRunError, FailedError
from actors.commands.wal_app import log_commands
from chains.feeds.tables import RecordingError
from storage import logs
from storage.config import load
from storage.log import LogError
from storage.strict_toml import ConfigError

app = typer.Typer(
    help="Trades tokens as actors that share nothing but messages, and survives kill -9.  Play money; "
    "`live` alone trades real money.",
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    add_completion=False,
)
config_commands = typer.Typer(help="Look at the configuration.")
app.add_typer(log_commands, name="wal")
app.add_typer(config_commands, name="config")
app.add_typer(keystore_commands, name="keystore")
app.add_typer(devnet_commands, name="devnet")
app.add_typer(demo_commands, name="demo")
app.command()(words.live)
for word in (words.backtest, words.sweep, words.walk_forward, words.report, words.record):
    app.command()(word)
app.command()(latch.halt)
app.command()(latch.lift)
app.command()(train.train)


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
    feed: Annotated[str | None, typer.Option(help="auto, live, chain, simulated or recording.")] = None,
    close_on_stop: Annotated[bool, typer.Option("--close-on-stop", help="Sell all positions first.")] = False,
    config: Config = CONFIG,
    no_view: Annotated[bool, typer.Option("--no-view", help="Lines of text instead of tables.")] = False,
) -> None:
    """Trade play money (the default command)."""
    feed = feed or ("recording" if recording else None)
    given = overrides(
        recordings=recording, speed=speed, until_end=until_end, data_dir=data_dir, seed=seed, feed=feed,
        close_on_stop=close_on_stop,
    )  # fmt: skip
    from actors.commands.paper import paper as trade

    raise typer.Exit(trade(options.Options(config, given, summary, view=not no_view)))


@app.command()
def status(
    given: DataDir = None,
    process: Annotated[str, typer.Option(help="Only the process id of this role, for kill.")] = "",
    config: Config = CONFIG,
) -> None:
    """What a run is at, from another terminal."""
    from actors.commands import control

    folder = folder_of(config, given)
    raise typer.Exit(control.process(folder, process) if process else control.status(folder))


@app.command()
def stop(
    given: DataDir = None,
    close_positions: Annotated[bool, typer.Option("--close-positions", help="Sell them first.")] = False,
    config: Config = CONFIG,
) -> None:
    """End a run in order, from another terminal, and wait until it has ended."""
    from actors.commands import control

    seconds = load(config).run.drain_seconds + 10.0
    raise typer.Exit(control.stop(folder_of(config, given), close_positions, seconds))


@app.command()
def doctor(given: DataDir = None, config: Config = CONFIG) -> None:
    """Look at everything that a run needs."""
    from actors.commands.doctor import doctor as look_at_everything

    raise typer.Exit(look_at_everything(config, overrides(data_dir=given)))


@app.command()
def recover(
    given: DataDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say it; changes nothing.")] = False,
    as_json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Say what a start would do with the orders that were left half done, and on what evidence."""
    from actors.commands.recover import recover as look_ahead

    raise typer.Exit(look_ahead(settings_of(config, given), dry_run, as_json))


@config_commands.command()
def check(config: Config = CONFIG) -> None:
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
