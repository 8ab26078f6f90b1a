"""What a start finds half done: bytes are asked for, what is late without any is rolled back."""

import pytest

from actors.messages import Dead, Leg, Reverted, Side
from storage.books import Books
from storage.recovery import Recovery, recover, under_way, waits_for_turn, whose_turn
from storage.trades import opening, rollback
from tests.deals import USDC, WBTC, WETH, Desk, busy_desk, order, propose


def test_an_empty_log_has_nothing_to_recover():
    assert recover(Books(), 0) == Recovery((), (), 0)


def test_an_order_with_bytes_is_resumed_however_late_it_is():
    desk = Desk()
    buy = desk.wish(propose())
    desk.sign(buy.id)
    assert recover(desk.books, buy.deadline_ns + 10**18).resume == (buy.id,)


def test_an_order_without_bytes_is_rolled_back_only_past_its_deadline():
    desk = Desk()
    buy = desk.wish(propose())
    assert recover(desk.books, buy.deadline_ns) == Recovery((), (), 0)
    assert recover(desk.books, buy.deadline_ns + 1) == Recovery((), (buy.id,), 0)


def test_the_report_counts_what_was_found_and_what_becomes_of_it():
    found = recover(busy_desk().books, 10**18)
    assert found.resume == (f"sell:{WBTC}:7:signal",)
    assert found.roll_back == (f"buy:{WETH}:8",)
    assert found.report() == {"pending_found": 2, "failed_found": 2, "recovered": 1, "rolled_back": 1}


def test_bytes_are_asked_about_in_the_order_of_their_nonces_whatever_the_order_of_the_orders():
    desk = Desk()
    first, second = desk.wish(propose(WETH)), desk.wish(propose(WBTC))
    desk.sign(second.id)
    desk.sign(first.id)
    assert list(desk.books.live) == [first.id, second.id]
    assert [case.live.order.id for case in under_way(desk.books)] == [second.id, first.id]
    assert recover(desk.books, 0).resume == (second.id, first.id)


def test_an_order_that_has_ended_says_that_its_nonce_is_used_though_an_older_one_is_open():
    desk = Desk()
    first, second = desk.wish(propose(WETH)), desk.wish(propose(WBTC))
    desk.sign(first.id)
    assert [case.settled for case in under_way(desk.books)] == [0]
    desk.land(second.id, 1_000)
    assert [case.settled for case in under_way(desk.books)] == [2]


def two_buys() -> tuple[Desk, object, object]:
    """Paid in one asset, of two tokens."""
    desk = Desk(1_000)
    first, second = (order(id, 100, 10, token=token) for id, token in (("o1", WETH), ("o2", WBTC)))
    for each in (first, second):
        desk.append(opening(each))
    return desk, first, second


def test_of_orders_that_pay_in_one_asset_one_approves_at_a_time_until_its_swap_has_bytes():
    desk, first, second = two_buys()
    assert not waits_for_turn(desk.books, second)
    desk.sign("o1", leg=Leg.APPROVE)
    assert waits_for_turn(desk.books, second)
    assert not waits_for_turn(desk.books, first)
    desk = two_buys()[0]
    desk.allow("o1", 1)
    assert waits_for_turn(desk.books, second)
    assert whose_turn(desk.books, USDC) == "o1"
    desk.sign("o1")
    assert not waits_for_turn(desk.books, second)
    assert whose_turn(desk.books, USDC) == "o2"


def test_who_has_begun_keeps_the_turn_though_the_order_before_it_is_undone():
    desk, _, second = two_buys()
    desk.allow("o1", 1)
    desk.sign("o1")
    desk.book("o1", 7)
    desk.allow("o2", 1)
    desk.reorg("o1")
    assert not waits_for_turn(desk.books, second)
    third = order("o3", 100, 10, token="paper:T")
    desk.append(opening(third))
    assert waits_for_turn(desk.books, third)
    assert whose_turn(desk.books, USDC) == "o2"


@pytest.mark.parametrize("end", ["revert", "die", "roll back"])
def test_an_order_that_ends_without_a_swap_passes_its_turn_on(end):
    desk, _, second = two_buys()
    desk.allow("o1", 1)
    if end == "roll back":
        desk.settle(rollback(desk.books.live["o1"], "late"))
    else:
        tx_id = desk.sign("o1", leg=Leg.APPROVE).tx_id
        desk.settle(Reverted("o1", tx_id, "b", 1) if end == "revert" else Dead("o1", tx_id, "absent"))
    assert not waits_for_turn(desk.books, second)
    assert whose_turn(desk.books, USDC) == "o2"


def test_a_cancel_of_a_swap_does_not_take_the_turn_back_and_one_of_an_approval_keeps_it():
    for leg, waits in ((Leg.SWAP, False), (Leg.APPROVE, True)):
        desk, _, second = two_buys()
        desk.sign("o1", leg=leg)
        desk.sign("o1", cancels=True, leg=leg)
        assert waits_for_turn(desk.books, second) is waits


def test_orders_that_pay_in_different_assets_do_not_wait_for_one_another():
    desk, first, _ = two_buys()
    desk.land("o2", 7)
    sale = order("o3", 7, 10, side=Side.SELL, token=WBTC, position="o2/p", closes=True)
    desk.append(opening(sale))
    desk.sign("o3", leg=Leg.APPROVE)
    assert not waits_for_turn(desk.books, first)
    assert not waits_for_turn(desk.books, sale)
