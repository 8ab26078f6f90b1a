"""Bars out of the logs of real pools: what they say is what the pools then say of themselves."""

import pytest

from actors.messages import Asset, Instrument
from chains.evm import bars, logs, wire
from chains.evm.bars import Market, advanced, event_of, folded, started
from chains.evm.routes import Reserves, Version
from chains.pool import amount_out
from tests.devnet.uniswap import ours, pool_of, route, state, traded

MINUTE = 60 * 10**9
TRADES = (10**9, 40_000 * 10**6, 3 * 10**9, 90_000 * 10**6)


def market_of(net, way):
    usdc, token = way.path
    (key,) = way.pools
    instrument = Instrument(Asset(f"anvil:{token}"), Asset(f"anvil:{usdc}"), 18, 6, key.fee_pips)
    return Market(instrument, pool_of(net, key), key.token0 == usdc)


def state_event(net, market, way):
    """The pool as it can be read now, as an event with which a fold can begin."""
    (key,) = way.pools
    found = state(net, key)
    if isinstance(found, Reserves):
        values = bars.v2_state(market, found.reserve0, found.reserve1)
    else:
        values = bars.v3_state(market, found.sqrt_price_x96, found.liquidity)
    return bars.Event(net.timestamp() * 10**9, (net.height(), 10**6), 0, *values)


def folded_all(net, market, forming, since):
    """The fold of everything that the node has logged after a block."""
    asked = {"fromBlock": hex(since + 1), "toBlock": "latest"}
    closed = []
    for log in logs.in_order(wire.logs(net.rpc.call("eth_getLogs", asked))):
        at = int(net.rpc.call("eth_getBlockByNumber", hex(log.block), False)["timestamp"], 16)
        if event := event_of(market, log, at * 10**9):
            forming, more = folded(forming, event)
            closed += more
    forming, more = advanced(forming, net.timestamp() * 10**9)
    return forming, [*closed, *more]


@pytest.mark.parametrize(("version", "fee"), [(Version.V2, 3_000), (Version.V3, 500), (Version.V3, 10_000)])
def test_each_minute_of_trades_is_a_bar_and_a_quiet_one_carries_the_close(devnet, version, fee):
    way = route(devnet, version, ("USDC", "WETH"), (fee,))
    market, since = market_of(devnet, way), devnet.height()
    first = state_event(devnet, market, way)
    start = (devnet.timestamp() // 60 + 2) * 60
    volumes, prices = [], [first.price]
    for minute, paid in enumerate(TRADES):
        devnet.set_next_timestamp(start + 60 * minute)
        _, bought = traded(devnet, way, paid)
        _, sold = traded(devnet, way.backwards, bought.amount_out // 3)
        volumes.append(paid + sold.amount_out)
        prices.append(state_event(devnet, market, way).price)
    devnet.mine_at(start + 60 * (len(TRADES) + 1))
    forming, closed = folded_all(devnet, market, started(market, first, MINUTE), since)
    traded_in = closed[-len(TRADES) - 1 : -1]
    assert [bar.volume for _, bar in traded_in] == volumes
    assert [bar.close for _, bar in traded_in] == prices[1:]
    assert [bar.open for _, bar in traded_in] == prices[:-1]
    assert all(
        bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) < bar.high for _, bar in traded_in
    )
    assert [end for end, _ in traded_in] == [(start + 60 * (n + 1)) * 10**9 for n in range(len(TRADES))]
    quiet = closed[-1][1]
    assert (quiet.open, quiet.high, quiet.low, quiet.close, quiet.volume) == (prices[-1],) * 4 + (0,)
    last = state_event(devnet, market, way)
    assert (forming.bar.reserve_quote, forming.bar.reserve_token) == (last.reserve_quote, last.reserve_token)


@pytest.mark.parametrize(("version", "fee"), [(Version.V2, 3_000), (Version.V3, 500)])
def test_the_reserves_of_a_bar_quote_what_the_pool_gives(devnet, version, fee):
    way = route(devnet, version, ("USDC", "WETH"), (fee,))
    market, since = market_of(devnet, way), devnet.height()
    forming = started(market, state_event(devnet, market, way), MINUTE)
    traded(devnet, way, 10**9)
    forming, _ = folded_all(devnet, market, forming, since)
    quoted = amount_out(10**9, forming.bar.reserve_quote, forming.bar.reserve_token, fee)
    assert quoted == pytest.approx(ours(devnet, way, 10**9), abs=quoted // 10**9)
