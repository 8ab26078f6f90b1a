"""The paper venue's answer as evidence, and what is booked for the action that follows.  Pure.

The decision itself is a row of storage/resolution.py; only proof ends an order (no-guess).
"""

from typing import assert_never

from actors.messages import Dead, Landed, Reverted, Signed
from chains.venue import Missing, Receipt, Unanswered, Waiting
from storage import evidence
from storage.evidence import Action, Deadline, Entry, Paper
from storage.resolution import Row, resolve

Answer = Receipt | Waiting | Missing | Unanswered


def evidence_of(signed: Signed, answer: Answer) -> Paper:
    """Whether its time is up is for the venue's own head to say, and only an absence comes with one."""
    late = isinstance(answer, Missing) and answer.head_ns >= signed.valid_until_ns
    return Paper(answer=_kind(answer), deadline=Deadline.PAST if late else Deadline.BEFORE)


def row_for(signed: Signed, answer: Answer) -> Row:
    """What to do with an order whose bytes exist."""
    return resolve(Entry.IN_PROGRESS, evidence_of(signed, answer))


def booked(signed: Signed, answer: Answer, action: Action) -> Landed | Reverted | Dead | None:
    """The end of the order, or None while nothing is proved: then it blocks what it holds."""
    match action, answer:
        case Action.SETTLE_LANDED, Receipt():
            return Landed(
                signed.order, signed.tx_id, f"block {answer.block}",
                answer.amount_in, answer.amount_out, answer.fee,
            )  # fmt: skip
        case Action.SETTLE_FAILED, Receipt():
            return Reverted(signed.order, signed.tx_id, f"block {answer.block}", answer.fee)
        case Action.MARK_DEAD, Missing(_, head_ns):
            proof = f"absent at {head_ns}, valid until {signed.valid_until_ns}"
            return Dead(signed.order, signed.tx_id, proof)
        case ((Action.WAIT | Action.RESEND | Action.BLOCK), _):
            return None
        case _:
            raise AssertionError(f"{signed.order}: {action} on {answer}")


def outcome(signed: Signed, answer: Answer) -> Landed | Reverted | Dead | None:
    """The end of the order, or None while nothing is proved."""
    return booked(signed, answer, row_for(signed, answer).action)


def known(answer: Answer) -> bool:
    """Whether the venue has told us how things stand; if not, the order is Unknown."""
    return isinstance(answer, Receipt | Waiting)


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
