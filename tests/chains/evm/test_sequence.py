"""Calls in sequence: what is asked, and what each kind of answer means."""

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chains.evm.sequence import CODE, answers, overrides, question
from chains.evm.wire import Call, Malformed
from tests.chains.evm.raw import ME, USDC

REASON = bytes.fromhex("08c379a0") + encode(["string"], ["no\nmore"])


def told(*results):
    return answers(encode(["(bool,bytes)[]"], [results]))


def test_the_question_is_a_call_of_run_and_the_wallet_has_its_code():
    data = question([(USDC, 5, b"xy")])
    signature = "run((address,uint256,bytes)[])"
    assert data == keccak(text=signature)[:4] + encode(["(address,uint256,bytes)[]"], [[(USDC, 5, b"xy")]])
    assert overrides(ME) == {ME: {"code": CODE}}
    assert 500 < len(CODE) // 2 < 2_000


def test_each_call_has_its_own_answer():
    assert told((True, b"1"), (False, b""), (True, b"")) == (
        Call(True, b"1"), Call(False, b"", "execution reverted"), Call(True, b"")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("output", "error"),
    [
        (REASON, "execution reverted: no more"),
        (b"\x01\x02\x03\x04", "execution reverted: 0x01020304"),
        (REASON[:4], "execution reverted:"),
        (REASON[:40], "execution reverted:"),
    ],
)
def test_a_call_that_reverted_says_why_in_the_contracts_words_or_bytes(output, error):
    assert told((False, output))[0].error == error


@pytest.mark.parametrize("output", [b"", b"\x01", bytes(31) + b"\x20" + b"\xff" * 32])
def test_anything_else_is_malformed(output):
    with pytest.raises(Malformed, match="the calls in sequence are answered with 0x"):
        answers(output)
