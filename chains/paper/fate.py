"""What happens to a paper transaction: drawn from its id alone, so a restart changes nothing.

A venue is allowed all of this, and each of it has cost somebody money: a transaction that reverts, one whose
broadcast seems to fail and that lands all the same, one that is taken and never lands, a node that does not
answer for a while.
"""

from enum import StrEnum

from actors.messages import BPS
from chains.chance import below, chance
from storage.config import Paper

SECOND = 10**9
LATEST_BARS = 4  # A late transaction lands one to this many bars after it was sent.
SILENT_BARS = 2  # For so many bars after the broadcast a silent node answers no question.


class Fate(StrEnum):
    NORMAL = "normal"
    REVERT = "revert"
    LATE = "late"
    DROPPED = "dropped"


def fate_of(tx_id: str, paper: Paper, seed: int) -> Fate:
    draw = below(BPS, seed, "fate", tx_id)
    for fate, share in (
        (Fate.REVERT, paper.revert_bps),
        (Fate.LATE, paper.timeout_bps),
        (Fate.DROPPED, paper.drop_bps),
    ):
        if draw < share:
            return fate
        draw -= share
    return Fate.NORMAL


def silent(tx_id: str, paper: Paper, seed: int) -> bool:
    """Whether questions about it go unanswered for its first bars."""
    return chance(seed, "silent", tx_id) * BPS < paper.unanswered_bps


def lands_at(tx_id: str, fate: Fate, sent_at_ns: int, bar_ns: int, seed: int, paper: Paper) -> int:
    """The earliest market time at which it can land, if it can."""
    if fate is Fate.LATE:
        return sent_at_ns + bar_ns * (1 + below(LATEST_BARS, seed, "late", tx_id))
    return sent_at_ns + paper.latency_seconds * SECOND


def valid_seconds(paper: Paper, bar_ns: int) -> int:
    """How long a transaction can land: long enough for the latest of fates, however long the bars are."""
    return max(paper.valid_seconds, -(-(LATEST_BARS + 2) * bar_ns // SECOND))
