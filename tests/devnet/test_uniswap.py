"""Our arithmetic, our calls and our reading of receipts against the real contracts on a real node."""

import pytest

from chains.devnet.odd import Behaviour
from chains.devnet.wallets import OWNER
from chains.evm import calldata, wire
from chains.evm.calldata import Swap
from chains.evm.receipts import Sent, Trade, cost, fill
from chains.evm.routes import Version, swap_call
from tests.devnet.uniswap import (
    ME,
    approved,
    asked,
    ours,
    pools,
    route,
    routers,
    sent,
    theirs,
    traded,
)

WAYS = [
    (Version.V2, ("USDC", "WETH"), (3_000,)),
    (Version.V2, ("USDC", "EURC"), (3_000,)),
    (Version.V2, ("USDC", "WETH", "WBTC"), (3_000, 3_000)),
    (Version.V3, ("USDC", "WETH"), (100,)),
    (Version.V3, ("USDC", "WETH"), (500,)),
    (Version.V3, ("USDC", "WETH"), (3_000,)),
    (Version.V3, ("USDC", "WETH"), (10_000,)),
    (Version.V3, ("USDC", "WBTC"), (3_000,)),
    (Version.V3, ("USDC", "LINK"), (3_000,)),
    (Version.V3, ("USDC", "EURC"), (3_000,)),
    (Version.V3, ("USDC", "WETH", "WBTC"), (100, 500)),
]
# Of USDC: dust, ordinary, and so much that the narrow position is left.
AMOUNTS = (1_234, 25_000_000_000, 900_000_000_007)


@pytest.mark.parametrize(("version", "symbols", "fees"), WAYS)
def test_our_quote_is_the_contracts_quote_and_the_fill_there_and_back(devnet, version, symbols, fees):
    way = route(devnet, version, symbols, fees)
    for amount_in in AMOUNTS:
        expected, before = ours(devnet, way, amount_in), devnet.balance(symbols[-1], ME)
        assert theirs(devnet, way, amount_in) == expected > 0
        raw, got = traded(devnet, way, amount_in, expected)
        assert (got.landed, got.amount_in, got.amount_out) == (True, amount_in, expected)
        assert devnet.balance(symbols[-1], ME) - before == expected
        assert got.fee == int(raw["gasUsed"], 16) * int(raw["effectiveGasPrice"], 16) > 0
        back = way.backwards
        assert ours(devnet, back, expected) == traded(devnet, back, expected)[1].amount_out


def test_a_route_whose_pool_is_not_there_has_no_address_and_its_quote_reverts(devnet):
    way = route(devnet, Version.V3, ("USDC", "ODD"), (500,))
    assert pools(devnet, way) == (None,)
    with pytest.raises(Exception, match="revert"):
        theirs(devnet, way, 10**6)


@pytest.mark.parametrize("version", Version)
def test_less_than_the_order_takes_is_no_fill_but_a_fee(devnet, version):
    way = route(devnet, version, ("USDC", "WETH"), (3_000,))
    raw, got = traded(devnet, way, 10**9, ours(devnet, way, 10**9) + 1)
    assert (got.landed, got.amount_in, got.amount_out) == (False, 0, 0)
    assert got.fee == int(raw["gasUsed"], 16) * int(raw["effectiveGasPrice"], 16) > 0


@pytest.mark.parametrize("version", Version)
def test_after_its_deadline_a_swap_does_nothing(devnet, version):
    way = route(devnet, version, ("USDC", "WETH"), (3_000,))
    approved(devnet, way.path[0], routers(devnet)[version], 10**9)
    swap = Swap(path=way.path, amount_in=10**9, min_amount_out=1, recipient=ME, deadline=1)
    assert sent(devnet, swap_call(way, routers(devnet), swap))["status"] == "0x0"


def test_a_token_that_keeps_a_part_is_counted_as_it_arrived(devnet):
    devnet.behave(Behaviour(transfer_fee_bps=300, sell_fee_bps=200))
    way = route(devnet, Version.V2, ("USDC", "ODD"), (3_000,))
    quoted, before = ours(devnet, way, 10**9), devnet.balance("ODD", ME)
    _, bought = traded(devnet, way, 10**9, taxed=True)
    assert bought.amount_out == devnet.balance("ODD", ME) - before
    assert quoted * 97 // 100 <= bought.amount_out < quoted * 9_701 // 10_000
    money = devnet.balance("USDC", ME)
    _, sold = traded(devnet, way.backwards, bought.amount_out, taxed=True)
    assert (sold.amount_in, sold.amount_out) == (bought.amount_out, devnet.balance("USDC", ME) - money)
    assert devnet.balance("ODD", ME) == before


def test_the_plain_swap_of_such_a_token_reverts_and_v3_is_not_tried(devnet):
    devnet.behave(Behaviour(transfer_fee_bps=300))
    way = route(devnet, Version.V2, ("USDC", "ODD"), (3_000,))
    _, bought = traded(devnet, way, 10**9, taxed=True)
    raw, sold = traded(devnet, way.backwards, bought.amount_out)
    assert (raw["status"], sold.landed, sold.amount_in, sold.amount_out) == ("0x0", False, 0, 0)
    with pytest.raises(ValueError, match="V2 route"):
        traded(devnet, route(devnet, Version.V3, ("USDC", "WETH"), (3_000,)), 10**6, taxed=True)


def test_a_cancellation_moves_nothing_but_its_fee(devnet):
    cancelled = sent(devnet, calldata.nothing(ME))
    assert int(cancelled["gasUsed"], 16) == 21_000
    found = cost(wire.receipt(cancelled), Sent(cancelled["transactionHash"], ME), 7)
    assert (found.landed, found.amount_in, found.amount_out, found.at_ns) == (True, 0, 0, 7)
    assert found.fee == int(cancelled["gasUsed"], 16) * int(cancelled["effectiveGasPrice"], 16)


def test_another_transactions_receipt_is_never_taken_for_ours(devnet):
    way = route(devnet, Version.V2, ("USDC", "WETH"), (3_000,))
    raw, _ = traded(devnet, way, 10**9)
    trade = Trade(way.version, way.path, pools(devnet, way), 10**9, 1, devnet.addresses.v2_router)
    with pytest.raises(ValueError, match="asked was for"):
        fill(wire.receipt(raw), Sent("0x" + "00" * 32, ME), trade, 1)
    with pytest.raises(ValueError, match="sender"):
        fill(wire.receipt(raw), Sent(raw["transactionHash"], OWNER.address), trade, 1)
    other = route(devnet, Version.V3, ("USDC", "WETH"), (500,))
    elsewhere = Trade(Version.V3, way.path, pools(devnet, other), 1, 1, devnet.addresses.v3_router)
    with pytest.raises(ValueError, match="0 swaps"):
        fill(wire.receipt(raw), Sent(raw["transactionHash"], ME), elsewhere, 1)


def test_what_tokens_and_pairs_say_of_themselves_is_read(devnet):
    usdc, weth = devnet.address_of("USDC"), devnet.address_of("WETH")
    assert calldata.read_decimals(asked(devnet, calldata.DECIMALS.on(usdc))) == 6
    assert calldata.read_symbol(asked(devnet, calldata.SYMBOL.on(weth))) == "WETH"
    (pair,) = pools(devnet, route(devnet, Version.V2, ("USDC", "WETH"), (3_000,)))
    tokens = [
        calldata.read_address(method, asked(devnet, method.on(pair)))
        for method in (calldata.TOKEN0, calldata.TOKEN1)
    ]
    assert tokens == sorted((usdc, weth), key=lambda token: int(token, 16))
    (pool,) = pools(devnet, route(devnet, Version.V3, ("USDC", "WETH"), (500,)))
    assert calldata.read_uint(calldata.FEE, asked(devnet, calldata.FEE.on(pool))) == 500
    for contract in (ME, devnet.addresses.v2_router):
        with pytest.raises(Exception, match=r"nothing|revert"):
            calldata.read_decimals(asked(devnet, calldata.DECIMALS.on(contract)))
