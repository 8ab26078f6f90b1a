"""Which chain a schedule is played on, with the venue that sees it and the naive books that know it."""

import random
from typing import Any

from actors.messages import NEVER, Asset
from tests.simulation.checks import Naive
from tests.simulation.evm import EvmChain
from tests.simulation.evm_checks import EvmNaive
from tests.simulation.evm_venue import EvmVenue
from tests.simulation.outside import GAS, MINUTE_NS, T0, USDC, Chain, SimVenue, drawn, names
from tests.simulation.svm import SvmChain, SvmVenue
from tests.simulation.svm_checks import SvmNaive

KINDS = ("paper", "evm", "solana")
NATIVE = Asset("paper:ETH")  # Fees are paid in it where the chain wants that.
MOST_FEE = 10 * GAS  # Of one order.


def kind_of(outside: int) -> str:
    return KINDS[outside % len(KINDS)]


def compared(outside: int) -> bool:
    """Only what happens on the paper chain does not depend on how often it is asked."""
    return kind_of(outside) == "paper"


def chain_of(outside: int) -> tuple[Any, Any, Naive]:
    """As it is for all schedules of a world; `chanced` says what it does in one of them."""
    if compared(outside):
        silent = random.Random(f"chain {outside}").choice([0.05, 0.15, 0.15, 0.7])
        paper = Chain(outside, silent)
        return paper, SimVenue, Naive(paper)
    private = outside % 2 == 0
    if kind_of(outside) == "evm":
        evm = _evm(outside, private)
        return evm, EvmVenue, EvmNaive(evm)
    svm = SvmChain(outside, private=private)
    return svm, SvmVenue, SvmNaive(svm)


def chanced(chain: Any, seed: int) -> None:
    """From now on what is left to chance is what this schedule's seed says."""
    if isinstance(chain, Chain):
        return
    deep_ns = T0 + int(drawn("deep at", seed) * 12) * MINUTE_NS if drawn("deep", seed) < 0.1 else NEVER
    chain.chanced(random.Random(f"chain {seed}"), deep_ns)
    if isinstance(chain, SvmChain):
        chain.liar = deep_ns < NEVER and drawn("liar", seed) < 0.3


def _evm(outside: int, private: bool) -> EvmChain:
    """In some worlds fees are paid in an asset of their own, of which there may be little; in some there are
    tokens that a router takes only what it was allowed of, and perhaps it is allowed something already.
    """
    chain = EvmChain(outside, private=private)
    if drawn("fee asset", outside) < 0.3:
        chain.fee_asset = NATIVE
        chain.gas_at_start = {NATIVE: MOST_FEE * (50 if drawn("much of it", outside) < 0.7 else 2)}
        chain.balance |= chain.gas_at_start
    if drawn("approves", outside) < 0.4:
        chain.approves = True
        asking = [asset for asset in (USDC, *names(3)) if drawn("asks", outside, asset) < 0.7]
        chain.allowance = {asset: int(drawn("left", outside, asset) < 0.5) for asset in asking}
    return chain
