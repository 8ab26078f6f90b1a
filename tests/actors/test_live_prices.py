"""GeckoTerminal's prices beside the mailbox: history is remembered, and what comes after it is acted on."""

import pytest

from actors.base import Done
from actors.live_prices import LivePrices
from actors.messages import Asset, Bar, Instrument, Price, Tick, Units
from storage.config import Live, Settings

MINUTE = 60 * 10**9
TOKEN = Asset("base:0x4200")
OFFERED = (Instrument(TOKEN, Asset("base:0x8335"), 18, 6, 500),)


class Waiting:
    """An actor beside which nothing is done: what it asks for is closed unasked."""

    def now_ns(self):
        return 7 * MINUTE

    def beside(self, work, _tag):
        work.close()


def prices_after(*ticks):
    settings = Settings(live=Live(pools=("base/0x6c561b446416e1a00e8e93e221854d6ea4171372",)))
    prices = LivePrices(Waiting(), settings)
    prices.news(Done("introduce", OFFERED))
    prices.news(Done("history", ticks))
    return prices


def bar(close):
    price = Price(close)
    return Bar(TOKEN, price, price, price, price, Units(0), Units(10**6), Units(10**18))


@pytest.mark.parametrize(("ticks", "until"), [((), 7), ((Tick(3 * MINUTE, (bar(1),)),), 3)])
def test_it_begins_where_its_history_ends_or_now_if_nobody_has_traded_yet(ticks, until):
    assert prices_after(*ticks).warm_until_ns == until * MINUTE
