"""Chance that is drawn from a seed and a name: the same question has the same answer in every process.

There is no generator whose state could be lost in a crash, and asking about one thing does not change the
answer about another.  Only BLAKE2b and the raw stream of PCG64 are used, which numpy promises to keep
(NEP 19); what numpy makes of that stream (normals, integers) it may change between versions.
"""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from msgspec import json

Name = str | int


def digest(seed: int, *names: Name) -> int:
    """128 bits; JSON keeps ("ab", "c") and ("a", "bc") apart."""
    return int.from_bytes(blake2b(json.encode([seed, *names]), digest_size=16).digest(), "big")


def chance(seed: int, *names: Name) -> float:
    """A fraction, evenly spread over [0, 1)."""
    return (digest(seed, *names) >> 75) / (1 << 53)


def below(limit: int, seed: int, *names: Name) -> int:
    """A whole number, evenly spread over 0 <= number < limit."""
    assert limit > 0, f"below() needs a positive limit, not {limit}"
    return digest(seed, *names) % limit


class Stream:
    """Many draws under one name."""

    def __init__(self, seed: int, *names: Name) -> None:
        self._bits = np.random.PCG64(digest(seed, *names))

    def uniforms(self, count: int) -> npt.NDArray[np.float64]:
        """Fractions, evenly spread over [0, 1)."""
        raw = np.asarray(self._bits.random_raw(count), dtype=np.uint64)
        return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def shocks(self, count: int) -> npt.NDArray[np.float64]:
        """Bell-shaped, mean 0, variance 1, within +-3.5: sums of four uniforms (Irwin-Hall).

        No logarithm or cosine is taken, so the bits are the same on every processor.
        """
        one, two, three, four = self.uniforms(4 * count).reshape(4, count)
        sums: npt.NDArray[np.float64] = one + two + three + four
        sums -= 2.0
        sums *= 3.0**0.5
        return sums
