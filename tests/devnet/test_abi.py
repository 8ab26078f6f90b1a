"""Calls of contracts as bytes, beside what is published about them."""

import pytest

from chains.devnet.abi import call_data, decoded, init_code

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # Of EIP-55.
WORD = "000000000000000000000000" + ADDRESS[2:].lower()


@pytest.mark.parametrize(
    ("signature", "arguments", "data"),
    [
        ("deposit()", (), "0xd0e30db0"),
        ("transfer(address,uint256)", (ADDRESS, 255), "0xa9059cbb" + WORD + "ff".zfill(64)),
        ("f((uint256,address)[])", ([(1, ADDRESS)],), "0x" + call_data("f((uint256,address)[])", [])[2:10]
         + "20".zfill(64) + "1".zfill(64) + "1".zfill(64) + WORD),
    ],
)  # fmt: skip
def test_a_call_is_its_selector_and_its_arguments(signature, arguments, data):
    assert call_data(signature, *arguments) == data


def test_a_constructors_arguments_follow_the_code():
    assert init_code("0x6001", "(uint8)", 6) == "0x6001" + "6".zfill(64)
    assert init_code("0x6001", "()") == "0x6001"


def test_an_answer_comes_back_with_checksummed_addresses():
    assert decoded("(address,uint256)", f"0x{WORD}{'2a'.zfill(64)}") == (ADDRESS, 42)
