"""The books: every record that no run of ours can have written is refused, and the rest adds up."""

import pytest
from msgspec.structs import replace

from actors.messages import (
    EVERYTHING,
    Dead,
    Expert,
    Landed,
    Lifted,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Rebalanced,
    Refusal,
    Reserved,
    Returned,
    Reverted,
    RolledBack,
    Side,
    Signed,
    Status,
)
from storage import books as module
from storage import holdings
from storage.books import Books, Unbookable, book, faults, fold
from storage.snapshots import packed, unpacked
from storage.trades import local, opening, trade
from tests.deals import USDC, WBTC, WETH, Desk, busy_desk, order


def pending(**changes) -> Desk:
    desk = Desk(1_000)
    desk.append(opening(order(**changes)))
    return desk


def sent() -> Desk:
    desk = pending()
    desk.sign("o1")
    return desk


def holding() -> Desk:
    desk = pending()
    desk.land("o1", 10)
    return desk


def landed_unbooked(side=Side.BUY) -> Books:
    """Between the outcome and the position: inside one append."""
    desk = sent() if side is Side.BUY else selling()
    live = next(iter(desk.books.live.values()))
    if side is Side.SELL:
        desk.sign(live.order.id)
        live = desk.books.live[live.order.id]
    tx_id = live.attempts[-1].tx_id
    body = Landed(live.order.id, tx_id, "block", live.order.amount_in, 10, 1)
    return book(desk.books, trade(live.order.id, Status.COMPLETED, body, 0))


def selling(**changes) -> Desk:
    desk = holding()
    desk.append(opening(sale(**changes)))
    return desk


def sale(**changes):
    sell = order("o2", 10, 2, side=Side.SELL, position="o1/p", closes=True)
    return replace(sell, **changes)


def mixed() -> Desk:
    desk = holding()
    desk.note(local("mix:5", MIX, 5))
    return desk


def signed(**changes):
    return replace(Signed("o1", 1, "00", "tx", 0, 1, 9, "paper"), **changes)


MIX = Rebalanced(5, {"momentum": 4_000, "ai": 700}, {"cash": Expert(-0.1, 5_300)})
TABLE = [
    (Desk, Reserved("o1", USDC, 5), Refusal.ORDER_NOT_FOUND),
    (pending, OrderOpened(order()), Refusal.ID_TAKEN),
    (pending, OrderOpened(order("o2")), Refusal.TOKEN_CLAIMED),
    (Desk, OrderOpened(order(amount=0)), Refusal.AMOUNT_NOT_POSITIVE),
    (holding, OrderOpened(order("o2")), Refusal.POSITION_EXISTS),
    (holding, OrderOpened(order()), Refusal.ID_TAKEN),
    (Desk, OrderOpened(sale()), Refusal.POSITION_NOT_FOUND),
    (holding, OrderOpened(sale(position="other")), Refusal.POSITION_NOT_FOUND),
    (holding, OrderOpened(sale(amount_in=11)), Refusal.NOT_ENOUGH_TOKENS),
    (holding, OrderOpened(sale(amount_in=9)), Refusal.TRANSITION_NOT_ALLOWED),
    (holding, OrderOpened(sale(closes=False)), Refusal.TRANSITION_NOT_ALLOWED),
    (selling, OrderOpened(sale(id="o3")), Refusal.TOKEN_CLAIMED),
    (Desk, signed(), Refusal.ORDER_NOT_FOUND),
    (pending, signed(attempt=2), Refusal.TRANSITION_NOT_ALLOWED),
    (sent, signed(attempt=2, nonce=1), Refusal.TRANSITION_NOT_ALLOWED),
    (sent, signed(attempt=3, nonce=0), Refusal.TRANSITION_NOT_ALLOWED),
    (pending, signed(cancels=True), Refusal.TRANSITION_NOT_ALLOWED),
    (Desk, Lifted(EVERYTHING, "all is well"), Refusal.TRANSITION_NOT_ALLOWED),
    (Desk, Rebalanced(5, {"momentum": 5_001, "ai": 5_000}, {}), Refusal.TRANSITION_NOT_ALLOWED),
    (Desk, Rebalanced(5, {"momentum": -1, "ai": 5_000}, {}), Refusal.TRANSITION_NOT_ALLOWED),
    (mixed, Rebalanced(5, {"momentum": 5_000}, {}), Refusal.TRANSITION_NOT_ALLOWED),
    (Desk, Landed("o1", "tx", "block", 100, 5, 1), Refusal.ORDER_NOT_FOUND),
    (pending, Landed("o1", "o1/tx1", "block", 100, 5, 1), Refusal.TRANSITION_NOT_ALLOWED),
    (sent, Landed("o1", "foreign", "block", 100, 5, 1), Refusal.TRANSITION_NOT_ALLOWED),
    (sent, Landed("o1", "o1/tx1", "block", 99, 5, 1), Refusal.TRANSITION_NOT_ALLOWED),
    (sent, Landed("o1", "o1/tx1", "block", 100, 5, 103), Refusal.NOT_ENOUGH_FUNDS),
    (sent, Reverted("o1", "foreign", "block", 1), Refusal.TRANSITION_NOT_ALLOWED),
    (sent, Dead("o1", "foreign", "absent"), Refusal.TRANSITION_NOT_ALLOWED),
    (sent, RolledBack("o1", "late"), Refusal.TRANSITION_NOT_ALLOWED),
    (holding, Landed("o1", "o1/tx1", "block", 100, 5, 1), Refusal.ORDER_NOT_FOUND),
    (pending, Returned("o1", USDC, 102), Refusal.ORDER_NOT_FOUND),
    (holding, Returned("o1", USDC, 2), Refusal.RESERVATION_NOT_FOUND),
    (holding, PositionOpened("p", "o1", "momentum", WBTC, USDC, 10, 100), Refusal.ORDER_NOT_FOUND),
    (holding, PositionClosed("o1/p", "o1", 10, 100, 200), Refusal.ORDER_NOT_FOUND),
]


def test_the_books_hold_the_last_budgets_also_out_of_a_snapshot_and_no_decision_before_them_is_made_anew():
    books = unpacked(packed(mixed().books))
    assert books.mix == MIX
    assert books.last_order_ns == 5


@pytest.mark.parametrize(("make", "body", "reason"), TABLE)
def test_a_record_that_can_not_follow_is_refused_with_its_reason(make, body, reason):
    record = replace(local("x", Returned("", USDC, 0), 0), body=body)
    assert book(make().books, record) is reason


@pytest.mark.parametrize(
    "body",
    [
        PositionOpened("o1/p", "o1", "momentum", WETH, USDC, 11, 100),
        PositionOpened("o1/p", "o1", "momentum", WETH, USDC, 10, 99),
    ],
)
def test_a_position_is_what_its_receipt_says(body):
    assert book(landed_unbooked(), local("x", body, 0)) is Refusal.TRANSITION_NOT_ALLOWED


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PositionClosed("other", "o2", 10, 100, 10), Refusal.POSITION_NOT_FOUND),
        (PositionClosed("o1/p", "o2", 9, 100, 10), Refusal.NOT_ENOUGH_TOKENS),
        (PositionClosed("o1/p", "o2", 10, 99, 10), Refusal.NOT_ENOUGH_TOKENS),
        (PositionReduced("o1/p", "o2", 10, 100, 10), Refusal.NOT_ENOUGH_TOKENS),
        (PositionReduced("o1/p", "o2", 11, 100, 10), Refusal.NOT_ENOUGH_TOKENS),
        (PositionClosed("o1/p", "o2", 10, 100, 11), Refusal.TRANSITION_NOT_ALLOWED),
    ],
)
def test_a_sell_is_what_its_receipt_says_and_never_more_than_is_held(body, reason):
    assert book(landed_unbooked(Side.SELL), local("x", body, 0)) is reason


def test_an_order_ended_without_its_position_or_its_return_is_a_fault():
    found = faults(landed_unbooked())
    assert "settle-from-chain: order o1 has landed without a position" in found
    assert "no-overdraft: order o1 has ended and still holds money" in found


def test_an_order_without_a_reservation_is_a_fault():
    (opened, _) = opening(order()).records
    assert faults(book(Desk().books, opened)) == ["no-overdraft: order o1 is live and holds no money"]


def test_a_log_that_is_not_ours_is_named_by_its_first_wrong_record():
    records = busy_desk().records
    with pytest.raises(Unbookable, match=r"operation buy:paper:WETH:1 \(OrderOpened\): id_taken"):
        fold([*records, records[1]])


def test_the_books_of_any_moment_go_on_as_if_they_had_been_folded_in_one():
    records = busy_desk().records
    for place in range(len(records)):
        assert fold(records[place:], fold(records[:place])) == fold(records)


def test_a_replacement_lands_under_either_transaction_but_ends_the_order_once():
    for tx in ("o1/tx1", "o1/tx2"):
        desk = sent()
        desk.sign("o1")
        desk.settle(Landed("o1", tx, "block", 100, 10, 1))
        assert desk.books.live == {}
        assert desk.books.nonce == 1


def test_what_follows_a_cancel_is_a_cancel():
    desk = sent()
    desk.sign("o1", cancels=True)
    again = replace(signed(), attempt=3, tx_id="o1/tx3")
    record = replace(local("x", Returned("", USDC, 0), 0), body=again)
    assert book(desk.books, record) is Refusal.TRANSITION_NOT_ALLOWED
    assert not isinstance(book(desk.books, replace(record, body=replace(again, cancels=True))), Refusal)


def test_only_so_many_ended_orders_are_remembered(monkeypatch):
    monkeypatch.setattr(holdings, "REMEMBERED", 3)
    desk = Desk()
    for number in range(5):
        desk.append(opening(order(f"o{number}", 100)))
        desk.die(f"o{number}")
    assert list(desk.books.ended) == ["o2", "o3", "o4"]


def test_a_position_remembers_what_it_cost_what_it_earned_and_whether_it_took_profit():
    desk = selling(amount_in=5, closes=False, reason="take_profit")
    desk.land("o2", 80, fee=2, at_ns=9)
    position = desk.books.positions[WETH]
    assert (position.quantity, position.cost, position.realised, position.fees) == (5, 50, 30, 2)
    assert (position.bought, position.paid, position.took_profit) == (10, 100, True)


def test_gains_that_fees_eat_up_are_a_loss():
    desk = selling()
    desk.land("o2", 101, fee=2)
    assert desk.books.day.losses == 1
    assert desk.books.day.result == {USDC: -1}


def test_a_new_day_starts_from_nothing_and_keeps_the_streak():
    desk = selling()
    desk.land("o2", 90, at_ns=1)
    desk.append(opening(order("o3")))
    desk.land("o3", 10, fee=1, at_ns=module.DAY_NS)
    assert desk.books.day == module.Day(1, {USDC: -1}, losses=1, last_loss_ns=1)
