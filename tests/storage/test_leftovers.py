"""An order that only takes back what a router may still take: it trades nothing, and is in nobody's way."""

import pytest
from msgspec.structs import replace

from actors.messages import (
    WALLET,
    Halted,
    Leg,
    Order,
    Refusal,
    Reverted,
    Revoke,
    RolledBack,
    Side,
    Signed,
    Status,
)
from storage.audit import audited
from storage.books import book, faults
from storage.recovery import is_paid, waits_for_turn, whose_turn
from storage.story import told
from storage.trades import local, opening, rollback, signing, trade
from strategies.limits import revoke
from tests.deals import UNIT, USDC, WBTC, WETH, Desk, close, order, propose, terms

LEFT = Revoke("revoke:1", WETH, 7, 2**256 - 1)


def taken_back(desk: Desk, token=WETH, id="r1") -> Order:
    made = revoke(desk.books, replace(LEFT, id=id, token=token), desk.terms)
    assert isinstance(made, Order), made
    desk.append(opening(made))
    return made


def test_it_reserves_a_fee_alone_and_ends_with_what_its_revocation_has_cost():
    desk = Desk(1_000 * UNIT)
    free = desk.account().free
    made = taken_back(desk)
    assert (made.side, made.amount_in, desk.account().free) == (Side.REVOKE, 2**256 - 1, free - made.max_fee)
    desk.sign("r1", leg=Leg.REVOKE)
    assert desk.books.live["r1"].takes_back
    desk.allow("r1", 1, leg=Leg.REVOKE)
    desk.settle(rollback(desk.books.live["r1"], "what was left over is taken back"))
    assert desk.account().free == free - 1
    assert (desk.books.ended["r1"].status, desk.books.ended["r1"].fees) == (Status.ROLLED_BACK, 1)
    assert (desk.books.claims, desk.books.positions, faults(desk.books)) == ({}, {}, [])
    assert audited(enumerate(desk.records, 1)).broken == []


def test_a_position_can_be_sold_while_an_old_allowance_of_its_token_is_taken_back():
    desk = Desk(1_000 * UNIT)
    desk.bought(WETH)
    taken_back(desk)
    desk.sign("r1", leg=Leg.REVOKE)
    sale = desk.wish(close(WETH, 9))
    assert isinstance(sale, Order)
    assert not waits_for_turn(desk.books, sale)
    desk.land(sale.id, 5 * UNIT)
    assert desk.books.positions == {}
    assert audited(enumerate(desk.records, 1)).broken == []


def test_it_waits_for_the_turn_of_orders_that_pay_in_the_asset_and_they_do_not_wait_for_it():
    desk = Desk(1_000 * UNIT)
    made = taken_back(desk, USDC)
    first, second = desk.wish(propose(WETH)), desk.wish(propose(WBTC))
    desk.sign(first.id, leg=Leg.APPROVE)
    assert waits_for_turn(desk.books, made)
    desk.allow(first.id)
    desk.sign(first.id)
    assert whose_turn(desk.books, USDC) == made.id
    desk.sign(made.id, leg=Leg.REVOKE)
    assert not waits_for_turn(desk.books, second)
    assert whose_turn(desk.books, USDC) == second.id


@pytest.mark.parametrize("leg", [leg for leg in Leg if leg is not Leg.REVOKE])
def test_it_is_signed_for_nothing_else_and_the_auditor_says_so(leg):
    desk = Desk(1_000 * UNIT)
    taken_back(desk)
    signed = Signed("r1", 1, "00", "t1", 0, 1, 9, "paper", leg=leg)
    record = trade("r1", Status.IN_PROGRESS, signed, 0)
    assert book(desk.books, record) is Refusal.TRANSITION_NOT_ALLOWED
    found = audited(enumerate([*desk.records, record], 1)).broken
    assert "caps-on-bytes" in {each.promise for each in found}


def test_nothing_is_taken_back_of_what_an_order_pays_with_nor_twice_at_a_time():
    desk = Desk(1_000 * UNIT)
    desk.wish(propose(WETH))
    assert revoke(desk.books, replace(LEFT, token=USDC), desk.terms) is Refusal.TOKEN_CLAIMED
    assert isinstance(revoke(desk.books, LEFT, desk.terms), Order)
    taken_back(desk)
    assert is_paid(desk.books, WETH)
    assert revoke(desk.books, LEFT, desk.terms) is Refusal.TOKEN_CLAIMED
    again = opening(replace(order("r2", side=Side.REVOKE), token=WETH))
    assert book(desk.books, again.records[0]) is Refusal.TOKEN_CLAIMED


def test_what_positions_need_for_their_sale_is_not_spent_on_it_and_a_halted_wallet_signs_none():
    desk = Desk(1_000 * UNIT)
    assert revoke(desk.books, replace(LEFT, amount=0), desk.terms) is Refusal.AMOUNT_NOT_POSITIVE
    desk.bought(WETH)
    dear = replace(desk.terms, max_fee=desk.account().free)
    assert revoke(desk.books, LEFT, dear) is Refusal.NOT_ENOUGH_FUNDS
    halted = book(desk.books, local("h", Halted(WALLET, "news"), 0))
    assert revoke(halted, LEFT, terms()) is Refusal.HALTED


@pytest.mark.parametrize("end", ["revert", "late"])
def test_one_that_fails_gives_back_what_it_did_not_use(end):
    desk = Desk(1_000 * UNIT)
    made = taken_back(desk)
    if end == "revert":
        signed = desk.sign("r1", leg=Leg.REVOKE)
        desk.settle(Reverted("r1", signed.tx_id, "b", 1))
    else:
        desk.settle(RolledBack("r1", "late"))
    assert desk.account().reserved == 0
    assert desk.account().fees == (end == "revert")
    assert made.max_fee > 1


def test_its_story_says_that_nothing_is_traded():
    desk = Desk(1_000 * UNIT)
    taken_back(desk)
    (opened, *_) = [each.sentence for each in told(enumerate(desk.records[-2:], 2), {})]
    assert "A router may still take" in opened
    assert "is to be taken back" in opened


def test_signed_twice_it_keeps_its_nonce():
    desk = Desk(1_000 * UNIT)
    taken_back(desk)
    first = desk.sign("r1", leg=Leg.REVOKE)
    bumped = replace(first, attempt=2, tx_id="t2", nonce=first.nonce + 1)
    assert book(desk.books, signing(bumped, 0).records[0]) is Refusal.TRANSITION_NOT_ALLOWED
