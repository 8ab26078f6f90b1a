"""Events out of logs: only those that have the shape of their event."""

import pytest

from chains.evm import wire
from chains.evm.logs import PoolSwap, Sync, Transfer, in_order, swap, sync, transfer, unwrapped
from chains.evm.values import ZERO_ADDRESS
from tests.chains.evm import raw
from tests.chains.evm.raw import ME, POOL, ROUTER, USDC, WETH, words


def test_a_transfer_is_read_with_addresses_that_have_their_capital_letters():
    assert transfer(wire.log(raw.transfer(USDC, ME, POOL, 7))) == Transfer(USDC, ME, POOL, 7)


def test_an_erc721_transfer_is_none():
    entry = raw.transfer(USDC, ME, POOL, 7)
    entry["topics"].append(words(7))
    assert transfer(wire.log(entry | {"data": "0x"})) is None
    assert transfer(wire.log(entry)) is None


def test_a_swap_of_either_version_is_what_went_in_and_out():
    assert swap(wire.log(raw.v2_swap(POOL, ME, (1, 2, 3, 4)))) == PoolSwap(POOL, ROUTER, ME, 1, 2, 3, 4)
    found = swap(wire.log(raw.v3_swap(POOL, ME, (-5, 6), root=9, liquidity=8)))
    assert found == PoolSwap(POOL, ROUTER, ME, 0, 6, 5, 0, 9, 8)


def test_a_sync_is_the_reserves():
    assert sync(wire.log(raw.sync(POOL, (1, 2)))) == Sync(POOL, 1, 2)


@pytest.mark.parametrize(
    ("entry", "amount"),
    [
        (raw.withdrawal(ROUTER, 7), 7),
        (raw.transfer(WETH, ROUTER, ZERO_ADDRESS, 7), 7),  # As Arbitrum's does it.
        (raw.withdrawal(ME, 7), None),
        (raw.withdrawal(ROUTER, 7, wrapped=USDC), None),
        (raw.transfer(WETH, ROUTER, ME, 7), None),
        (raw.transfer(WETH, ME, ZERO_ADDRESS, 7), None),
        (raw.transfer(USDC, ROUTER, ZERO_ADDRESS, 7), None),
        (raw.withdrawal(ROUTER, 7) | {"data": words(7, 7)}, None),
    ],
)
def test_what_a_router_unwraps_is_said_by_the_wrapped_coin_alone(entry, amount):
    assert unwrapped(wire.log(entry), WETH, ROUTER) == amount


@pytest.mark.parametrize("read", [transfer, swap, sync, lambda log: unwrapped(log, WETH, ROUTER)])
@pytest.mark.parametrize(
    "entry",
    [
        raw.log(WETH, [], "0x", 0),
        raw.log(WETH, [words(1)], words(1), 0),
        raw.transfer(USDC, ME, POOL, 7) | {"data": words(1, 2)},
        raw.v2_swap(POOL, ME, (1, 2, 3, 4)) | {"data": words(1, 2, 3)},
        raw.v3_swap(POOL, ME, (1, 2)) | {"data": "0x00"},
        raw.sync(POOL, (1, 2)) | {"data": "0x"},
    ],
)
def test_what_has_not_the_shape_of_an_event_is_none(read, entry):
    assert read(wire.log(entry)) is None


def test_logs_come_in_the_order_of_the_chain():
    entries = [raw.sync(POOL, (at, at), index=at) for at in (3, 1, 2)]
    assert [log.index for log in in_order(map(wire.log, entries))] == [1, 2, 3]
    entries.append(raw.sync(POOL, (1, 1), index=9) | {"blockNumber": hex(raw.BLOCK - 1)})
    assert [log.index for log in in_order(map(wire.log, entries))] == [9, 1, 2, 3]


def test_two_logs_at_one_place_are_refused():
    entries = [raw.sync(POOL, (1, 1)), raw.sync(POOL, (2, 2))]
    with pytest.raises(ValueError, match="same block and index"):
        in_order(map(wire.log, entries))


@pytest.mark.parametrize("change", [0, 1, -1, 2**254, -(2**254), 2**255 - 1, -(2**255)])
def test_what_a_v3_pool_gained_went_in_and_what_it_lost_went_out(change):
    found = swap(wire.log(raw.v3_swap(POOL, ME, (change, 0))))
    assert (found.in0, found.out0) == (max(change, 0), max(-change, 0))
