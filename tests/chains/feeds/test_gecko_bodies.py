"""Bodies of answers: what is impossible gives a sentence, never a figure."""

import pytest

from actors.messages import Asset, Instrument, Price, Units
from chains.feeds.gecko_bodies import Attributes, Figures, Listing, figures_of, minute_bars

NOW = 1_780_000_000 * 10**9
WETH = Instrument(Asset("paper:WETH-eth"), Asset("paper:USDC"), 18, 6, 500)
LISTING = Listing("eth", "0x1", WETH, token_is_base=True, against_dollars=True)
FIGURES = Figures(Price(10**18), Units(10**12), Units(10**24), Units(0))


def minutes(rows: str):
    body = f'{{"data": {{"attributes": {{"ohlcv_list": [{rows}]}}}}}}'.encode()
    return minute_bars(body, LISTING, FIGURES, NOW)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("[1779999900, 1, 0.5, 1, 1, 1]", "is impossible"),
        ("[1779999900, 0, 1, 0, 1, 1]", "is impossible"),
        ("[1779999900, 1, 1, 1, 1, -1]", "is impossible"),
        ("[1779999900, 1, 1, 1, null, 1]", "these are no candles"),
        ("[1779999900, 1, 1, 1, 1e400, 1]", "these are no candles"),
        ("[1779999900, 1, 1, 1, 1]", "these are no candles"),
    ],
)
def test_a_minute_that_can_not_be_is_refused(row, sentence):
    with pytest.raises(ValueError, match=sentence):
        minutes(row)


def test_a_minute_that_comes_twice_counts_once():
    row = "[1779999900, 1, 1, 1, 1, 1]"
    assert minutes(f"{row}, {row}") == minutes(row)


def test_against_another_token_the_price_is_the_one_in_dollars():
    listing = Listing("eth", "0x1", WETH, token_is_base=True, against_dollars=False)
    attributes = Attributes("2.5", "0.001", "1000", "100")
    assert figures_of(attributes, listing).price == 2_500_000 * 10**12


def test_digits_beyond_the_unit_are_cut_off_exactly():
    long = "1." + "9" * 69
    figures = figures_of(Attributes("1", long, "1", "2"), LISTING)
    assert figures.price == 1_999_999_999_999_999_999
