"""Quotes across many ticks of a real V3 pool, whose liquidity is laid out by chance."""

import random

import pytest

from chains.devnet.abi import call_data
from chains.devnet.deploy import NO_DEADLINE
from chains.devnet.wallets import OWNER
from chains.evm.routes import Version, zero_for_one
from chains.evm.v3math import TIERS, quote
from chains.venue import Unanswered
from tests.devnet.uniswap import ours, route, state, theirs, traded

WIDE = 14  # Words of the bitmap on either side.
MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"


def scattered(net, way, chance, positions):
    """Positions of any width about the price; where they lie beside it they hold one token alone."""
    (key,) = way.pools
    spacing = TIERS[key.fee_pips]
    middle = state(net, key).tick
    amounts = {net.address_of("USDC"): 50_000 * 10**6, net.address_of("WETH"): 15 * 10**18}
    for _ in range(positions):
        low = (middle + chance.randint(-600, 599)) // spacing
        high = low + max(1, chance.randint(1, 300) // spacing)
        data = call_data(
            MINT,
            (
                key.token0, key.token1, key.fee_pips, low * spacing, high * spacing,
                amounts[key.token0], amounts[key.token1], 0, 0, OWNER.address, NO_DEADLINE,
            ),
        )  # fmt: skip
        net.send(OWNER, net.addresses.v3_positions, data)


@pytest.mark.parametrize("fee", [100, 500, 3_000])
def test_across_ticks_laid_out_by_chance_our_quote_is_the_quoters_to_the_unit(devnet, fee):
    chance = random.Random(fee)
    way = route(devnet, Version.V3, ("USDC", "WETH"), (fee,))
    scattered(devnet, way, chance, 15)
    crossed = set()
    for _ in range(12):
        for one, most in ((way, 2 * 10**12), (way.backwards, 6 * 10**20)):
            amount = chance.randint(1, most) if chance.random() < 0.7 else chance.randint(1, 10**6)
            found = quote(state(devnet, one.pools[0], WIDE), amount, zero_for_one(*one.path))
            assert found.amount_out == theirs(devnet, one, amount)
            crossed.add(found.crossed)
    assert max(crossed) > 5
    assert 0 in crossed
    amount = 8 * 10**11
    expected = quote(state(devnet, way.pools[0], WIDE), amount, zero_for_one(*way.path))
    assert traded(devnet, way, amount)[1].amount_out == expected.amount_out
    after = state(devnet, way.pools[0])
    parts = ("sqrt_price_x96", "tick", "liquidity")
    assert [getattr(after, part) for part in parts] == [getattr(expected.pool, part) for part in parts]


def test_a_swap_beyond_the_ticks_that_were_read_has_no_quote(devnet):
    way = route(devnet, Version.V3, ("USDC", "WETH"), (100,))
    found = ours(devnet, way, 10**13)
    assert isinstance(found, Unanswered)
    assert "leaves the ticks" in found.sentence
    assert theirs(devnet, way, 10**13) > 0
