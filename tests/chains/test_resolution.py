"""What a venue's answer proves: only a receipt, or absence past its time, ends an order."""

import pytest

from actors.messages import Dead, Landed, Reverted, Signed
from chains.resolution import known, outcome
from chains.venue import Missing, Receipt, Unanswered, Waiting

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
