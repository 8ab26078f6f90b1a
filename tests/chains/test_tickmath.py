"""Tick prices against Uniswap's published limits and the states of real pools."""

import gzip
import json
from decimal import Decimal, localcontext

import pytest

from chains.tickmath import MAX_TICK, ROOTS, sqrt_price_x96


@pytest.mark.parametrize(
    ("tick", "root"),
    [
        (0, 1 << 96),
        (-MAX_TICK, 4295128739),  # TickMath.MIN_SQRT_RATIO
        (MAX_TICK, 1461446703485210103287273052203988822378723970342),  # TickMath.MAX_SQRT_RATIO
    ],
)
def test_the_limits_are_those_of_the_contract(tick, root):
    assert sqrt_price_x96(tick) == root


def test_a_tick_beyond_the_limits_is_refused():
    with pytest.raises(AssertionError, match="outside"):
        sqrt_price_x96(MAX_TICK + 1)


@pytest.mark.parametrize("bit", range(20))
def test_every_constant_is_the_root_it_stands_for(bit):
    with localcontext(prec=120):
        exact = Decimal(2) ** 128 / Decimal("1.0001").sqrt() ** (1 << bit)
        assert abs(ROOTS[bit] - exact) <= Decimal("0.5")


def test_each_real_pool_stands_between_its_tick_and_the_next(recorded):
    pools = json.loads(gzip.decompress(recorded("amm/fastlane_pools_block_18806161.json.gz").read_bytes()))
    checked = 0
    for pool in pools:
        if pool["exchange_name"] == "uniswap_v3" and pool["liquidity"] > 0:
            tick = int(pool["tick"])
            assert sqrt_price_x96(tick) <= int(pool["sqrt_price_q96"]) <= sqrt_price_x96(tick + 1)
            checked += 1
    assert checked > 70
