"""Long whole numbers in compiled code: digits of 30 bits, lowest first, in the rows of one array.

A number is the place of its lowest digit and how many there are, so nothing is cut out of the array and no
digit is looked at that is not there.  Products of two digits fit into one int64.  A digit of a quotient is
guessed from floats, which is right or one off either way, and what is left may be negative for a while: that
is put right once, at the end.  Python's own numbers are the same to the last digit (tests/strategies/kernel).
"""

import numpy as np
import numpy.typing as npt

from strategies.compiled import inlined, part

Integers = npt.NDArray[np.int64]

BITS = 30
MASK = (1 << BITS) - 1
WHOLE = 1073741824.0  # 2 ** BITS.
ROW = 16  # The largest product has eleven digits, and a quotient needs one more.
ROWS = 5
FIRST, SECOND, THIRD, FOURTH, FIFTH = range(0, ROW * ROWS, ROW)


def work() -> Integers:
    """The rows to calculate in; what was in them is lost."""
    return np.zeros(ROWS * ROW, dtype=np.int64)


@inlined
def used(work: Integers, at: int, count: int) -> int:
    """How many digits there are without the zeros in front."""
    while count > 0 and work[at + count - 1] == 0:
        count -= 1
    return count


@inlined
def multiply(work: Integers, product: int, one: int, count: int, other: int, length: int) -> int:
    """The product's digits; neither factor is lost."""
    for j in range(length):
        work[product + j] = 0
    for i in range(count):
        digit, carry = work[one + i], 0
        for j in range(length):
            total = work[product + i + j] + digit * work[other + j] + carry
            work[product + i + j] = total & MASK
            carry = total >> BITS
        work[product + i + length] = carry
    return used(work, product, count + length)


@inlined
def multiply_short(work: Integers, product: int, one: int, count: int, by: int) -> int:
    """By a number of one digit."""
    carry = 0
    for i in range(count):
        total = work[one + i] * by + carry
        work[product + i] = total & MASK
        carry = total >> BITS
    work[product + count] = carry
    return used(work, product, count + 1)


@inlined
def add(work: Integers, to: int, count: int, other: int, length: int) -> int:
    """The sum's digits, which is where the first of the two was."""
    for i in range(count, length):
        work[to + i] = 0
    carry, longest = 0, max(count, length)
    for i in range(longest):
        total = work[to + i] + carry + (work[other + i] if i < length else 0)
        work[to + i] = total & MASK
        carry = total >> BITS
    work[to + longest] = carry
    return used(work, to, longest + 1)


@part
def divide(work: Integers, quotient: int, rest: int, count: int, divisor: int, length: int) -> int:
    """The digits of rest // divisor; the rest is lost.  The divisor is not 0."""
    if count < length:
        return 0
    if length == 1:
        return _divide_short(work, quotient, rest, count, work[divisor])
    first = float((work[divisor + length - 1] << BITS) | work[divisor + length - 2])
    if length > 2:
        first += float(work[divisor + length - 3]) / WHOLE
    inverse = 1.0 / first
    work[rest + count] = 0
    for place in range(count - length, -1, -1):
        top = rest + place + length
        left = float((work[top] << BITS) + work[top - 1]) * WHOLE + float(work[top - 2])
        digit = int(left * inverse)
        carry = _take(work, rest + place, divisor, length, digit)
        work[top - 1] += (carry + work[top]) << BITS  # What is left, if negative, is so in its first digit.
        work[quotient + place] = digit
    carry = _put_right(work, rest, divisor, length)
    for i in range(count - length + 1):
        total = work[quotient + i] + carry
        work[quotient + i] = total & MASK
        carry = total >> BITS
    return used(work, quotient, count - length + 1)


@inlined
def _divide_short(work: Integers, quotient: int, rest: int, count: int, divisor: int) -> int:
    left = 0
    for place in range(count - 1, -1, -1):
        total = (left << BITS) | work[rest + place]
        digit = total // divisor
        work[quotient + place] = digit
        left = total - digit * divisor
    return used(work, quotient, count)


@inlined
def _take(work: Integers, rest: int, divisor: int, length: int, digit: int) -> int:
    """So many times the divisor from the rest; what is to be added to the digit above them."""
    carry = 0
    for i in range(length):
        total = work[rest + i] - digit * work[divisor + i] + carry
        work[rest + i] = total & MASK
        carry = total >> BITS
    return carry


@inlined
def _put_right(work: Integers, rest: int, divisor: int, length: int) -> int:
    """What the quotient lacks, for the rest to be neither negative nor as large as the divisor."""
    lacks = 0
    while work[rest + length - 1] < 0:
        carry = _take(work, rest, divisor, length, -1)
        work[rest + length - 1] += carry << BITS
        lacks -= 1
    while _holds(work, rest, divisor, length):
        carry = _take(work, rest, divisor, length, 1)
        work[rest + length - 1] += carry << BITS
        lacks += 1
    return lacks


@inlined
def _holds(work: Integers, rest: int, divisor: int, length: int) -> bool:
    """Whether the rest is at least the divisor."""
    i = length - 1
    while i > 0 and work[rest + i] == work[divisor + i]:
        i -= 1
    held: bool = work[rest + i] >= work[divisor + i]
    return held
