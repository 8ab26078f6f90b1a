"""What a wallet owns for good, on a real node: gas that was sent to it counts once no reorg can undo it."""

import asyncio

from chains.devnet.wallets import OWNER, TRADER
from chains.evm.desk import desk_of
from chains.evm.nodes import nodes_of
from chains.evm.venue import EvmVenue
from chains.venue import Purse, Unanswered
from tests.devnet.trading.desk import CHAIN
from tests.devnet.trading.quoting import settings_of

DEPTH = 4
COIN = f"{CHAIN}:ETH"


def purse(net, asset, urls=None):
    settings = settings_of(net, urls=urls, final_depth=DEPTH, booked_depth=1)

    async def asked():
        nodes = nodes_of(settings.evm)
        try:
            return await EvmVenue(nodes, desk_of(settings)).purse(asset)
        finally:
            await nodes.close()

    return asyncio.run(asked())


def test_gas_that_arrives_counts_when_it_is_final_and_not_a_block_before(devnet):
    devnet.mine(DEPTH)
    before = purse(devnet, COIN)
    devnet.send(OWNER, TRADER.address, value=12_345)
    devnet.mine(DEPTH - 2)
    assert purse(devnet, COIN) == before
    devnet.mine()
    assert purse(devnet, COIN) == Purse(before.nonce, before.amount + 12_345)


def test_what_the_wallet_has_spent_and_its_nonce_are_of_the_same_block(devnet):
    devnet.mine(DEPTH)
    before = purse(devnet, COIN)
    paid = devnet.send(TRADER, OWNER.address, value=7)
    cost = 7 + int(paid["gasUsed"], 16) * int(paid["effectiveGasPrice"], 16)
    devnet.mine(DEPTH - 2)
    assert purse(devnet, COIN) == before
    devnet.mine()
    assert purse(devnet, COIN) == Purse(before.nonce + 1, before.amount - cost)


def test_a_token_has_a_purse_too(devnet):
    asset = f"{CHAIN}:{devnet.address_of(devnet.addresses.quote)}"
    devnet.mine(DEPTH)
    before = purse(devnet, asset)
    devnet.give(devnet.addresses.quote, TRADER.address, 5)
    assert purse(devnet, asset) == before
    devnet.mine(DEPTH - 1)
    assert purse(devnet, asset) == Purse(before.nonce, before.amount + 5)


def test_a_purse_that_nobody_tells_is_unknown_and_not_empty(devnet):
    assert isinstance(purse(devnet, COIN, urls=("http://127.0.0.1:9", "http://127.0.0.1:10")), Unanswered)
