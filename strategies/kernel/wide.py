"""Whole numbers of up to 120 bits, for token units and prices: exact, in compiled code.

A wide number is a pair (high, low) of 60 bits each, so that it fits into two int64.  To be multiplied and
divided it is spread over a row of digits (strategies/kernel/digits.py).  Nothing here is negative.
"""

import math

from strategies.compiled import inlined, part
from strategies.kernel.digits import BITS, MASK, Integers, used

Wide = tuple[int, int]

HALF, TO_HIGH = 2 * BITS, 1152921504606846976.0  # 2 ** HALF.
HALF_MASK = (1 << HALF) - 1
MOST = 1 << (2 * HALF)  # What is as large as this is no wide number.


def wide(number: int) -> Wide:
    """ValueError if it has more than 120 bits."""
    if not 0 <= number < MOST:
        raise ValueError(f"{number} is below 0 or has more than 120 bits")
    return number >> HALF, number & HALF_MASK


def number_of(pair: Wide) -> int:
    return (int(pair[0]) << HALF) | int(pair[1])


@part
def at_most(one: Wide, other: Wide) -> bool:
    return one[0] < other[0] or (one[0] == other[0] and one[1] <= other[1])


@part
def plus(one: Wide, other: Wide) -> Wide:
    low = one[1] + other[1]
    return one[0] + other[0] + (low >> HALF), low & HALF_MASK


@part
def minus(one: Wide, other: Wide) -> Wide:
    low = one[1] - other[1]
    if low < 0:
        return one[0] - other[0] - 1, low + (1 << HALF)
    return one[0] - other[0], low


@part
def narrow(number: int) -> Wide:
    """An int64 as a wide number."""
    return number >> HALF, number & HALF_MASK


@part
def narrowed(number: Wide) -> int:
    """A wide number that is known to fit into an int64."""
    return (number[0] << HALF) | number[1]


@part
def floated(number: Wide) -> float:
    """To look at; money is not counted in it."""
    return float(number[0]) * TO_HIGH + float(number[1])


@inlined
def spread(work: Integers, at: int, number: Wide) -> int:
    """How many digits it has."""
    work[at], work[at + 1] = number[1] & MASK, number[1] >> BITS
    work[at + 2], work[at + 3] = number[0] & MASK, number[0] >> BITS
    return used(work, at, 4)


@inlined
def gathered(work: Integers, at: int, count: int) -> Wide:
    for i in range(count, 4):
        work[at + i] = 0
    return (work[at + 3] << BITS) | work[at + 2], (work[at + 1] << BITS) | work[at]


@part
def scaled(number: Wide, by: int, over: int) -> Wide:
    """number * by // over, both below 2 ** 30; the result must fit.  Digit by digit, without rows."""
    low, next = (number[1] & MASK) * by, (number[1] >> BITS) * by
    next += low >> BITS
    third = (number[0] & MASK) * by + (next >> BITS)
    fourth = (number[0] >> BITS) * by + (third >> BITS)
    high = fourth // over
    rest = ((fourth - high * over) << BITS) | (third & MASK)
    middle = rest // over
    rest = ((rest - middle * over) << BITS) | (next & MASK)
    second = rest // over
    rest = ((rest - second * over) << BITS) | (low & MASK)
    return (high << BITS) | middle, (second << BITS) | (rest // over)


@part
def root(number: Wide) -> int:
    """The whole square root of a number below 2 ** 118.

    The float is right to 2 ** -52; one step of Newton's, with what is exactly left, leaves an error of one.
    """
    guess = int(math.sqrt(floated(number)))
    if guess > 0:
        high, low = _square(guess)
        left = float(number[0] - high) * TO_HIGH + float(number[1] - low)
        guess += int(left / (2.0 * float(guess)))
    while not at_most(_square(guess), number):
        guess -= 1
    while at_most(_square(guess + 1), number):
        guess += 1
    return guess


@part
def _square(number: int) -> Wide:
    """Of a number below 2 ** 60."""
    high, low = number >> BITS, number & MASK
    middle = 2 * high * low
    rest = low * low + ((middle & MASK) << BITS)
    return high * high + (middle >> BITS) + (rest >> HALF), rest & HALF_MASK
