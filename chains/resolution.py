"""What a venue's answer means for an order whose bytes exist.  Pure; only proof ends an order (no-guess)."""

from typing import assert_never

from actors.messages import Dead, Landed, Reverted, Signed
from chains.venue import Missing, Receipt, Unanswered, Waiting

Answer = Receipt | Waiting | Missing | Unanswered


def outcome(signed: Signed, answer: Answer) -> Landed | Reverted | Dead | None:
    """The end of the order, or None while nothing is proved: then it is Unknown, and blocks what it holds."""
    match answer:
        case Receipt(landed=True):
            evidence = f"block {answer.block}"
            return Landed(
                signed.order, signed.tx_id, evidence, answer.amount_in, answer.amount_out, answer.fee
            )
        case Receipt():
            return Reverted(signed.order, signed.tx_id, f"block {answer.block}", answer.fee)
        case Missing(_, head_ns) if head_ns >= signed.valid_until_ns:
            return Dead(
                signed.order, signed.tx_id, f"absent at {head_ns}, valid until {signed.valid_until_ns}"
            )
        case Missing() | Waiting() | Unanswered():
            return None
        case _:
            assert_never(answer)


def known(answer: Answer) -> bool:
    """Whether the venue has told us how things stand; if not, the order is Unknown."""
    return isinstance(answer, Receipt | Waiting)
