"""What a start finds half done: bytes are asked for, what is late without any is rolled back."""

from storage.books import Books
from storage.recovery import Recovery, recover
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
