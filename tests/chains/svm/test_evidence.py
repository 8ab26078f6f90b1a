"""What Solana nodes answer proves no more than it does: one row of the table for each of many answers."""

import pytest
from msgspec.structs import replace

from actors.messages import BlockId, Landed, Signed
from chains.svm.evidence import SKIPPED, Level, Place, Progress, Question, Status, View, expired, seen
from chains.venue import Receipt
from storage.books import LiveOrder
from storage.evidence import Action, Channel, Deadline, Entry, Fence, Height, Ledger, Node, Signature, Wallet
from storage.recovery import Case
from storage.resolution import resolve
from tests.deals import order

SIGNED = Signed("o1", 1, "00", "tx", 0, 90, 2**63 - 1, "public", False, last_valid_height=150, slot=1_000)
FILL = Landed("o1", "tx", "block 1010", 100, 95, 2, final=False, block=1_010)
PENDING = Case(LiveOrder(order("o1", deadline_ns=100)), Entry.PENDING)
LIVE = Case(LiveOrder(order("o1"), "in_progress", (SIGNED,)), Entry.IN_PROGRESS)
BOOKED = Case(LiveOrder(order("o1"), "completed", (SIGNED,)), Entry.BOOKED, FILL, 0, 1_010)
RECEIPT = Receipt("tx", True, 100, 95, 2, 400, 1_010)
FAILED = Receipt("tx", False, 0, 0, 2, 400, 1_010)
EARLY = View("a", 1_180, 150, 1_200, True, None, 0)  # The last height at which it can land is final.
LATE = View("a", 1_190, 151, 1_200, True, None, 0)
OTHER = replace(LATE, provider="b")
FRESH = Progress()


def status(level, error=False, slot=1_010, receipt=RECEIPT):
    return Status(slot, level, error, FAILED if error else receipt)


def told(case, first, second=None, progress=FRESH, providers=2, wallet=Wallet.GOOD, now_ns=50):
    return seen(Question(case, wallet, now_ns, providers), first, second, progress)


def action(case, *views, **known):
    found, _ = told(case, *views, **known)
    return resolve(case.entry, found.evidence).action


def having(view, level, **how):
    return replace(view, status=status(level, **how))


# -- what a status says ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("level", "error", "signature", "live", "booked"),
    [
        (Level.PROCESSED, False, Signature.PROCESSED, Action.WAIT, Action.WAIT),
        (Level.PROCESSED, True, Signature.PROCESSED, Action.WAIT, Action.WAIT),
        (Level.CONFIRMED, False, Signature.CONFIRMED, Action.SETTLE_LANDED, Action.WAIT),
        (Level.CONFIRMED, True, Signature.CONFIRMED_ERROR, Action.WAIT, Action.WAIT),
        (Level.FINALIZED, False, Signature.FINALIZED, Action.SETTLE_LANDED, Action.NOTE_FINALITY),
        (Level.FINALIZED, True, Signature.FINALIZED_ERROR, Action.SETTLE_FAILED, Action.COMPENSATE),
    ],
)
@pytest.mark.parametrize("view", [EARLY, LATE])
def test_a_status_means_what_its_level_can_promise(view, level, error, signature, live, booked):
    view = having(view, level, error=error)
    found, _ = told(LIVE, view)
    assert found.evidence.signature is signature
    assert found.receipt == (FAILED if error else RECEIPT)
    assert found.final is (level is Level.FINALIZED)
    assert action(LIVE, view) is live
    assert action(BOOKED, view) is booked


@pytest.mark.parametrize("other", [replace(RECEIPT, amount_in=99), replace(RECEIPT, amount_out=94),
                                   replace(RECEIPT, fee=3)])  # fmt: skip
def test_another_fill_than_the_booked_one_undoes_it_once_it_is_final_and_not_before(other):
    assert action(BOOKED, having(EARLY, Level.FINALIZED, receipt=other)) is Action.COMPENSATE
    assert action(BOOKED, having(EARLY, Level.CONFIRMED, receipt=other)) is Action.WAIT


def test_the_same_fill_in_another_slot_is_the_same_fill():
    view = having(EARLY, Level.FINALIZED, slot=1_020, receipt=replace(RECEIPT, block=1_020))
    assert action(BOOKED, view) is Action.NOTE_FINALITY


@pytest.mark.parametrize(
    ("level", "node"),
    [(Level.PROCESSED, Node.OK), (Level.CONFIRMED, Node.DOWN), (Level.FINALIZED, Node.DOWN)],
)
def test_a_status_that_counts_is_no_answer_without_what_the_transaction_did(level, node):
    found, _ = told(LIVE, having(EARLY, level, receipt=None))
    assert found.evidence.node is node


# -- how far nodes can be trusted --------------------------------------------------------------------
@pytest.mark.parametrize("case", [LIVE, BOOKED])
@pytest.mark.parametrize(
    ("first", "second", "node"),
    [
        (None, None, Node.DOWN),
        (None, OTHER, Node.DOWN),
        (replace(having(LATE, Level.FINALIZED), slot=1_009), None, Node.DISAGREES),  # Landed past its slot.
        (having(LATE, Level.FINALIZED), having(OTHER, Level.FINALIZED, error=True), Node.DISAGREES),
        (having(LATE, Level.FINALIZED), having(OTHER, Level.CONFIRMED, slot=1_011), Node.DISAGREES),
        (having(LATE, Level.CONFIRMED), having(OTHER, Level.FINALIZED), Node.OK),
        (LATE, having(OTHER, Level.CONFIRMED), Node.DISAGREES),
        (replace(LATE, first_slot=1_001), having(OTHER, Level.CONFIRMED), Node.OK),
    ],
)
def test_answers_are_trusted_as_far_as_they_agree(case, first, second, node):
    expected = Node.LAGGING if case is BOOKED and first and first.slot < FILL.block else node
    assert told(case, first, second)[0].evidence.node is expected


FINAL_IN = replace(LIVE, last_final=BlockId(1_100, "5a"), newest_block=1_100)
AS_IT_WAS, ANOTHER, NONE = (replace(LATE, last_final=hash) for hash in ("5a", "5b", SKIPPED))


def of_other(view):
    return replace(view, provider="b")


@pytest.mark.parametrize(
    ("first", "second", "providers", "node", "broken"),
    [
        (AS_IT_WAS, of_other(AS_IT_WAS), 2, Node.OK, False),
        (ANOTHER, of_other(ANOTHER), 2, Node.DISAGREES, True),
        (NONE, of_other(ANOTHER), 2, Node.DISAGREES, True),
        (ANOTHER, None, 2, Node.DISAGREES, False),  # One alone, of two.
        (ANOTHER, None, 1, Node.DISAGREES, True),
        (ANOTHER, of_other(AS_IT_WAS), 2, Node.DISAGREES, False),
        (AS_IT_WAS, of_other(ANOTHER), 2, Node.DISAGREES, False),
        (replace(ANOTHER, finalized_slot=1_099), of_other(ANOTHER), 2, Node.DISAGREES, False),  # Not yet.
        (replace(LATE, slot=1_099), None, 1, Node.LAGGING, False),  # It has not come so far.
    ],
)
def test_what_was_final_is_gone_once_every_provider_has_another_block_there_for_good(
    first, second, providers, node, broken
):
    found, _ = told(FINAL_IN, first, second, providers=providers)
    assert (found.evidence.node, bool(found.broken)) == (node, broken)
    if broken:
        assert "slot 1100 was final" in found.broken
        assert action(FINAL_IN, first, second, providers=providers) is Action.BLOCK


def test_a_node_behind_what_was_booked_of_this_wallet_is_not_believed():
    behind = replace(LIVE, newest_block=1_201)
    assert told(behind, LATE)[0].evidence.node is Node.LAGGING
    assert told(replace(LIVE, newest_block=1_200), LATE)[0].evidence.node is Node.OK
    assert told(LIVE, LATE, replace(OTHER, slot=999))[0].evidence.node is Node.OK
    assert told(behind, replace(LATE, slot=1_300), OTHER)[0].evidence.node is Node.LAGGING


def test_nothing_is_signed_on_the_word_of_who_is_past_what_was_final_and_does_not_say_that_it_stands():
    case = replace(PENDING, last_final=BlockId(1_100, "5a"), newest_block=1_100)
    assert action(case, replace(LATE, last_final="5a")) is Action.QUOTE
    assert action(case, replace(LATE, last_final="")) is Action.WAIT
    assert action(FINAL_IN, having(replace(LATE, last_final=""), Level.FINALIZED)) is Action.BLOCK


GONE, ALSO_GONE = (replace(view, booked_in=Place.HAS_IT_NOT) for view in (LATE, OTHER))


@pytest.mark.parametrize(
    ("first", "second", "providers", "expected"),
    [
        (GONE, ALSO_GONE, 2, Action.COMPENSATE),
        (GONE, None, 2, Action.WAIT),  # One node alone says so.
        (GONE, None, 1, Action.COMPENSATE),
        (LATE, None, 1, Action.WAIT),  # However new its slot.
        (LATE, OTHER, 2, Action.WAIT),
        (GONE, OTHER, 2, Action.WAIT),
        (LATE, ALSO_GONE, 2, Action.WAIT),
        (replace(LATE, booked_in=Place.HAS_IT), None, 1, Action.WAIT),  # It does not find what it has.
        (replace(LATE, booked_in=Place.HAS_IT), ALSO_GONE, 2, Action.WAIT),
        (GONE, replace(OTHER, booked_in=Place.HAS_IT), 2, Action.WAIT),
        (GONE, replace(ALSO_GONE, first_slot=1_001), 2, Action.WAIT),  # The second can not know.
        (replace(GONE, first_slot=1_001), ALSO_GONE, 2, Action.WAIT),
        (replace(GONE, first_slot=1_001), None, 1, Action.BLOCK),
        (replace(GONE, first_slot=1_001), replace(ALSO_GONE, first_slot=1_001), 2, Action.BLOCK),
        (replace(GONE, searched=False), replace(ALSO_GONE, searched=False), 2, Action.BLOCK),
    ],
)
def test_what_is_booked_is_undone_by_final_blocks_without_it_and_by_no_other_absence(
    first, second, providers, expected
):
    assert action(BOOKED, first, second, providers=providers) is expected


# -- expiry and the fence ----------------------------------------------------------------------------
def test_a_transaction_expires_past_its_last_valid_height_and_not_at_it():
    assert not expired(SIGNED, EARLY)
    assert expired(SIGNED, LATE)
    assert told(LIVE, EARLY)[0].evidence.height is Height.VALID
    assert told(LIVE, LATE)[0].evidence.height is Height.EXPIRED


def test_until_it_expires_no_absence_counts():
    progress = FRESH
    for slot in range(1_200, 1_210):
        found, progress = told(LIVE, replace(EARLY, slot=slot), replace(EARLY, provider="b"), progress)
        assert resolve(LIVE.entry, found.evidence).action is Action.RESEND
    assert progress == FRESH


def test_the_fence_is_the_newest_slot_there_was_when_the_expiry_was_first_seen():
    _, progress = told(LIVE, EARLY)
    _, progress = told(LIVE, LATE, None, progress)
    assert progress.fence == 1_200
    _, progress = told(LIVE, replace(LATE, finalized_slot=1_400, height=300, slot=1_450), None, progress)
    assert progress.fence == 1_200
    assert told(LIVE, replace(LATE, slot=1_100))[1].fence == 1_190  # The status may be of an older moment.


@pytest.mark.parametrize(
    ("views", "providers", "fence"),
    [
        ([LATE], 1, Fence.ONCE),
        ([LATE, LATE], 1, Fence.ONCE),  # The same answer again.
        ([LATE, replace(LATE, slot=1_201)], 1, Fence.TWICE),
        ([LATE, replace(LATE, slot=1_201)], 2, Fence.ONCE),  # The same provider again.
        ([LATE, OTHER], 2, Fence.TWICE),
        ([LATE, replace(OTHER, slot=1_199)], 2, Fence.ONCE),
        ([LATE, replace(OTHER, slot=1_200)], 2, Fence.TWICE),
        ([replace(LATE, slot=1_189)], 1, Fence.BEHIND),
        ([LATE, replace(OTHER, first_slot=1_001)], 2, Fence.ONCE),
        ([LATE, replace(OTHER, first_slot=1_000)], 2, Fence.TWICE),
        ([LATE, replace(OTHER, searched=False)], 2, Fence.ONCE),
        ([LATE, None, OTHER], 2, Fence.TWICE),
        ([LATE, having(OTHER, Level.PROCESSED), OTHER], 2, Fence.ONCE),  # It was seen in between.
    ],
)
def test_an_absence_counts_past_the_fence_twice_and_from_two_providers(views, providers, fence):
    progress = FRESH
    for view in views:
        found, progress = told(LIVE, view, None, progress, providers=providers)
    assert found.evidence.fence is fence


def test_two_absences_of_one_look_are_two():
    assert action(LIVE, LATE, OTHER) is Action.MARK_DEAD
    assert action(LIVE, LATE) is Action.WAIT
    assert action(LIVE, LATE, having(OTHER, Level.CONFIRMED)) is Action.BLOCK


def test_the_proof_names_the_fence_and_who_said_so():
    found, _ = told(LIVE, LATE, replace(OTHER, slot=1_205))
    assert found.proof == "expired before slot 1200, and absent: a at slot 1200, b at slot 1205"
    assert told(LIVE, EARLY)[0].proof == ""


@pytest.mark.parametrize(
    "first", [replace(LATE, slot=1_005), None, having(LATE, Level.CONFIRMED, receipt=None)]
)
def test_no_absence_counts_of_answers_that_can_not_be_trusted(first):
    case = replace(LIVE, newest_block=1_010)
    _, progress = told(case, first, OTHER)
    assert progress == FRESH


def test_after_a_restart_the_fence_is_built_anew():
    _, progress = told(LIVE, LATE)
    assert told(LIVE, OTHER, None, progress)[0].evidence.fence is Fence.TWICE
    assert told(LIVE, OTHER, None, FRESH)[0].evidence.fence is Fence.ONCE


# -- the ledger --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("view", "ledger"),
    [
        (replace(LATE, first_slot=1_000), Ledger.WHOLE),
        (replace(LATE, first_slot=1_001), Ledger.CUT),
        (replace(LATE, searched=False), Ledger.CUT),
        (replace(having(LATE, Level.CONFIRMED), first_slot=1_001), Ledger.WHOLE),
        (None, Ledger.CUT),
    ],
)
def test_a_ledger_is_whole_from_the_slot_at_signing_on(view, ledger):
    assert told(LIVE, view)[0].evidence.ledger is ledger


def test_a_node_whose_ledger_is_cut_is_asked_past():
    cut = replace(LATE, first_slot=1_001)
    assert action(LIVE, cut) is Action.BLOCK
    assert action(LIVE, cut, OTHER) is Action.WAIT
    assert action(LIVE, cut, having(OTHER, Level.FINALIZED)) is Action.SETTLE_LANDED


# -- without bytes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("view", "now_ns", "wallet", "expected"),
    [
        (EARLY, 100, Wallet.GOOD, Action.QUOTE),
        (EARLY, 101, Wallet.GOOD, Action.ROLL_BACK),
        (EARLY, 100, Wallet.QUARANTINED, Action.ROLL_BACK),
        (None, 100, Wallet.GOOD, Action.WAIT),
        (None, 101, Wallet.GOOD, Action.ROLL_BACK),
    ],
)
def test_an_order_without_bytes_is_quoted_in_time_by_a_good_wallet_alone(view, now_ns, wallet, expected):
    assert action(PENDING, view, now_ns=now_ns, wallet=wallet) is expected


def test_nothing_is_quoted_by_a_node_that_is_behind():
    assert action(replace(PENDING, newest_block=1_201), EARLY) is Action.WAIT


@pytest.mark.parametrize("channel", Channel)
def test_what_can_land_is_sent_again_where_it_was_sent(channel):
    signed = replace(SIGNED, channel=channel.value)
    case = replace(LIVE, live=replace(LIVE.live, attempts=(signed,)))
    found, _ = told(case, EARLY)
    row = resolve(case.entry, found.evidence)
    assert (row.action, row.channel) == (Action.RESEND, channel)
    assert told(case, EARLY)[0].evidence.deadline is Deadline.BEFORE
    assert action(case, EARLY, wallet=Wallet.QUARANTINED) is Action.WAIT
    assert told(case, LATE)[0].evidence.deadline is Deadline.PAST
