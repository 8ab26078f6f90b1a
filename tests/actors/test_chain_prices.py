"""A chain's prices beside the mailbox: one question after the other; stale is what nobody has heard of."""

import pytest

import actors.chain_prices as module
from actors.base import Crashed, Done
from actors.chain_prices import ChainPrices
from actors.market import Market
from actors.messages import (
    Asset,
    Bar,
    Committed,
    Fatal,
    Follow,
    Instrument,
    Offered,
    Price,
    Role,
    Tick,
    Ticks,
    Units,
)
from chains.evm.feed import News
from chains.evm.values import Declined
from chains.venue import Unanswered
from storage import logs
from storage.config import Settings
from storage.config_evm import Evm
from tests.actors.alone import OUTSIDE, alone

MINUTE = 60 * 10**9
WETH, USDC = Asset("base:0x4200"), Asset("base:0x8335")
OFFERED = (Instrument(WETH, USDC, 18, 6, 500),)
ONE = Price(1)
FOLLOWERS = ("executor", "positions", "strategist:momentum")
PEERS = ("wal", "supervisor", "portfolio", *FOLLOWERS)


class Server:
    """Its answers are what the test says: nothing is asked."""

    name, told_ns, symbols = "pools on base", 0, {}

    def __init__(self, *_):
        pass

    def introduce(self):
        return "introduce"

    def history(self, needed_ns):
        return f"history {needed_ns // MINUTE}"

    def news(self):
        return "news"


@pytest.fixture(autouse=True)
def _server(monkeypatch):
    monkeypatch.setattr(module, "ChainFeed", Server)
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)


class Asker:
    """What runs beside it, by tag; a pause before it is only that."""

    def __init__(self):
        self.asked = []

    def beside(self, work, tag):
        if not isinstance(work, str):
            work.close()
            work = f"later {tag}"
        self.asked.append(work)


def tick(minute):
    return Tick(minute * MINUTE, (Bar(WETH, ONE, ONE, ONE, ONE, Units(0), Units(1), Units(1)),))


@pytest.fixture
def prices():
    prices = ChainPrices(Asker(), Settings(evm=Evm(chain="base")), 1)
    prices.begin()
    return prices


def heard(prices, *said):
    """(tag, value): what is asked then."""
    for tag, value in said:
        prices.news(Done(tag, value) if not isinstance(value, Exception) else Crashed(tag, str(value)))
    return prices._actor.asked[-1]


HERE = (("introduce", OFFERED), ("history", (tick(1), tick(2))))


def test_the_pools_are_found_then_their_past_is_read_then_they_are_followed(prices):
    assert prices._actor.asked == ["introduce"]
    assert heard(prices, HERE[0]) == f"history {49 * 60}"
    assert prices.warm_until_ns == 0
    prices._server.told_ns = 2 * MINUTE
    assert heard(prices, HERE[1]) == "news"
    assert (prices.warm_until_ns, prices.feed.bar_ns) == (2 * MINUTE, MINUTE)
    assert heard(prices, ("news", News((tick(3),)))) == "news"
    assert [each.at_ns // MINUTE for each in prices.feed.read(None, 9)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("tag", "value", "then"),
    [
        ("news", News(silence="no new block for 60 s"), "news"),
        ("news", Unanswered("no node answers"), "later news"),
        ("news", Declined("a pool has no liquidity"), "later news"),
        ("news", RuntimeError("a mistake"), "later news"),
    ],
)
def test_what_nobody_has_heard_of_is_stale_until_it_is_heard_of_again(prices, tag, value, then):
    heard(prices, *HERE)
    assert prices.stale() == []
    assert heard(prices, (tag, value)) == then
    assert prices.stale() == [WETH]
    assert prices.refusal == ""
    assert heard(prices, ("news", News())) == "news"
    assert prices.stale() == []
    assert len(prices.feed.read(None, 9)) == 2


def test_a_chain_that_is_not_there_yet_is_asked_again(prices):
    assert heard(prices, ("introduce", Unanswered("no node answers"))) == "later introduce"
    assert prices.sentence == "no node answers"
    assert heard(prices, HERE[0], ("history", Unanswered("no node answers"))) == "later history"
    assert prices.stale() == [WETH]


def test_pools_that_can_not_be_traded_and_amounts_that_the_stable_can_not_have_are_refused():
    for value, words in (
        (Declined("evm.pools: 0x12 is no contract"), "0x12 is no contract"),
        ((Instrument(WETH, USDC, 18, 1, 500),), 'has 1 decimals: paper.gas = "0.02"'),
    ):
        prices = ChainPrices(Asker(), Settings(evm=Evm(chain="base")), 1)
        prices.news(Done("introduce", value))
        assert words in prices.refusal


# -- the market with it --
@pytest.fixture
def market(tmp_path, monkeypatch):
    monkeypatch.setattr(Market, "beside", lambda *_: None)
    market = alone(Market, tmp_path, "market", *PEERS, feed="chain")
    market.receive(Committed(0, 0, ()), OUTSIDE)
    return market


def said(market, kind):
    return [message for _, message in market.told if isinstance(message, kind)]


def test_the_market_offers_the_pools_once_their_past_is_there_and_only_remembers_that(market):
    market.receive(Done("introduce", OFFERED), OUTSIDE)
    assert said(market, Offered) == []
    market.live._server.told_ns = 2 * MINUTE
    market.receive(Done("history", (tick(1), tick(2))), OUTSIDE)
    assert {offer.instruments for offer in said(market, Offered)} == {OFFERED}
    for role in FOLLOWERS:
        market.receive(Follow(Role(role), 0), market.peers[Role(role)])
    given = said(market, Ticks)
    assert {each.act_from_ns for each in given} == {2 * MINUTE + 1}
    assert [each.at_ns // MINUTE for each in given[0].ticks] == [1, 2]
    assert market.facts()["stale"] == []
    market.receive(Done("news", News(silence="no new block for 60 s")), OUTSIDE)
    assert market.facts()["stale"] == [WETH]


def test_the_market_ends_the_run_over_pools_that_can_not_be_traded(market):
    market.receive(Done("introduce", Declined("evm.pools: 0x12 is no contract")), OUTSIDE)
    assert [each.sentence for each in said(market, Fatal)] == ["evm.pools: 0x12 is no contract"]
    assert market.stopped


def test_the_market_ends_the_run_if_the_books_hold_what_no_pool_trades(market, monkeypatch):
    held = Asset("base:0xheld")
    monkeypatch.setitem(market.replica.books.positions, held, None)
    market.live._server.told_ns = MINUTE
    market.receive(Done("introduce", OFFERED), OUTSIDE)
    market.receive(Done("history", ()), OUTSIDE)
    assert f"the books hold {held}, of which no pool is configured" in said(market, Fatal)[0].sentence
    assert said(market, Offered) == []
