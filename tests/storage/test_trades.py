"""The records of a trade: one append a stage, with ids made from the order's."""

import pytest
from msgspec.structs import replace

from actors.messages import Id, PositionReduced, Reserved, Returned, RolledBack, Side
from storage import trades
from storage.books import LiveOrder
from storage.holdings import at_most
from tests.deals import GAS, UNIT, USDC, WETH, Desk, busy_desk, close, order, propose


def test_a_buy_sets_its_amount_and_its_fee_aside_a_sell_only_its_fee():
    assert at_most(order(amount=100, max_fee=2)) == {USDC: 102}
    assert at_most(order(side=Side.SELL, amount=100, max_fee=2)) == {USDC: 2}


def test_a_fee_in_another_asset_is_set_aside_apart():
    assert at_most(order(amount=100, max_fee=2, fee_asset=GAS)) == {USDC: 100, GAS: 2}
    assert at_most(order(side=Side.SELL, amount=100, max_fee=2, fee_asset=GAS)) == {GAS: 2}
    opened = trades.opening(order(amount=100, max_fee=2, fee_asset=GAS)).records[1:]
    assert [(each.operation_id, each.body) for each in opened] == [
        ("o1/reserve", Reserved("o1", USDC, 100)), ("o1/reserve/fee", Reserved("o1", GAS, 2)),
    ]  # fmt: skip


def test_every_stage_of_every_trade_is_an_append_of_its_own_id():
    ids = [append.id for append in busy_desk().appends]
    assert len(ids) == len(set(ids))
    assert [id for id in ids if id.startswith("buy:paper:WETH:1/")] == [
        "buy:paper:WETH:1/T1",
        "buy:paper:WETH:1/T2.1",
        "buy:paper:WETH:1/T3",
    ]


def test_a_partial_sell_takes_its_share_of_the_cost_and_the_last_takes_all_that_is_left():
    desk = Desk()
    desk.bought(WETH, quantity=3)
    desk.sold(WETH, proceeds=1, portion_bps=4_000, at_ns=1)
    (reduced,) = [each.body for each in desk.records if isinstance(each.body, PositionReduced)]
    assert (reduced.quantity, reduced.cost) == (1, 100 * UNIT // 3)
    desk.sold(WETH, proceeds=1, at_ns=2)
    assert (desk.account().cost, desk.account().realised) == (0, 2 - 100 * UNIT)


def test_what_an_order_did_not_use_is_returned_with_its_outcome():
    desk = Desk()
    desk.append(trades.opening(order(amount=100, max_fee=20)))
    desk.land("o1", 5, fee=3)
    assert desk.records[-1].body == Returned("o1", USDC, 17)


def test_an_order_without_bytes_is_rolled_back_one_with_bytes_never():
    desk = Desk()
    buy = desk.wish(propose())
    assert trades.rollback(desk.books.live[buy.id], "late") == RolledBack(buy.id, "late")
    desk.sign(buy.id)
    with pytest.raises(AssertionError, match="only the chain can say"):
        trades.rollback(desk.books.live[buy.id], "late")


def test_an_outcome_that_the_life_cycle_does_not_allow_is_a_bug():
    desk = Desk()
    buy = desk.wish(propose())
    desk.sign(buy.id)
    with pytest.raises(AssertionError, match="RolledBack while in_progress"):
        trades.settlement(desk.books, RolledBack(buy.id, "late"), 0)


def test_a_sell_never_claims_a_token_amount_that_is_not_held():
    desk = Desk()
    desk.bought(WETH, quantity=10)
    sale = desk.wish(close())
    assert (sale.amount_in, sale.closes) == (10, True)
    assert LiveOrder(replace(sale, id=Id("x"))).attempts == ()
