"""Decimals to base units, exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages import Asset, Instrument
from chains.amounts import quote_of, scaled, to_units
from storage.config import Paper


@pytest.mark.parametrize(
    ("text", "digits", "units"),
    [
        ("10000", 6, 10_000_000_000),
        ("0.02", 6, 20_000),
        ("0.0000001", 6, 0),
        ("1.9999999", 6, 1_999_999),
        ("-1.9999999", 6, -1_999_999),
        ("1E-7", 8, 10),
        ("54511610.488634398923096739735612698563218038285229066528", 18, 54511610488634398923096739),
        ("0.1", 60, 10**59),
    ],
)
def test_a_decimal_is_scaled_exactly_and_cut_off(text, digits, units):
    assert scaled(text, digits) == units


@given(st.integers(0, 10**50), st.integers(0, 36))
def test_whole_units_survive_the_way_there_and_back(units, decimals):
    text = f"{units // 10**decimals}.{units % 10**decimals:0{decimals}d}" if decimals else str(units)
    assert scaled(text, decimals) == units


@pytest.mark.parametrize("text", ["", "ten", "nan", "inf", "1e999999999", "9" * 200, "0x10", "1,000"])
def test_what_is_no_decimal_is_refused_in_a_sentence_that_names_it(text):
    with pytest.raises(ValueError, match="is not a decimal number"):
        scaled(text, 6)
    with pytest.raises(ValueError, match=r"paper\.capital = .*: write a plain decimal"):
        to_units(text, 6, "paper.capital")


def test_an_amount_below_zero_is_refused():
    with pytest.raises(ValueError, match=r'paper\.gas = "-1": write a plain decimal that is not negative'):
        to_units("-1", 6, "paper.gas")


def test_an_amount_with_more_digits_than_its_asset_is_refused_and_not_cut_off():
    assert to_units("0.020000000", 6, "paper.gas") == 20_000
    with pytest.raises(ValueError, match=r'paper\.gas = "0\.0200001": the asset has 6 decimals'):
        to_units("0.0200001", 6, "paper.gas")


def test_what_is_paid_with_is_the_markets_quote_and_without_a_market_the_paper_venues():
    stable = Asset("base:0x8335")
    instruments = tuple(Instrument(Asset(f"base:{name}"), stable, 18, 18, 500) for name in "ab")
    assert quote_of(instruments, Paper()) == (stable, 18)
    assert quote_of((), Paper(quote="DAI", quote_decimals=18)) == ("paper:DAI", 18)
    with pytest.raises(AssertionError, match="one quote asset"):
        quote_of((*instruments, Instrument(Asset("base:c"), Asset("base:usd"), 18, 6, 500)), Paper())
