"""What the doctor of a live run finds on a real chain: each thing that is wrong has its own sentence."""

import asyncio
import tomllib

import msgspec
import pytest

from actors.commands.doctor import findings
from actors.messages import Adopted, Append, Asset, Deposited, Id
from chains.devnet.abi import call_data
from chains.devnet.market import configuration
from chains.devnet.odd import Behaviour
from chains.devnet.wallets import OWNER, STRANGER, TRADER
from chains.devnet.world import Kind
from chains.evm.checkup import checkup
from storage import keystore
from storage.config import Limits, Live, Run, Settings
from storage.config_evm import Evm
from storage.layout import log_path
from storage.log import Log
from storage.trades import local
from tests.devnet.proxy import Fault, Proxy

NOWHERE = "http://127.0.0.1:1"


def settings(net, wallet=TRADER.address, min_order="5", **changes):
    table = tomllib.loads(configuration(net))["evm"]
    usual = {
        "pools": [net.addresses.pool(Kind.V3, "WETH", "USDC", 500).address],
        "requests_per_second": 5_000,
    }
    evm = msgspec.convert({**table, **usual, **changes}, Evm)
    live = Live(i_understand=True, capital_cap="100", position_cap="10", wallet=wallet)
    limits = Limits(min_order=min_order)
    return Settings(run=Run(mode="live", feed="chain"), live=live, evm=evm, limits=limits)


def looked(net, wallet=TRADER.address, late_seconds=0, held=(), **changes):
    now = net.timestamp() + late_seconds
    return asyncio.run(checkup(settings(net, wallet, **changes), now, frozenset(held)))


def wrong(found):
    """The sentences of what keeps a run from starting."""
    return [each.sentence for each in found if not each.ok and each.matters]


def odd(net):
    return [net.addresses.pool(Kind.V2, "ODD", "USDC").address]


# -- well --
def test_a_wallet_with_money_two_nodes_and_a_pool_is_well_and_every_thing_is_named(devnet):
    found = looked(devnet)
    assert wrong(found) == []
    assert all(each.ok for each in found)
    text = "\n".join(each.sentence for each in found)
    for part in (
        "2 nodes of devnet (chain 31337) answer.",
        "Routers, factories, quoter and tokens are contracts",
        f"{TRADER.address} holds 100 ETH.",
        "holds 1000000 USDC.",
        f"WETH ({devnet.address_of('WETH')}): 5 of the stable token buy it and sell it again.",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("native_as", "sentence"),
    [
        ("quote", "USDC ({usdc}): 0.1 ETH buy it and sell it again."),
        ("token", "ETH (ETH): 0.1 of the stable token buy it and sell it again."),
    ],
)
def test_where_the_coin_itself_is_traded_it_is_tried_and_its_wrapping_looked_at(devnet, native_as, sentence):
    found = looked(devnet, native_as=native_as, min_order="0.1")
    assert wrong(found) == []
    assert sentence.format(usdc=devnet.address_of("USDC")) in [each.sentence for each in found]


def test_a_router_that_wraps_into_something_else_is_named(devnet):
    other = devnet.address_of("LINK")  # A contract, of 18 decimals, and no wrapped coin.
    sentences = wrong(looked(devnet, native_as="quote", wrapped_native=other))
    for key in ("v2_router", "v3_router"):
        assert (
            f"evm.{key}: it wraps into {devnet.addresses.weth}, and evm.wrapped_native is {other}; write the "
            f'right one, or native_as = "".'
        ) in sentences
    usdc = devnet.address_of("USDC")
    sentences = wrong(looked(devnet, native_as="quote", wrapped_native=usdc, stable=devnet.addresses.weth))
    assert (
        "evm.wrapped_native: it says 6 decimals, and the native coin has 18; write its address." in sentences
    )
    odd = wrong(looked(devnet, native_as="quote", v2_router=usdc))
    assert any(each.startswith("evm.v2_router: it does not say, and evm.wrapped_native is") for each in odd)


# -- nodes --
def test_another_chain_a_node_that_is_down_and_a_single_node_are_named(devnet):
    (other, second) = wrong(looked(devnet, chain_id=5))
    assert "31337" in other
    assert "evm.rpc_urls" in other + second
    (down,) = wrong(looked(devnet, rpc_urls=[devnet.url, NOWHERE]))
    assert "127.0.0.1:1" in down
    assert wrong(looked(devnet, rpc_urls=[devnet.url])) == [
        "evm.rpc_urls: name a second node, of another provider, to confirm the first."
    ]


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.HALF, Fault.LIMITED, Fault.NULL])
def test_a_node_that_gives_no_real_answers_is_named_and_never_taken_for_well(devnet, fault):
    with Proxy(devnet.url) as proxy:
        proxy.rule = lambda *_: fault
        (sentence,) = wrong(looked(devnet, rpc_urls=[devnet.url, proxy.url]))
        assert str(proxy.port) in sentence


def test_a_node_that_fails_after_its_first_answer_is_a_finding_and_no_traceback(devnet):
    with Proxy(devnet.url) as proxy:
        proxy.rule = lambda method, _: None if method == "eth_chainId" else Fault.HTML
        assert wrong(looked(devnet, rpc_urls=[proxy.url, devnet.url.replace("127.0.0.1", "localhost")]))


def test_an_old_head_is_a_note_on_a_development_chain_and_a_fault_on_any_other(devnet):
    (note,) = [each for each in looked(devnet, late_seconds=121) if not each.ok]
    assert note.sentence.startswith("The newest block is 121 s old by this machine's clock: set the clock")
    assert not note.matters
    with Proxy(devnet.url) as one, Proxy(devnet.url) as two:
        for proxy in (one, two):
            proxy.rule = lambda method, _: Fault.OTHER_CHAIN if method == "eth_chainId" else None
        elsewhere = {"rpc_urls": [one.url, two.url], "chain_id": 5}
        assert wrong(looked(devnet, **elsewhere)) == []
        assert wrong(looked(devnet, late_seconds=121, **elsewhere)) == [note.sentence]


# -- contracts --
@pytest.mark.parametrize("key", ["v2_router", "v3_router", "v2_factory", "quoter", "wrapped_native"])
def test_a_contract_that_is_none_is_named_by_its_key(devnet, key):
    sentences = wrong(looked(devnet, **{key: STRANGER.address}))
    assert (
        f"evm.{key}: {STRANGER.address} is no contract on this chain; write the right address." in sentences
    )


def test_other_decimals_than_the_stable_tokens_are_named(devnet):
    sentences = wrong(looked(devnet, stable_decimals=18))
    assert "evm.stable_decimals: 18, but it says 6; write that." in sentences


# -- pools --
def test_what_is_no_pool_or_trades_a_token_without_decimals_or_is_empty_is_named(devnet):
    at = devnet.addresses
    (no_pool,) = wrong(looked(devnet, pools=[at.weth]))
    assert no_pool == f"evm.pools: {at.weth} is no Uniswap V2 or V3 pool; copy the pool's address"
    usdc = devnet.address_of("USDC")
    devnet.send(OWNER, at.v2_factory, call_data("createPair(address,address)", at.v2_router, usdc))
    (pair,) = devnet.view(at.v2_factory, "(address)", "getPair(address,address)", at.v2_router, usdc)
    (no_decimals,) = wrong(looked(devnet, pools=[pair]))
    assert no_decimals.startswith(f"token {at.v2_router} does not say its decimals")
    new = (devnet.address_of("ODD"), usdc, 3_000)
    devnet.send(OWNER, at.v3_factory, call_data("createPool(address,address,uint24)", *new))
    (pool,) = devnet.view(at.v3_factory, "(address)", "getPool(address,address,uint24)", *new)
    assert any("never initialised" in each for each in wrong(looked(devnet, pools=[pool])))
    devnet.send(OWNER, pool, call_data("initialize(uint160)", 2**96))
    (empty,) = wrong(looked(devnet, pools=[pool]))
    assert empty == f"evm.pools: {pool} has no liquidity; name another pool of this token"


def test_a_token_that_can_not_be_sold_again_is_named_unless_it_is_held_already(devnet):
    assert wrong(looked(devnet, pools=odd(devnet))) == []
    devnet.behave(Behaviour(sells_blocked=True))
    (sentence,) = wrong(looked(devnet, pools=odd(devnet)))
    assert sentence.startswith(f"ODD ({devnet.address_of('ODD')}): the sale is blocked")
    asset = Asset(f"devnet:{devnet.address_of('ODD')}")
    found = looked(devnet, pools=odd(devnet), held=[asset])
    assert wrong(found) == []  # Else nobody could start the run that is to sell what else there is.
    (note,) = [each for each in found if not each.ok]
    assert note.sentence.startswith(sentence)
    assert note.sentence.endswith("it is sold once it can be.")


# -- money --
def test_what_an_order_costs_is_held_against_the_cap_and_what_it_may_pay_and_is_a_note(devnet):
    assert any("an order may pay 0.02." in each.sentence and each.ok for each in looked(devnet))
    for base_gwei, changes, sentence in (
        (
            30,
            {"max_fee": "0.0174"},
            "evm.max_fee: an approval and a swap may cost 0.0175 ETH just now, and an",
        ),
        (60, {}, "evm.gas_cap_gwei: the base fee of 60000000000 wei"),
    ):
        devnet.set_base_fee(base_gwei * 10**9)
        devnet.mine()
        devnet.set_base_fee(base_gwei * 10**9)
        found = looked(devnet, **changes)
        assert wrong(found) == []
        assert any(each.sentence.startswith(sentence) for each in found if not each.ok)


def test_an_oracle_of_l1_fees_that_tells_nothing_is_named(devnet):
    at = devnet.addresses
    assert any("evm.l1_fee_oracle" in each for each in wrong(looked(devnet, l1_fee_oracle=at.weth)))


def test_a_token_that_the_log_knows_nothing_of_is_a_note_and_what_it_holds_is_none(devnet):
    devnet.give("WETH", TRADER.address, 15 * 10**17)
    found = looked(devnet)
    assert wrong(found) == []
    (note,) = [each.sentence for each in found if not each.ok]
    assert "the wallet has 1.5 that this data folder knows nothing of, and leaves alone." in note
    assert "two can not share a wallet" in note
    held = [Asset(f"devnet:{devnet.address_of('WETH')}")]
    assert all(each.ok for each in looked(devnet, held=held))


def test_what_a_router_may_still_take_is_named_and_what_becomes_of_it(devnet):
    token, router = devnet.address_of("USDC"), devnet.addresses.v3_router
    devnet.send(TRADER, token, call_data("approve(address,uint256)", router, 7))
    for base_fee, how in (
        (1, "unless an order needs it."),
        (60 * 10**9, "once gas costs less than evm.gas_cap_gwei."),
    ):
        devnet.set_base_fee(base_fee)
        devnet.mine()
        found = looked(devnet)
        assert wrong(found) == []
        notes = [each.sentence for each in found if not each.ok]
        (note,) = [each for each in notes if each.startswith("Router")]
        assert note.startswith(f"Router {router} may still take 7 base units of devnet:{token}")
        assert note.endswith(how)


def test_no_coin_for_gas_and_no_stable_money_are_named_with_how_much_is_missing(devnet):
    poor = STRANGER.address
    (stable,) = wrong(looked(devnet, poor))
    assert stable == f"{poor} holds 0 USDC: send at least 5."
    devnet.set_wei(TRADER.address, 39_999_999_999_999_999)
    (native,) = wrong(looked(devnet))
    assert native == f"{TRADER.address} holds 0.039999999999999999 ETH: send at least 0.04."


def test_a_wallet_that_has_put_all_its_money_into_a_position_may_start_to_sell_it(devnet):
    """Of what it could not buy any more nothing is tried: that needs money."""
    held = [Asset(f"devnet:{devnet.address_of('WETH')}")]
    devnet.set_wei(STRANGER.address, 2 * 10**16)
    found = looked(devnet, STRANGER.address, pools=[*settings(devnet).evm.pools, *odd(devnet)], held=held)
    assert wrong(found) == []
    notes = [each.sentence for each in found if not each.ok]
    assert sum("is tried once the wallet has 5 of the stable token." in each for each in notes) == 2
    devnet.set_wei(STRANGER.address, 2 * 10**16 - 1)
    (native,) = wrong(looked(devnet, STRANGER.address, held=held))
    assert "send at least 0.02" in native


def test_of_the_coin_that_is_paid_with_an_order_and_gas_are_wanted_together(devnet):
    devnet.set_wei(TRADER.address, 139_999_999_999_999_999)
    (native,) = wrong(looked(devnet, native_as="quote", min_order="0.1"))
    assert native == f"{TRADER.address} holds 0.139999999999999999 ETH: send at least 0.14."
    devnet.set_wei(TRADER.address, 10**18)
    (cap,) = wrong(looked(devnet, native_as="quote", min_order="99.97"))[:1]
    assert cap == "live.capital_cap: 100, of which gas is paid too: write at least 100.01."
    devnet.set_wei(TRADER.address, 40_000_000_000_000_000)
    invested = looked(
        devnet, native_as="quote", min_order="0.1", held=[f"devnet:{devnet.address_of('USDC')}"]
    )
    assert wrong(invested) == []  # It can pay for its sales.


# -- the key: found before any node is asked --
@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        (None, "no such file or directory; name the right keystore, or make it"),
        (0o644, "mode 0644 lets others at it: chmod 600"),
    ],
)
def test_a_keystore_that_is_missing_or_open_to_others_is_named(tmp_path, mode, sentence):
    store = tmp_path / "keystore.json"
    if mode is not None:
        keystore.create(store, b"\x01" * 32, "correct horse", 4096)
        store.chmod(mode)
    config = configured(tmp_path, store)
    assert [each for each in wrong(findings(config, {})) if str(store) in each and sentence in each]


@pytest.mark.parametrize("another", [True, False])
def test_the_log_of_another_wallet_is_named_before_a_run_marks_the_folder_as_its_own(tmp_path, another):
    store = tmp_path / "keystore.json"
    own = keystore.create(store, b"\x01" * 32, "correct horse", 4096)
    (tmp_path / "data").mkdir()
    log = Log.open(log_path(tmp_path / "data"))
    wallet = TRADER.address if another else own
    records = (local("m", Deposited("ethereum:ETH", 5), 0), local("w", Adopted(wallet, 0), 0))
    log.append(Append(Id("a"), records))
    log.close()
    found = [each for each in wrong(findings(configured(tmp_path, store), {})) if "log is of wallet" in each]
    assert bool(found) == another
    assert not another or (own in found[0] and TRADER.address in found[0])


def configured(folder, store):
    """A configuration for live trading with this keystore, and no node."""
    config = folder / "my.toml"
    config.write_text(
        f'[run]\nmode = "live"\nfeed = "chain"\ndata_dir = "{folder}/data"\n[live]\ni_understand = true\n'
        f'capital_cap = "1"\nposition_cap = "1"\nkeystore = "{store}"\n'
        f'[evm]\nrpc_urls = ["{NOWHERE}"]\npools = ["{STRANGER.address}"]\n'
    )
    return config
