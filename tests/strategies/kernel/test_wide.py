"""Wide numbers and the pool's arithmetic on them, against Python's own whole numbers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from actors.messages import BPS, PRICE_SCALE
from chains import pool
from tests.strategies.jitted import jitted

swaps, w = jitted("strategies.kernel.swaps", "strategies.kernel.wide")
WIDES = some.integers(0, 2**120 - 1) | some.integers(0, 120).map(lambda bits: 2**bits - 1)
QUICK = settings(max_examples=300, deadline=None)


@QUICK
@given(WIDES, WIDES)
def test_sums_differences_and_order_are_python_s(one, other):
    one, other = max(one, other), min(one, other)
    assert w.number_of(w.minus(w.wide(one), w.wide(other))) == one - other
    assert w.at_most(w.wide(other), w.wide(one))
    assert w.at_most(w.wide(one), w.wide(other)) == (one == other)
    if one + other < w.MOST:
        assert w.number_of(w.plus(w.wide(one), w.wide(other))) == one + other


@QUICK
@given(WIDES, some.integers(0, 20_000) | some.integers(0, 2**30 - 1))
def test_a_share_and_what_is_left_of_it_are_python_s(number, bps):
    if number * bps // BPS < w.MOST:
        found, rest = w.divided_by_bps(w.wide(number), bps)
        assert (w.number_of(found), rest) == divmod(number * bps, BPS)
        assert w.share(w.wide(number), bps) == found


@pytest.mark.parametrize("number", [-1, 2**120])
def test_what_does_not_fit_is_no_wide_number(number):
    with pytest.raises(ValueError, match="more than 120 bits"):
        w.wide(number)


AMOUNTS = some.integers(1, 2**50)
QUOTES = some.integers(10**6, 2**58) | some.just(2**60 - 1)
TOKENS = some.integers(10**6, 2**110) | some.just(2**120 - 1)
DECIMALS = some.integers(0, 18)


@QUICK
@given(AMOUNTS, QUOTES, TOKENS, some.integers(0, 10**6 - 1))
def test_a_swap_of_the_quote_gives_what_the_pool_gives(amount, quote, token, fee):
    bought = swaps.bought(amount, quote, w.wide(token), fee)
    assert w.number_of(bought) == pool.amount_out(amount, quote, token, fee)


@QUICK
@given(TOKENS, QUOTES, TOKENS, some.integers(0, 10**6 - 1))
def test_a_swap_of_tokens_gives_what_the_pool_gives(amount, quote, token, fee):
    sold = swaps.sold(w.wide(amount), quote, w.wide(token), fee)
    assert sold == pool.amount_out(amount, token, quote, fee)


@QUICK
@given(QUOTES, TOKENS, DECIMALS, some.integers(1, 10**6) | some.integers(9_900, 10_100))
def test_a_pool_at_another_price_has_the_pool_s_reserves(quote, token, decimals, share):
    price = max(1, pool.price_of(quote, token, decimals) * share // 10_000)
    if price >= w.MOST:
        return
    unit = w.wide(10**decimals * PRICE_SCALE)
    wanted = pool.reserves_at(price, quote, token, decimals)
    if wanted[0] < 2**60 and wanted[1] < w.MOST:
        after = swaps.reserves_at(w.wide(price), quote, w.wide(token), unit)
        assert (after[0], w.number_of(after[1])) == wanted


@QUICK
@given(QUOTES, some.integers(10**3, 2**80) | some.integers(1, 2**118), DECIMALS)
def test_a_pool_of_a_depth_has_the_pool_s_tokens(depth, price, decimals):
    wanted = pool.reserves_of_depth(depth, price, decimals)[1]
    if wanted < w.MOST:
        unit = w.wide(10**decimals * PRICE_SCALE)
        assert w.number_of(swaps.tokens_of_depth(depth, w.wide(price), unit)) == wanted
