"""Whole numbers of up to 120 bits, for token units and prices: exact, in compiled code.

A wide number is a pair (high, low) of 60 bits each, so that it fits into two int64.  To be multiplied and
divided it is spread over a row of 30-bit digits, lowest first, whose products fit into one int64.  Division
is Knuth's algorithm D (The Art of Computer Programming, volume 2, 4.3.1).  Nothing here is negative.
"""

import math

import numpy as np
import numpy.typing as npt

from strategies.compiled import part

Wide = tuple[int, int]
Integers = npt.NDArray[np.int64]

BITS, HALF = 30, 60
MASK, HALF_MASK = (1 << BITS) - 1, (1 << HALF) - 1
BASE, TOP = 1 << BITS, 1 << (BITS - 1)
MOST = 1 << (2 * HALF)  # What is as large as this is no wide number.
DIGITS = 12  # Of a row: the largest product has eleven digits, and is shifted by one.
ROWS = 6


def wide(number: int) -> Wide:
    """ValueError if it has more than 120 bits."""
    if not 0 <= number < MOST:
        raise ValueError(f"{number} is below 0 or has more than 120 bits")
    return number >> HALF, number & HALF_MASK


def number_of(pair: Wide) -> int:
    return (int(pair[0]) << HALF) | int(pair[1])


def work() -> Integers:
    """The rows in which the functions below calculate; what was in them is lost."""
    return np.zeros((ROWS, DIGITS), dtype=np.int64)


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
    return float(number[0]) * 1152921504606846976.0 + float(number[1])


@part
def spread(row: Integers, number: Wide) -> None:
    row[:] = 0
    row[0], row[1] = number[1] & MASK, number[1] >> BITS
    row[2], row[3] = number[0] & MASK, number[0] >> BITS


@part
def gathered(row: Integers) -> Wide:
    return (row[3] << BITS) | row[2], (row[1] << BITS) | row[0]


@part
def used(row: Integers) -> int:
    count = DIGITS
    while count > 0 and row[count - 1] == 0:
        count -= 1
    return count


@part
def multiply(product: Integers, one: Integers, other: Integers) -> None:
    product[:] = 0
    first, second = used(one), used(other)
    for i in range(first):
        carry = 0
        for j in range(second):
            total = product[i + j] + one[i] * other[j] + carry
            product[i + j] = total & MASK
            carry = total >> BITS
        product[i + second] = carry


@part
def add(row: Integers, other: Integers) -> None:
    carry = 0
    for i in range(DIGITS):
        total = row[i] + other[i] + carry
        row[i] = total & MASK
        carry = total >> BITS


@part
def _shift(row: Integers, by: int) -> None:
    carry = 0
    for i in range(DIGITS):
        total = (row[i] << by) | carry
        row[i] = total & MASK
        carry = total >> BITS


@part
def divide(quotient: Integers, rest: Integers, divisor: Integers) -> None:
    """quotient = rest // divisor; both that are divided are lost.  The divisor is not 0."""
    quotient[:] = 0
    count, length = used(divisor), used(rest)
    if count == 1:
        _divide_short(quotient, rest, divisor[0], length)
        return
    by, first = 0, divisor[count - 1]
    while first < TOP:
        first <<= 1
        by += 1
    _shift(divisor, by)
    _shift(rest, by)
    for place in range(length - count, -1, -1):
        digit = _guess(rest, place + count, divisor[count - 1], divisor[count - 2])
        quotient[place] = _subtract(rest, divisor, place, count, digit)


@part
def _divide_short(quotient: Integers, rest: Integers, divisor: int, length: int) -> None:
    left = 0
    for place in range(length - 1, -1, -1):
        total = (left << BITS) | rest[place]
        quotient[place] = total // divisor
        left = total - quotient[place] * divisor


@part
def _guess(rest: Integers, place: int, first: int, second: int) -> int:
    """The digit, or one more."""
    total = (rest[place] << BITS) | rest[place - 1]
    digit: int = total // first
    left = total - digit * first
    while digit >= BASE or digit * second > ((left << BITS) | rest[place - 2]):
        digit -= 1
        left += first
        if left >= BASE:
            break
    return digit


@part
def _subtract(rest: Integers, divisor: Integers, place: int, count: int, digit: int) -> int:
    """Take digit times the divisor from the rest; the digit, or one less if that was too much."""
    carry, borrow = 0, 0
    for i in range(count):
        total = digit * divisor[i] + carry
        carry = total >> BITS
        left = rest[place + i] - (total & MASK) - borrow
        borrow = 1 if left < 0 else 0
        rest[place + i] = left + BASE * borrow
    left = rest[place + count] - carry - borrow
    if left >= 0:
        rest[place + count] = left
        return digit
    carry = 0
    for i in range(count):
        total = rest[place + i] + divisor[i] + carry
        rest[place + i] = total & MASK
        carry = total >> BITS
    rest[place + count] = 0
    return digit - 1


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
def root(rows: Integers, number: Wide) -> int:
    """The whole square root of a number below 2 ** 120.

    The float is right to 2 ** -52, so one step of Newton's leaves an error of one or two.
    """
    if number[0] == 0 and number[1] == 0:
        return 0
    guess: int = int(math.sqrt(floated(number)))
    spread(rows[0], number)
    spread(rows[1], narrow(guess))
    divide(rows[2], rows[0], rows[1])
    guess = (guess + ((rows[2, 2] << HALF) | (rows[2, 1] << BITS) | rows[2, 0])) >> 1
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
