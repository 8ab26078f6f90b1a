"""What a start finds half done: bytes are asked for, what is late without any is rolled back."""

from storage.books import Books
from storage.recovery import Recovery, recover, under_way
from tests.deals import WBTC, WETH, Desk, busy_desk, propose


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
