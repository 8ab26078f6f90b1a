"""Rows of digits, against Python's own whole numbers."""

from hypothesis import example, given, settings
from hypothesis import strategies as some

from strategies.kernel import digits as d

QUICK = settings(max_examples=500, deadline=None)
DIGITS = some.sampled_from([0, 1, 2**29, d.MASK - 1, d.MASK]) | some.integers(0, d.MASK)


def numbers(most: int):
    """Of at most so many digits, most of which are those at which carries and guesses go wrong."""
    return some.lists(DIGITS, max_size=most).map(
        lambda row: sum(digit << (d.BITS * place) for place, digit in enumerate(row))
    )


def put(work, at: int, number: int) -> int:
    count = 0
    while number >> (d.BITS * count):
        work[at + count] = number >> (d.BITS * count) & d.MASK
        count += 1
    return count


def whole(work, at: int, count: int) -> int:
    assert count == 0 or work[at + count - 1] != 0, "there are zeros in front"
    assert all(0 <= digit <= d.MASK for digit in work[at : at + count])
    return sum(int(digit) << (d.BITS * place) for place, digit in enumerate(work[at : at + count]))


def quotient(dividend: int, divisor: int) -> int:
    work = d.work()
    work[:] = -1  # What is left in the rows must not matter.
    count, length = put(work, d.FIRST, dividend), put(work, d.SECOND, divisor)
    return whole(work, d.THIRD, d.divide(work, d.THIRD, d.FIRST, count, d.SECOND, length))


@QUICK
@given(numbers(11), numbers(11).filter(bool))
@example(2**330 - 1, 1)
@example(2**330 - 1, 2**30)
@example(2**330 - 1, 2**60 - 1)
@example(2**300, 2**120 - 2**90 + 1)
def test_division_is_python_s(dividend, divisor):
    assert quotient(dividend, divisor) == dividend // divisor


@QUICK
@given(numbers(5), numbers(5).filter(bool), some.integers(-1, 1))
def test_division_next_to_a_whole_quotient_is_python_s(times, divisor, off):
    dividend = max(0, times * divisor + off)
    assert quotient(dividend, divisor) == dividend // divisor


@QUICK
@given(numbers(6), numbers(5))
def test_products_are_python_s(one, other):
    work = d.work()
    work[:] = -1
    count, length = put(work, d.FIRST, one), put(work, d.SECOND, other)
    made = d.multiply(work, d.THIRD, d.FIRST, count, d.SECOND, length)
    assert whole(work, d.THIRD, made) == one * other
    assert (whole(work, d.FIRST, count), whole(work, d.SECOND, length)) == (one, other)


@QUICK
@given(numbers(10), DIGITS)
def test_products_with_one_digit_are_python_s(one, by):
    work = d.work()
    work[:] = -1
    made = d.multiply_short(work, d.SECOND, d.FIRST, put(work, d.FIRST, one), by)
    assert whole(work, d.SECOND, made) == one * by


@QUICK
@given(numbers(10), numbers(10))
def test_sums_are_python_s(one, other):
    work = d.work()
    work[:] = -1
    count, length = put(work, d.FIRST, one), put(work, d.SECOND, other)
    assert whole(work, d.FIRST, d.add(work, d.FIRST, count, d.SECOND, length)) == one + other
