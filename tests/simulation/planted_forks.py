"""Bugs planted in what a fork takes back, in what costs more than there is, and in how a run ends."""

from tests.simulation.planted import Mutant, pytested
from tests.simulation.planted_chains import EVM

MUTANTS = (
    Mutant(
        "in which block an approval or its end is final is not noted",
        "chains/resolution.py",
        "block, fee, receipt.block, final)",
        "block, fee, receipt.block)",
        harness=EVM,
    ),  # no-guess, halt-latch
    Mutant(
        "a swap is signed on an approval that is not on chain at that moment",
        "chains/asking.py",
        "draft.leg is Leg.SWAP and not seen.stands:",
        "draft.leg is Leg.SWAP and not seen:",
        harness=pytested("chains/test_asking.py"),  # Schedules meet it, but not always within a minute.
    ),  # no-guess
    Mutant(
        "other bytes of ours that have an approval's nonce for good go unnoticed",
        "chains/evm/evidence.py",
        " or _instead(case, first, second)\n",
        "\n",
        harness=EVM,
    ),  # no-guess
    Mutant(
        "an approval is taken back by bytes that are signed on a chain that is in doubt",
        "chains/evm/evidence.py",
        "found.node is Node.OK and _done(case, first)",
        "_done(case, first)",
        harness=pytested("chains/evm/test_evidence.py"),  # Schedules meet it, but not within a minute.
    ),  # no-guess
    Mutant(
        "gas is said to have come to a wallet that a stranger uses",
        "actors/cashier.py",
        "        if purse.nonce > books.nonce:\n",
        "        if purse.nonce > 10**9:\n",
        harness=pytested("actors/test_cashier.py"),  # Schedules meet it, once in some ten thousand.
    ),  # settle-from-chain, single-writer
    Mutant(
        "gas is said to have come where a reorg can still undo what was taken",
        "actors/cashier.py",
        "        if all(each.final for each in waiting.values()):\n",
        "        if waiting:\n",
        harness=pytested("actors/test_cashier.py"),
    ),  # settle-from-chain
    Mutant(
        "a swap is settled on one node's word that shows another approval under it",
        "chains/evm/evidence.py",
        "    return lost or any(view.receipts or nonce < view.count_at_k for nonce in gone)\n",
        "    return lost and bool(gone)\n",
        harness=pytested("chains/evm/test_evidence.py"),  # Schedules meet it, once in some ten thousand.
    ),  # settle-from-chain
    Mutant(
        "a stop goes by what a portfolio that says nothing has open: nothing",
        "actors/supervisor.py",
        "nothing = self.left == (0, 0)",
        "nothing = self.left in {None, (0, 0)}",
        harness=pytested("actors/test_supervisor.py"),
    ),  # liveness
)
