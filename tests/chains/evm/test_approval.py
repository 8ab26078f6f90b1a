"""The table by which a token is approved, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains.evm.approval import Step, Token, approve, decide, token_kind, unproven
from chains.evm.values import Declined
from chains.venue import Unanswered

AMOUNT = 100
TABLE = [
    # Allowance, what the simulated approval shows, the step.
    (100, None, Step.NOTHING),
    (100, Token.ACCEPTS, Step.NOTHING),
    (100, Token.REJECTS, Step.NOTHING),
    (100, Token.ODD, Step.NOTHING),
    (0, Token.ACCEPTS, Step.EXACT),
    (0, Token.REJECTS, Declined),
    (0, Token.ODD, Declined),
    (0, None, Unanswered),
    (99, Token.ACCEPTS, Step.EXACT),
    (99, Token.REJECTS, Step.ZERO_FIRST),
    (99, Token.ODD, Declined),
    (99, None, Unanswered),
    (101, Token.ACCEPTS, Step.EXACT),  # A leftover larger than the order would let a second swap through.
    (2**256 - 1, Token.ACCEPTS, Step.EXACT),
    (2**256 - 1, Token.REJECTS, Step.ZERO_FIRST),
    (None, Token.ACCEPTS, Unanswered),
    (None, None, Unanswered),
]


@pytest.mark.parametrize(("allowance", "kind", "expected"), TABLE)
def test_a_row_of_the_table_has_this_step(allowance, kind, expected):
    step = decide(allowance, AMOUNT, kind)
    assert step == expected or (isinstance(expected, type) and type(step) is expected)


@given(st.none() | st.integers(0, 2**256 - 1), st.integers(1, 2**256 - 1), st.none() | st.sampled_from(Token))
def test_nothing_is_done_just_where_the_allowance_is_exact(allowance, amount, kind):
    assert (decide(allowance, amount, kind) is Step.NOTHING) == (allowance == amount)


@pytest.mark.parametrize("amount", [0, -1])
def test_there_is_no_approval_of_nothing(amount):
    with pytest.raises(ValueError, match="nothing to approve"):
        decide(0, amount, Token.ACCEPTS)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", Token.ACCEPTS),  # USDT.
        ((1).to_bytes(32), Token.ACCEPTS),
        (bytes(32), Token.REJECTS),
        (None, Token.REJECTS),
        ((2).to_bytes(32), Token.ODD),
        (b"\x01", Token.ODD),
        (bytes(31), Token.ODD),
        ((1).to_bytes(32) * 2, Token.ODD),
    ],
)
def test_true_and_nothing_are_accepted_and_nothing_else_is(answer, kind):
    assert token_kind(answer) is kind


@pytest.mark.parametrize(
    ("landed", "allowance", "amount", "expected"),
    [
        (True, 100, 100, None),
        (True, 101, 100, None),
        (True, 99, 100, Declined),
        (True, 0, 100, Declined),
        (True, None, 100, Unanswered),
        (False, 100, 100, Declined),
        (False, None, 100, Declined),
        (True, 0, 0, None),
        (True, 1, 0, Declined),
    ],
)
def test_only_the_allowance_proves_an_approval(landed, allowance, amount, expected):
    found = unproven(landed, allowance, amount)
    assert found is None if expected is None else type(found) is expected


def test_an_approval_is_for_a_spender_and_exactly_the_amount():
    token, spender = (
        "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    )
    call = approve(token, spender, 7)
    assert call.to == token
    assert call.data[4:] == int(spender, 16).to_bytes(32) + (7).to_bytes(32)


def test_what_was_allowed_for_another_order_is_replaced_though_it_is_just_as_much():
    assert decide(AMOUNT, AMOUNT, Token.ACCEPTS, own=False) is Step.EXACT
    assert decide(AMOUNT, AMOUNT, Token.REJECTS, own=False) is Step.ZERO_FIRST
