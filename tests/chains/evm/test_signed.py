"""What was signed is read back, and nothing shows, copies or sends the key that signed it."""

import copy
import pickle
import traceback

import pytest
import rlp
from eth_account import Account
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import replace

from actors.messages import Unsigned
from chains.evm.local_key import LocalKey
from chains.evm.signed import HIGHEST_S, checked, signer_of, tx_id_of, unsigned_of
from chains.signer import SigningError
from tests.chains.evm.signing_cases import GWEI, KEY, STRANGER, V2, WALLET, honest, transaction

SECRET = bytes.fromhex(KEY[2:])
TRANSACTION = honest(WALLET)["v2"].transaction


def shows_the_key(text):
    text = text.lower()
    forms = (KEY[2:], str(int(KEY, 16)), repr(SECRET)[2:-1], ", ".join(map(str, SECRET)))
    return any(form.lower() in text for form in forms)


@pytest.mark.parametrize("name", honest(WALLET))
def test_signed_bytes_read_back_are_the_transaction_signed_by_the_wallet(name):
    asked = honest(WALLET)[name].transaction
    raw = LocalKey(SECRET).sign(asked)
    assert unsigned_of(raw) == asked
    assert checked(raw, asked, WALLET) == tx_id_of(raw)
    assert raw == LocalKey(SECRET).sign(asked)


def test_the_id_is_the_one_that_ethereum_gives():
    signed = Account.from_key(KEY).sign_transaction(
        {"type": 2, "chainId": 1, "nonce": 1, "to": V2, "value": 1, "data": "0x", "gas": 21000,
         "maxFeePerGas": GWEI, "maxPriorityFeePerGas": 1}
    )  # fmt: skip
    assert tx_id_of(signed.raw_transaction.to_0x_hex()) == signed.hash.to_0x_hex()


numbers = st.integers(0, 2**64)


@given(st.binary(min_size=32, max_size=32), st.tuples(*[numbers] * 6), st.binary(max_size=600))
def test_the_bytes_are_those_that_eth_account_makes(key, given, data):
    chain_id, nonce, value, gas, fee, tip = given
    assume(0 < int.from_bytes(key) < 2**255)
    asked = Unsigned(chain_id + 1, nonce, V2, value, f"0x{data.hex()}", gas, fee + tip, tip)
    theirs = Account.from_key(key).sign_transaction(
        {"type": 2, "chainId": asked.chain_id, "nonce": nonce, "to": V2, "value": value, "data": asked.data,
         "gas": gas, "maxFeePerGas": fee + tip, "maxPriorityFeePerGas": tip, "accessList": ()}
    )  # fmt: skip
    raw, local = theirs.raw_transaction.to_0x_hex(), LocalKey(key)
    assert local.sign(asked) == raw
    assert local.address == Account.from_key(key).address == signer_of(raw)


def test_a_signature_that_no_node_takes_is_none():
    fields = rlp.decode(bytes.fromhex(LocalKey(SECRET).sign(TRANSACTION)[4:]))
    order = 2 * HIGHEST_S + 1
    high = [*fields[:-1], (order - int.from_bytes(fields[-1])).to_bytes(32)]
    high[-3] = b"" if fields[-3] else b"\1"
    raw = "0x02" + rlp.encode(high).hex()
    with pytest.raises(SigningError, match="no node takes it"):
        checked(raw, TRANSACTION, WALLET)


def test_bytes_of_another_transaction_or_of_another_key_are_refused():
    raw = LocalKey(SECRET).sign(TRANSACTION)
    with pytest.raises(SigningError, match="not what was asked for"):
        checked(raw, replace(TRANSACTION, nonce=8), WALLET)
    with pytest.raises(SigningError, match=f"that of {WALLET}, not of {STRANGER}"):
        checked(raw, TRANSACTION, STRANGER)
    creation = transaction("", "0x")
    with pytest.raises(SigningError, match="not what was asked for"):
        checked(LocalKey(SECRET).sign(creation), creation, WALLET)


@pytest.mark.parametrize("raw", ["0x", "0x02", "0x02c0", "0x01c0", "0xf86b", "0x02c3808080"])
def test_what_is_no_signed_transaction_of_type_2_is_refused_in_a_sentence(raw):
    with pytest.raises(ValueError, match="raw: "):
        unsigned_of(raw)


@pytest.mark.parametrize("odd", [{"to": ""}, {"accessList": [{"address": V2, "storageKeys": ()}]}])
def test_a_signed_transaction_without_a_receiver_or_with_an_access_list_is_refused(odd):
    fields = {"type": 2, "chainId": 1, "nonce": 1, "to": V2, "value": 0, "data": "0x", "gas": 60000}
    fields |= {"maxFeePerGas": GWEI, "maxPriorityFeePerGas": 1, **odd}
    raw = Account.from_key(KEY).sign_transaction(fields).raw_transaction.to_0x_hex()
    with pytest.raises(ValueError, match="raw: an access list, no receiver or no signature"):
        unsigned_of(raw)


# -- keys-apart --------------------------------------------------------------------------------------
def test_the_key_is_in_no_way_of_showing_or_sending_its_holder():
    holder = LocalKey(SECRET)
    assert repr(holder) == str(holder) == f"LocalKey({WALLET})"
    for send in (pickle.dumps, copy.copy, copy.deepcopy, json.encode):
        with pytest.raises(TypeError) as caught:
            send(holder)
        assert not shows_the_key(str(caught.value))
    assert not hasattr(holder, "__dict__")
    assert not shows_the_key(" ".join(repr(getattr(holder, name)) for name in dir(holder)))


@pytest.mark.parametrize(
    "spoiled",
    [
        transaction(V2.lower(), "0x"),
        transaction(V2, "zz"),
        transaction(V2, "0x", gas=-1),
    ],
)
def test_a_signature_that_fails_tells_of_the_transaction_and_not_of_the_key(spoiled):
    with pytest.raises(SigningError) as caught:
        LocalKey(SECRET).sign(spoiled)
    assert "these fields can not be signed" in str(caught.value)
    assert not shows_the_key("".join(traceback.format_exception(caught.value)))
    assert caught.value.__context__ is None


def test_a_key_that_is_none_is_not_repeated_in_the_error():
    for bad in (b"\xff" * 32, SECRET[:31], SECRET + b"1"):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            LocalKey(bad)
        assert not shows_the_key(str(caught.value))
        assert bad.hex() not in str(caught.value)
