"""What EVM nodes answer proves no more than it does: one row of the table for each of many answers."""

import pytest
from msgspec.structs import replace

from actors.messages import NEVER, Allowed, BlockId, Landed, Leg, Signed
from chains.evm.evidence import Chain, Question, View, raised, seen
from chains.resolution import ending
from chains.venue import Receipt
from storage import evidence
from storage.books import LegDone, LiveOrder
from storage.evidence import Action, Deadline, Depth, Entry, Fee, Node, Nonce, Pool, Wallet
from storage.recovery import Case
from storage.resolution import resolve
from tests.deals import order

CHAIN = Chain(booked_depth=2, final_depth=4, patience_ns=10)
ORDER = order("o1", max_fee=200, deadline_ns=100)
FIRST = Signed("o1", 1, "00", "tx1", 7, 90, NEVER, "public")
BUMP = replace(FIRST, attempt=2, tx_id="tx2")
CANCEL = replace(FIRST, attempt=2, tx_id="tx3", cancels=True)
FILL = Landed("o1", "tx1", "block 50", 100, 95, 2, final=False, block=50)
PENDING = Case(LiveOrder(ORDER), Entry.PENDING, settled=7)
LIVE = Case(LiveOrder(ORDER, "in_progress", (FIRST, BUMP), since_ns=40), Entry.IN_PROGRESS, settled=7)
CANCELLING = Case(LiveOrder(ORDER, "in_progress", (FIRST, CANCEL), since_ns=40), Entry.CANCELLING, settled=7)
BOOKED = Case(LiveOrder(ORDER, "completed", (FIRST, BUMP)), Entry.BOOKED, FILL, 7, 50)
FREE = View(head=60, at_ns=45, count=7, count_at_k=7)
USED = replace(FREE, count=8)
USED_AT_K = replace(USED, count_at_k=8)


def receipt(block, tx_id="tx1", landed=True):
    amounts = (100, 95) if landed else (0, 0)
    return Receipt(tx_id, landed, *amounts, 2, 45, block)


def with_receipt(block, tx_id="tx1", landed=True, head=60):
    """Of a node whose answers are of one block."""
    final = head - block + 1 >= CHAIN.final_depth
    return View(head, 45, 8, 8 if final else 7, (receipt(block, tx_id, landed),))


def told(case, first, second=None, fee=100, now_ns=45, wallet=Wallet.GOOD):
    return seen(CHAIN, Question(case, wallet, now_ns, fee, case.live.order.max_fee), first, second)


def action(case, *views, **known):
    return resolve(case.entry, told(case, *views, **known).evidence).action


# -- a receipt, by its depth -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("block", "depth", "landed", "reverted", "cancelled", "booked"),
    [
        (60, Depth.SHALLOW, Action.WAIT, Action.WAIT, Action.WAIT, Action.WAIT),
        (59, Depth.TRADABLE, Action.SETTLE_LANDED, Action.WAIT, Action.WAIT, Action.WAIT),
        (58, Depth.TRADABLE, Action.SETTLE_LANDED, Action.WAIT, Action.WAIT, Action.WAIT),
        (57, Depth.FINAL, Action.SETTLE_LANDED, Action.SETTLE_FAILED, Action.SETTLE_FAILED,
         Action.NOTE_FINALITY),
    ],
)  # fmt: skip
def test_a_receipt_counts_by_its_depth_and_the_head_is_one_deep(
    block, depth, landed, reverted, cancelled, booked
):
    found = told(LIVE, with_receipt(block))
    assert (found.evidence.depth, found.final) == (depth, depth is Depth.FINAL)
    assert found.receipt == receipt(block)
    assert action(LIVE, with_receipt(block)) is landed
    assert action(LIVE, with_receipt(block, landed=False)) is reverted
    assert action(CANCELLING, with_receipt(block, "tx3")) is cancelled
    assert action(BOOKED, with_receipt(block)) is booked


@pytest.mark.parametrize("tx_id", ["tx1", "tx2"])
def test_whichever_attempt_has_landed_is_settled(tx_id):
    found = told(LIVE, with_receipt(59, tx_id))
    assert (found.evidence.receipt, found.receipt.tx_id) == (evidence.Receipt.SUCCESS, tx_id)


def test_an_order_that_lands_in_its_cancel_s_stead_has_landed():
    assert action(CANCELLING, with_receipt(59)) is Action.SETTLE_LANDED
    assert told(CANCELLING, with_receipt(59, "tx3")).evidence.receipt is evidence.Receipt.CANCELLED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Action.NOTE_FINALITY),
        ({"amount_in": 99}, Action.COMPENSATE),
        ({"amount_out": 96}, Action.COMPENSATE),
        ({"fee": 3}, Action.COMPENSATE),
        ({"tx_id": "tx2"}, Action.COMPENSATE),
        ({"landed": False}, Action.COMPENSATE),
        ({"block": 56}, Action.NOTE_FINALITY),
    ],
)
def test_a_booked_fill_is_only_what_was_booked(changes, expected):
    view = with_receipt(57)
    view = replace(view, receipts=(replace(view.receipts[0], **changes),))
    assert action(BOOKED, view, view) is expected
    assert action(BOOKED, view) is (Action.WAIT if expected is Action.COMPENSATE else expected)


def test_a_second_node_whose_answers_are_not_of_one_block_confirms_nothing():
    """An impossible count below that of the final block."""
    first = replace(with_receipt(57), receipts=())
    assert told(LIVE, first, first).evidence.node is evidence.Node.OK
    assert told(LIVE, first, replace(first, count=0)).evidence.node is evidence.Node.DISAGREES


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (FREE, None, Action.WAIT),
        (FREE, FREE, Action.COMPENSATE),
        (USED, None, Action.WAIT),  # One node alone may have lost the receipt.
        (USED, USED, Action.COMPENSATE),
        (USED, with_receipt(59), Action.WAIT),
        (USED_AT_K, None, Action.WAIT),
        (USED_AT_K, USED_AT_K, Action.COMPENSATE),
    ],
)
def test_a_booked_fill_without_a_receipt_is_undone_if_two_nodes_say_so(first, second, expected):
    assert action(BOOKED, first, second) is expected


# -- how far nodes can be trusted --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second", "node"),
    [
        (None, None, Node.DOWN),
        (FREE, None, Node.OK),
        (replace(FREE, head=49), None, Node.LAGGING),
        (replace(FREE, head=50), None, Node.OK),
        (with_receipt(61), None, Node.DISAGREES),  # From past its head.
        (replace(with_receipt(59), receipts=(receipt(59), receipt(59, "tx2"))), None, Node.DISAGREES),
        (replace(FREE, count_at_k=8), None, Node.DISAGREES),  # More nonces at K than at the head.
        (replace(FREE, count_at_k=6), None, Node.DISAGREES),  # A nonce that had ended is free again.
        (replace(with_receipt(57), count_at_k=7), None, Node.DISAGREES),  # A final receipt of a free nonce.
        (replace(with_receipt(58), count_at_k=8), None, Node.DISAGREES),  # The nonce was used before that.
        (USED_AT_K, USED_AT_K, Node.OK),
        (USED_AT_K, replace(USED_AT_K, head=61), Node.DISAGREES),
        (USED_AT_K, replace(USED_AT_K, count_at_k=7), Node.DISAGREES),
        (USED_AT_K, replace(USED_AT_K, receipts=(receipt(57),)), Node.DISAGREES),
    ],
)
def test_answers_are_trusted_as_far_as_they_are_of_one_block(first, second, node):
    assert told(replace(LIVE, newest_block=50), first, second).evidence.node is node


UNDONE = replace(FREE, count=6, count_at_k=6)
LATER = replace(LIVE, touched_ns=44)


@pytest.mark.parametrize(
    ("case", "first", "second", "node"),
    [
        (LATER, UNDONE, None, Node.DISAGREES),  # One node alone.
        (LATER, UNDONE, FREE, Node.DISAGREES),
        (LATER, UNDONE, replace(UNDONE, head=61), Node.DISAGREES),  # Two, but of two blocks.
        (LATER, replace(UNDONE, at_ns=44), replace(UNDONE, at_ns=44), Node.DISAGREES),  # Older than the tick.
        (replace(LATER, touched_ns=45), UNDONE, UNDONE, Node.DISAGREES),  # Perhaps older than what we saw.
        (LATER, FREE, FREE, Node.OK),
    ],
)
def test_one_node_or_an_old_block_can_not_say_that_what_was_final_is_gone(case, first, second, node):
    found = told(case, first, second)
    assert (found.broken, found.evidence.node) == ("", node)


@pytest.mark.parametrize("case", [LATER, replace(PENDING, touched_ns=44), replace(BOOKED, touched_ns=44)])
def test_two_nodes_say_so_even_if_it_is_being_used_again_or_they_differ_in_receipts(case):
    again = replace(UNDONE, count=9)
    assert (
        "nonce 6 was used for good, and two nodes say at block 60 that it is not"
        in told(case, again, again).broken
    )
    torn = replace(again, receipts=(receipt(59),))
    assert told(case, again, torn).broken
    assert action(case, again, torn) in {Action.BLOCK, Action.WAIT}


FINAL_IN = replace(LATER, last_final=BlockId(40, "0xa"), newest_block=40)
AS_IT_WAS, ANOTHER = (replace(FREE, last_final=hash) for hash in ("0xa", "0xb"))


@pytest.mark.parametrize(
    ("first", "second", "node", "broken"),
    [
        (AS_IT_WAS, AS_IT_WAS, Node.OK, False),
        (ANOTHER, ANOTHER, Node.DISAGREES, True),
        (ANOTHER, None, Node.DISAGREES, False),  # One node alone.
        (ANOTHER, AS_IT_WAS, Node.DISAGREES, False),
        (replace(ANOTHER, at_ns=44), replace(ANOTHER, at_ns=44), Node.DISAGREES, False),
        (replace(FREE, head=39), replace(FREE, head=39), Node.LAGGING, False),  # It has not come so far.
    ],
)
def test_nonces_that_are_used_again_at_once_hide_nothing_for_the_final_block_is_another(
    first, second, node, broken
):
    found = told(FINAL_IN, first, second)
    assert (found.evidence.node, bool(found.broken)) == (node, broken)
    if broken:
        assert "block 40 was final, and two nodes say that it is another now" in found.broken
        assert action(FINAL_IN, first, second) is Action.BLOCK


@pytest.mark.parametrize(("block", "named"), [(58, None), (57, BlockId(57, "0xc"))])
def test_what_is_booked_for_good_names_its_block(block, named):
    view = with_receipt(block)
    view = replace(view, receipts=(replace(view.receipts[0], block_hash="0xc"),))
    assert told(LIVE, view).final_block == named
    assert ending(LIVE.live, Action.SETTLE_LANDED, told(LIVE, view)).in_block == named


# -- the nonce ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second", "nonce", "expected"),
    [
        (FREE, None, Nonce.FREE, Action.RESEND),
        (USED, None, Nonce.USED, Action.BLOCK),
        (USED, USED, Nonce.USED, Action.BLOCK),  # A reorg may free it.
        (USED_AT_K, None, Nonce.USED_AT_K, Action.BLOCK),  # One node alone says so.
        (USED_AT_K, USED_AT_K, Nonce.FOREIGN_AT_K, Action.QUARANTINE),
        (with_receipt(57), with_receipt(57), Nonce.USED_AT_K, Action.SETTLE_LANDED),
    ],
)
def test_a_stranger_s_nonce_is_believed_of_two_nodes_and_for_good(first, second, nonce, expected):
    assert told(LIVE, first, second).evidence.nonce is nonce
    assert action(LIVE, first, second) is expected


def test_the_proof_names_the_nonce_and_the_block():
    assert told(LIVE, USED_AT_K, USED_AT_K).proof == (
        "nonce 7 was used by none of ours: two nodes say so at block 60"
    )


# -- fee, pool, deadline -----------------------------------------------------------------------------
@pytest.mark.parametrize(("fee", "least"), [(0, 0), (1, 2), (8, 9), (9, 11), (1_000, 1_125), (1_001, 1_127)])
def test_a_replacement_pays_an_eighth_more_rounded_up(fee, least):
    assert raised(fee) == least


@pytest.mark.parametrize(
    ("fee", "now_ns", "found"),
    [
        (177, 50, Fee.ENOUGH),
        (177, 51, Fee.LOW),  # 177 * 1.125 is 199.1: 200 fits.
        (178, 51, Fee.CAPPED),
        (178, 50, Fee.CAPPED),
    ],
)
def test_a_fee_is_low_after_the_patience_and_capped_where_a_raise_would_not_fit(fee, now_ns, found):
    assert told(LIVE, FREE, fee=fee, now_ns=now_ns).evidence.fee is found


@pytest.mark.parametrize(
    ("pooled", "pool"),
    [(set(), Pool.ABSENT), ({"tx1"}, Pool.ABSENT), ({"tx2"}, Pool.SEEN), ({"tx1", "tx2"}, Pool.SEEN)],
)
def test_the_newest_attempt_is_the_one_that_must_wait_in_the_pool(pooled, pool):
    assert told(LIVE, replace(FREE, pooled=frozenset(pooled))).evidence.pool is pool


@pytest.mark.parametrize(
    ("case", "block_ns", "now_ns", "deadline"),
    [
        (PENDING, 900, 100, Deadline.BEFORE),  # Of signing: by our clock.
        (PENDING, 0, 101, Deadline.PAST),
        (LIVE, 100, 900, Deadline.BEFORE),  # Of the bytes: by the chain's.
        (LIVE, 101, 0, Deadline.PAST),
    ],
)
def test_a_deadline_is_judged_by_the_clock_that_enforces_it(case, block_ns, now_ns, deadline):
    assert told(case, replace(FREE, at_ns=block_ns), now_ns=now_ns).evidence.deadline is deadline


def test_past_its_deadline_it_is_cancelled_and_only_in_the_channel_that_has_seen_it():
    late = replace(FREE, at_ns=101)
    assert action(LIVE, late) is Action.CANCEL
    private = replace(LIVE, live=replace(LIVE.live, attempts=(replace(FIRST, channel="private"),)))
    assert resolve(private.entry, told(private, late).evidence).channel == "private"
    assert action(LIVE, late, wallet=Wallet.QUARANTINED) is Action.BLOCK


@pytest.mark.parametrize(
    ("view", "now_ns", "expected"),
    [(FREE, 100, Action.QUOTE), (FREE, 101, Action.ROLL_BACK), (None, 100, Action.WAIT)],
)
def test_an_order_without_bytes_is_quoted_in_time_by_a_node_that_answers(view, now_ns, expected):
    assert action(PENDING, view, now_ns=now_ns) is expected


# -- what an order has done before its swap ----------------------------------------------------------
APPROVED = replace(FIRST, tx_id="tx0", nonce=6, leg=Leg.APPROVE)
DONE = LegDone((APPROVED,), Allowed("o1", Leg.APPROVE, "tx0", "block 49", 30, 49))
WAITING = Case(LiveOrder(ORDER, legs_done=(DONE,)), Entry.PENDING, settled=6)
SWAPPING = Case(
    LiveOrder(ORDER, "in_progress", (FIRST, BUMP), since_ns=40, legs_done=(DONE,)),
    Entry.IN_PROGRESS,
    settled=6,
)


def with_leg(view, fee):
    """That shows the approval, at this price."""
    return replace(view, done=(Receipt("tx0", True, 0, 0, fee, 40, 49),))


@pytest.mark.parametrize(("fee", "charged"), [(30, 2), (37, 9), (29, 1), (0, 0), (1_000, 972)])
def test_the_swap_also_pays_what_its_approval_has_cost_more_or_less_than_was_booked(fee, charged):
    assert told(SWAPPING, with_leg(with_receipt(57), fee)).receipt.fee == charged


def test_an_approval_that_a_node_does_not_show_changes_no_fee():
    assert told(SWAPPING, with_receipt(57)).receipt.fee == 2


@pytest.mark.parametrize(("count_at_k", "final"), [(6, False), (7, True)])
def test_what_an_order_without_bytes_has_done_is_final_once_its_nonce_is_used_for_good(count_at_k, final):
    assert told(WAITING, replace(with_leg(FREE, 30), count_at_k=count_at_k)).final is final
    assert told(PENDING, FREE).final


@pytest.mark.parametrize(("hash", "final"), [("0xa", True), ("0xb", False)])
def test_nothing_that_an_order_has_done_is_final_to_a_node_that_has_another_block_where_one_was(hash, final):
    case = replace(WAITING, last_final=BlockId(40, "0xa"), newest_block=40)
    assert told(case, replace(with_leg(FREE, 30), last_final=hash)).final is final


def test_a_nonce_of_an_approval_that_is_somebody_elses_for_good_is_told_by_two_nodes():
    shown = with_leg(FREE, 30)
    assert "nonce 6 was used for good, and not by our tx0" in told(WAITING, FREE, FREE).foreign
    assert told(WAITING, FREE).foreign == ""
    assert told(WAITING, FREE, shown).foreign == ""
    assert told(WAITING, shown, FREE).foreign == ""
    early = replace(FREE, count_at_k=6)
    assert told(WAITING, early, early).foreign == ""


def test_what_comes_after_an_approval_that_one_node_alone_does_not_show_is_unknown():
    landed = with_receipt(57)
    assert told(SWAPPING, landed).evidence.node is Node.DOWN
    assert told(SWAPPING, landed, landed).evidence.node is Node.OK
    assert told(SWAPPING, with_leg(landed, 30)).evidence.node is Node.OK
    assert told(WAITING, FREE).evidence.node is Node.DOWN
    assert told(WAITING, replace(FREE, count_at_k=6)).evidence.node is Node.OK  # It may land again.


BUMPED = replace(DONE, attempts=(APPROVED, replace(APPROVED, attempt=2, tx_id="bump0")))
RIVALLED = replace(WAITING, live=replace(WAITING.live, legs_done=(BUMPED,)))


def test_other_bytes_of_ours_with_an_approval_s_nonce_for_good_are_no_stranger_s_and_break_the_chain():
    other = replace(FREE, done=(Receipt("bump0", True, 0, 0, 34, 40, 49),))
    found = told(RIVALLED, other, other)
    assert "nonce 6 was used by our tx0, and two nodes say that bump0 has it for good" in found.broken
    assert (found.foreign, found.stands) == ("", False)
    early = replace(other, count_at_k=6)
    for views in ((other,), (other, FREE), (other, with_leg(FREE, 30)), (early, early)):
        assert told(RIVALLED, *views).broken == ""


@pytest.mark.parametrize(
    ("changes", "stands"),
    [({}, True), ({"block": 59}, True), ({"block": 60}, False), ({"landed": False}, False)],
)
def test_an_approval_stands_while_it_is_as_deep_as_what_is_booked_wherever_a_reorg_has_put_it(
    changes, stands
):
    view = with_leg(FREE, 30)
    view = replace(view, done=(replace(view.done[0], **changes),))
    assert told(WAITING, view).stands is stands


def test_an_approval_that_no_node_shows_does_not_stand_and_what_needs_none_always_does():
    assert not told(WAITING, FREE).stands
    assert not told(WAITING, None).stands
    assert told(PENDING, FREE).stands
    assert told(PENDING, None).stands
