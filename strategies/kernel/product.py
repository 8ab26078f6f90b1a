"""The whole product of two numbers of 60 bits: the one thing that compiled Python can not say itself.

Python has the product as it is.  Compiled code multiplies in 128 bits: strategies/kernel/in_128_bits.py.
"""

HALF = 60
HALF_MASK = (1 << HALF) - 1


def product(one: int, other: int) -> tuple[int, int]:
    """(high, low) of 60 bits, where both factors are at least 0; the high part must fit into an int64."""
    whole = int(one) * int(other)
    return whole >> HALF, whole & HALF_MASK
