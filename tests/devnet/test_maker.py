"""The market maker: every pool at its price, by genuine swaps, at the moment of the bar."""

import tomllib

import pytest

from actors.messages import PRICE_SCALE, Asset, Bar, Instrument, Price, Tick
from chains.devnet.abi import call_data
from chains.devnet.devnet import MAKER, Devnet
from chains.devnet.maker import Maker, closes
from chains.devnet.market import configuration, plan_of
from chains.devnet.world import ODD, Kind, whole
from chains.feeds.recordings import open_recordings
from chains.feeds.simulated import SimulatedFeed
from storage.config import Paper, Recording, Simulated

BPS_IN_PIPS = 100
TICKS = 30
SWAPPED = {  # keccak of the events' signatures, as Uniswap's V2 and V3 emit them.
    "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822": Kind.V2,
    "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67": Kind.V3,
}


def simulated(**more):
    return SimulatedFeed(Simulated(**more), Paper(), 7, "2000000", 500)


def driven(net, feed, ticks):
    maker = Maker(net)
    return [maker.move(closes(tick), tick.at_ns // 10**9) for tick in feed.read(None, ticks)]


def swaps(net, pool):
    """How many of a pool's Swap events the chain has."""
    wanted = {"fromBlock": "0x0", "toBlock": "latest", "address": pool.address}
    return sum(log["topics"][0] in SWAPPED for log in net.rpc.call("eth_getLogs", wanted))


def test_a_simulated_market_is_followed_within_a_bps_at_its_own_moments(installed, tmp_path):
    feed = simulated(tokens=("ALFA", "BRAVO"))
    wanted, began_at = plan_of(feed)
    with Devnet.start(tmp_path, wanted=wanted, genesis_timestamp=began_at - 600) as net:
        moved = driven(net, feed, TICKS)
        assert max(step.worst for step in moved) < BPS_IN_PIPS
        assert [step.timestamp for step in moved] == [tick.at_ns // 10**9 for tick in feed.read(None, TICKS)]
        for kind in Kind:
            pool = net.addresses.pool(kind, "BRAVO", "USDC")
            assert all(pool.address in step.errors for step in moved)
            assert swaps(net, pool) >= TICKS - 2  # A bar that leaves the price alone has none.
        assert net.automines()


def test_a_recording_is_followed_too(installed, tmp_path, shared_data):
    path = shared_data("dex/univ3_polygon_usdc_weth_005_1m_bars.parquet")
    feed = open_recordings([path], Paper(), Recording())
    wanted, began_at = plan_of(feed)
    with Devnet.start(tmp_path, wanted=wanted, genesis_timestamp=began_at - 600) as net:
        moved = driven(net, feed, TICKS)
        assert moved[0].timestamp == 1_658_188_860  # 2022-07-19 00:01 UTC.
        assert max(step.worst for step in moved) < BPS_IN_PIPS
        assert sum(step.swaps for step in moved) >= TICKS


def test_a_price_that_doubles_and_halves_is_followed_through_all_positions(devnet):
    maker = Maker(devnet)
    for dollars in (6_000, 3_000, 1_500, 3_000):
        moved = maker.move({"WETH": whole(dollars, 6), ODD: whole(dollars, 6)}, devnet.timestamp() + 60)
        assert moved.worst < BPS_IN_PIPS
        assert moved.swaps == 6  # WETH in V2 and in four tiers of V3, and ODD in V2.


def test_a_pool_at_its_price_is_left_alone_and_the_block_comes_all_the_same(devnet):
    maker, closes = Maker(devnet), {"LINK": whole(16, 6)}
    maker.move(closes, devnet.timestamp() + 60)
    height = devnet.height()
    assert maker.move(closes, devnet.timestamp() + 60).swaps == 0
    assert devnet.height() == height + 1


def test_a_block_is_never_before_the_last_one(devnet):
    last = devnet.timestamp()
    assert Maker(devnet).move({"LINK": whole(16, 6)}, last - 1_000).timestamp == last + 1


def test_the_base_fee_stays_what_it_is_to_be(devnet):
    maker = Maker(devnet, base_fee=30 * 10**9)
    for _ in range(3):
        maker.move({"LINK": whole(16, 6)}, devnet.timestamp() + 60)
        assert devnet.rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"] == hex(30 * 10**9)


def test_a_node_that_mines_on_demand_goes_on_doing_so(devnet):
    devnet.set_automine(False)
    Maker(devnet).move({"LINK": whole(16, 6)}, devnet.timestamp() + 60)
    assert not devnet.automines()


def test_a_swap_that_fails_is_an_error_and_mining_goes_on_as_before(devnet):
    nothing = call_data("approve(address,uint256)", devnet.addresses.v2_router, 0)
    devnet.send(MAKER, devnet.address_of("LINK"), nothing)
    with pytest.raises(RuntimeError, match=r"the market maker's swap 0x.* has failed"):
        Maker(devnet).move({"LINK": whole(14, 6)}, devnet.timestamp() + 60)
    assert devnet.automines()


# -- feeds as worlds --
class Few:
    """A feed of a few bars."""

    name, bar_ns = "a few bars", 60 * 10**9

    def __init__(self, *instruments, ticks=()):
        self.instruments, self.ticks = instruments, ticks

    def read(self, after_ns, count):
        return tuple(tick for tick in self.ticks if after_ns is None or tick.at_ns > after_ns)[:count]


def instrument(token, quote="USDC", decimals=18):
    return Instrument(Asset(f"paper:{token}"), Asset(f"paper:{quote}"), decimals, 6, 500)


def tick(minute, token, dollars):
    price = Price(dollars * 10**6 * PRICE_SCALE)
    return Tick(minute * 60 * 10**9, (Bar(Asset(f"paper:{token}"), price, price, price, price, 0, 0, 0),))


def test_a_world_begins_at_each_tokens_first_price(installed):
    ticks = (tick(10, "A", 5), tick(11, "A", 6), tick(12, "B", 7))
    wanted, began_at = plan_of(Few(instrument("A"), instrument("B", decimals=8), ticks=ticks))
    listed = {listing.symbol: (listing.decimals, listing.price) for listing in wanted.listings}
    assert listed["A"] == (18, whole(5, 6))
    assert listed["B"] == (8, whole(7, 6))
    assert "WETH" in listed
    assert began_at == 9 * 60


@pytest.mark.parametrize(
    ("feed", "sentence"),
    [
        (Few(instrument("A"), instrument("B", quote="DAI")), "one quote token, and a few bars has 2"),
        (Few(instrument("A"), ticks=(tick(1, "B", 5),)), "no price for each of its tokens"),
        (
            Few(instrument("WETH", decimals=8), ticks=(tick(1, "WETH", 5),)),
            "WETH has 18 decimals on a devnet",
        ),
    ],
)
def test_a_market_that_can_not_be_a_devnet_is_refused_in_a_sentence(feed, sentence):
    with pytest.raises(ValueError, match=sentence):
        plan_of(feed)


def test_the_configuration_that_leads_there_is_sound(devnet):
    evm = tomllib.loads(configuration(devnet))["evm"]
    assert evm["rpc_urls"][0] == devnet.url
    assert evm["chain_id"] == devnet.chain_id
    assert evm["quoter"] == devnet.addresses.quoter
    assert evm["stable"] == devnet.address_of("USDC")
