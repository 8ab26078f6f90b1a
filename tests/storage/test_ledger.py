"""The ledger: no sequence of requests makes money, loses any, or spends what is not there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from actors.messages import Asset, Refusal
from storage import ledger as money
from storage.ledger import Account, Ledger, broken

USDC, DAI = Asset("paper:USDC"), Asset("paper:DAI")
FUNDED = money.deposit(Ledger(), USDC, 100)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: money.deposit(FUNDED, USDC, 0), Refusal.AMOUNT_NOT_POSITIVE),
        (lambda: money.withdraw(FUNDED, USDC, -1), Refusal.AMOUNT_NOT_POSITIVE),
        (lambda: money.withdraw(FUNDED, USDC, 101), Refusal.NOT_ENOUGH_FUNDS),
        (lambda: money.reserve(FUNDED, "a", USDC, -1), Refusal.AMOUNT_NOT_POSITIVE),
        (lambda: money.reserve(FUNDED, "a", USDC, 101), Refusal.NOT_ENOUGH_FUNDS),
        (lambda: money.reserve(FUNDED, "a", DAI, 1), Refusal.NOT_ENOUGH_FUNDS),
        (lambda: money.reserve(money.reserve(FUNDED, "a", USDC, 1), "a", USDC, 1), Refusal.ID_TAKEN),
        (lambda: money.spend(FUNDED, "a", USDC, 1, "fees"), Refusal.RESERVATION_NOT_FOUND),
        (lambda: money.spend(money.reserve(FUNDED, "a", USDC, 5), "a", USDC, 6, "fees"),
         Refusal.NOT_ENOUGH_FUNDS),
        (lambda: money.spend(money.reserve(FUNDED, "a", USDC, 5), "a", USDC, -1, "fees"),
         Refusal.AMOUNT_NOT_POSITIVE),
        (lambda: money.give_back(FUNDED, "a", USDC, 1), Refusal.RESERVATION_NOT_FOUND),
        (lambda: money.give_back(money.reserve(FUNDED, "a", USDC, 5), "a", USDC, 4),
         Refusal.RESERVATION_NOT_FOUND),
        (lambda: money.give_back(money.reserve(FUNDED, "a", USDC, 5), "a", DAI, 5),
         Refusal.RESERVATION_NOT_FOUND),
        (lambda: money.sell(FUNDED, USDC, 1, 5), Refusal.NOT_ENOUGH_FUNDS),
        (lambda: money.sell(FUNDED, USDC, 0, -5), Refusal.AMOUNT_NOT_POSITIVE),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_with_its_reason(call, reason):
    assert call() is reason


def test_a_reservation_goes_into_cost_and_fees_and_its_rest_is_free_again():
    held = money.reserve(FUNDED, "a", USDC, 60)
    held = money.spend(money.spend(held, "a", USDC, 50, "cost"), "a", USDC, 3, "fees")
    after = money.give_back(held, "a", USDC, 7)
    assert after.account(USDC) == Account(free=47, cost=50, fees=3, deposits=100)
    assert after.reservations == {}
    assert money.sell(after, USDC, 50, 40).account(USDC).realised == -10


def test_giving_back_one_reservation_leaves_anothers_as_it_is():
    both = money.reserve(money.reserve(FUNDED, "a", USDC, 60), "b", USDC, 30)
    after = money.give_back(both, "a", USDC, 60)
    assert after.reservations == {"b": both.reservations["b"]}
    assert (after.account(USDC).free, after.account(USDC).reserved) == (70, 30)


def test_an_order_holds_two_assets_and_each_is_spent_and_given_back_alone():
    both = money.deposit(FUNDED, DAI, 9)
    for asset, amount in ((USDC, 60), (DAI, 5)):
        both = money.reserve(both, "a", asset, amount)
    assert money.reserve(both, "a", DAI, 1) is Refusal.ID_TAKEN
    assert money.spend(both, "a", DAI, 6, "fees") is Refusal.NOT_ENOUGH_FUNDS
    spent = money.spend(both, "a", DAI, 2, "fees")
    after = money.give_back(spent, "a", USDC, 60)
    assert after.reservations == {"a": {DAI: 3}}
    assert money.spend(after, "a", USDC, 1, "cost") is Refusal.RESERVATION_NOT_FOUND
    assert money.give_back(after, "a", DAI, 3).reservations == {}
    assert both.reservations == {"a": {USDC: 60, DAI: 5}}


def test_a_change_that_does_not_balance_is_a_bug():
    with pytest.raises(AssertionError, match="deposits - withdrawals"):
        money.moved(FUNDED, USDC, free=1)


def test_an_account_that_does_not_add_up_is_named():
    assert (
        broken(Account(free=1))
        == "free + reserved + unsettled + cost + fees = 1, deposits - withdrawals + realised = 0"
    )
    assert broken(Account(free=-1, cost=1)) == "free is -1"


AMOUNT = some.integers(-2, 2**70) | some.integers(0, 50)
IDS = some.sampled_from("abc")
ASSETS = some.sampled_from([USDC, DAI])
STEP = some.one_of(
    some.tuples(some.just(money.deposit), ASSETS, AMOUNT),
    some.tuples(some.just(money.withdraw), ASSETS, AMOUNT),
    some.tuples(some.just(money.reserve), IDS, ASSETS, AMOUNT),
    some.tuples(some.just(money.spend), IDS, ASSETS, AMOUNT, some.sampled_from(["fees", "cost"])),
    some.tuples(some.just(money.unspend), IDS, ASSETS, AMOUNT, some.sampled_from(["fees", "cost"])),
    some.tuples(some.just(money.give_back), IDS, ASSETS, AMOUNT),
    some.tuples(some.just(money.sell), ASSETS, AMOUNT, AMOUNT),
)


@settings(max_examples=300, deadline=None)
@given(some.lists(STEP, max_size=30))
def test_no_sequence_of_requests_breaks_the_identity_or_overdraws(steps):
    ledger = money.deposit(money.deposit(Ledger(), USDC, 100), DAI, 50)
    for call, *arguments in steps:
        after = call(ledger, *arguments)
        if isinstance(after, Refusal):
            continue
        ledger = after
        for asset, account in ledger.accounts.items():
            assert broken(account) is None
            held = sum(each.get(asset, 0) for each in ledger.reservations.values())
            assert held == account.reserved


@pytest.mark.parametrize("field", ["fees", "cost"])
def test_an_order_never_spends_what_another_has_reserved(field):
    both = money.reserve(money.reserve(FUNDED, "a", USDC, 60), "b", USDC, 30)
    assert money.spend(both, "b", USDC, 31, field) is Refusal.NOT_ENOUGH_FUNDS
