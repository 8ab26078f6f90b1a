"""Amounts to base units and back, exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.amounts import shown, to_units


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("10000", 6, 10_000_000_000),
        ("0.02", 6, 20_000),
        ("0.020000000", 6, 20_000),
        ("007", 0, 7),
        ("0", 18, 0),
        (
            "123456789012345678901234567890.000000000000000001",
            18,
            123456789012345678901234567890 * 10**18 + 1,
        ),
    ],
)
def test_a_plain_decimal_is_taken_to_the_last_digit(text, decimals, units):
    assert to_units(text, decimals) == units


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", "+1", "1e3", "1E3", "nan", "NaN", "inf", "1,000", "1_000", "0x10", ".5", "5.", "1 ",
     "1\n", "\u0661", "1.2.3", "$5", "9" * 61],
)  # fmt: skip
def test_anything_else_is_refused_and_told_what_to_write(text):
    with pytest.raises(ValueError, match="write a plain decimal that is not negative"):
        to_units(text, 6)


def test_more_digits_than_the_asset_has_are_refused_and_never_rounded():
    with pytest.raises(ValueError, match="the asset has 6 decimals: write at most 6 digits after the point"):
        to_units("0.0000001", 6)


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (20_000, 6, "0.02"),
        (0, 6, "0"),
        (-1, 6, "-0.000001"),
        (-1_500_000, 6, "-1.5"),
        (7, 0, "7"),
        (100, 0, "100"),
    ],
)
def test_an_amount_is_shown_without_idle_zeros(units, decimals, text):
    assert shown(units, decimals) == text


@given(st.integers(0, 10**60 - 1), st.integers(0, 36))
def test_what_is_shown_is_read_back_as_the_same_amount(units, decimals):
    assert to_units(shown(units, decimals), decimals) == units
