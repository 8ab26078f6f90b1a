"""Names for people: a token's symbol where its market knows one, else a short address."""

import re
from collections.abc import Mapping

from actors.messages import Asset
from storage.amounts import shown

ADDRESS = re.compile(r"(0x[0-9a-fA-F]{4})[0-9a-fA-F]{36}")
LONGEST = 12  # Letters of a symbol: its token's maker has chosen it.


def named(asset: Asset | str, symbols: Mapping[Asset, str]) -> str:
    """Anybody may use any symbol, so those that share one keep their addresses."""
    symbol = symbols.get(Asset(asset))
    if symbol is None:
        return shortened(asset)
    name = symbol if len(symbol) <= LONGEST else f"{symbol[: LONGEST - 1]}…"
    alone = sum(other.casefold() == symbol.casefold() for other in symbols.values()) == 1
    return name if alone else f"{name} {shortened(asset.rpartition(':')[2])}"


def shortened(text: str) -> str:
    """With the beginning of each address alone."""
    return ADDRESS.sub(r"\1…", text)


def brief(units: int, decimals: int, digits: int = 12) -> str:
    """To about so many digits: of the fraction only, for a whole number that is cut off is another one."""
    whole, point, fraction = shown(units, decimals).partition(".")
    return f"{whole}{point}{fraction[: max(0, digits - len(whole))]}".rstrip(".")


def readable(text: str, symbols: Mapping[Asset, str]) -> str:
    """A text with names in place of the assets, such as an order's id."""
    for asset in symbols:
        text = text.replace(asset, named(asset, symbols))
    return shortened(text)
