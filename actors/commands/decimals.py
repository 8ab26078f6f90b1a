"""How many decimals the assets of a data folder have, as far as that can be known without its market."""

from pathlib import Path

from actors.commands.origin import Origin, remembered
from actors.messages import Asset
from chains.feeds.names import decimals_of, token_name
from chains.feeds.simulated import DECIMALS
from storage.config import Settings


def decimals_in(data_dir: Path, settings: Settings) -> dict[Asset, int]:
    """Live tokens are not among them: their market is told by its server, and amounts stay base units."""
    quote = {Asset(f"paper:{settings.paper.quote}"): settings.paper.quote_decimals}
    origin = remembered(data_dir)
    return quote if origin is None else {**_tokens(origin, settings), **quote}


def _tokens(origin: Origin, settings: Settings) -> dict[Asset, int]:
    match origin.feed:
        case "recording":
            symbols = [token_name(entry.split(" ", 1)[1]) for entry in origin.recordings]
            return {Asset(f"paper:{symbol}"): decimals_of(symbol) for symbol in symbols}
        case "simulated":
            return {Asset(f"paper:{symbol}"): DECIMALS for symbol in settings.simulated.tokens}
        case _:
            return {}
