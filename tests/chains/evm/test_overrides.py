"""What is lent to a wallet for a simulation, and where its token keeps it."""

import pytest
from eth_utils.crypto import keccak

from chains.evm.overrides import SLOTS, balance, native, probe, slot_of
from tests.chains.evm.raw import ME, USDC


def test_ether_is_lent_by_its_amount():
    assert native(ME, 255) == {ME: {"balance": "0xff"}}


def test_a_balance_is_lent_at_the_place_of_the_wallet_in_the_mapping():
    place = "0x" + keccak(int(ME, 16).to_bytes(32) + (9).to_bytes(32)).hex()
    assert balance(USDC, ME, 9, 7) == {USDC: {"stateDiff": {place: "0x" + "00" * 31 + "07"}}}


@pytest.mark.parametrize("wrong", [(USDC.lower(), ME), (USDC, ME.lower())])
def test_an_address_without_its_capital_letters_is_refused(wrong):
    with pytest.raises(ValueError, match="checksummed"):
        balance(*wrong, 0, 1)


@pytest.mark.parametrize("slot", [0, 9, SLOTS - 1])
def test_the_balance_under_a_probe_tells_through_which_slot_it_came(slot):
    lent = probe(USDC, ME)[USDC]["stateDiff"]
    assert len(lent) == SLOTS
    (place,) = balance(USDC, ME, slot, 1)[USDC]["stateDiff"]
    assert slot_of(int(lent[place], 16)) == slot


@pytest.mark.parametrize("held", [0, 1, 10**30, 2**256 - 1, 0x5107_0000_0000_0000_0000 + SLOTS])
def test_any_other_balance_tells_no_slot(held):
    assert slot_of(held) is None
