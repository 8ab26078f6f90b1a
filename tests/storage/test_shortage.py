"""What a chain has taken beyond what is free: how much is lacking, and when gas must have come for it."""

import pytest

from actors.messages import Deposited, Landed, Refusal, Reverted
from storage.audit import audited
from storage.books import book
from storage.shortage import Purse, asks_for_more, covered, only_these, short
from storage.trades import local, opening, settlement
from tests.deals import GAS, WBTC, WETH, Desk, order

MOST = 10


def opened(gas: int, *tokens) -> Desk:
    """Orders that may pay 10 each have bytes."""
    desk = Desk(1_000)
    desk.note(local("gas", Deposited(GAS, gas), 0))
    for token in tokens:
        desk.append(opening(order(token, 100, MOST, token, fee_asset=GAS)))
        desk.sign(token)
    return desk


def ended(desk: Desk, token, fee: int, landed: bool = False):
    tx_id = desk.books.live[token].attempts[-1].tx_id
    return Landed(token, tx_id, "b", 100, 7, fee) if landed else Reverted(token, tx_id, "b", fee)


@pytest.mark.parametrize(("gas", "fee", "lacking"), [(10, 10, 0), (12, 12, 0), (10, 13, 3), (11, 13, 2)])
def test_what_is_lacking_is_what_neither_the_order_nor_the_books_have(gas, fee, lacking):
    desk = opened(gas, WETH)
    append = settlement(desk.books, ended(desk, WETH, fee), 1)
    assert (short(desk.books, append), asks_for_more(append)) == (lacking, fee > MOST)
    verdicts = {book(desk.books, record) for record in append.records[:1] if lacking}
    assert verdicts == ({Refusal.NOT_ENOUGH_FUNDS} if lacking else set())


@pytest.mark.parametrize("landed", [False, True])
def test_gas_that_must_have_come_is_booked_with_the_outcome_and_no_more_than_that(landed):
    desk = opened(10, WETH)
    found = covered(desk.books, [ended(desk, WETH, 13, landed)], Purse(1, 500), 1)
    assert found.lacking == 0
    assert found.append.records[0].body == Deposited(GAS, 3)
    desk.append(found.append)
    account = desk.books.ledger.account(GAS)
    assert (account.free, account.reserved, account.fees, account.deposits) == (0, 0, 13, 13)
    assert not audited(enumerate(desk.records, 1)).broken


def test_where_the_wallet_has_not_what_the_books_would_say_it_lacks_the_difference():
    """Another has set 10 aside, and nobody has used any of them: so all but 8 must have come."""
    desk = opened(20, WETH)
    desk.append(opening(order(WBTC, 100, MOST, WBTC, fee_asset=GAS)))
    outcome = ended(desk, WETH, 13)
    assert covered(desk.books, [outcome], Purse(1, 7), 1).lacking == 3
    assert covered(desk.books, [outcome], Purse(1, 9), 1).lacking == 1
    assert covered(desk.books, [outcome], Purse(1, 10), 1).lacking == 0


def test_of_several_that_wait_no_gas_is_counted_twice():
    desk = opened(20, WETH, WBTC)
    outcomes = [ended(desk, WETH, 13), ended(desk, WBTC, 15)]
    assert covered(desk.books, outcomes, Purse(2, 0), 1).lacking == 0  # 28 were taken, and 20 are known.
    books = desk.books
    desk.append(covered(books, outcomes, Purse(2, 0), 1).append)
    desk.append(covered(desk.books, outcomes[1:], Purse(2, 0), 1).append)
    assert desk.books.ledger.account(GAS).deposits == 28
    short_of_it = [ended(opened(20, WETH, WBTC), WETH, 13), ended(opened(20, WETH, WBTC), WBTC, 1)]
    assert covered(books, short_of_it, Purse(2, 6), 1).lacking == 3  # 14 were taken, so 6 are left of ours.


def test_gas_is_looked_for_only_where_nothing_else_is_open():
    desk = opened(50, WETH, WBTC)
    assert not only_these(desk.books, {WETH})
    assert only_these(desk.books, {WETH, WBTC})
    desk.append(settlement(desk.books, Landed(WBTC, f"{WBTC}/tx1", "b", 100, 7, 1, final=False), 1))
    assert not only_these(desk.books, {WETH})
