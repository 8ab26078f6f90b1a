"""How much: a table, and the limits over any books."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.messages import BPS, Refusal, Units
from storage.config import Limits
from strategies.sizing import Books, buy_amount, sell_amount

EMPTY = Books(
    deposits=Units(10_000), free=Units(10_000), used_by_strategy=Units(0), used_on_chain=Units(0),
    used_in_all=Units(0),
)  # fmt: skip
# Of 10,000: 5,000 a strategy, 2,000 a position, 8,000 a chain, 8,000 in all.
LIMITS = Limits()
TABLE = {
    "the share of the budget that is wanted": (2_000, {}, 1_000),
    "never more than a position may have": (10_000, {}, 2_000),
    "what the strategy has left": (4_000, {"used_by_strategy": 3_500}, 1_500),
    "what the chain has left": (4_000, {"used_on_chain": 7_000}, 1_000),
    "what is left in all": (4_000, {"used_in_all": 7_100}, 900),
    "what is free": (4_000, {"free": 500}, 500),
    "a strategy with nothing left": (4_000, {"used_by_strategy": 5_000}, Refusal.STRATEGY_BUDGET),
    "a strategy beyond its budget": (4_000, {"used_by_strategy": 6_000}, Refusal.STRATEGY_BUDGET),
    "a chain with nothing left": (4_000, {"used_on_chain": 8_000}, Refusal.CHAIN_EXPOSURE),
    "nothing left in all": (4_000, {"used_in_all": 7_999}, Refusal.TOTAL_EXPOSURE),
    "no money": (4_000, {"free": 0}, Refusal.NOT_ENOUGH_FUNDS),
    "less than the fees need": (4_000, {"free": -1}, Refusal.NOT_ENOUGH_FUNDS),
    "too small to be worth it": (8, {}, Refusal.AMOUNT_TOO_SMALL),
    "just worth it": (10, {}, 5),
    "nothing wanted": (0, {}, Refusal.AMOUNT_NOT_POSITIVE),
    "no deposits": (10_000, {"deposits": 0, "free": 0}, Refusal.CHAIN_EXPOSURE),
}


@pytest.mark.parametrize(("target_bps", "changes", "wanted"), TABLE.values(), ids=TABLE)
def test_the_amount_or_the_limit_that_forbids_it(target_bps, changes, wanted):
    assert buy_amount(target_bps, replace(EMPTY, **changes), LIMITS, 5) == wanted


money = st.integers(0, 10**30)


@given(st.integers(1, BPS), money, money, money, money, money)
def test_no_amount_ever_breaks_a_limit(target, deposits, free, strategy, chain, total):
    books = Books(
        deposits=Units(deposits), free=Units(free), used_by_strategy=Units(strategy),
        used_on_chain=Units(chain), used_in_all=Units(total),
    )  # fmt: skip
    amount = buy_amount(target, books, LIMITS, 5)
    if not isinstance(amount, Refusal):
        assert amount >= 5
        assert amount <= free
        assert amount * BPS <= deposits * LIMITS.position_bps
        assert (strategy + amount) * BPS <= deposits * LIMITS.strategy_budget_bps
        assert (chain + amount) * BPS <= deposits * LIMITS.chain_exposure_bps
        assert (total + amount) * BPS <= deposits * LIMITS.total_exposure_bps
        assert amount * BPS * BPS <= deposits * LIMITS.strategy_budget_bps * target


@given(st.integers(0, 10**40), st.integers(0, BPS))
def test_a_portion_is_never_more_than_the_whole_and_the_whole_is_all(quantity, portion):
    assert 0 <= sell_amount(quantity, portion) <= quantity
    assert sell_amount(quantity, BPS) == quantity


def test_a_portion_beyond_the_whole_is_refused():
    with pytest.raises(AssertionError, match="a portion of 10001 basis points"):
        sell_amount(1, BPS + 1)
