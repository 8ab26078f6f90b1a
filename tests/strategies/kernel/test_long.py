"""Long numbers, their quotients and roots, against Python's own whole numbers."""

from math import isqrt
from random import Random

import numba
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as some

from strategies.kernel.product import HALF, HALF_MASK, product
from strategies.kernel.wide import MOST, number_of, wide
from tests.strategies.jitted import jitted

(kernel,) = jitted("strategies.kernel.long")
machine_product = kernel.product
QUICK = settings(max_examples=500, deadline=None)
PARTS = some.sampled_from([0, 1, 2, 2**30, 2**52, 2**53, 2**53 + 1, HALF_MASK - 1, HALF_MASK])
LONGEST = 1 << (4 * HALF)


def numbers(bits: int):
    """Of at most so many bits; many of them are those at which carries and guesses go wrong."""
    ends = some.tuples(some.integers(0, bits), some.integers(-2, 2)).map(lambda each: 2 ** each[0] + each[1])
    rows = some.lists(PARTS, max_size=4).map(
        lambda row: sum(part << (HALF * place) for place, part in enumerate(row))
    )
    return (ends | rows | some.integers(0, 2**bits - 1)).map(lambda number: max(0, number) % 2**bits)


def long_of(number: int) -> kernel.Long:
    high, second, third, low = (number >> (HALF * place) & HALF_MASK for place in (3, 2, 1, 0))
    return high, second, third, low


def whole(parts: kernel.Long) -> int:
    assert all(0 <= part <= HALF_MASK for part in parts)
    return sum(int(part) << (HALF * place) for place, part in enumerate(reversed(parts)))


@numba.njit
def compiled_product(one, other):
    return machine_product(one, other)


@QUICK
@given(numbers(61), numbers(61))
@example(2**61 - 1, 2**61 - 1)
def test_compiled_products_are_python_s(one, other):
    assert compiled_product(one, other) == product(one, other)
    assert number_of(product(one, other)) == one * other


@QUICK
@given(numbers(240), numbers(61), numbers(120))
def test_products_are_python_s(number, short, by):
    if number * short < LONGEST:
        assert whole(kernel.multiplied(long_of(number), short)) == number * short
    if number * by < LONGEST:
        assert whole(kernel.multiplied_wide(long_of(number), wide(by))) == number * by


@QUICK
@given(numbers(239), numbers(239))
def test_sums_differences_and_order_are_python_s(one, other):
    assert whole(kernel.added(long_of(one), long_of(other))) == one + other
    assert kernel.holds(long_of(one), long_of(other)) == (one >= other)
    if one >= other:
        assert whole(kernel.less(long_of(one), long_of(other))) == one - other


@QUICK
@given(numbers(240), numbers(160).filter(bool))
@example(2**240 - 1, 2**120 + 1)
@example(2**120 - 1, 1)
@example(0, 1)
def test_a_quotient_is_python_s(number, by):
    assume(number // by < MOST)
    assert number_of(kernel.divided(long_of(number), long_of(by))) == number // by


@QUICK
@given(numbers(120), numbers(160).filter(bool), some.integers(-1, 1))
@example(2**120 - 1, 2**120 - 1, 1)
@example(2**120 - 1, 2**119 + 1, -1)
def test_a_quotient_next_to_a_whole_one_is_python_s(times, by, off):
    number = max(0, times * by + off)
    assume(number < LONGEST)
    assume(number // by < MOST)
    assert number_of(kernel.divided(long_of(number), long_of(by))) == number // by


@QUICK
@given(numbers(240), numbers(120).filter(bool))
@example(2**240 - 1, 2**120 - 1)
@example(0, 1)
def test_a_root_is_python_s(number, unit):
    assume(isqrt(number // unit) < 2**60)
    assert kernel.root(long_of(number), wide(unit)) == isqrt(number // unit)


@QUICK
@given(numbers(60), numbers(120).filter(bool), some.integers(-1, 1), some.booleans())
@example(2**60 - 1, 2**120 - 1, 0, False)
@example(2**60 - 2, 2**119 + 1, -1, True)
def test_a_root_next_to_a_whole_one_is_python_s(root, unit, off, of_the_next):
    number = max(0, (root + of_the_next) ** 2 * unit + off)
    assume(number < LONGEST)
    assume(isqrt(number // unit) < 2**60)
    assert kernel.root(long_of(number), wide(unit)) == isqrt(number // unit)


@pytest.mark.parametrize("seed", range(4))
def test_quotients_and_roots_of_all_sizes_are_python_s(seed):
    """Many more than Hypothesis tries: a guess may be off by one for a few numbers in a million."""
    rng = Random(seed)
    for _ in range(20_000):
        by, times = 1 + rng.getrandbits(rng.randint(1, 141)), rng.getrandbits(rng.randint(1, 120))
        number = times * by + rng.choice([0, by - 1, rng.randrange(by)])
        if number < LONGEST:
            assert number_of(kernel.divided(long_of(number), long_of(by))) == times
        root, unit = rng.getrandbits(rng.randint(1, 60)), 1 + rng.getrandbits(rng.randint(1, 119))
        number = root * root * unit + rng.choice([0, 2 * root * unit, (2 * root + 1) * unit - 1])
        if number < LONGEST:
            assert kernel.root(long_of(number), wide(unit)) == root
