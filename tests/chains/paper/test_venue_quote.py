"""The paper venue on a market with a quote asset of its own."""

import pytest

from actors.messages import PRICE_SCALE, Asset, Bar, Instrument, Price, Side, Tick, Units
from chains.paper.venue import PaperVenue
from chains.pool import reserves_of_depth
from tests.chains.paper.test_venue import CALM, MINUTE, START, order


def test_the_wallet_is_filled_with_the_quote_of_the_market_and_pays_its_fees_in_it(tmp_path):
    stable, coin = Asset("bsc:0x8AC7"), Asset("bsc:0xbb4C")
    instruments = (Instrument(coin, stable, 18, 18, 500),)
    venue = PaperVenue(tmp_path / "venue.db", CALM, 1, instruments, MINUTE)
    assert venue.balances() == {stable: 10_000 * 10**18}
    price = Price(600 * 10**18 * PRICE_SCALE)
    reserves = reserves_of_depth(2_000_000 * 10**18, price, 18)
    now, later = (
        Tick(START + at * MINUTE, (Bar(coin, price, price, price, price, Units(0), *reserves),))
        for at in (0, 1)
    )
    buy = order(token=coin, quote=stable, fee_asset=stable, amount_in=Units(10**21), max_fee=Units(10**17))
    venue.advance(now)
    venue.send(venue.build(buy, venue.quote(Side.BUY, coin, 10**21, now), 0, now.at_ns).raw, now.at_ns)
    venue.advance(later)
    assert venue.balances()[stable] == 9_000 * 10**18 - 2 * 10**16
    assert venue.balances()[coin] == pytest.approx(10**21 // 600, rel=2e-3)
    venue.close()
