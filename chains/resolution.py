"""The paper venue's answer as evidence, and what is booked for the action that follows.  Pure.

The decision itself is a row of storage/resolution.py; only proof ends an order (no-guess).
"""

from typing import assert_never

from actors.messages import Allowed, Dead, Landed, Leg, Reverted
from chains.venue import Missing, Receipt, Seen, Unanswered, Waiting
from storage import evidence
from storage.books import LiveOrder
from storage.evidence import Action, Deadline, Paper, Wallet
from storage.recovery import Case
from storage.resolution import resolve

Answer = Receipt | Waiting | Missing | Unanswered
End = Landed | Reverted | Dead | Allowed  # The last ends no order, but a leg of one.
ENDS = {Action.SETTLE_LANDED, Action.SETTLE_FAILED, Action.MARK_DEAD, Action.QUARANTINE}


def seen(case: Case, answer: Answer, wallet: Wallet, at_ns: int) -> Seen:
    """Of an order without bytes there is no answer, and its deadline is that of signing; then it is that of
    the bytes, for the venue's own head to say, and only an absence comes with one.
    """
    if not case.live.attempts:
        late = at_ns > case.live.order.deadline_ns
        return Seen(_paper(evidence.Answer.UNANSWERED, late, wallet))
    signed = case.live.attempts[-1]
    late = isinstance(answer, Missing) and answer.head_ns >= signed.valid_until_ns
    paper = _paper(_kind(answer), late, wallet)
    if isinstance(answer, Missing):
        return Seen(paper, proof=f"absent at {answer.head_ns}, valid until {signed.valid_until_ns}")
    return Seen(paper, answer if isinstance(answer, Receipt) else None, final=True)


def outcome(case: Case, seen: Seen) -> End | None:
    """The end of the order, or of its leg; None while nothing is proved."""
    action = resolve(case.entry, seen.evidence).action
    return ending(case.live, action, seen) if action in ENDS else None


def ending(live: LiveOrder, action: Action, seen: Seen) -> End:
    """What is booked; the action must be one that books something."""
    id, receipt = live.order.id, seen.receipt
    if action in {Action.MARK_DEAD, Action.QUARANTINE}:
        return Dead(id, live.attempts[-1].tx_id, seen.proof)
    assert receipt is not None, f"{id}: {action}, and no receipt"
    block = f"block {receipt.block}"
    if action is Action.SETTLE_LANDED and live.leg is not Leg.SWAP:
        assert live.leg is not None, f"{id}: {receipt.tx_id} has landed, and no bytes exist"
        fee, final = receipt.fee, seen.final_block
        return Allowed(id, live.leg, receipt.tx_id, block, fee, receipt.block, final)
    if action is Action.SETTLE_LANDED:
        return Landed(
            id, receipt.tx_id, block, receipt.amount_in, receipt.amount_out, receipt.fee, seen.final,
            receipt.block, seen.final_block,
        )  # fmt: skip
    assert action is Action.SETTLE_FAILED, f"{id}: {action} ends nothing"
    cancelled = {each.tx_id for each in live.attempts if each.cancels}
    how = f"cancelled in {block}" if receipt.tx_id in cancelled else block
    return Reverted(id, receipt.tx_id, how, receipt.fee, seen.final_block)


def _paper(answer: evidence.Answer, late: bool, wallet: Wallet) -> Paper:
    return Paper(answer=answer, deadline=Deadline.PAST if late else Deadline.BEFORE, wallet=wallet)


def _kind(answer: Answer) -> evidence.Answer:
    match answer:
        case Receipt():
            return evidence.Answer.LANDED if answer.landed else evidence.Answer.REVERTED
        case Waiting():
            return evidence.Answer.WAITING
        case Missing():
            return evidence.Answer.MISSING
        case Unanswered():
            return evidence.Answer.UNANSWERED
        case _:
            assert_never(answer)
