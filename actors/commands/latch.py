"""halt and lift: the operator's latch, as commands."""

from typing import Annotated

import typer

from actors.commands.options import CONFIG, Config, DataDir, HaltScope, folder_of
from actors.messages import EVERYTHING


def halt(
    reason: Annotated[str, typer.Option(help="For the log, and for whoever lifts it.")],
    scope: HaltScope = EVERYTHING,
    given: DataDir = None,
    config: Config = CONFIG,
) -> None:
    """Buy nothing more, from now on and over restarts, while stops and other exits go on selling."""
    from actors.commands import control  # noqa: PLC0415  It speaks to actors.

    raise typer.Exit(control.halt(folder_of(config, given), scope, reason))


def lift(
    reason: Annotated[str, typer.Option(help="Why it is safe to go on.")],
    scope: HaltScope = EVERYTHING,
    given: DataDir = None,
    config: Config = CONFIG,
) -> None:
    """End a halt: that of an operator, or that of a wallet whose key a stranger has used."""
    from actors.commands import control  # noqa: PLC0415  As above.

    raise typer.Exit(control.lift(folder_of(config, given), scope, reason))
