"""How a token is brought to let a router take what an order pays: the decision, and the check afterwards.

Approvals are exact.  That is a second safety net: should an order's swap ever be sent twice, the second one
finds no allowance and reverts.  Neither the answer of `approve` nor its receipt proves that it did anything
(USDT answers nothing, others answer false and succeed): only the allowance read afterwards does.
"""

from enum import StrEnum

from chains.evm.calldata import APPROVE, Call
from chains.evm.values import WORD, Declined
from chains.venue import Unanswered

_TRUE = (1).to_bytes(WORD)


class Step(StrEnum):
    NOTHING = "nothing"
    EXACT = "exact"
    ZERO_FIRST = "zero_first"  # To 0; once that is on chain, and read as 0, to the exact amount.


class Token(StrEnum):
    """What a simulated `approve` of the amount shows of the token, with the allowance as it is."""

    ACCEPTS = "accepts"
    REJECTS = "rejects"  # It reverts or answers false.
    ODD = "odd"  # It answers what no ERC-20 answers.


def token_kind(answer: bytes | None) -> Token:
    """From the raw answer of `eth_call`; None: it reverted."""
    if answer is None or answer == bytes(WORD):
        return Token.REJECTS
    return Token.ACCEPTS if answer in (b"", _TRUE) else Token.ODD


def decide(
    allowance: int | None, amount: int, kind: Token | None, own: bool = True
) -> Step | Declined | Unanswered:
    """`own`: what is allowed was allowed for this order; another's does not serve it, however much it is.

    None is what the node did not answer.  An allowance that is larger than that is made exact as well.
    """
    if amount <= 0:
        raise ValueError(f"amount is {amount}: there is nothing to approve")
    if allowance is None:
        return Unanswered("the allowance could not be read: nothing is approved on a guess")
    if allowance == amount and own:
        return Step.NOTHING
    match kind:
        case None:
            return Unanswered("the approval could not be simulated: nothing is signed on a guess")
        case Token.ACCEPTS:
            return Step.EXACT
        case Token.REJECTS if allowance > 0:
            return Step.ZERO_FIRST
        case Token.REJECTS:
            return Declined("the token refuses to be approved: it can not be traded")
        case Token.ODD:
            return Declined("the token answers approve with neither true nor nothing")


def unproven(landed: bool, allowance: int | None, amount: int) -> Declined | Unanswered | None:
    """After the receipt: why the order must not go on, if so.  `amount` 0: after a reset."""
    if not landed:
        return Declined("the approval reverted")
    if allowance is None:
        return Unanswered("the allowance could not be read after the approval")
    if allowance < amount:
        return Declined(f"after the approval the allowance is {allowance} instead of {amount}")
    if amount == 0 and allowance:
        return Declined(f"after its reset the allowance is still {allowance}")
    return None


def approve(token: str, spender: str, amount: int) -> Call:
    return APPROVE.on(token, spender, amount)
