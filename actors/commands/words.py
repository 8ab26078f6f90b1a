"""The words of commands that are not `paper`'s neighbours in run.py: live, looking back, recording."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from actors.commands.options import CONFIG, Config, DataDir, Options, overrides

Recordings = Annotated[
    list[str], typer.Option("--recording", help="Files of bars; several are one portfolio.")
]
Strategies = Annotated[
    list[str] | None, typer.Option("--strategy", help="As in config.toml, if none is named.")
]
Over = Annotated[
    list[str],
    typer.Option(help="key=24,48,96 or key=24..96:24, of a strategy, or of exits, limits or mix."),
]
By = Annotated[str, typer.Option(help="What is best: sharpe, sortino, calmar or total_return.")]
Keep = Annotated[Path, typer.Option(help="A line for each set; what is in it is not computed again.")]
Workers = Annotated[int, typer.Option(min=0, max=256, help="Threads; 0: as many as processors.")]


class Search(StrEnum):
    GRID = "grid"
    BAYES = "bayes"


def live(
    data_dir: DataDir = None,
    password_fd: Annotated[
        int | None, typer.Option(help="A descriptor that the password comes from.")
    ] = None,
    config: Config = CONFIG,
    no_view: Annotated[bool, typer.Option("--no-view", help="Lines of text instead of tables.")] = False,
) -> None:
    """Trade real money on an EVM chain, as the tables "live" and "evm" of the configuration allow."""
    given = overrides(data_dir=data_dir, feed="chain")
    from actors.commands.live import live as trade  # noqa: PLC0415  Keys are for whom they are needed.

    raise typer.Exit(trade(Options(config, given, view=not no_view), password_fd))


def backtest(
    recording: Recordings,
    strategy: Strategies = None,
    out: Annotated[Path, typer.Option(help="The folder for JSON and CSV.")] = Path("runs"),
    look_ahead: Annotated[bool, typer.Option(help="Check that nothing depends on what comes later.")] = True,
    config: Config = CONFIG,
) -> None:
    """Play strategies over recordings, with every cost and limit, in seconds."""
    given = overrides(recordings=recording, feed="recording")
    from actors.commands.backtest import backtest as look_back  # noqa: PLC0415  It compiles what it plays.

    raise typer.Exit(look_back(config, given, strategy or [], out, look_ahead))


def sweep(  # noqa: PLR0913, PLR0917  An option each.
    recording: Recordings,
    over: Over,
    strategy: Strategies = None,
    search: Annotated[Search, typer.Option(help="All of them, or a search that learns.")] = Search.GRID,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="Of a search with bayes.")] = 100,
    by: By = "sharpe",
    seed: Annotated[int, typer.Option(help="Of a search with bayes.")] = 1,
    workers: Workers = 0,
    keep: Keep = Path("runs/sweep.jsonl"),
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.")] = 10,
    config: Config = CONFIG,
) -> None:
    """Try many parameters over recordings; cut off at any time, it goes on where it was."""
    given = overrides(recordings=recording, feed="recording")
    from actors.commands import sweep as sweeps  # noqa: PLC0415  It compiles what it plays.

    plan = sweeps.Plan(
        config, given, tuple(strategy or ()), tuple(over), by, keep, workers or sweeps.processors(),
        search.value, trials, seed, top,
    )  # fmt: skip
    raise typer.Exit(sweeps.sweep(plan))


def walk_forward(  # noqa: PLR0913, PLR0917  As above.
    recording: Recordings,
    over: Over,
    strategy: Strategies = None,
    inside: Annotated[float, typer.Option(min=0.1, help="Days in which the parameters are chosen.")] = 20.0,
    outside: Annotated[float, typer.Option(min=0.1, help="Days after them, in which they are played.")] = 5.0,
    embargo: Annotated[float, typer.Option(min=0.0, help="Days between the two.")] = 1.0,
    by: By = "sharpe",
    workers: Workers = 0,
    keep: Keep = Path("runs/walk-forward.jsonl"),
    out: Annotated[Path, typer.Option(help="The folder for JSON and CSV.")] = Path("runs"),
    config: Config = CONFIG,
) -> None:
    """Choose parameters on the past and play them on what follows, window by window."""
    given = overrides(recordings=recording, feed="recording")
    from actors.commands import sweep as sweeps  # noqa: PLC0415  As above.
    from actors.commands import walk_forward as walks  # noqa: PLC0415

    plan = sweeps.Plan(
        config, given, tuple(strategy or ()), tuple(over), by, keep, workers or sweeps.processors()
    )
    raise typer.Exit(walks.walk_forward(plan, walks.Days(inside, outside, embargo), out))


def report(
    recording: Recordings,
    strategy: Strategies = None,
    sweep: Annotated[
        Path | None, typer.Option(help="The file of the sweep that chose the parameters: how many trials.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for HTML, JSON and CSV.")] = Path("runs"),
    config: Config = CONFIG,
) -> None:
    """A backtest as one HTML file that needs no network, with its CSV and JSON beside it."""
    given = overrides(recordings=recording, feed="recording")
    from actors.commands.report import report as reported  # noqa: PLC0415  As above.

    raise typer.Exit(reported(config, given, strategy or [], sweep, out))


def record(
    out: Annotated[Path, typer.Option(help="The folder for the Parquet files.")] = Path("runs/recordings"),
    feed: Annotated[str | None, typer.Option(help="live, chain or simulated.")] = None,
    bars: Annotated[int, typer.Option(min=0, help="Stop after so many; 0: only Ctrl-C ends it.")] = 0,
    part: Annotated[int, typer.Option(min=2, max=1_000_000, help="Bars of a file.")] = 1_440,
    bar_seconds: Annotated[int, typer.Option(min=0, help="Put together; 0: as they come.")] = 0,
    config: Config = CONFIG,
) -> None:
    """Keep bars as Parquet files that --recording reads back as they were."""
    from actors.commands.record import Wanted  # noqa: PLC0415  Each feed is large.
    from actors.commands.record import record as keep_bars  # noqa: PLC0415

    raise typer.Exit(keep_bars(config, overrides(feed=feed), Wanted(out, bars, part, bar_seconds)))
