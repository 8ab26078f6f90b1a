"""Our bytes against eth_abi's, for every call that we make and every kind of answer."""

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from chains.evm.abi import decoded, encoded
from chains.evm.calldata import METHODS

NUMBERS = {"bool": (0, 1)}
for bits in range(8, 257, 8):
    NUMBERS[f"uint{bits}"] = 0, (1 << bits) - 1
    NUMBERS[f"int{bits}"] = -(1 << bits - 1), (1 << bits - 1) - 1
ADDRESSES = st.binary(min_size=20, max_size=20).map(to_checksum_address)


def values(kind):
    if kind.endswith("[]"):
        return st.lists(values(kind[:-2]), max_size=5).map(tuple)
    if kind.startswith("("):
        return st.tuples(*map(values, kind[1:-1].split(",")))
    if kind == "address":
        return ADDRESSES
    return st.binary(max_size=100) if kind == "bytes" else st.integers(*NUMBERS[kind])


INPUTS = sorted({method.inputs for method in METHODS})
OUTPUTS = sorted(
    {m.outputs for m in METHODS if not any(k in {"string", "bytes"} or "[]" in k for k in m.outputs)}
)


@given(st.data())
def test_every_call_of_ours_is_encoded_as_eth_abi_does(data):
    kinds = data.draw(st.sampled_from(INPUTS))
    given_ = data.draw(st.tuples(*map(values, kinds)))
    assert encoded(kinds, given_) == encode(kinds, given_)


@given(st.data())
def test_every_answer_is_read_as_it_was_written(data):
    kinds = data.draw(st.sampled_from(OUTPUTS))
    given_ = data.draw(st.tuples(*map(values, kinds)))
    plain = tuple(bool(value) if kind == "bool" else value for kind, value in zip(kinds, given_, strict=True))
    assert decoded(kinds, encode(kinds, plain)) == plain


@pytest.mark.parametrize("kind", ["uint8", "uint160", "int24", "int128", "int256", "bool", "uint256"])
def test_a_number_out_of_its_range_is_neither_written_nor_read(kind):
    least, most = NUMBERS[kind]
    for number in (least - 1, most + 1):
        if kind != "bool":
            with pytest.raises(OverflowError):
                encoded([kind], [number])
        if -(1 << 255) <= number < 1 << 256 and not kind.endswith("256"):
            with pytest.raises(ValueError, match=f"is no {kind}"):
                decoded([kind], number.to_bytes(32, signed=number < 0))


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uint8", "1"), ("uint8", 1.0), ("uint8", True), ("uint8", None), ("address", "0x12"), ("address", 5),
     ("address", "0x" + "zz" * 20), ("bytes", 5), ("address[]", 5), ("(uint8,uint8)", (1,)),
     ("string", "x"), ("uint", 1)],
)  # fmt: skip
def test_what_is_not_of_its_kind_is_refused(kind, value):
    with pytest.raises((TypeError, ValueError)):
        encoded([kind], [value])


@pytest.mark.parametrize("answer", [b"", bytes(31), bytes(33), bytes(64)])
def test_an_answer_of_another_length_is_refused(answer):
    with pytest.raises(ValueError, match="no 1 words"):
        decoded(["uint256"], answer)


def test_an_address_with_more_than_20_bytes_is_refused():
    with pytest.raises(ValueError, match="is no address"):
        decoded(["address"], bytes(11) + b"\1" + bytes(20))
