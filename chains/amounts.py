"""From the decimals that people and servers write to whole base units, without a float in between."""

from decimal import Context, Decimal, InvalidOperation

from storage import amounts

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
