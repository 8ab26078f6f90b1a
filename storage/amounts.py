"""Amounts as people write and read them, to and from whole base units.  Exact: no float in between."""

import re

_PLAIN = re.compile(r"(\d{1,60})(?:\.(\d{1,60}))?", re.ASCII)


def to_units(text: str, decimals: int) -> int:
    """Base units of an amount in whole tokens: ("0.02", 6) is 20000.

    ValueError, the end of a sentence that says what to write instead, for anything but a plain decimal
    and for more digits than the asset has: rounding money is not for a parser to do.
    """
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise ValueError('write a plain decimal that is not negative, such as "10000" or "0.02"')
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise ValueError(
            f"the asset has {decimals} decimals: write at most {decimals} digits after the point"
        )
    return int(whole + fraction.ljust(decimals, "0"))


def shown(units: int, decimals: int) -> str:
    """The exact decimal of an amount in base units, without idle zeros: (20000, 6) is "0.02"."""
    digits = str(abs(units)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{'-' if units < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"
