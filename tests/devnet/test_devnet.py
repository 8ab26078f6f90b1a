"""The world on the node: what it holds, that one can trade on it, and that one can turn its clock."""

import pytest
from eth_account import Account

from chains.devnet.abi import call_data
from chains.devnet.devnet import MAKER, OWNER, Devnet
from chains.devnet.prices import error_pips, v2_out
from chains.devnet.rpc import RpcError
from chains.devnet.wallets import STRANGER, TRADER
from chains.devnet.world import FEE_TIERS, ODD, Kind, Listing, plan, whole

V2_SWAP = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
V3_SWAP = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
V3_QUOTE = "quoteExactInputSingle((address,address,uint256,uint24,uint160))"
APPROVE = "approve(address,uint256)"
DOLLARS = 10**6


def pay(net, wei=1, sender=STRANGER, **more):
    """The hash of a transfer that may have to wait for its block."""
    wanted = {"from": sender.address, "to": OWNER.address, "value": hex(wei), **more}
    return net.rpc.call("eth_sendTransaction", wanted)


def receipt(net, hash):
    return net.rpc.call("eth_getTransactionReceipt", hash)


# -- the world --
def test_tokens_have_the_decimals_that_they_say(devnet):
    tokens = devnet.addresses.tokens
    assert {token.decimals for token in tokens.values()} >= {6, 8, 18}
    for symbol, token in tokens.items():
        assert devnet.view(token.address, "(uint8)", "decimals()") == (token.decimals,)
        assert devnet.view(token.address, "(string)", "symbol()") == (symbol,)


def test_the_contracts_know_each_other(devnet):
    at = devnet.addresses
    assert devnet.view(at.v2_router, "(address)", "factory()") == (at.v2_factory,)
    assert devnet.view(at.v2_router, "(address)", "WETH()") == (at.weth,)
    assert devnet.view(at.v3_router, "(address)", "factory()") == (at.v3_factory,)
    assert devnet.view(at.quoter, "(address)", "WETH9()") == (at.weth,)


def test_every_pool_is_where_its_factory_says_and_holds_both_tokens(devnet):
    at = devnet.addresses
    for pool in at.pools:
        pair = (pool.token0, pool.token1)
        assert int(pool.token0, 16) < int(pool.token1, 16)
        v2 = (at.v2_factory, "(address)", "getPair(address,address)", *pair)
        v3 = (at.v3_factory, "(address)", "getPool(address,address,uint24)", *pair, pool.fee_pips)
        assert devnet.view(*(v2 if pool.kind is Kind.V2 else v3)) == (pool.address,)
        assert devnet.balance(pool.symbol0, pool.address) > 0
        assert devnet.balance(pool.symbol1, pool.address) > 0


def test_v3_has_every_fee_tier(devnet):
    pools = [devnet.addresses.pool(Kind.V3, "WETH", "USDC", fee) for fee in FEE_TIERS]
    assert len({pool.address for pool in pools}) == 4
    with pytest.raises(KeyError, match="no v3 pool of ODD and USDC at 100 pips"):
        devnet.addresses.pool(Kind.V3, ODD, "USDC", 100)


def test_pools_begin_at_the_prices_of_the_plan(devnet):
    pool = devnet.addresses.pool(Kind.V2, "USDC", "WBTC")
    reserve0, reserve1 = devnet.reserves(pool)
    dollars, bitcoins = (reserve0, reserve1) if pool.symbol0 == "USDC" else (reserve1, reserve0)
    assert error_pips((dollars * 10**8, bitcoins * 10**6), (60_000, 1)) <= 1


@pytest.mark.parametrize("wallet", [OWNER, TRADER, MAKER, STRANGER])
def test_a_wallets_key_is_that_of_its_address(wallet):
    assert Account.from_key(wallet.private_key).address == wallet.address


def test_the_trader_has_the_quote_token_and_ether_and_has_approved_nothing(devnet):
    at, trader = devnet.addresses, devnet.trader
    assert devnet.balance("USDC", trader.address) == 1_000_000 * DOLLARS
    assert int(devnet.rpc.call("eth_getBalance", trader.address, "latest"), 16) == 100 * 10**18
    for router in (at.v2_router, at.v3_router):
        usdc = devnet.address_of("USDC")
        assert devnet.view(usdc, "(uint256)", "allowance(address,address)", trader.address, router) == (0,)


def test_other_tokens_and_another_quote_can_be_asked_for(installed, tmp_path):
    wanted = plan((Listing("PEPE", 18, whole(2, 18)),), quote=("DAI", 18))
    with Devnet.start(tmp_path, wanted=wanted, chain_id=8_453, genesis_timestamp=1_600_000_000) as net:
        assert set(net.addresses.tokens) == {"DAI", "WETH", "PEPE"}
        assert net.balance("DAI", net.trader.address) == 10**24
        assert int(net.rpc.call("eth_chainId"), 16) == net.chain_id == 8_453
        assert 1_600_000_000 <= net.timestamp() < 1_600_100_000


# -- trading --
def test_a_v2_swap_pays_what_the_formula_says(devnet):
    at, me = devnet.addresses, devnet.trader
    pool = at.pool(Kind.V2, "USDC", "LINK")
    ins, outs = devnet.reserves(pool) if pool.symbol0 == "USDC" else devnet.reserves(pool)[::-1]
    devnet.send(me, devnet.address_of("USDC"), call_data(APPROVE, at.v2_router, 500 * DOLLARS))
    path = (devnet.address_of("USDC"), devnet.address_of("LINK"))
    devnet.send(me, at.v2_router, call_data(V2_SWAP, 500 * DOLLARS, 1, path, me.address, 2**40))
    assert devnet.balance("LINK", me.address) == v2_out(500 * DOLLARS, ins, outs) > 0


@pytest.mark.parametrize("fee", FEE_TIERS)
def test_a_v3_swap_pays_what_the_quoter_says(devnet, fee):
    at, me = devnet.addresses, devnet.trader
    path = (devnet.address_of("USDC"), at.weth)
    quoted = devnet.view(
        at.quoter, "(uint256,uint160,uint32,uint256)", V3_QUOTE, (*path, 500 * DOLLARS, fee, 0)
    )
    devnet.send(me, path[0], call_data(APPROVE, at.v3_router, 500 * DOLLARS))
    devnet.send(me, at.v3_router, call_data(V3_SWAP, (*path, fee, me.address, 500 * DOLLARS, 1, 0)))
    assert devnet.balance("WETH", me.address) == quoted[0] > 0


def test_a_swap_that_fails_says_why(devnet):
    at, me = devnet.addresses, devnet.trader
    path = (devnet.address_of("USDC"), at.weth)
    with pytest.raises(RpcError, match="EXPIRED"):
        devnet.send(me, at.v2_router, call_data(V2_SWAP, 1, 1, path, me.address, 1))


@pytest.mark.parametrize("symbol", ["USDC", "WBTC", "WETH", ODD])
def test_any_token_can_be_given_to_anybody(devnet, symbol):
    devnet.give(symbol, STRANGER.address, 123)
    assert devnet.balance(symbol, STRANGER.address) == 123


# -- blocks and time --
def test_a_transaction_waits_for_its_block_when_automine_is_off(devnet):
    devnet.set_automine(False)
    hash = pay(devnet)
    assert receipt(devnet, hash) is None
    devnet.mine(3)
    assert receipt(devnet, hash)["status"] == "0x1"


def test_what_was_dropped_is_not_mined_and_dropping_it_again_is_a_no(devnet):
    devnet.set_automine(False)
    hash = pay(devnet)
    assert devnet.drop(hash)
    assert not devnet.drop(hash)
    devnet.mine()
    assert receipt(devnet, hash) is None


def test_a_reorg_forgets_the_last_blocks_and_puts_others_in_their_place(devnet):
    hash = pay(devnet)
    devnet.mine(2)
    height, before = devnet.height(), devnet.rpc.call("eth_getBlockByNumber", "latest", False)["hash"]
    devnet.reorg(3)
    assert devnet.height() == height
    assert devnet.rpc.call("eth_getBlockByNumber", "latest", False)["hash"] != before
    assert receipt(devnet, hash) is None


def test_a_reorg_can_hold_a_transaction_of_ours(devnet):
    wallet = Account.from_key(STRANGER.private_key)
    signed = wallet.sign_transaction({
        "to": OWNER.address, "value": 5, "gas": 21_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1,
        "nonce": 0, "chainId": devnet.chain_id, "type": 2,
    })  # fmt: skip
    lost = pay(devnet)  # With the same nonce.
    devnet.mine()
    devnet.reorg(2, [(signed.raw_transaction.to_0x_hex(), 1)])
    assert receipt(devnet, lost) is None
    assert int(receipt(devnet, signed.hash.to_0x_hex())["blockNumber"], 16) == devnet.height()


def test_the_next_block_has_the_moment_and_the_base_fee_that_one_chooses(devnet):
    devnet.set_next_timestamp(devnet.timestamp() + 86_400)
    devnet.set_base_fee(77 * 10**9)
    before = devnet.timestamp()
    devnet.mine()
    assert devnet.timestamp() == before + 86_400
    assert devnet.rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"] == hex(77 * 10**9)
    devnet.mine_at(before + 90_000)
    assert devnet.timestamp() == before + 90_000
    with pytest.raises(RpcError, match="lower than previous block"):
        devnet.mine_at(before)


def test_blocks_come_by_the_clock_or_only_when_asked_for(installed, tmp_path):
    with Devnet.start(tmp_path / "1", no_mining=True) as net:
        assert not net.automines()
        assert receipt(net, pay(net)) is None
    with Devnet.start(tmp_path / "2", block_seconds=1) as net:
        hash = pay(net)
        while receipt(net, hash) is None:  # The test's own limit of time ends it.
            pass


def test_a_snapshot_can_be_reverted_to_once(devnet):
    before = devnet.snapshot()
    devnet.mine(5)
    height = devnet.height()
    devnet.revert(before)
    assert devnet.height() == height - 5
    with pytest.raises(RuntimeError, match="only once"):
        devnet.revert(before)


def test_everything_that_a_test_does_is_undone(devnet):
    clean = (devnet.height(), devnet.rpc.call("eth_gasPrice"), devnet.timestamp())
    with devnet.undone() as net:
        net.give("USDC", STRANGER.address, 9)
        net.set_automine(False)
        net.set_base_fee(10**12)
        net.mine_at(net.timestamp() + 10**6)
        pending = pay(net, maxFeePerGas=hex(10**13))
        net.set_base_fee(10**12)
        net.freeze()
    assert devnet.balance("USDC", STRANGER.address) == 0
    assert devnet.automines()
    assert devnet.rpc.call("eth_getTransactionByHash", pending) is None
    assert (devnet.height(), devnet.rpc.call("eth_gasPrice"), devnet.timestamp()) == clean
    devnet.mine()
    assert devnet.timestamp() < clean[2] + 10**5
