"""What was signed is read back, and nothing shows, copies or sends the key that signed it."""

import copy
import pickle
import traceback

import pytest
from eth_account import Account
from msgspec import json
from msgspec.structs import replace

from chains.evm.local_key import LocalKey
from chains.evm.signed import checked, tx_id_of, unsigned_of
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
