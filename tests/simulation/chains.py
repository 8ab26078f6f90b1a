"""Which chain a schedule is played on, with the venue that sees it and the naive books that know it."""

import random
from typing import Any

from tests.simulation.checks import Naive
from tests.simulation.evm import EvmChain, EvmVenue
from tests.simulation.evm_checks import EvmNaive
from tests.simulation.outside import Chain, SimVenue


def compared(outside: int) -> bool:
    """Only what happens on the paper chain does not depend on how often it is asked."""
    return outside % 2 == 0


def chain_of(outside: int, seed: int) -> tuple[Any, Any, Naive]:
    if compared(outside):
        silent = random.Random(f"chain {outside}").choice([0.05, 0.15, 0.15, 0.7])
        chain = Chain(outside, silent)
        return chain, SimVenue, Naive(chain)
    evm = EvmChain(outside, random.Random(f"chain {seed}"), private=outside % 6 == 1)
    return evm, EvmVenue, EvmNaive(evm)
