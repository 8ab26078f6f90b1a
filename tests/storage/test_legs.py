"""Approvals before a swap: each has a nonce and a fee; the order ends once, with all that they cost."""

from random import Random

import pytest
from msgspec.structs import replace

from actors.messages import (
    Allowed,
    Append,
    BlockId,
    Dead,
    Deposited,
    Finalized,
    Landed,
    Leg,
    Order,
    Refusal,
    Returned,
    Reverted,
    RolledBack,
    Side,
    Signed,
    Status,
)
from storage.audit import audited
from storage.books import book, faults, fold
from storage.chain import Head, chained, content_hash, encoded, record_of
from storage.evidence import Entry
from storage.export import fills
from storage.ledger import broken
from storage.recovery import case_of, landed_legs, recover, under_way
from storage.snapshots import packed, unpacked
from storage.story import told
from storage.trades import allowance, local, opening, rollback, settlement, signing, trade
from tests.deals import GAS, UNIT, USDC, WBTC, WETH, Desk, close, order, propose

BUY = order("o1", amount=100, max_fee=10, fee_asset=GAS)


def opened(gas: int = 50) -> Desk:
    desk = Desk(1_000)
    desk.note(local("gas", Deposited(GAS, gas), 0))
    desk.append(opening(BUY))
    return desk


def approved(fee: int = 3) -> Desk:
    desk = opened()
    desk.allow("o1", fee, at_ns=1)
    return desk


def live(desk: Desk):
    return desk.books.live["o1"]


def refused(desk: Desk, body) -> Refusal:
    record = replace(desk.records[-1], operation_id=body.order, body=body)
    verdict = book(desk.books, record)
    assert isinstance(verdict, Refusal), verdict
    return verdict


def test_an_order_whose_approval_landed_is_prepared_anew_under_the_next_nonce():
    desk = approved()
    assert (live(desk).status, live(desk).attempts, live(desk).leg) == (Status.IN_PROGRESS, (), None)
    assert (live(desk).spent, live(desk).fee_left, live(desk).next_attempt) == (3, 7, 2)
    case = case_of(desk.books, live(desk))
    assert (case.entry, case.leg, desk.books.nonce) == (Entry.PENDING, None, 1)
    assert under_way(desk.books) == ()
    swap = desk.sign("o1", at_ns=2)
    assert (swap.nonce, swap.attempt, live(desk).leg) == (1, 2, Leg.SWAP)
    assert [each.id for each in desk.appends] == ["o1/T1", "o1/T2.1", "o1/T2a.1", "o1/T2.2"]


def test_zero_first_then_exact_then_the_swap_are_three_nonces_of_one_order():
    desk = opened()
    for fee, nonce in ((2, 0), (3, 1)):
        assert desk.allow("o1", fee).nonce == nonce
    desk.land("o1", 7, fee=4)
    assert desk.books.nonce == 3
    assert desk.books.ledger.account(GAS).fees == 9
    assert desk.records[-1].body == Returned("o1", GAS, 1)
    assert (desk.books.ended["o1"].fees, desk.books.ended["o1"].status) == (9, Status.COMPLETED)


def test_all_legs_together_cost_no_more_than_was_set_aside():
    desk = approved(fee=8)
    desk.sign("o1")
    landed = Landed("o1", "o1/tx2", "block 2", 100, 7, 3)
    assert refused(desk, landed) is Refusal.NOT_ENOUGH_FUNDS
    again = approved(fee=8)
    again.sign("o1", leg=Leg.APPROVE)
    assert refused(again, Allowed("o1", Leg.APPROVE, "o1/tx2", "b", 3)) is Refusal.NOT_ENOUGH_FUNDS


def test_a_replacement_keeps_the_nonce_and_the_leg_of_what_it_replaces():
    desk = opened()
    first = desk.sign("o1", leg=Leg.APPROVE)
    bumped = replace(first, attempt=2, tx_id="other")
    for change in ({"leg": Leg.SWAP}, {"nonce": 1}):
        assert refused(desk, replace(bumped, **change)) is Refusal.TRANSITION_NOT_ALLOWED
    desk.append(signing(bumped, 1))
    desk.append(allowance(desk.books, Allowed("o1", Leg.APPROVE, first.tx_id, "block 1", 2, 1), 2))
    assert live(desk).legs_done[0].signed == first
    assert desk.sign("o1").attempt == 3


@pytest.mark.parametrize(
    ("leg", "body"),
    [
        (Leg.APPROVE, Landed("o1", "o1/tx1", "b", 100, 7, 1)),  # An approval is no fill.
        (Leg.SWAP, Allowed("o1", Leg.SWAP, "o1/tx1", "b", 1)),
        (Leg.SWAP, Allowed("o1", Leg.APPROVE, "o1/tx1", "b", 1)),
        (Leg.APPROVE, Allowed("o1", Leg.REVOKE, "o1/tx1", "b", 1)),
        (Leg.APPROVE, Allowed("o1", Leg.APPROVE, "o1/tx9", "b", 1)),
        (Leg.APPROVE, RolledBack("o1", "late")),
        (Leg.SWAP, RolledBack("o1", "late")),
    ],
)
def test_only_what_was_signed_is_booked_and_as_what_it_was_signed(leg, body):
    desk = opened()
    desk.sign("o1", leg=leg)
    assert refused(desk, body) is Refusal.TRANSITION_NOT_ALLOWED


def test_a_cancel_of_an_approval_allows_nothing():
    desk = opened()
    desk.sign("o1", leg=Leg.APPROVE)
    desk.sign("o1", cancels=True, leg=Leg.APPROVE)
    assert refused(desk, Allowed("o1", Leg.APPROVE, "o1/tx2", "b", 1)) is Refusal.TRANSITION_NOT_ALLOWED


def test_an_approval_is_booked_once():
    desk = approved()
    assert refused(desk, desk.records[-1].body) is Refusal.TRANSITION_NOT_ALLOWED


@pytest.mark.parametrize("end", ["revert", "die"])
def test_an_approval_that_fails_ends_the_order_with_the_fees_of_all_its_legs(end):
    desk = approved(fee=3)
    desk.sign("o1", leg=Leg.APPROVE)
    desk.settle(ends(desk, end))
    assert desk.books.ended["o1"].status is Status.FAILED
    spent = 5 if end == "revert" else 3
    assert desk.books.ended["o1"].fees == desk.books.ledger.account(GAS).fees == spent
    assert (desk.books.ledger.reservations, desk.books.claims) == ({}, {})


def ends(desk: Desk, end: str):
    tx_id = live(desk).attempts[-1].tx_id
    return Reverted("o1", tx_id, "block 2", 2) if end == "revert" else Dead("o1", tx_id, "absent")


def test_an_order_is_rolled_back_after_its_approval_and_the_fee_of_that_stays_spent():
    desk = approved(fee=3)
    assert recover(desk.books, BUY.deadline_ns + 1).roll_back == ("o1",)
    desk.settle(rollback(live(desk), "late"))
    gas, cash = desk.books.ledger.account(GAS), desk.books.ledger.account(USDC)
    assert (gas.fees, gas.reserved, gas.free, cash.free) == (3, 0, 47, 1_000)
    assert [each.body for each in desk.records[-2:]] == [Returned("o1", USDC, 100), Returned("o1", GAS, 7)]
    assert audited(enumerate(desk.records, 1)).broken == []


def test_what_a_swap_will_not_use_is_revoked_under_the_same_order():
    desk = approved(fee=3)
    assert desk.allow("o1", 2, leg=Leg.REVOKE).leg is Leg.REVOKE
    desk.settle(rollback(live(desk), "late"))
    assert desk.books.ended["o1"].fees == 5


def test_a_reorg_undoes_the_swap_and_not_the_fees_of_the_legs_before_it():
    desk = approved(fee=3)
    desk.sign("o1", at_ns=2)
    before = desk.books.ledger, live(desk).legs_done, live(desk).attempts
    desk.book("o1", 7, fee=2, at_ns=3)
    desk.reorg("o1", at_ns=4)
    assert (desk.books.ledger, live(desk).legs_done, live(desk).attempts) == before
    assert (desk.books.ledger.account(GAS).fees, desk.books.day.result[GAS]) == (3, -3)
    desk.book("o1", 8, fee=4, at_ns=5)
    desk.finalize("o1", at_ns=6)
    assert desk.books.ended["o1"].fees == 7


def test_fees_in_the_quote_are_all_in_the_result_of_the_position():
    desk = Desk(1_000)
    desk.append(opening(order("o1", amount=100, max_fee=10)))
    desk.allow("o1", 3)
    desk.land("o1", 7, fee=2)
    sale = order("o2", 7, 10, side=Side.SELL, position="o1/p", closes=True)
    desk.append(opening(sale))
    desk.allow("o2", 1)
    assert desk.books.positions[WETH].fees == 6
    desk.book("o2", 106, fee=1)
    desk.reorg("o2")
    assert desk.books.positions[WETH].fees == 6
    desk.book("o2", 106, fee=1)
    desk.finalize("o2")
    assert desk.books.day.losses == 1  # 106 for 100, and fees of 7.


def test_a_leg_that_a_reorg_may_undo_keeps_its_nonce_and_its_block_in_mind():
    desk = opened()
    desk.allow("o1", 1, block=40)
    other = order("o2", amount=100, max_fee=10, fee_asset=GAS, token=WBTC)
    desk.append(opening(other))
    desk.sign("o2")
    case = case_of(desk.books, desk.books.live["o2"])
    assert (case.settled, case.newest_block) == (0, 40)
    desk.settle(rollback(live(desk), "late"))
    assert case_of(desk.books, desk.books.live["o2"]) == case
    assert [each.tx_id for each in landed_legs(desk.books)] == ["o1/tx1"]


@pytest.mark.parametrize("final", [True, False])
def test_a_leg_is_not_final_because_an_earlier_nonce_is(final):
    desk = opened()
    desk.append(opening(order("o2", amount=100, max_fee=10, fee_asset=GAS, token=WBTC)))
    desk.sign("o2")
    desk.allow("o1")
    desk.settle(rollback(live(desk), "late"))
    desk.settle(Landed("o2", "o2/tx1", "block 1", 100, 7, 0, final))
    if not final:
        desk.finalize("o2")
    assert [each.nonce for each in landed_legs(desk.books)] == [1]


@pytest.mark.parametrize("end", ["finalize", "revert", "die", "land"])
def test_a_leg_of_a_rolled_back_order_is_final_when_a_later_nonce_is(end):
    desk = approved(fee=1)
    desk.settle(rollback(live(desk), "late"))
    desk.append(opening(order("o2", amount=100, max_fee=10, fee_asset=GAS)))
    desk.allow("o2")
    assert [each.nonce for each in landed_legs(desk.books)] == [0, 1]
    if end == "finalize":
        desk.book("o2", 7)
        assert case_of(desk.books, desk.books.booked["o2"].live).settled == 0
        desk.finalize("o2")
    elif end == "land":
        desk.land("o2", 7)
    else:
        getattr(desk, end)("o2")
    assert landed_legs(desk.books) == desk.books.loose == ()


def test_a_swap_has_the_bytes_in_the_log_that_it_had_before_there_were_legs():
    swap = Signed("o1", 1, "00", "t1", 0, 1, 9, "paper")
    assert encoded(swap) == (
        b'{"type":"Signed","order":"o1","attempt":1,"raw":"00","tx_id":"t1","nonce":0,"min_amount_out":1,'
        b'"valid_until_ns":9,"channel":"paper","cancels":false,"last_valid_height":0,"slot":0}'
    )
    assert content_hash((trade("o1", "in_progress", swap, 0),)).hex() == "0e65850a9b398c8aa6bdd8648fc687b0"
    assert encoded(replace(swap, leg=Leg.APPROVE)).endswith(b',"slot":0,"leg":"approve"}')


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (Landed("o1", "t1", "e", 1, 2, 3, False, 4), b'"fee":3,"final":false,"block":4}'),
        (Reverted("o1", "t1", "e", 3), b'"tx_id":"t1","evidence":"e","fee":3}'),
        (Finalized("o1", "t1", "e"), b'"tx_id":"t1","evidence":"e"}'),
        (Allowed("o1", Leg.APPROVE, "t1", "e", 3, 4), b'"evidence":"e","fee":3,"block":4}'),
    ],
)
def test_an_end_that_names_no_block_has_the_bytes_that_it_had_before_ends_named_any(end, told):
    assert encoded(end).endswith(told)
    named = replace(end, in_block=BlockId(7, "0xa"))
    assert encoded(named).endswith(told[:-1] + b',"in_block":{"number":7,"hash":"0xa"}}')
    for each in (end, named):
        rows, _ = chained(Append("a", (trade("o1", Status.COMPLETED, each, 0),)), Head())
        assert record_of(rows[0]).body == each


def test_what_is_left_out_of_a_record_is_read_back_whatever_its_texts_hold():
    for leg in Leg:
        odd = Signed("o1", 1, "00", 't","leg":"swap"}', 0, 1, 9, ',"leg":"swap"}', leg=leg)
        rows, _ = chained(signing(odd, 0), Head())
        assert record_of(rows[0]).body == odd


def test_a_fill_is_exported_with_the_fees_of_all_its_legs_and_only_as_it_stands():
    desk = approved(fee=3)
    desk.book("o1", 7, fee=1)
    desk.reorg("o1")
    desk.book("o1", 8, fee=2)
    (unfinal,) = fills(enumerate(desk.records, 1), 1, None, {})
    desk.finalize("o1")
    (row,) = fills(enumerate(desk.records, 1), 1, None, {})
    assert row == unfinal
    assert (row[10], row[11], row[12]) == (8, 100, 5)


def test_a_fill_that_was_undone_for_good_is_not_exported():
    desk = approved()
    desk.book("o1", 7, fee=1)
    desk.reorg("o1")
    desk.settle(Reverted("o1", "o1/tx2", "block 3", 2))
    assert list(fills(enumerate(desk.records, 1), 1, None, {})) == []


def test_its_story_says_what_each_transaction_was_for():
    desk = approved()
    desk.allow("o1", 1, leg=Leg.REVOKE)
    desk.settle(rollback(live(desk), "late"))
    story = " ".join(each.sentence for each in told(enumerate(desk.records, 1), {}))
    for words in (
        "to let the venue take what it swaps", "its approval stands, for a fee of 3 base units",
        "to let the venue take nothing any more", "its revocation stands", "nothing was swapped",
    ):  # fmt: skip
        assert words in story


SWAP = Signed("o1", 2, "00", "t2", 1, 1, 9, "paper")
WRONG = {
    "an allowance that nobody signed": ("write-ahead", Allowed("o1", Leg.APPROVE, "t9", "b", 1)),
    "an approval booked as a fill": ("settle-from-chain", Landed("o1", "o1/tx1", "b", 100, 7, 1)),
    "more fee than was set aside": ("no-overdraft", Allowed("o1", Leg.APPROVE, "o1/tx1", "b", 11)),
    "signed anew while the approval can land": ("exactly-once", SWAP),
}


@pytest.mark.parametrize(("promise", "body"), WRONG.values(), ids=WRONG)
def test_every_planted_wrong_is_blamed_by_the_auditor(promise, body):
    desk = opened()
    desk.sign("o1", leg=Leg.APPROVE)
    assert audited(enumerate(desk.records, 1)).broken == []
    record = replace(desk.records[-1], body=body)
    found = audited(enumerate([*desk.records, record], 1)).broken
    assert promise in {each.promise for each in found}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_becomes_of_the_legs_books_and_audit_agree(seed):
    chance, desk = Random(seed), Desk(1_000 * UNIT)
    desk.note(local("gas", Deposited(GAS, 600), 0))
    desk.terms = replace(desk.terms, fee_asset=GAS, max_fee=9)
    for at_ns in range(1, 60):
        token = chance.choice([WETH, WBTC])
        verdict = desk.wish(close(token, at_ns) if token in desk.books.positions else propose(token, at_ns))
        if isinstance(verdict, Order):
            played(desk, verdict, chance, at_ns)
        assert audited(enumerate(desk.records, 1)).broken == []
        assert faults(desk.books) == []
    gas, audit = desk.books.ledger.account(GAS), audited(enumerate(desk.records, 1))
    assert broken(gas) is None
    assert (gas.free, gas.reserved, gas.fees) == (audit.free[GAS], audit.reserved(GAS), audit.fees[GAS])
    assert desk.books.counts["allowed"] > 20
    assert fold(desk.records) == desk.books == unpacked(packed(desk.books))
    nonces = [each.body.nonce for each in desk.records if isinstance(each.body, Signed)]
    assert sorted(set(nonces)) == list(range(desk.books.nonce))


def played(desk: Desk, verdict: Order, chance: Random, at_ns: int) -> None:
    for _ in range(chance.randrange(3)):
        if chance.random() < 0.3:
            desk.sign(verdict.id, at_ns, leg=Leg.APPROVE)
            desk.sign(verdict.id, at_ns, leg=Leg.APPROVE)
        desk.allow(verdict.id, chance.randrange(4), at_ns)
    out, fee = chance.randrange(1, 200 * UNIT), chance.randrange(4)
    match chance.randrange(4):
        case 0:
            desk.revert(verdict.id, fee, at_ns)
        case 1:
            desk.append(settlement(desk.books, rollback(desk.books.live[verdict.id], "late"), at_ns))
        case 2:
            desk.land(verdict.id, out, fee, at_ns)
        case _:
            desk.book(verdict.id, out, fee, at_ns)
            if chance.random() < 0.5:
                desk.reorg(verdict.id, at_ns)
                desk.book(verdict.id, out + 1, fee, at_ns)
            desk.finalize(verdict.id, at_ns)


def test_the_block_of_an_approval_is_known_once_it_is_final_and_without_one_nothing_is_said_of_any():
    desk = opened()
    first = desk.sign("o1", leg=Leg.APPROVE)
    allowed = Allowed("o1", Leg.APPROVE, first.tx_id, "block 7", 2, 7)
    unnamed = fold(allowance(desk.books, allowed, 2).records, desk.books)
    assert unnamed.last_final is None
    named = replace(allowed, in_block=BlockId(7, "0xa"))
    assert fold(allowance(desk.books, named, 2).records, desk.books).last_final == BlockId(7, "0xa")
