"""Calls and answers of contracts: against the signatures that they stand for, and against odd answers."""

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chains.evm import calldata, logs
from chains.evm.calldata import Swap, v2_swap, v3_path, v3_quote, v3_swap

ROUTER = "0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
WBTC = "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599"
ME = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def words(*values):
    return b"".join(value.to_bytes(32) for value in values)


@pytest.mark.parametrize("method", calldata.METHODS, ids=lambda method: method.name)
def test_a_selector_is_the_start_of_its_signatures_hash(method):
    assert method.selector == keccak(text=method.signature)[:4]


def test_every_method_of_the_file_is_among_those():
    assert len(calldata.METHODS) == 32
    assert len({method.selector for method in calldata.METHODS}) == 32


@pytest.mark.parametrize(
    ("topic", "signature"),
    [
        (logs.TRANSFER, "Transfer(address,address,uint256)"),
        (logs.V2_SYNC, "Sync(uint112,uint112)"),
        (logs.V2_SWAP, "Swap(address,uint256,uint256,uint256,uint256,address)"),
        (logs.V3_SWAP, "Swap(address,address,int256,int256,uint160,uint128,int24)"),
        (logs.WITHDRAWAL, "Withdrawal(address,uint256)"),
    ],
)
def test_a_topic_is_its_events_hash(topic, signature):
    assert topic == "0x" + keccak(text=signature).hex()


# -- calls -------------------------------------------------------------------------------------------
def swap(**changed):
    usual = {"path": (USDC, WETH), "amount_in": 10**9, "min_amount_out": 5, "recipient": ME, "deadline": 99}
    return Swap(**usual | changed)


def test_an_approval_is_the_bytes_that_everybody_knows():
    call = calldata.APPROVE.on(USDC, ROUTER, 10**9)
    assert call.to == USDC
    assert call.data.hex() == (
        "095ea7b300000000000000000000000068b3465833fb72a70ecdf485e0e4c7bd8665fc45"
        "000000000000000000000000000000000000000000000000000000003b9aca00"
    )


@pytest.mark.parametrize(("taxed", "selector"), [(False, "38ed1739"), (True, "5c11d795")])
def test_a_v2_swap_says_amounts_path_recipient_and_deadline(taxed, selector):
    call = v2_swap(ROUTER, swap(path=(USDC, WETH, WBTC)), taxed)
    path = [int(token, 16) for token in (USDC, WETH, WBTC)]
    assert (call.to, call.value) == (ROUTER, 0)
    assert call.data == bytes.fromhex(selector) + words(10**9, 5, 0xA0, int(ME, 16), 99, 3, *path)


def test_a_v3_swap_has_its_deadline_in_the_multicall_around_it():
    inner = bytes.fromhex("04e45aaf") + words(int(USDC, 16), int(WETH, 16), 500, int(ME, 16), 10**9, 5, 0)
    expected = words(99, 0x40, 1, 0x20, len(inner)) + inner + bytes(-len(inner) % 32)
    assert v3_swap(ROUTER, swap(), (500,)).data == bytes.fromhex("5ae401dc") + expected


def test_a_v3_swap_over_a_token_in_the_middle_packs_its_path():
    path = v3_path((USDC, WETH, WBTC), (500, 3_000))
    assert path.hex() == (USDC[2:] + "0001f4" + WETH[2:] + "000bb8" + WBTC[2:]).lower()
    data = v3_swap(ROUTER, swap(path=(USDC, WETH, WBTC)), (500, 3_000)).data
    assert bytes.fromhex("b858183f") in data
    assert path in data


@pytest.mark.parametrize(("taxed", "selector"), [(False, "7ff36ab5"), (True, "b6f9de95")])
def test_a_v2_swap_of_the_native_coin_sends_what_it_pays(taxed, selector):
    call = v2_swap(ROUTER, swap(path=(WETH, USDC), pays_native=True), taxed)
    path = int(WETH, 16), int(USDC, 16)
    assert (call.to, call.value) == (ROUTER, 10**9)
    assert call.data == bytes.fromhex(selector) + words(5, 0x80, int(ME, 16), 99, 2, *path)


@pytest.mark.parametrize(("taxed", "selector"), [(False, "18cbafe5"), (True, "791ac947")])
def test_a_v2_swap_for_the_native_coin_is_one_for_its_wrapped_form_by_another_name(taxed, selector):
    call, plain = (v2_swap(ROUTER, swap(gets_native=native), taxed) for native in (True, False))
    assert (call.data[:4].hex(), call.data[4:], call.value) == (selector, plain.data[4:], 0)


def test_a_v3_swap_of_the_native_coin_is_one_of_its_wrapped_form_with_a_value():
    paid, plain = (
        v3_swap(ROUTER, swap(path=(WETH, USDC), pays_native=each), (500,)) for each in (True, False)
    )
    assert (paid.data, paid.value, plain.value) == (plain.data, 10**9, 0)


@pytest.mark.parametrize("path", [(USDC, WETH), (USDC, WBTC, WETH)])
def test_a_v3_swap_for_the_native_coin_pays_the_router_which_unwraps_for_us(path):
    fees = (500,) * (len(path) - 1)
    deadline, calls = decode(
        ["uint256", "bytes[]"], v3_swap(ROUTER, swap(path=path, gets_native=True), fees).data[4:]
    )
    inner = bytes.fromhex(
        v3_swap(ROUTER, swap(path=path), fees).data.hex().replace(ME[2:].lower(), "2".zfill(40))
    )
    assert deadline == 99
    assert calls == (
        decode(["uint256", "bytes[]"], inner[4:])[1][0],
        bytes.fromhex("49404b7c") + words(5, int(ME, 16)),
    )


def test_a_quote_of_v3_takes_the_form_of_its_path():
    assert v3_quote(ROUTER, (USDC, WETH), (500,), 7).data[:4].hex() == "c6a5026a"
    assert v3_quote(ROUTER, (USDC, WETH, WBTC), (500, 100), 7).data[:4].hex() == "cdca1753"


def test_a_transfer_of_nothing_has_neither_data_nor_value():
    call = calldata.nothing(ME)
    assert (call.to, call.data, call.value) == (ME, b"", 0)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"amount_in": 0}, "amount_in is 0"),  # SwapRouter02: all that the router holds.
        ({"amount_in": -1}, "amount_in is -1"),
        ({"amount_in": 2**256}, "can not be called"),
        ({"min_amount_out": 0}, "min_amount_out is 0"),
        ({"path": (USDC,)}, "path is"),
        ({"path": (USDC, WETH, USDC)}, "path is"),
        ({"path": (USDC.lower(), WETH)}, "checksummed"),
        ({"recipient": ME.lower()}, "recipient is"),
        ({"recipient": "0x0000000000000000000000000000000000000001"}, "a meaning of their own"),
        ({"recipient": "0x0000000000000000000000000000000000000002"}, "a meaning of their own"),
        ({"deadline": -1}, "can not be called"),
        ({"pays_native": True, "gets_native": True}, "for itself"),
        ({"pays_native": True, "amount_in": 0}, "amount_in is 0"),
        ({"gets_native": True, "min_amount_out": 0}, "min_amount_out is 0"),
    ],
)
@pytest.mark.parametrize(
    "make", [lambda one: v2_swap(ROUTER, one, False), lambda one: v3_swap(ROUTER, one, (500,))]
)
def test_a_swap_that_would_mean_something_else_is_not_made(changed, sentence, make):
    with pytest.raises(ValueError, match=sentence):
        make(swap(**changed))


@pytest.mark.parametrize("fees", [(), (500, 500)])
def test_a_path_has_a_tier_for_each_hop(fees):
    with pytest.raises(ValueError, match="fee tiers"):
        v3_path((USDC, WETH), fees)


def test_a_contract_is_named_with_its_capital_letters():
    with pytest.raises(ValueError, match="the contract of approve"):
        calldata.APPROVE.on(USDC.lower(), ROUTER, 1)


# -- answers -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "method", [each for each in calldata.METHODS if each.outputs], ids=lambda each: each.name
)
@pytest.mark.parametrize("answer", [b"", b"\x01", bytes(31), b"\xff" * 33])
def test_an_answer_that_is_none_names_its_call(method, answer):
    with pytest.raises(ValueError, match=method.name):
        method.read(answer)


ODD = [
    (calldata.GET_RESERVES, words(1, 2), "64 bytes, not 96"),
    (calldata.GET_RESERVES, words(1, 2, 3, 4), "128 bytes, not 96"),
    (calldata.GET_RESERVES, words(1 << 112, 2, 3), "getReserves answered"),
    (calldata.DECIMALS, words(256), "decimals answered"),
    (calldata.TOKEN0, words(1 << 160), "token0 answered"),
    (calldata.SLOT0, words(1, 1 << 30, 0, 1, 1, 0, 1), "slot0 answered"),
    (calldata.APPROVE, words(2), "approve answered"),
    (calldata.GET_AMOUNTS_OUT, words(0x20, 3, 1, 2), "getAmountsOut answered"),
    (calldata.GET_AMOUNTS_OUT, words(1 << 255, 0), "getAmountsOut answered"),
]


@pytest.mark.parametrize(("method", "answer", "sentence"), ODD)
def test_an_answer_that_is_out_of_shape_or_range_is_refused(method, answer, sentence):
    with pytest.raises(ValueError, match=sentence):
        method.read(answer)


@given(st.sampled_from([each for each in calldata.METHODS if each.outputs]), st.binary(max_size=400))
def test_whatever_a_node_answers_is_read_or_refused_in_a_sentence(method, answer):
    try:
        assert len(method.read(answer)) == len(method.outputs)
    except ValueError as error:
        assert method.name in str(error)  # noqa: PT017


@given(st.integers(0, 2**112 - 1), st.integers(0, 2**112 - 1), st.integers(0, 2**32 - 1))
def test_what_was_answered_is_what_is_read(one, other, at):
    assert calldata.GET_RESERVES.read(words(one, other, at)) == (one, other, at)


def test_an_address_is_read_with_its_capital_letters_and_zero_is_none():
    assert calldata.read_address(calldata.GET_PAIR, words(int(WETH, 16))) == WETH
    assert calldata.read_address(calldata.GET_PAIR, words(0)) is None


@pytest.mark.parametrize("decimals", [37, 255])
def test_more_decimals_than_can_be_traded_are_refused(decimals):
    assert calldata.read_decimals(words(36)) == 36
    with pytest.raises(ValueError, match=f"decimals answered {decimals}"):
        calldata.read_decimals(words(decimals))


@pytest.mark.parametrize(
    ("answer", "symbol"),
    [
        (encode(["string"], ["WETH"]), "WETH"),
        (b"MKR".ljust(32, b"\0"), "MKR"),
        (encode(["string"], ["A\x1b[31m\nB\u202e"]), "A[31mB"),
        (encode(["string"], ["X" * 500]), "X" * 32),
    ],
)
def test_a_symbol_is_text_that_can_be_printed(answer, symbol):
    assert calldata.read_symbol(answer) == symbol


@pytest.mark.parametrize("answer", [b"", bytes(32), encode(["string"], [""]), b"\x00" * 7])
def test_a_token_without_a_symbol_is_refused(answer):
    with pytest.raises(ValueError, match="symbol answered"):
        calldata.read_symbol(answer)


def test_as_many_amounts_come_out_as_there_are_tokens():
    answer = encode(["uint256[]"], [[1, 2]])
    assert calldata.read_amounts((USDC, WETH), answer) == (1, 2)
    with pytest.raises(ValueError, match="2 amounts for a path of 3"):
        calldata.read_amounts((USDC, WETH, WBTC), answer)
