"""From the decimals that people and servers write to whole base units, without a float in between."""

from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation

from actors.messages import Asset, Instrument
from storage import amounts
from storage.config import Paper

_EXACT = Context(prec=160)
_LONGEST = 128  # Characters; GeckoTerminal sends up to 70 digits.
_LARGEST = 60  # Digits before the point; "1e999999999" must not become a number that fills the memory.


def scaled(text: str, digits: int) -> int:
    """`text` times 10**digits, what is left behind the point cut off; ValueError with a sentence."""
    try:
        number = Decimal(text) if len(text) <= _LONGEST else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number.adjusted() >= _LARGEST:
        raise ValueError(f"{text[:40]!r} is not a decimal number")
    return int(_EXACT.scaleb(number, digits)) if number.adjusted() + digits >= 0 else 0


def to_units(text: str, decimals: int, field: str) -> int:
    """Base units of an amount from the configuration, exactly; `field` names it in the ValueError."""
    try:
        return amounts.to_units(text, decimals)
    except ValueError as error:
        raise ValueError(f'{field} = "{text}": {error}') from error


def quote_of(instruments: Sequence[Instrument], paper: Paper) -> tuple[Asset, int]:
    """What is paid with, and its decimals: as the market has it; [paper] says it where there is no market."""
    if not instruments:
        return Asset(f"paper:{paper.quote}"), paper.quote_decimals
    quotes = {(each.quote, each.quote_decimals) for each in instruments}
    assert len(quotes) == 1, f"a market has one quote asset, not {quotes}"
    return quotes.pop()
