"""Entries of every kind, and some that are wrong."""

import math

import numpy as np

from strategies.compiled import compiled
from strategies.layout import LIKE_ROW, LIKE_TABLE, Floats


@compiled(LIKE_TABLE, (1.0, (2, 3)), 4)
def corner(table: Floats, parts: tuple[float, tuple[int, int]], row: int) -> int:
    """Where each argument is, if all of them come where they belong."""
    share, (first, second) = parts
    return int(table[row, len(table[0]) - 1]) + 100 * first + 10_000 * second + int(1_000_000 * share)


@compiled(0, 0)
def is_less(one: int, other: int) -> bool:
    return one < other


@compiled(0, 0)
def divided(one: int, other: int) -> int:
    return one // other


@compiled(LIKE_ROW)
def says_otherwise(row: Floats) -> int:
    return row[0]


@compiled(LIKE_ROW)
def makes_no_sense(row: Floats) -> float:
    return row.no_such_thing


@compiled(1.0)
def needs_numba(one: float) -> float:
    return math.gamma(one)


EVERY_OTHER = np.arange(8.0)[::2]


@compiled(0)
def has_an_address(place: int) -> float:
    return EVERY_OTHER[place]


@compiled(True)
def of_a_bool(one: bool) -> int:
    return 1 if one else 0


@compiled("words")
def of_words(words: str) -> int:
    return len(words)
