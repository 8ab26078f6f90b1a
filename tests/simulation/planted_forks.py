"""Bugs planted in what is made of a fork that takes an approval back: each must break a promise."""

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
)
