"""How far a pool is pushed: the formula, beside the swap that it is for."""

from hypothesis import given
from hypothesis import strategies as some

from actors.messages import PRICE_SCALE
from chains.devnet import prices
from chains.devnet.world import whole

RESERVES = some.integers(10**12, 10**27)


@given(RESERVES, RESERVES, some.integers(1, 10**9), some.integers(1, 10**9))
def test_a_v2_pool_comes_within_a_thousandth_of_a_bps_of_any_price_in_reach(reserve0, reserve1, up, down):
    wanted = (reserve1 * (10**9 + up), reserve0 * (10**9 + down))
    sells_token0, paid = prices.v2_push(reserve0, reserve1, wanted)
    ins, outs = (reserve0, reserve1) if sells_token0 else (reserve1, reserve0)
    after_in, after_out = ins + paid, outs - prices.v2_out(paid, ins, outs)
    reached = (after_out, after_in) if sells_token0 else (after_in, after_out)
    assert prices.error_pips(reached, wanted) <= 1


@given(RESERVES, RESERVES)
def test_a_v2_pool_that_is_at_its_price_is_left_alone(reserve0, reserve1):
    assert prices.v2_push(reserve0, reserve1, (reserve1, reserve0))[1] == 0


def test_the_direction_is_towards_the_price():
    assert prices.v2_push(10**18, 10**18, (99, 100))[0] is True
    assert prices.v2_push(10**18, 10**18, (100, 99))[0] is False


def test_a_ratio_counts_base_units():
    dollar, ether = whole(1, 6), whole(3_000, 6)
    numerator, denominator = prices.ratio(ether, 18, dollar, 6)  # WETH is token0, USDC is token1.
    assert numerator * 10**18 == 3_000 * 10**6 * denominator
    assert dollar == 10**6 * PRICE_SCALE


def test_a_square_root_is_the_pools():
    assert prices.sqrt_x96((4, 1)) == 2 << 96
    assert prices.sqrt_x96((1, 4)) == 1 << 95


def test_an_error_is_in_millionths_and_rounded_up():
    assert prices.error_pips((1, 1), (1, 1)) == 0
    assert prices.error_pips((10_001, 10_000), (1, 1)) == 100
    assert prices.error_pips((10**9 + 1, 10**9), (1, 1)) == 1
