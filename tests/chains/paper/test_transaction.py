"""The bytes of a paper swap."""

import pytest
from msgspec.structs import replace

from actors.messages import Asset, Id, Side, Units
from chains.paper.transaction import Swap, decode, encode, tx_id

SWAP = Swap(
    Id("o1"),
    7,
    Side.BUY,
    Asset("paper:WETH"),
    Units(10**40),
    Units(3),
    Units(20_000),
    1_700_000_000_000_000_000,
)


def test_bytes_say_all_of_the_swap_and_equal_swaps_have_equal_bytes():
    assert decode(encode(SWAP)) == SWAP
    assert encode(replace(SWAP)) == encode(SWAP)


def test_any_other_field_is_another_transaction():
    others = [
        replace(SWAP, order=Id("o2")), replace(SWAP, nonce=8), replace(SWAP, side=Side.SELL),
        replace(SWAP, token=Asset("paper:BTC")), replace(SWAP, amount_in=Units(10**40 + 1)),
        replace(SWAP, min_amount_out=Units(4)), replace(SWAP, max_fee=Units(1)),
        replace(SWAP, valid_until_ns=1),
    ]  # fmt: skip
    assert len({tx_id(encode(swap)) for swap in [SWAP, *others]}) == 9


@pytest.mark.parametrize("raw", ["", "zz", "7b7d", encode(SWAP)[:-2], (b"[1]").hex()])
def test_bytes_that_are_no_swap_are_refused(raw):
    with pytest.raises(ValueError, match="these bytes are no paper swap"):
        decode(raw)
