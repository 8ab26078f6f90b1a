"""Wide numbers and the pool's arithmetic on them, against Python's own whole numbers."""

from math import isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from actors.messages import PRICE_SCALE
from chains import pool
from strategies.kernel import swaps
from strategies.kernel import wide as w
from strategies.kernel.digits import work

WORK = work()
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
@given(WIDES.filter(lambda number: number < 2**118))
def test_the_root_is_python_s(number):
    assert w.root(w.wide(number)) == isqrt(number)


@QUICK
@given(some.integers(0, 2**59 - 1) | some.integers(0, 58).map(lambda bits: 2**bits), some.integers(-1, 1))
def test_the_root_next_to_a_square_is_python_s(root, off):
    number = max(0, root * root + off)
    assert w.root(w.wide(number)) == isqrt(number)


@QUICK
@given(some.integers(0, 2**105), some.integers(0, 2**30 - 1), some.integers(1, 20_000))
def test_a_share_is_python_s(number, by, over):
    if number * by // over < w.MOST:
        assert w.number_of(w.scaled(w.wide(number), by, over)) == number * by // over


@pytest.mark.parametrize("number", [-1, 2**120])
def test_what_does_not_fit_is_no_wide_number(number):
    with pytest.raises(ValueError, match="more than 120 bits"):
        w.wide(number)


AMOUNTS = some.integers(1, 2**50)
QUOTES = some.integers(10**6, 2**58)
QUOTES_END = 2**59  # Its square has a root: what a pool holds of the quote is below.
TOKENS = some.integers(10**6, 2**110)
DECIMALS = some.integers(0, 18)


@QUICK
@given(AMOUNTS, QUOTES, TOKENS, some.integers(0, 10**6 - 1))
def test_a_swap_gives_what_the_pool_gives_both_ways(amount, quote, token, fee):
    bought = swaps.amount_out(WORK, w.wide(amount), w.wide(quote), w.wide(token), fee)
    assert w.number_of(bought) == pool.amount_out(amount, quote, token, fee)
    sold = swaps.amount_out(WORK, w.wide(amount), w.wide(token), w.wide(quote), fee)
    assert w.number_of(sold) == pool.amount_out(amount, token, quote, fee)


@QUICK
@given(QUOTES, TOKENS, DECIMALS, some.integers(1, 3 * 10**4))
def test_a_pool_at_another_price_has_the_pool_s_reserves(quote, token, decimals, share):
    price = max(1, pool.price_of(quote, token, decimals) * share // 10_000)
    if price >= 2**118:
        return
    unit = w.wide(10**decimals * PRICE_SCALE)
    after = swaps.reserves_at(WORK, w.wide(price), quote, w.wide(token), unit)
    wanted = pool.reserves_at(price, quote, token, decimals)
    if wanted[0] < QUOTES_END and wanted[1] < w.MOST:
        assert tuple(map(w.number_of, after)) == wanted


@QUICK
@given(QUOTES, some.integers(10**3, 2**80), DECIMALS)
def test_a_pool_of_a_depth_has_the_pool_s_tokens(depth, price, decimals):
    wanted = pool.reserves_of_depth(depth, price, decimals)[1]
    if wanted < w.MOST:
        unit = w.wide(10**decimals * PRICE_SCALE)
        assert w.number_of(swaps.tokens_of_depth(WORK, depth, w.wide(price), unit)) == wanted
