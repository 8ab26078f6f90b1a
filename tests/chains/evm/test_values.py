"""Addresses of our own."""

import pytest

from chains.evm.values import checked

ME = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.mark.parametrize("slip", [ME.lower(), ME[:-1] + "9", ME[:-2], ME[2:], "", "0x"])
def test_an_address_of_ours_has_its_capital_letters(slip):
    assert checked(ME, "the field") == ME
    with pytest.raises(ValueError, match="the field is"):
        checked(slip, "the field")
