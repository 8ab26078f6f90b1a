"""Fees of EIP-1559: never over the cap on what is signed, and a replacement that every node takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.evm.fees import CAP, GWEI, Fees, gas_limit, most, offer, replacement
from chains.evm.values import Declined

wei = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("base", "tip", "cap", "expected"),
    [
        (10 * GWEI, GWEI, CAP, Fees(21 * GWEI, GWEI)),
        (30 * GWEI, GWEI, CAP, Fees(50 * GWEI, GWEI)),  # Not 61.
        (49 * GWEI, GWEI, CAP, Fees(50 * GWEI, GWEI)),
        (0, 0, CAP, Fees(0, 0)),
        (5, 2, 100, Fees(12, 2)),
    ],
)
def test_an_offer_leaves_room_for_the_base_fee_to_double_within_the_cap(base, tip, cap, expected):
    assert offer(base, tip, cap) == expected


def test_the_cap_is_50_gwei_unless_another_is_given():
    assert isinstance(offer(49 * GWEI, 2 * GWEI), Declined)
    assert isinstance(offer(49 * GWEI, 2 * GWEI, 51 * GWEI), Fees)


def test_a_base_fee_over_the_cap_is_declined_with_its_numbers():
    assert offer(95, 6, 100) == Declined(
        "the base fee of 95 wei and the tip of 6 wei are over the cap of 100 wei"
    )


@given(wei, wei, wei)
def test_an_offer_can_be_mined_now_and_is_within_the_cap_or_there_is_none(base, tip, cap):
    fees = offer(base, tip, cap)
    if isinstance(fees, Declined):
        assert base + tip > cap
    else:
        assert base + tip <= fees.max_fee_per_gas <= cap
        assert fees.tip == tip


@given(wei, wei, wei, wei, st.integers(0, 10**13))
def test_a_replacement_pays_an_eighth_more_in_both_fields_within_the_cap_or_there_is_none(
    old_base, old_tip, base, tip, cap
):
    old = offer(old_base, old_tip, cap)
    if isinstance(old, Declined):
        return
    new = replacement(old, base, tip, cap)
    if isinstance(new, Declined):
        raised = (-(-old.max_fee_per_gas * 9 // 8), old.max_fee_per_gas + 1)
        assert max(*raised, -(-old.tip * 9 // 8), old.tip + 1, base) > cap
    else:
        assert new.max_fee_per_gas * 8 >= old.max_fee_per_gas * 9
        assert new.tip * 8 >= old.tip * 9
        assert new.max_fee_per_gas > old.max_fee_per_gas
        assert new.tip > old.tip  # geth takes nothing less, 0 included.
        assert base <= new.max_fee_per_gas <= cap
        assert new.tip <= new.max_fee_per_gas


@pytest.mark.parametrize(
    ("base", "tip", "expected"),
    [
        (5, 2, Fees(23, 4)),  # An eighth more.
        (20, 3, Fees(43, 4)),  # More, for the market asks for more.
        (1, 30, Fees(32, 30)),
        (96, 2, Fees(100, 4)),
    ],
)
def test_a_replacement_follows_the_market(base, tip, expected):
    assert replacement(Fees(20, 3), base, tip, 100) == expected


@pytest.mark.parametrize(("base", "cap"), [(5, 22), (101, 100)])
def test_a_replacement_over_the_cap_is_declined(base, cap):
    found = replacement(Fees(20, 3), base, 0, cap)
    assert isinstance(found, Declined)
    assert f"over the cap of {cap} wei" in found.sentence


@pytest.mark.parametrize(("estimate", "margin", "limit"), [(21_000, 0, 21_000), (100_001, 2_000, 120_002)])
def test_the_gas_limit_is_the_estimate_and_its_margin_rounded_up(estimate, margin, limit):
    assert gas_limit(estimate, margin) == limit


@pytest.mark.parametrize("estimate", [0, 20_999])
def test_an_estimate_that_no_transaction_has_is_refused(estimate):
    with pytest.raises(ValueError, match="estimate of gas"):
        gas_limit(estimate, 2_000)


def test_the_most_that_it_costs_is_all_gas_at_the_highest_price_and_the_fee_of_l1():
    assert most(100_000, Fees(30, 2)) == 3_000_000
    assert most(100_000, Fees(30, 2), 77) == 3_000_077


@pytest.mark.parametrize("negative", [(-1, 0, 1), (0, -1, 1), (0, 0, -1)])
def test_a_negative_fee_is_refused(negative):
    with pytest.raises(ValueError, match="not negative"):
        offer(*negative)
    with pytest.raises(ValueError, match="not negative"):
        replacement(Fees(1, 1), *negative)
