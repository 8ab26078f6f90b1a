"""The words of `run.py devnet`: chains on this machine; what is done is in devnet_evm.py."""

from pathlib import Path
from typing import Annotated

import typer

from actors.commands.options import CONFIG, Config, overrides
from storage.config import load

devnet_commands = typer.Typer(help="Start a real chain on this machine, and trade there for nothing.")


@devnet_commands.callback()
def devnet() -> None:
    """Start a real chain on this machine, and trade there for nothing."""


@devnet_commands.command()
def evm(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the node; 0: any free one.")] = 8_545,
    speed: Annotated[str, typer.Option(help='Times faster than real time, or "max".')] = "60",
    seed: Annotated[int | None, typer.Option(help="Of the simulated market.")] = None,
    recording: Annotated[
        list[str] | None, typer.Option(help="Files of bars: the prices that the pools are driven along.")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write that table into this file, too.")] = None,
    config: Config = CONFIG,
) -> None:
    """Run anvil with Uniswap V2 and V3, and a market maker that moves their prices, until Ctrl-C.

    It prints the table "evm" of config.toml that leads there, and the key of a wallet with play money.
    """
    # The arithmetic of contracts' calls takes 0.2 s to load, which no other command has a use for.
    from actors.commands.devnet_evm import serve  # noqa: PLC0415

    feed = "recording" if recording else "simulated"
    given = overrides(recordings=recording, speed=speed, seed=seed, feed=feed)
    raise typer.Exit(serve(load(config, given), port, write))
