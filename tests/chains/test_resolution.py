"""What a venue's answer proves: only a receipt, or absence past its time, ends an order."""

import pytest

from actors.messages import Dead, Landed, Reverted, Signed
from chains.resolution import booked, evidence_of, known, outcome, row_for
from chains.venue import Missing, Receipt, Unanswered, Waiting
from storage.evidence import Action, Answer, Deadline, Paper

SIGNED = Signed("o", 1, "00", "tx", 0, 90, 500, "paper")


def receipt(landed):
    return Receipt("tx", landed, 100, 95, 2, 400, 7)


@pytest.mark.parametrize(
    ("answer", "meaning", "is_known"),
    [
        (receipt(True), Landed("o", "tx", "block 7", 100, 95, 2), True),
        (receipt(False), Reverted("o", "tx", "block 7", 2), True),
        (Missing("tx", 499), None, False),
        (Missing("tx", 500), Dead("o", "tx", "absent at 500, valid until 500"), False),
        (Missing("tx", 501), Dead("o", "tx", "absent at 501, valid until 500"), False),
        (Waiting("tx"), None, True),
        (Unanswered("timeout"), None, False),
    ],
)
def test_an_answer_means_what_it_proves_and_no_more(answer, meaning, is_known):
    assert outcome(SIGNED, answer) == meaning
    assert known(answer) is is_known


@pytest.mark.parametrize(
    ("answer", "kind", "action"),
    [
        (receipt(True), Answer.LANDED, Action.SETTLE_LANDED),
        (receipt(False), Answer.REVERTED, Action.SETTLE_FAILED),
        (Missing("tx", 499), Answer.MISSING, Action.RESEND),
        (Missing("tx", 500), Answer.MISSING, Action.MARK_DEAD),
        (Waiting("tx"), Answer.WAITING, Action.WAIT),
        (Unanswered("timeout"), Answer.UNANSWERED, Action.BLOCK),
    ],
)
def test_an_answer_is_evidence_for_one_row_of_the_paper_table(answer, kind, action):
    late = Deadline.PAST if answer == Missing("tx", 500) else Deadline.BEFORE
    assert evidence_of(SIGNED, answer) == Paper(answer=kind, deadline=late)
    assert row_for(SIGNED, answer).action is action


@pytest.mark.parametrize("action", Action)
def test_nothing_is_booked_for_an_action_without_the_answer_that_proves_it(action):
    """Waiting is no proof of anything, so it is the answer that a wrong row could do most harm with."""
    if action in {Action.WAIT, Action.RESEND, Action.BLOCK}:
        assert booked(SIGNED, Waiting("tx"), action) is None
        return
    with pytest.raises(AssertionError, match="on Waiting"):
        booked(SIGNED, Waiting("tx"), action)
