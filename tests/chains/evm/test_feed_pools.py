"""The pools of the configuration, as a node of any honesty describes them: each fault has its sentence."""

import asyncio

import pytest
from eth_abi.abi import encode
from msgspec.structs import replace

from chains.evm import calldata, feed_fold, feed_pools
from chains.evm.networks import KNOWN
from chains.evm.node import Revert
from chains.evm.values import ZERO_ADDRESS, Declined
from chains.evm.wire import Block
from chains.venue import Unanswered
from tests.chains.evm import raw
from tests.chains.evm.raw import ME, POOL, POOL_2, USDC, WBTC, WETH

NETWORK = KNOWN["ethereum"]
BLOCK = Block(100, "0x" + "aa" * 32, "0x" + "bb" * 32, 10**18, None)
SILENCE = Unanswered("no answer")
V3 = raw.ROUTER  # Any address will do.


class Node:
    """It answers from a table of (contract, method), and remembers what it was asked."""

    def __init__(self, name="node"):
        self.name, self.answers, self.silent_at, self.asked = name, {}, None, 0
        self.codes = {POOL: b"\1", POOL_2: b"\1", V3: b"\1"}

    def say(self, contract, method, *values, kinds=None):
        self.answers[contract, method.selector] = encode(kinds or method.outputs, values)
        return self

    def _silent(self):
        self.asked += 1
        return self.silent_at is not None and self.asked - 1 == self.silent_at

    async def head(self):
        return SILENCE if self._silent() else BLOCK

    async def code(self, contract, at):
        assert at == BLOCK.hash
        return SILENCE if self._silent() else self.codes.get(contract, b"")

    async def call(self, ask, at="latest"):  # noqa: ARG002  Factories are asked at the newest block.
        if self._silent():
            return SILENCE
        key = (ask.to, ask.data[:4])
        return self.answers.get((*key, ask.data[4:]), self.answers.get(key, Revert("no such function")))


def token(node, address, decimals, symbol):
    return node.say(address, calldata.DECIMALS, decimals).say(address, calldata.SYMBOL, symbol)


def v2(node, pool, token0, token1, reserves=(3 * 10**12, 10**21)):
    node.say(pool, calldata.TOKEN0, token0).say(pool, calldata.TOKEN1, token1)
    node.say(pool, calldata.GET_RESERVES, *reserves, 0)
    key = calldata.GET_PAIR.data(token0, token1)
    node.answers[NETWORK.v2_factory, key[:4], key[4:]] = encode(["address"], [pool])


def v3(node, pool, token0, token1, root=1 << 96, liquidity=10**18, fee=500):
    node.say(pool, calldata.TOKEN0, token0).say(pool, calldata.TOKEN1, token1).say(pool, calldata.FEE, fee)
    node.say(pool, calldata.SLOT0, root, 0, 0, 0, 0, 0, True).say(pool, calldata.LIQUIDITY, liquidity)
    key = calldata.GET_POOL.data(token0, token1, fee)
    node.answers[NETWORK.v3_factory, key[:4], key[4:]] = encode(["address"], [pool])


def honest(name="node"):
    node = Node(name)
    for address, decimals, symbol in (
        (USDC, 6, "USDC"),
        (WETH, 18, "WETH"),
        (WBTC, 8, "WBTC"),
        (ME, 18, "X"),
    ):
        token(node, address, decimals, symbol)
    v2(node, POOL, USDC, WETH)
    v3(node, POOL_2, WBTC, WETH)
    v3(node, V3, WBTC, USDC)
    return node


def looked(node, pools=(POOL, POOL_2), others=(), network=NETWORK):
    """What is found, and then read."""

    async def both():
        found = await feed_pools.found(node, others, network, pools)
        if not isinstance(found, feed_pools.Found):
            return found
        read = await feed_pools.states(node, found.pools, feed_fold.markets(found.listings), BLOCK)
        return (found, read) if isinstance(read, dict) else read

    return asyncio.run(both())


def test_pools_are_what_the_chain_says_with_real_decimals_and_fees():
    found, read = looked(honest())
    coin, bitcoin = (listing.instrument for listing in found.listings)
    assert (coin.token, coin.quote) == (f"ethereum:{WETH}", f"ethereum:{USDC}")
    assert (coin.token_decimals, coin.quote_decimals, coin.fee_pips) == (18, 6, 3_000)
    assert (bitcoin.token, bitcoin.quote) == (f"ethereum:{WBTC}", f"ethereum:{USDC}")
    assert (bitcoin.token_decimals, bitcoin.quote_decimals, bitcoin.fee_pips) == (8, 6, 3_499)
    assert found.symbols == {
        f"ethereum:{USDC}": "USDC",
        f"ethereum:{WETH}": "WETH",
        f"ethereum:{WBTC}": "WBTC",
    }
    assert read[POOL].price == 3_000 * 10**6 * 10**12
    assert (read[POOL].reserve_quote, read[POOL].reserve_token) == (3 * 10**12, 10**21)


def test_where_the_coin_itself_is_paid_with_tokens_are_priced_in_it_by_their_pool_or_through_the_stable():
    found, read = looked(honest(), (POOL, V3), network=replace(NETWORK, native_as="quote"))
    dollar, bitcoin = (listing.instrument for listing in found.listings)
    assert (dollar.token, dollar.quote) == (f"ethereum:{USDC}", "ethereum:ETH")
    assert (dollar.token_decimals, dollar.quote_decimals, dollar.fee_pips) == (6, 18, 3_000)
    assert (bitcoin.token, bitcoin.quote) == (f"ethereum:{WBTC}", "ethereum:ETH")
    assert (bitcoin.token_decimals, bitcoin.quote_decimals, bitcoin.fee_pips) == (8, 18, 3_499)
    assert found.symbols["ethereum:ETH"] == "ETH"
    assert f"ethereum:{WETH}" not in found.symbols
    assert (read[POOL].reserve_quote, read[POOL].reserve_token) == (10**21, 3 * 10**12)
    direct, _ = looked(honest(), (POOL_2,), network=replace(NETWORK, native_as="quote"))
    (listing,) = direct.listings
    assert (listing.instrument.quote, listing.via, listing.instrument.fee_pips) == ("ethereum:ETH", None, 500)


def test_where_the_coin_itself_is_a_token_its_pool_and_those_priced_through_it_say_so():
    found, read = looked(honest(), network=replace(NETWORK, native_as="token"))
    coin, bitcoin = (listing.instrument for listing in found.listings)
    assert (coin.token, coin.quote) == ("ethereum:ETH", f"ethereum:{USDC}")
    assert (bitcoin.token, bitcoin.quote) == (f"ethereum:{WBTC}", f"ethereum:{USDC}")
    assert read[POOL].price == 3_000 * 10**6 * 10**12


def test_what_has_no_way_to_the_coin_that_is_paid_with_is_refused_with_what_to_name():
    found = looked(honest(), (V3,), network=replace(NETWORK, native_as="quote"))
    assert f"trades against {USDC}, whose price in {WETH} is needed" in found.sentence


def spoiled(change):
    node = honest()
    change(node)
    return node


def unsay(node, contract, method):
    del node.answers[contract, method.selector]


FAULTS = [
    (lambda node: node.codes.pop(POOL), f"{POOL} is no contract on ethereum; copy the pool's address"),
    (lambda node: unsay(node, POOL, calldata.TOKEN0), f"{POOL} is no Uniswap V2 or V3 pool"),
    (lambda node: unsay(node, POOL, calldata.GET_RESERVES), f"{POOL} is no Uniswap V2 or V3 pool"),
    (
        lambda node: node.answers.update({(POOL, calldata.TOKEN1.selector): b"\1"}),
        "is no Uniswap V2 or V3 pool",
    ),
    (lambda node: v2(node, POOL_2, USDC, WETH), f"{POOL} is not of evm.v2_factory; name one that is"),
    (lambda node: v2(node, POOL, USDC, WETH, (0, 10**21)), f"{POOL} has no liquidity; name another pool"),
    (lambda node: v2(node, POOL, USDC, WETH, (10**12, 0)), f"{POOL} has no liquidity; name another pool"),
    (lambda node: v3(node, POOL_2, WBTC, WETH, liquidity=0), f"{POOL_2} has no liquidity; name another pool"),
    (lambda node: v3(node, POOL_2, WBTC, WETH, root=0), "the pool was never initialised"),
    (lambda node: v2(node, POOL, USDC, WETH, (1, 5 * 10**33)), "is too small to be counted"),
    (lambda node: unsay(node, WBTC, calldata.DECIMALS), f"token {WBTC} does not say its decimals"),
    (lambda node: token(node, WBTC, 77, "WBTC"), f"token {WBTC} has 77 decimals; at most 36 are traded"),
    (lambda node: node.say(WBTC, calldata.DECIMALS, 300, kinds=["uint256"]), "does not say its decimals"),
    (lambda node: v3(node, POOL_2, WBTC, ME), "one of them must be evm.stable"),
    (lambda node: v2(node, POOL, WBTC, WETH), f"whose price in {USDC} is needed: name a pool of these two"),
]


@pytest.mark.parametrize(("change", "words"), FAULTS)
def test_what_can_not_be_traded_is_refused_with_a_sentence(change, words):
    found = looked(spoiled(change))
    assert isinstance(found, Declined)
    assert words in found.sentence


def test_two_pools_of_one_token_are_refused():
    found = looked(honest(), (POOL, POOL_2, V3))
    assert found == Declined(f"evm.pools: two of them trade ethereum:{WBTC}; keep one")


def test_a_pool_of_a_version_that_the_chain_has_no_factory_for_is_refused():
    found = looked(honest(), network=replace(NETWORK, v2_factory="", v2_router=""))
    assert "is a v2 pool; write evm.v2_factory and its router too" in found.sentence


def test_a_second_node_that_says_other_decimals_is_named_and_one_that_says_nothing_is_not_needed():
    liar, mute = token(honest("liar"), WBTC, 18, "WBTC"), Node("mute")
    mute.answers = dict.fromkeys(honest().answers, SILENCE)
    found = looked(honest("one"), others=[mute, liar])
    assert isinstance(found, Declined)
    assert f"token {WBTC} has 8 decimals by one, and 18 by liar" in found.sentence
    assert not isinstance(looked(honest(), others=[mute]), Declined)


def test_a_symbol_that_can_not_be_read_is_only_a_name():
    node = honest()
    unsay(node, WBTC, calldata.SYMBOL)
    assert looked(node)[0].symbols[f"ethereum:{WBTC}"] == f"{WBTC[:8]}…"


def test_whatever_is_not_answered_is_unknown_and_never_a_refusal():
    node = honest()
    looked(node)
    symbols = 0
    for silent_at in range(node.asked):
        again = honest()
        again.silent_at = silent_at
        found = looked(again)
        symbols += isinstance(found, tuple)  # Of a symbol; it is not needed.
        assert isinstance(found, tuple | Unanswered), (silent_at, found)
    assert symbols == 3


def test_the_zero_address_is_nobodys_pool():
    node = honest()
    key = calldata.GET_PAIR.data(USDC, WETH)
    node.answers[NETWORK.v2_factory, key[:4], key[4:]] = encode(["address"], [ZERO_ADDRESS])
    assert "is not of evm.v2_factory" in looked(node).sentence
