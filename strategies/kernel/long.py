"""Products of wide numbers, of up to 240 bits, and what is divided by them: exact, in compiled code.

A long number is four parts of 60 bits, the highest first.  A quotient is guessed from floats, always a little
too low, so what is left is never negative; each guess brings 47 bits more, and the last step is one of whole
numbers.  Python's own numbers are the same to the last digit (tests/strategies/kernel).
"""

import math

from strategies.compiled import inlined, part
from strategies.kernel.product import HALF, HALF_MASK, product
from strategies.kernel.wide import TO_HIGH, Wide, floated

Long = tuple[int, int, int, int]

TOO_LOW = 1.0 - 2.0**-48  # A guess, of five roundings and more, is right to 2 ** -49.
FROM_HIGH = 2.0**-HALF
TO_SECOND, TO_THIRD = TO_HIGH**2, TO_HIGH**3


@inlined
def long(number: Wide) -> Long:
    return 0, 0, number[0], number[1]


@inlined
def multiplied(number: Long, by: int) -> Long:
    """By a number below 2 ** 61; the product must fit."""
    carry, last = product(number[3], by)
    high, low = product(number[2], by)
    low += carry
    third, high = low & HALF_MASK, high + (low >> HALF)
    carry, low = product(number[1], by)
    low += high
    second, carry = low & HALF_MASK, carry + (low >> HALF)
    return number[0] * by + carry, second, third, last


@inlined
def multiplied_wide(number: Long, by: Wide) -> Long:
    """The product must fit."""
    one, other = multiplied(number, by[0]), multiplied(number, by[1])
    low = one[3] + other[2]
    middle = one[2] + other[1] + (low >> HALF)
    high = one[1] + other[0] + (middle >> HALF)
    return high, middle & HALF_MASK, low & HALF_MASK, other[3]


@inlined
def added(one: Long, other: Long) -> Long:
    last = one[3] + other[3]
    third = one[2] + other[2] + (last >> HALF)
    second = one[1] + other[1] + (third >> HALF)
    return one[0] + other[0] + (second >> HALF), second & HALF_MASK, third & HALF_MASK, last & HALF_MASK


@inlined
def less(one: Long, other: Long) -> Long:
    """The difference, which is not negative."""
    last = one[3] - other[3]
    third = one[2] - other[2] + (last >> HALF)
    second = one[1] - other[1] + (third >> HALF)
    return one[0] - other[0] + (second >> HALF), second & HALF_MASK, third & HALF_MASK, last & HALF_MASK


@inlined
def holds(one: Long, other: Long) -> bool:
    """Whether the first is at least the other."""
    if one[0] != other[0]:
        return one[0] > other[0]
    if one[1] != other[1]:
        return one[1] > other[1]
    if one[2] != other[2]:
        return one[2] > other[2]
    return one[3] >= other[3]


@inlined
def floated_long(number: Long) -> float:
    high = float(number[0]) * TO_THIRD + float(number[1]) * TO_SECOND
    return high + (float(number[2]) * TO_HIGH + float(number[3]))


@part
def divided(number: Long, by: Long) -> Wide:
    """number // by, which must fit; not by 0."""
    left, high, low = number, 0, 0
    inverse = TOO_LOW / floated_long(by)
    while holds(left, by):
        guess = max(1.0, floated_long(left) * inverse)
        more = int(guess * FROM_HIGH)
        rest = int(guess - float(more) * TO_HIGH)
        left = less(left, multiplied(by, rest))
        if more != 0:
            left = less(left, multiplied_wide(by, (more, 0)))
        high, low = high + more, low + rest
    return high + (low >> HALF), low & HALF_MASK


@part
def root(number: Long, unit: Wide) -> int:
    """The whole square root of number // unit, below 2 ** 60: the largest whose square, times unit, fits."""
    one = long(unit)
    inverse = 1.0 / floated(unit)
    found = int(math.sqrt(floated_long(number) * inverse) * TOO_LOW)
    left = less(number, multiplied_wide(one, product(found, found)))
    while holds(left, multiplied(one, 2 * found + 1)):
        more = max(1, int(floated_long(left) * inverse / (2.0 * float(found) + 1.0) * TOO_LOW))
        left = less(left, multiplied(multiplied(one, 2 * found + more), more))
        found += more
    return found
