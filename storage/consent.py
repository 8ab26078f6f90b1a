"""live-by-consent: what has to be said, and found well, before real money is traded.  Pure."""

from collections.abc import Generator, Iterator

from msgspec import Struct

from storage.amounts import to_units

LIVE = "live"


class Consent(Struct, frozen=True):
    """What the configuration says to it; caps in whole quote tokens, "" if not given."""

    mode: str
    i_understand: bool
    capital_cap: str
    position_cap: str
    decimals: int  # Of the quote token.


def unconsented(consent: Consent) -> Iterator[tuple[str, object, str]]:
    """Key, value and fix of whatever is missing for the mode; paper needs nothing."""
    if consent.mode != LIVE:
        return
    if not consent.i_understand:
        fix = 'run.mode = "live" trades real money, which can be lost, all of it; write true if you want that'
        yield "live.i_understand", False, fix
    capital = yield from _cap("live.capital_cap", consent.capital_cap, consent.decimals)
    position = yield from _cap("live.position_cap", consent.position_cap, consent.decimals)
    if capital and position > capital:
        fix = f"one position would be more than all (live.capital_cap = {consent.capital_cap}); lower it"
        yield "live.position_cap", consent.position_cap, fix


def _cap(key: str, text: str, decimals: int) -> Generator[tuple[str, object, str], None, int]:
    """A cap's base units; 0 if it is complained about."""
    if not text:
        yield key, text, 'run.mode = "live" needs it; write how many whole quote tokens, such as "100"'
        return 0
    try:
        units = to_units(text, decimals)
    except ValueError as error:
        yield key, text, str(error)
        return 0
    if not units:
        yield key, text, "an amount above 0 is wanted"
    return units


def refusal(consent: Consent, failures: tuple[str, ...] | None) -> str | None:
    """Why live trading may not start, or None.

    `failures`: what `run.py doctor` has just found that a run can not do without; None: it has not looked.
    """
    if consent.mode != LIVE:
        return None
    for key, _, fix in unconsented(consent):
        return f"{key}: {fix}."
    if failures is None:
        return "Live trading starts only after a doctor that has looked at everything: `run.py doctor`."
    if failures:
        return f"Live trading does not start while {len(failures)} checks fail: {' '.join(failures)}"
    return None


def caps_of(consent: Consent) -> tuple[int, int]:
    """Capital and position cap in base units; ValueError if the consent is not whole."""
    for key, _, fix in unconsented(consent):
        raise ValueError(f"{key}: {fix}.")
    return to_units(consent.capital_cap, consent.decimals), to_units(consent.position_cap, consent.decimals)
