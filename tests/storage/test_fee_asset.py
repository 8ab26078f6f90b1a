"""Orders that pay their fee in another asset than they trade in: no account pays for another."""

from random import Random

import pytest
from msgspec.structs import replace

from actors.messages import Deposited, Landed, Order, Refusal, Reserved, Returned, Side, Status
from storage.audit import audited
from storage.books import book, faults, fold
from storage.holdings import holdings
from storage.ledger import broken
from storage.snapshots import packed, unpacked
from storage.trades import local, opening, rollback, settlement, trade
from tests.deals import GAS, UNIT, USDC, WBTC, WETH, Desk, close, order, propose, terms

BUY = order("o1", amount=100, max_fee=5, fee_asset=GAS)


def desk(gas: int = 9, capital: int = 1_000) -> Desk:
    made = Desk(capital)
    made.note(local("gas", Deposited(GAS, gas), 0))
    return made


def accounts(made: Desk) -> tuple:
    return made.books.ledger.account(USDC), made.books.ledger.account(GAS)


def test_a_buy_spends_its_quote_on_tokens_and_its_gas_on_the_fee():
    made = desk()
    made.append(opening(BUY))
    cash, gas = accounts(made)
    assert (cash.reserved, gas.reserved) == (100, 5)
    made.land("o1", 7, fee=3)
    cash, gas = accounts(made)
    assert (cash.cost, cash.fees, cash.free) == (100, 0, 900)
    assert (gas.cost, gas.fees, gas.free) == (0, 3, 6)
    assert [each.body for each in made.records[-2:]] == [Returned("o1", USDC, 0), Returned("o1", GAS, 2)]
    assert made.books.ledger.reservations == {}


def test_gas_takes_nothing_from_the_result_of_a_position_and_all_from_the_days_gas():
    made = desk(capital=1_000 * UNIT)
    made.terms = replace(made.terms, fee_asset=GAS, max_fee=4)
    made.bought(WETH, 7, fee=3)
    assert made.books.positions[WETH].fees == 0
    made.sold(WETH, proceeds=100 * UNIT, fee=4)
    assert made.books.day.result == {GAS: -7, USDC: 0}
    assert made.books.day.losses == 0


@pytest.mark.parametrize("missing", [USDC, GAS])
def test_nothing_is_signed_before_both_are_set_aside(missing):
    made = desk()
    opened = opening(BUY)
    for record in opened.records:
        if not (isinstance(record.body, Reserved) and record.body.asset == missing):
            made.note(record)
    with pytest.raises(AssertionError, match="reservation_not_found"):
        made.sign("o1")


def test_a_fee_beyond_its_reservation_is_refused_however_much_quote_there_is():
    made = desk()
    made.append(opening(BUY))
    signed = made.sign("o1")
    landed = Landed("o1", signed.tx_id, "block 1", 100, 7, 6)
    record = trade("o1", Status.COMPLETED, landed, 0)
    assert book(made.books, record) is Refusal.NOT_ENOUGH_FUNDS


def test_what_a_chain_has_taken_beyond_the_reservation_is_set_aside_first_and_booked_whole():
    """A rollup's fee for L1 is in none of the bytes that were signed, so nothing bounds it."""
    made = desk()
    made.append(opening(BUY))
    made.allow("o1", fee=6)
    made.land("o1", 7, fee=2)
    _, gas = accounts(made)
    assert (gas.reserved, gas.fees, gas.free) == (0, 8, 1)
    assert Reserved("o1", GAS, 1) in [each.body for each in made.records]
    assert made.books.ledger.reservations == {}
    assert audited(enumerate(made.records, 1)).broken == []


def test_what_is_not_there_can_not_have_been_taken():
    made = desk()
    made.append(opening(BUY))
    with pytest.raises(AssertionError, match="not_enough_funds"):
        made.land("o1", 7, fee=10)


def test_a_fee_in_the_quote_takes_nothing_of_what_the_tokens_cost():
    made = Desk(1_000)
    made.append(opening(order("o1", amount=100, max_fee=5, fee_asset=USDC)))
    made.land("o1", 7, fee=9)
    cash = made.account()
    assert (cash.cost, cash.fees, cash.reserved, cash.free) == (100, 9, 0, 891)


@pytest.mark.parametrize("asset", [USDC, GAS])
def test_before_there_are_bytes_nothing_more_is_set_aside_and_then_the_fee_alone(asset):
    made = desk()
    made.append(opening(BUY))
    more = local("more", Reserved("o1", asset, 1), 0)
    assert book(made.books, more) is Refusal.ID_TAKEN
    made.sign("o1")
    assert (book(made.books, more) is Refusal.ID_TAKEN) == (asset == USDC)


def test_gas_that_is_not_there_is_not_reserved():
    made = desk(gas=4)
    opened, cash, fee = opening(BUY).records
    made.note(opened)
    made.note(cash)
    assert book(made.books, fee) is Refusal.NOT_ENOUGH_FUNDS


def test_a_reorg_gives_both_back_and_finality_returns_the_rest_of_both():
    made = desk()
    made.append(opening(BUY))
    made.sign("o1")
    before = made.books.ledger
    made.book("o1", 7, fee=3)
    assert made.books.ledger.reservations == {"o1": {USDC: 0, GAS: 2}}
    made.reorg("o1")
    assert made.books.ledger == before
    made.book("o1", 8, fee=4)
    made.finalize("o1")
    cash, gas = accounts(made)
    assert (cash.cost, cash.reserved, gas.fees, gas.reserved) == (100, 0, 4, 0)


def test_a_sell_that_is_undone_leaves_its_position_without_gas_in_its_result():
    made = desk()
    made.append(opening(BUY))
    made.land("o1", 7, fee=1)
    before = made.books.positions
    sale = order("o2", 7, 5, side=Side.SELL, fee_asset=GAS, position="o1/p", closes=True)
    made.append(opening(sale))
    made.book("o2", 90, fee=2)
    made.reorg("o2")
    assert made.books.positions == before
    made.book("o2", 101, fee=3)  # Less than the fee more than it cost: a gain all the same.
    made.finalize("o2")
    assert made.books.day.losses == 0
    cash, gas = accounts(made)
    assert (cash.realised, cash.free, gas.fees, gas.free) == (1, 1_001, 4, 5)


def test_what_pays_for_gas_can_be_held_as_a_position_and_neither_pays_for_the_other():
    made = desk(gas=9)
    made.append(opening(replace(BUY, token=GAS)))
    made.land("o1", 70, fee=3)
    assert holdings(made.books) == {USDC: 900, GAS: 9 - 3 + 70}
    sale = order("o2", 70, 5, token=GAS, side=Side.SELL, fee_asset=GAS, position="o1/p", closes=True)
    made.append(opening(sale))
    made.sign("o2")
    assert made.books.ledger.reservations == {"o2": {GAS: 5}}
    with pytest.raises(AssertionError, match="not_enough_funds"):
        made.settle(Landed("o2", "o2/tx1", "block 1", 70, 120, 7))  # One more than is free.
    made.settle(Landed("o2", "o2/tx1", "block 1", 70, 120, 4))
    assert holdings(made.books) == {USDC: 1_020, GAS: 9 - 3 - 4}
    assert made.books.ledger.account(GAS).deposits == 9


def test_what_pays_for_gas_can_be_what_is_paid_with_and_one_reservation_holds_both():
    made = Desk(0)
    made.note(local("coins", Deposited(GAS, 1_000), 0))
    made.append(opening(replace(BUY, quote=GAS)))
    assert made.books.ledger.reservations == {"o1": {GAS: 105}}
    made.land("o1", 7, fee=3)
    assert holdings(made.books) == {GAS: 1_000 - 100 - 3, WETH: 7}
    assert made.books.positions[WETH].fees == 3
    sale = order("o2", 7, 5, side=Side.SELL, quote=GAS, fee_asset=GAS, position="o1/p", closes=True)
    made.append(opening(sale))
    made.land("o2", 102, fee=1)
    assert holdings(made.books) == {GAS: 1_000 - 100 - 3 + 102 - 1}
    assert made.books.day.losses == 1  # 102 for 100, and 4 of gas.
    audit = audited(enumerate(made.records, 1))
    assert (audit.broken, audit.free[GAS], audit.fees[GAS], audit.realised[GAS]) == ([], 998, 4, 2)


@pytest.mark.parametrize("tokens", [(WETH, WBTC), (GAS, WBTC)])
@pytest.mark.parametrize("seed", range(12))
def test_whatever_becomes_of_orders_books_and_audit_agree_on_both_assets(seed, tokens):
    chance, made = Random(seed), desk(gas=400, capital=1_000 * UNIT)
    made.terms = replace(terms(tokens=tokens), fee_asset=GAS, max_fee=5)
    for at_ns in range(1, 60):
        token = chance.choice(tokens)
        wish = close(token, at_ns, portion_bps=chance.choice([4_000, 10_000]))
        verdict = made.wish(wish if token in made.books.positions else propose(token, at_ns))
        if isinstance(verdict, Order):
            played(made, verdict, chance, at_ns)
        audit = audited(enumerate(made.records, 1))
        assert audit.broken == []
        for asset in (USDC, GAS):
            account = made.books.ledger.account(asset)
            assert broken(account) is None
            ours = (account.free, account.reserved, account.fees, account.realised)
            assert ours == (
                audit.free[asset], audit.reserved(asset), audit.fees[asset], audit.realised[asset],
            )  # fmt: skip
    assert made.books.ledger.account(GAS).fees > 50
    assert fold(made.records) == made.books == unpacked(packed(made.books))
    assert faults(made.books) == []


def played(made: Desk, verdict: Order, chance: Random, at_ns: int) -> None:
    fee, out = chance.randrange(9), chance.randrange(1, 200 * UNIT)
    match chance.randrange(5):
        case 0:
            made.revert(verdict.id, fee, at_ns)
        case 1:
            made.die(verdict.id, at_ns)
        case 2:
            made.append(settlement(made.books, rollback(made.books.live[verdict.id], "late"), at_ns))
        case 3:
            made.land(verdict.id, out, fee, at_ns)
        case _:
            made.book(verdict.id, out, fee, at_ns)
            if chance.random() < 0.5:
                made.reorg(verdict.id, at_ns)
                made.book(verdict.id, out + 1, chance.randrange(9), at_ns)
            made.finalize(verdict.id, at_ns)
