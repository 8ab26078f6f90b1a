"""Which chain a schedule is played on, with the venue that sees it and the naive books that know it."""

import random
from typing import Any

from tests.simulation.checks import Naive
from tests.simulation.evm import EvmChain, EvmVenue
from tests.simulation.evm_checks import EvmNaive
from tests.simulation.outside import Chain, SimVenue
from tests.simulation.svm import SvmChain, SvmVenue
from tests.simulation.svm_checks import SvmNaive

KINDS = ("paper", "evm", "solana")


def kind_of(outside: int) -> str:
    return KINDS[outside % len(KINDS)]


def compared(outside: int) -> bool:
    """Only what happens on the paper chain does not depend on how often it is asked."""
    return kind_of(outside) == "paper"


def chain_of(outside: int, seed: int) -> tuple[Any, Any, Naive]:
    chance = random.Random(f"chain {seed}")
    if compared(outside):
        silent = random.Random(f"chain {outside}").choice([0.05, 0.15, 0.15, 0.7])
        paper = Chain(outside, silent)
        return paper, SimVenue, Naive(paper)
    private = outside % 2 == 0
    if kind_of(outside) == "evm":
        evm = EvmChain(outside, chance, private=private)
        return evm, EvmVenue, EvmNaive(evm)
    svm = SvmChain(outside, chance, private=private)
    return svm, SvmVenue, SvmNaive(svm)
