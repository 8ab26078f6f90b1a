"""What a venue's answer proves: only a receipt, or absence past its time, ends an order."""

import pytest
from msgspec.structs import replace

from actors.messages import Allowed, Dead, Landed, Leg, Reverted, Signed
from chains.resolution import ENDS, ending, outcome, seen
from chains.venue import Missing, Receipt, Unanswered, Waiting
from storage.books import LiveOrder
from storage.evidence import Action, Answer, Deadline, Entry, Paper, Wallet
from storage.recovery import Case
from storage.resolution import resolve
from tests.deals import order

SIGNED = Signed("o1", 1, "00", "tx", 0, 90, 500, "paper")
CASE = Case(LiveOrder(order("o1"), "in_progress", (SIGNED,)), Entry.IN_PROGRESS)
UNSIGNED = Case(LiveOrder(order("o1", deadline_ns=100)), Entry.PENDING)


def receipt(landed):
    return Receipt("tx", landed, 100, 95, 2, 400, 7)


def told(answer, wallet=Wallet.GOOD):
    return seen(CASE, answer, wallet, 450)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (receipt(True), Landed("o1", "tx", "block 7", 100, 95, 2, block=7)),
        (receipt(False), Reverted("o1", "tx", "block 7", 2)),
        (Missing("tx", 499), None),
        (Missing("tx", 500), Dead("o1", "tx", "absent at 500, valid until 500")),
        (Missing("tx", 501), Dead("o1", "tx", "absent at 501, valid until 500")),
        (Waiting("tx"), None),
        (Unanswered("timeout"), None),
    ],
)
def test_an_answer_means_what_it_proves_and_no_more(answer, meaning):
    assert outcome(CASE, told(answer)) == meaning


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
@pytest.mark.parametrize("wallet", Wallet)
def test_an_answer_is_evidence_for_one_row_of_the_paper_table(answer, kind, action, wallet):
    late = Deadline.PAST if answer == Missing("tx", 500) else Deadline.BEFORE
    evidence = told(answer, wallet).evidence
    assert evidence == Paper(answer=kind, deadline=late, wallet=wallet)
    stopped = action is Action.RESEND and wallet is Wallet.QUARANTINED
    assert resolve(Entry.IN_PROGRESS, evidence).action is (Action.WAIT if stopped else action)


@pytest.mark.parametrize(
    ("wallet", "at_ns", "action"),
    [
        (Wallet.GOOD, 100, Action.QUOTE),
        (Wallet.GOOD, 101, Action.ROLL_BACK),
        (Wallet.QUARANTINED, 100, Action.ROLL_BACK),
    ],
)
def test_an_order_without_bytes_is_quoted_in_time_by_a_good_wallet_alone(wallet, at_ns, action):
    evidence = seen(UNSIGNED, Unanswered("no bytes exist"), wallet, at_ns).evidence
    assert resolve(Entry.PENDING, evidence).action is action


@pytest.mark.parametrize("action", Action)
def test_nothing_is_booked_without_the_receipt_that_proves_it(action):
    if action in {Action.MARK_DEAD, Action.QUARANTINE}:
        assert isinstance(ending(CASE.live, action, told(Missing("tx", 500))), Dead)
        return
    with pytest.raises(AssertionError, match="no receipt"):
        ending(CASE.live, action, told(Waiting("tx")))


def test_what_books_nothing_ends_nothing():
    for action in set(Action) - ENDS:
        with pytest.raises(AssertionError, match="ends nothing"):
            ending(CASE.live, action, told(receipt(True)))


def test_a_fill_that_a_reorg_can_undo_is_booked_as_such():
    shallow = replace(told(receipt(True)), final=False)
    assert not ending(CASE.live, Action.SETTLE_LANDED, shallow).final


@pytest.mark.parametrize("leg", [Leg.APPROVE, Leg.REVOKE])
def test_an_approval_that_landed_is_booked_as_what_it_is_and_fails_as_a_swap_does(leg):
    live = replace(CASE.live, attempts=(replace(SIGNED, leg=leg),))
    end = ending(live, Action.SETTLE_LANDED, told(receipt(True)))
    assert end == Allowed("o1", leg, "tx", "block 7", 2, 7)
    failed = ending(live, Action.SETTLE_FAILED, told(receipt(False)))
    assert failed == Reverted("o1", "tx", "block 7", 2)
    assert isinstance(ending(live, Action.MARK_DEAD, told(Missing("tx", 500))), Dead)


def test_a_cancel_that_landed_costs_its_fee_and_says_what_it_was():
    cancel = replace(SIGNED, attempt=2, tx_id="cancel", cancels=True)
    live = replace(CASE.live, attempts=(SIGNED, cancel))
    landed = replace(receipt(False), tx_id="cancel")
    end = ending(live, Action.SETTLE_FAILED, told(landed))
    assert end == Reverted("o1", "cancel", "cancelled in block 7", 2)
