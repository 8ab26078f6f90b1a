"""The Strategist learns from the log what it holds, and begins anew where what was saved is not its own."""

import pytest

from actors.messages import (
    PRICE_SCALE,
    Address,
    Append,
    Bar,
    Committed,
    Durable,
    Follow,
    Instrument,
    Offered,
    Order,
    Refusal,
    Refused,
    StateSaved,
    Tick,
    Ticks,
)
from actors.strategist import Strategist
from actors.system import CAST, cast_of
from actors.wisher import Wisher
from storage.config import Ai, Run, Scalping, Settings
from storage.config_strategies import Mix
from storage.trades import local
from strategies.layout import HELD
from tests.actors.alone import alone
from tests.deals import UNIT, USDC, WETH, Desk, close

HOUR_NS = 3_600 * 10**9
MARKET, PORTFOLIO, ROLE = Address("market"), Address("portfolio"), "strategist:momentum"


class Played:
    """A strategist, the desk whose records it hears, and a market of hours."""

    def __init__(self, folder, desk: Desk) -> None:
        self.desk, self.lsn, self.hour = desk, 0, 0
        self.actor = alone(Strategist, folder, ROLE, "wal", "portfolio", "market", "supervisor")
        type(self.actor).heard = Wisher.heard  # A helper of that name stands before it.
        self.news()
        self.actor.receive(Offered((Instrument(WETH, USDC, 18, 6, 500),), HOUR_NS), MARKET)

    def news(self) -> None:
        records = tuple(self.desk.records[self.lsn :])
        self.actor.receive(Committed(self.lsn, len(self.desk.records), records), Address("wal"))
        self.lsn = len(self.desk.records)

    def tick(self, price: int = 100) -> list:
        """What is said after an hour's bar, and whatever is to be saved is durable."""
        self.hour += 1
        price *= UNIT * PRICE_SCALE
        bar = Bar(WETH, price, price, price, price, 1, 10**12, 10**21)
        before = len(self.actor.told)
        self.actor.receive(Ticks((Tick(self.hour * HOUR_NS, (bar,)),), 0, self.lsn), MARKET)
        while self.actor.saving:
            self.actor.receive(Durable(self.actor.saving, self.lsn), Address("wal"))
        return self.actor.told[before:]

    @property
    def held(self) -> bool:
        return bool(self.actor.trader.states[WETH][HELD])


@pytest.fixture
def played(tmp_path):
    """It has seen an hour, and a position of its own that it does not know of."""
    (tmp_path / "logs").mkdir()
    desk = Desk()
    desk.bought(WETH, 1_000, at_ns=1)
    made = Played(tmp_path, desk)
    made.tick()
    return made


def saved(said) -> bool:
    return any(isinstance(each, Append) and isinstance(each.records[0].body, StateSaved) for _, each in said)


def test_a_sale_that_failed_leaves_it_holding_and_that_is_saved(played):
    assert not played.held
    order = played.desk.wish(sale(played))
    played.desk.revert(order.id, at_ns=played.hour * HOUR_NS)
    played.news()
    said = played.tick()
    assert played.held
    assert saved(said)


def test_a_buy_that_landed_while_it_thought_otherwise_leaves_it_holding_and_that_is_saved(played):
    order = played.desk.wish(sale(played))
    played.desk.land(order.id, 900, at_ns=played.hour * HOUR_NS)
    played.news()
    played.tick()
    assert not played.held
    played.desk.bought(WETH, 1_000, at_ns=played.hour * HOUR_NS)
    played.news()
    said = played.tick()
    assert played.held
    assert saved(said)


def test_a_sale_of_the_next_tick_does_not_hide_how_the_one_before_it_ended(played):
    """As a successor reads it: at that tick nothing was open yet."""
    order = played.desk.wish(sale(played))
    played.desk.revert(order.id, at_ns=played.hour * HOUR_NS)
    assert isinstance(played.desk.wish(close(WETH, (played.hour + 1) * HOUR_NS)), Order)
    played.news()
    played.tick()
    assert played.held


def test_a_sale_of_all_leaves_it_without(played):
    played.actor.trader.held(WETH, True)
    order = played.desk.wish(sale(played))
    played.desk.land(order.id, 900, at_ns=played.hour * HOUR_NS)
    played.news()
    played.tick()
    assert not played.held


def test_a_sale_of_a_part_leaves_it_holding(played):
    order = played.desk.wish(sale(played, portion_bps=5_000))
    played.desk.land(order.id, 900, at_ns=played.hour * HOUR_NS)
    played.news()
    played.tick()
    assert played.held


def test_while_a_sale_is_under_way_a_refusal_says_nothing_of_what_is_held(played):
    order = played.desk.wish(sale(played))
    played.desk.sign(order.id, at_ns=played.hour * HOUR_NS)
    played.news()
    second = sale(played, portion_bps=1)
    played.actor.wish(second)
    played.actor.receive(Refused(second.id, Refusal.STALE), PORTFOLIO)
    played.tick()
    assert not played.held


def test_what_another_strategy_holds_is_not_its_own(played):
    played.actor.strategy = "scalping"
    played.actor.trader.held(WETH, True)
    order = played.desk.wish(sale(played))
    played.desk.revert(order.id, at_ns=played.hour * HOUR_NS)
    played.news()
    played.tick()
    assert not played.held


def test_a_refused_close_leaves_it_holding_what_the_books_say(played):
    wish = sale(played)
    played.actor.wish(wish)
    played.actor.receive(Refused(wish.id, Refusal.NOT_ENOUGH_FUNDS), PORTFOLIO)
    played.tick()
    assert played.held


@pytest.mark.parametrize("text", ['{"through_ns":5,"growing":{},"states":{},"closes":{}}', "AAAA"])
def test_what_an_older_program_saved_is_read_past_from_the_first_tick_on(tmp_path, text):
    (tmp_path / "logs").mkdir()
    desk = Desk()
    desk.note(local("saved", StateSaved(ROLE, 5, text), 5))
    played = Played(tmp_path, desk)
    assert ("market", Follow(ROLE, 0)) in played.actor.told


def sale(played, portion_bps: int = 10_000):
    return close(WETH, at_ns=played.hour * HOUR_NS, portion_bps=portion_bps)


def test_a_strategist_plays_only_where_its_strategy_is_switched_on():
    on = Settings(
        scalping=Scalping(enabled=True), ai=Ai(enabled=True, model="models/first"), mix=Mix(enabled=True)
    )
    assert list(cast_of(Run(), on)) == list(CAST)
    assert set(CAST) - set(cast_of(Run(), Settings())) == {"strategist:scalping", "strategist:ai", "mixer"}
