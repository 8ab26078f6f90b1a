"""The words of `run.py demo`: the whole bot on a real chain of this machine, for two minutes."""

from typing import Annotated

import typer

demo_commands = typer.Typer(help="See the whole bot trade on a real chain of this machine.")


@demo_commands.callback()
def demo() -> None:
    """See the whole bot trade on a real chain of this machine."""


@demo_commands.command()
def evm(
    seconds: Annotated[int, typer.Option(min=20, max=3_600, help="How long it trades.")] = 90,
    seed: Annotated[int, typer.Option(help="Of the simulated market.")] = 7,
    view: Annotated[bool, typer.Option("--view", help="The live tables instead of lines.")] = False,
) -> None:
    """Anvil, Uniswap, a market that moves; a keystore, a signer, real transactions; and what came of it."""
    # It loads what calls contracts, which no other command has a use for.
    from actors.commands.demo_evm import show  # noqa: PLC0415

    raise typer.Exit(show(seconds, seed, view))
