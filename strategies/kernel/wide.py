"""Whole numbers of up to 120 bits, for token units and prices: exact, in compiled code.

A wide number is a pair (high, low) of 60 bits each, so that it fits into two int64, and sums of a few halves
do too.  What is longer, products above all, is in strategies/kernel/long.py.  Nothing here is negative.
"""

from actors.messages import BPS
from strategies.compiled import inlined, part
from strategies.kernel.product import HALF, HALF_MASK, product

Wide = tuple[int, int]

TO_HIGH = 1152921504606846976.0  # 2 ** HALF.
MOST = 1 << (2 * HALF)  # What is as large as this is no wide number.
QUARTER = 30
QUARTER_MASK = (1 << QUARTER) - 1


def wide(number: int) -> Wide:
    """ValueError if it has more than 120 bits."""
    if not 0 <= number < MOST:
        raise ValueError(f"{number} is below 0 or has more than 120 bits")
    return number >> HALF, number & HALF_MASK


def number_of(pair: Wide) -> int:
    return (int(pair[0]) << HALF) | int(pair[1])


@inlined
def at_most(one: Wide, other: Wide) -> bool:
    return one[0] < other[0] or (one[0] == other[0] and one[1] <= other[1])


@inlined
def plus(one: Wide, other: Wide) -> Wide:
    low = one[1] + other[1]
    return one[0] + other[0] + (low >> HALF), low & HALF_MASK


@inlined
def minus(one: Wide, other: Wide) -> Wide:
    low = one[1] - other[1]
    return one[0] - other[0] + (low >> HALF), low & HALF_MASK


@inlined
def narrow(number: int) -> Wide:
    """An int64 as a wide number."""
    return number >> HALF, number & HALF_MASK


@inlined
def narrowed(number: Wide) -> int:
    """A wide number that is known to fit into an int64."""
    return (number[0] << HALF) | number[1]


@inlined
def floated(number: Wide) -> float:
    """To look at; money is not counted in it."""
    return float(number[0]) * TO_HIGH + float(number[1])


@part
def divided_by_bps(number: Wide, bps: int) -> tuple[Wide, int]:
    """number * bps // BPS and what is left; a share is below 2 ** 30, and the result must fit."""
    carry, low = product(number[1], bps)
    top, high = product(number[0], bps)
    high += carry
    rest = (top << QUARTER) + (high >> QUARTER)
    first = rest // BPS
    rest = ((rest - first * BPS) << QUARTER) | (high & QUARTER_MASK)
    second = rest // BPS
    rest = ((rest - second * BPS) << QUARTER) | (low >> QUARTER)
    third = rest // BPS
    rest = ((rest - third * BPS) << QUARTER) | (low & QUARTER_MASK)
    fourth = rest // BPS
    return ((first << QUARTER) | second, (third << QUARTER) | fourth), rest - fourth * BPS


@inlined
def share(number: Wide, bps: int) -> Wide:
    return divided_by_bps(number, bps)[0]
