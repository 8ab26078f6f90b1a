"""Live bars of a real node: what the market maker did, through reorgs, silence and broken lines."""

import asyncio
import tomllib
from contextlib import asynccontextmanager

import msgspec
import pytest

from actors.messages import Asset
from chains.devnet.maker import Maker
from chains.devnet.market import configuration
from chains.devnet.world import Kind, whole
from chains.evm.feed import ChainFeed, News
from chains.evm.values import Declined
from chains.venue import Unanswered
from storage.config_evm import Evm
from tests.devnet.line import Line
from tests.devnet.proxy import OLD_BLOCKS, Fault, Proxy

MINUTE = 60
NS = 10**9
FOR_EVER = 10**9 * NS
PATIENCE = 60
POOLS = ((Kind.V3, "WETH", "USDC", 500), (Kind.V2, "LINK", "USDC", 3_000), (Kind.V2, "WBTC", "WETH", 3_000))
SYMBOLS = ("WETH", "LINK", "WBTC")
START = {"WETH": whole(3_000, 6), "LINK": whole(15, 6), "WBTC": whole(60_000, 6)}


class World:
    """A devnet whose maker trades in the middle of minutes, and what it wanted the closes to be."""

    def __init__(self, net):
        self.net, self.maker = net, Maker(net)
        self.start = (net.timestamp() // MINUTE + 2) * MINUTE
        self.minute = 0
        self.wanted = {}  # The end of a minute to its closes.
        self.prices = START

    def trade(self, **dollars):
        """A block in the next minute."""
        self.prices = self.prices | {symbol: whole(price, 6) for symbol, price in dollars.items()}
        self.maker.move(self.prices, self.start + MINUTE * self.minute + MINUTE // 2)
        self.minute += 1
        self.wanted[self.start + MINUTE * self.minute] = self.prices

    def evm(self, **changes):
        table = tomllib.loads(configuration(self.net))["evm"]
        pools = [self.net.addresses.pool(*pool).address for pool in POOLS]
        usual = {
            "pools": pools,
            "requests_per_second": 5_000,
            "answer_seconds": 20.0,
            "connect_seconds": 10.0,
        }
        return msgspec.convert({**table, **usual, **changes}, Evm)

    def check(self, ticks, ends):
        """These minutes, each once, with the maker's closes: to the thousandth of a percent."""
        assert [tick.at_ns // NS for tick in ticks] == ends
        for tick in ticks:
            bars = {bar.token: bar for bar in tick.bars}
            assert len(bars) == len(SYMBOLS)
            for symbol in SYMBOLS:
                bar, wanted = bars[self.asset(symbol)], self.wanted[tick.at_ns // NS][symbol]
                assert bar.close == pytest.approx(wanted, rel=1e-5)
                assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high

    def asset(self, symbol):
        return Asset(f"devnet:{self.net.address_of(symbol)}")

    def ends(self, first, last):
        return [self.start + MINUTE * each for each in range(first, last + 1)]


@pytest.fixture
def world(devnet):
    devnet.mine(OLD_BLOCKS + 10)  # Even a node that is behind knows the pools.
    world = World(devnet)
    for price in (3_000, 3_010, 2_990):
        world.trade(WETH=price)
    return world


@asynccontextmanager
async def followed(evm, needed_ns=FOR_EVER):
    feed = ChainFeed(evm)
    try:
        await answered(feed.introduce)
        yield feed, await answered(lambda: feed.history(needed_ns))
    finally:
        await feed.close()


async def answered(question):
    async with asyncio.timeout(PATIENCE):
        while isinstance(found := await question(), Unanswered):
            continue
    assert not isinstance(found, Declined), found
    return found


async def ticks_until(feed, at):
    """All that the feed tells up to the tick of this second; silence is passed over."""
    found = []
    async with asyncio.timeout(PATIENCE):
        while not found or found[-1].at_ns < at * NS:
            news = await feed.news()
            if isinstance(news, News):
                found += news.ticks
    return found


# -- bars --
def test_history_and_then_live_bars_are_what_the_maker_did_without_a_gap(world):
    async def test():
        async with followed(world.evm()) as (feed, history):
            first = world.ends(1, 1)[0]  # A pool's first event is in the minute before.
            whole_minutes = [tick for tick in history if tick.at_ns > first * NS]
            for prices in ({"WETH": 3_100}, {"LINK": 16}, {"WBTC": 61_000}):
                world.trade(**prices)
            live = await ticks_until(feed, world.ends(5, 5)[0])
            world.check([*whole_minutes, *live], world.ends(2, 5))
            weth = next(bar for bar in live[-3].bars if bar.token == world.asset("WETH"))
            assert weth.volume > 0

    asyncio.run(test())


def test_instruments_have_the_chains_decimals_and_fees_and_its_stable_as_quote(world):
    async def test():
        async with followed(world.evm()) as (feed, _):
            found = await feed.introduce()
            assert [each.token for each in found] == [world.asset(symbol) for symbol in SYMBOLS]
            assert [each.token_decimals for each in found] == [18, 18, 8]
            assert [each.fee_pips for each in found] == [500, 3_000, 3_499]
            assert {(each.quote, each.quote_decimals) for each in found} == {(world.asset("USDC"), 6)}
            assert all(symbol in feed.name for symbol in SYMBOLS)

    asyncio.run(test())


def test_a_node_that_serves_no_history_gives_live_bars_all_the_same(world):
    async def test():
        with Proxy(world.net.url) as proxy:
            proxy.rule = lambda method, nth: Fault.HTML if method == "eth_getLogs" and nth <= 6 else None
            async with followed(world.evm(rpc_urls=[proxy.url], ws_url="")) as (feed, history):
                assert history == ()
                world.trade(WETH=3_100)
                world.trade(WETH=3_200)
                assert feed.told_ns // NS == world.ends(2, 2)[0]
                world.check(await ticks_until(feed, world.ends(4, 4)[0]), world.ends(4, 4))
            assert len(proxy.faults) == 6

    asyncio.run(test())


FAULTS = (
    Fault.LOST, Fault.DROPPED, Fault.BUSY, Fault.LIMITED_INSIDE, Fault.HALF, Fault.HTML, Fault.NULL,
    Fault.BOTH, Fault.OLD_HEAD,
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_node_on_a_bad_day_makes_bars_late_and_never_wrong(world, fault):
    async def test():
        with Proxy(world.net.url, seed=7, rates={fault: 400 if fault is Fault.OLD_HEAD else 150}) as proxy:
            async with followed(world.evm(rpc_urls=[proxy.url], ws_url="", block_seconds=0.1)) as (feed, _):
                for price in (3_100, 3_050, 3_200):
                    world.trade(WETH=price)
                ticks = await ticks_until(feed, world.ends(5, 5)[0])
                world.check(ticks[-3:], world.ends(3, 5))  # From an old head on there are more.
                assert len({tick.at_ns for tick in ticks}) == len(ticks)
            assert proxy.faults

    asyncio.run(test())


# -- reorgs --
@pytest.mark.parametrize("ws", [True, False])
def test_what_a_reorg_undoes_before_its_bar_is_out_is_not_in_it(world, ws):
    async def test():
        async with followed(world.evm(**({} if ws else {"ws_url": ""}))) as (feed, _):
            world.trade(WETH=3_500)
            assert len(await ticks_until(feed, world.ends(3, 3)[0])) == 1
            world.net.reorg(1)
            world.minute -= 1
            world.prices = START | {"WETH": whole(2_990, 6)}
            world.trade()
            world.trade()
            world.check(await ticks_until(feed, world.ends(4, 4)[0]), world.ends(4, 4))

    asyncio.run(test())


def test_a_bar_that_is_out_stays_and_the_next_one_is_of_the_chain_that_was_kept(world):
    async def test():
        async with followed(world.evm()) as (feed, _):
            world.trade(WETH=3_500)
            world.trade()
            out = await ticks_until(feed, world.ends(4, 4)[0])
            world.check(out, world.ends(3, 4))
            world.net.reorg(2)
            world.minute = 5
            world.prices = START | {"WETH": whole(2_990, 6)}
            world.trade()
            world.trade()
            later = await ticks_until(feed, world.ends(6, 6)[0])
            world.check(later[-1:], world.ends(6, 6))
            assert [tick.at_ns // NS for tick in later] == world.ends(5, 6)

    asyncio.run(test())


# -- silence --
def test_a_frozen_node_is_silence_and_no_tick_until_it_goes_on(world):
    async def test():
        evm = world.evm(silent_seconds=1, answer_seconds=1.0)
        async with followed(evm) as (feed, _):
            world.trade(WETH=3_100)
            await ticks_until(feed, world.ends(3, 3)[0])
            world.net.freeze()
            async with asyncio.timeout(PATIENCE):
                news = await feed.news()
            assert news.ticks == ()
            assert "no new block for" in news.silence
            world.net.thaw()
            world.trade(WETH=3_200)
            world.check(await ticks_until(feed, world.ends(4, 4)[0]), world.ends(4, 4))

    asyncio.run(test())


@pytest.mark.parametrize("blocks", [3, 50])
def test_what_was_missed_while_the_line_was_cut_is_in_the_bars(world, blocks):
    async def test():
        with Line(world.net.anvil.port) as line:
            evm = world.evm(rpc_urls=[line.url], ws_url=line.ws_url, silent_seconds=1)
            async with followed(evm) as (feed, _):
                world.trade(WETH=3_100)
                await ticks_until(feed, world.ends(3, 3)[0])
                line.cut()
                for at in range(blocks):
                    world.trade(WETH=3_100 + at)
                line.mend()
                ticks = await ticks_until(feed, world.ends(blocks + 3, blocks + 3)[0])
                world.check(ticks, world.ends(4, blocks + 3))

    asyncio.run(test())


# -- what is refused --
def refused(world, **changes):
    async def asked():
        feed = ChainFeed(world.evm(**changes))
        try:
            return await feed.introduce()
        finally:
            await feed.close()

    found = asyncio.run(asked())
    assert isinstance(found, Declined), found
    return found.sentence


def test_an_account_a_token_and_a_router_are_no_pools_and_another_chain_is_not_ours(world):
    at = world.net.addresses
    assert "is no contract on devnet" in refused(world, pools=[at.trader.address])
    assert "is no Uniswap V2 or V3 pool" in refused(world, pools=[at.weth])
    assert "is no Uniswap V2 or V3 pool" in refused(world, pools=[at.v2_router])
    through = at.pool(Kind.V2, "WBTC", "WETH").address
    assert "name a pool of these two as well" in refused(world, pools=[through])
    assert "change evm.rpc_urls, or evm.chain" in refused(world, chain_id=5)
