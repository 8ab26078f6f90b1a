"""A fill that a reorg can undo: nothing is built on it, and undoing it brings back exactly what was."""

import pytest
from msgspec.structs import replace

from actors.messages import (
    EVERYTHING,
    KEY,
    WALLET,
    AlreadyClosing,
    BlockId,
    Finalized,
    Id,
    PositionReversed,
    Refusal,
    Returned,
    Reversed,
    Reverted,
    Side,
    Status,
)
from storage.audit import audited
from storage.books import DAY_NS, book, fold
from storage.recovery import under_way
from storage.trades import finality, halting, lifting, local, opening, reversal, trade
from tests.deals import UNIT, USDC, WETH, Desk, close, order, propose


def bought():
    desk = Desk()
    desk.append(opening(order(amount=100, max_fee=5)))
    desk.book("o1", 10, fee=2, at_ns=1)
    return desk


def sold(portion=10):
    """A position of 10 that cost 100, and a sale of it, not final."""
    desk = bought()
    desk.finalize("o1")
    whole = portion == 10
    sale = order("o2", portion, 5, side=Side.SELL, position="o1/p", closes=whole, reason="stop")
    desk.append(opening(sale))
    desk.before = desk.books
    desk.book("o2", 70 * portion // 10, fee=3, at_ns=2)
    return desk


def kept(books):
    """What must be as it was after a reorg; what is only counted, or dated, goes on."""
    live = {id: replace(each, attempts=(), status=Status.PENDING, since_ns=0, reversals=0)
            for id, each in books.live.items()}  # fmt: skip
    return (books.ledger, books.positions, books.claims, books.booked, books.day.losses, live)


def test_a_buy_keeps_its_token_and_the_rest_of_its_money_until_it_is_final():
    desk = bought()
    account = desk.account()
    assert (account.cost, account.fees, account.reserved) == (100, 2, 3)
    assert desk.books.claims == {WETH: "o1"}
    assert desk.wish(close(WETH)) is Refusal.NOT_FINAL
    assert desk.wish(propose(WETH)) is Refusal.POSITION_EXISTS
    desk.finalize("o1")
    assert (desk.account().reserved, desk.books.claims, desk.books.booked) == (0, {}, {})
    assert desk.books.ended["o1"].status is Status.COMPLETED


def test_nobody_spends_what_a_sale_brought_until_it_is_final():
    desk = sold()
    free = desk.account().free
    assert (desk.account().unsettled, desk.account().realised) == (70, -30)
    assert desk.books.positions == {}
    assert desk.wish(propose(WETH)) is Refusal.TOKEN_CLAIMED
    desk.finalize("o2")
    assert desk.account().unsettled == 0
    assert desk.account().free == free + 70 + 5 - 3


def test_a_loss_counts_once_it_is_final():
    desk = sold()
    assert desk.books.day.losses == 0
    desk.reorg("o2")
    desk.book("o2", 60)
    desk.finalize("o2", at_ns=9)
    assert (desk.books.day.losses, desk.books.day.last_loss_ns) == (1, 9)
    assert desk.books.counts["closed"] == 1


def test_a_second_close_hears_of_the_first_though_it_is_not_final():
    assert sold(portion=5).wish(close(WETH)) == AlreadyClosing(close(WETH).id, "o2")


def test_a_reorg_of_a_buy_brings_back_what_was():
    desk = Desk()
    desk.append(opening(order(amount=100, max_fee=5)))
    before = desk.books
    desk.book("o1", 10, fee=2)
    desk.reorg("o1")
    assert kept(desk.books) == kept(before)
    assert desk.books.day.result == {USDC: 0}
    assert desk.books.counts["landed"] == 0


@pytest.mark.parametrize("portion", [10, 5])
def test_a_reorg_of_a_sale_brings_back_what_was(portion):
    desk = sold(portion)
    desk.reorg("o2")
    assert kept(desk.books) == kept(desk.before)
    assert desk.books.day.result == desk.before.day.result


def test_after_a_reorg_the_same_order_may_land_again_with_other_amounts_and_end_otherwise():
    desk = bought()
    desk.reorg("o1")
    assert [case.entry for case in under_way(desk.books)] == ["in progress"]
    desk.book("o1", 9, fee=4)
    desk.reorg("o1")
    desk.book("o1", 8, fee=1)
    assert [case.entry for case in under_way(desk.books)] == ["booked"]
    desk.finalize("o1")
    assert desk.books.positions[WETH].quantity == 8
    ids = [append.id for append in desk.appends]
    assert len(ids) == len(set(ids))
    assert audited(enumerate(desk.records, 1)).broken == []


def test_every_prefix_of_a_history_with_reorgs_folds_to_the_same_books():
    desk = sold(5)
    desk.reorg("o2")
    desk.book("o2", 40)
    desk.finalize("o2")
    for place in range(len(desk.records)):
        assert fold(desk.records[place:], fold(desk.records[:place])) == desk.books
    assert audited(enumerate(desk.records, 1)).broken == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (Finalized("o1", "foreign", "block 9"), Refusal.ORDER_NOT_FOUND),
        (Finalized("o9", "o1/tx1", "block 9"), Refusal.ORDER_NOT_FOUND),
        (Reversed("o1", "foreign", "gone"), Refusal.ORDER_NOT_FOUND),
        (Reversed("o1", "o1/tx1", "gone"), Refusal.TRANSITION_NOT_ALLOWED),
        (PositionReversed("o1/p", "o9", 10, 100, 0), Refusal.ORDER_NOT_FOUND),
        (PositionReversed("o1/p", "o1", 9, 100, 0), Refusal.TRANSITION_NOT_ALLOWED),
        (PositionReversed("o1/p", "o1", 10, 99, 0), Refusal.TRANSITION_NOT_ALLOWED),
        (Returned("o1", USDC, 3), Refusal.ORDER_NOT_FOUND),
    ],
)
def test_what_does_not_fit_the_booked_fill_is_refused(body, reason):
    assert book(bought().books, trade(Id("o1"), Status.COMPLETED, body, 0)) is reason


def test_what_is_final_is_neither_final_again_nor_undone():
    desk = bought()
    again, undone = finality(desk.books, "o1", "x", 0), reversal(desk.books, "o1", "x", 0)
    desk.finalize("o1")
    for append in (again, undone):
        assert book(desk.books, append.records[0]) is Refusal.ORDER_NOT_FOUND


def test_what_is_undone_on_another_day_pays_for_no_loss_of_that_day():
    desk = sold()
    desk.reorg("o2", at_ns=DAY_NS + 1)
    assert desk.books.day.result == {USDC: 0}
    assert desk.books.day.number == 1


def test_what_a_stranger_did_is_not_lifted_with_the_operators_own_halt():
    desk = Desk()
    desk.append(halting(Id("h1"), KEY, "a stranger has the key", 0))
    desk.append(halting(Id("h2"), WALLET, "maintenance", 0))
    desk.append(lifting(Id("h3"), WALLET, "done", 0))
    assert desk.books.halts == {KEY: "a stranger has the key"}
    assert not desk.books.signs
    assert desk.wish(propose(WETH, 1)) is Refusal.HALTED


# -- halts ---------------------------------------------------------------------------------------------------
def test_a_halt_stops_buys_and_one_of_the_wallet_sells_too_until_it_is_lifted():
    desk = bought()
    desk.finalize("o1")
    desk.append(halting(Id("h1"), EVERYTHING, "the operator", 0))
    assert desk.wish(propose(WETH, 1)) is Refusal.HALTED
    desk.append(halting(Id("h2"), WALLET, "a stranger has the key", 0))
    assert desk.wish(close(WETH)) is Refusal.HALTED
    desk.append(lifting(Id("h3"), WALLET, "a new key", 0))
    assert desk.wish(propose(WETH, 1)) is Refusal.HALTED
    sale = desk.wish(close(WETH))
    assert sale.amount_in == 10
    assert fold(desk.records).halts == {EVERYTHING: "the operator"}


def test_a_lift_without_a_halt_is_refused():
    record = lifting(Id("h"), WALLET, "nothing", 0).records[0]
    assert book(Desk().books, record) is Refusal.TRANSITION_NOT_ALLOWED


def test_money_set_aside_is_counted_once():
    desk = bought()
    assert desk.account().free == 1_000 * UNIT - 105
    assert local("x", Returned("o1", USDC, 0), 0).operation == "balance_add"


# -- the last block in which something is final ------------------------------------------------------------
def final_in(desk, order_id, number, hash):
    desk.append(finality(desk.books, order_id, "deep enough", 0, BlockId(number, hash)))


def test_the_newest_block_in_which_something_is_final_is_remembered_whatever_the_order_of_the_ends():
    desk = sold()
    assert desk.books.last_final is None
    final_in(desk, "o2", 9, "0xb")
    assert desk.books.last_final == BlockId(9, "0xb")
    desk.append(opening(order("o3", amount=100, max_fee=5)))
    desk.sign("o3")
    desk.settle(Reverted("o3", desk.books.live["o3"].attempts[0].tx_id, "block 7", 1, BlockId(7, "0xa")))
    assert desk.books.last_final == BlockId(9, "0xb")
    desk.append(opening(order("o4", amount=100, max_fee=5)))
    desk.sign("o4")
    (case,) = under_way(desk.books)
    assert (case.last_final, case.newest_block) == (BlockId(9, "0xb"), 9)


@pytest.mark.parametrize(
    ("scope", "kept"), [(WALLET, None), (EVERYTHING, BlockId(9, "0xb")), (KEY, BlockId(9, "0xb"))]
)
def test_whoever_lets_the_wallet_sign_again_takes_the_chain_as_it_stands(scope, kept):
    desk = sold()
    final_in(desk, "o2", 9, "0xb")
    desk.append(halting("h1", scope, "what was final is gone", 3))
    assert desk.books.last_final == BlockId(9, "0xb")
    desk.append(lifting("l1", scope, "compared", 4))
    assert desk.books.last_final == kept
