"""Positions, from outside: ticks in, wishes and answers out, over a real log."""

import pytest
from loguru import logger

from actors.base import Actor, System
from actors.member import Member
from actors.messages import (
    PRICE_SCALE,
    Address,
    AlreadyClosing,
    Append,
    Approved,
    Bar,
    Begin,
    Close,
    CloseReason,
    Committed,
    Deposited,
    Directory,
    Drain,
    Follow,
    Handled,
    Id,
    Instrument,
    Offered,
    Refusal,
    Refused,
    Role,
    Tick,
    Ticks,
)
from actors.positions import Positions
from actors.wal import Wal
from storage import logs
from storage.config import Run, Settings
from storage.layout import log_path
from storage.log import Log
from storage.trades import local
from tests.actors.alone import alone
from tests.deals import MINUTE_NS, UNIT, USDC, WBTC, WETH, Desk

HELD = 10**18
ENTRY = 100 * UNIT * PRICE_SCALE
heard: list[object] = []


class Ear(Actor):
    """The market and the portfolio: notes what Positions says, and passes on what the test says."""

    def __init__(self):
        super().__init__()
        self.positions = None

    def receive(self, message, _sender):
        match message:
            case Directory(_, actors):
                self.positions = actors[Role("positions")]
            case Follow() | Handled() | Close():
                heard.append(message)
            case Offered() | Ticks() | AlreadyClosing():
                self.tell(self.positions, message)


OFFERED = Offered(tuple(Instrument(token, USDC, 18, 6, 500) for token in (WETH, WBTC)), MINUTE_NS)


def ticks(first, *prices, token=WETH):
    bars = (Bar(token, price, price, price, price, 1, 10**12, 10**21) for price in prices)
    after = tuple(Tick((first + number) * MINUTE_NS, (bar,)) for number, bar in enumerate(bars))
    return Ticks(after, after[0].at_ns, 0)


@pytest.fixture
def say(tmp_path):
    """Says something as the market (or, once reborn, its successor), and returns what that led to."""
    (tmp_path / "logs").mkdir()
    desk = Desk()
    desk.bought(WETH, HELD, at_ns=MINUTE_NS)
    log = Log.open(log_path(tmp_path))
    log.append(Append(Id("before"), tuple(desk.records)))
    log.close()
    heard.clear()
    system = System.in_process()
    kinds = {"wal": Wal, "positions": Positions, "market": Ear, "portfolio": Ear, "supervisor": Ear}
    actors = {Role(role): system.create(kind) for role, kind in kinds.items()}

    def said(*messages):
        heard.clear()
        for message in messages:
            if message in {"reborn", "portfolio reborn"}:
                actors[Role("market" if message == "reborn" else "portfolio")] = system.create(Ear)
                for address in actors.values():
                    system.tell(address, Directory(2, dict(actors)))
            else:
                role = "wal" if isinstance(message, Append) else "market"
                system.tell(actors[Role(role)], message)
        system.listen(0.05)
        return list(heard)

    try:
        for role, kind in kinds.items():
            if issubclass(kind, Member):
                system.tell(actors[role], Begin(role, Settings(), Run(data_dir=str(tmp_path))))
            system.tell(actors[role], Directory(1, dict(actors)))
        said(OFFERED)
        yield said
        for address in actors.values():
            system.kill(address)
    finally:
        system.shutdown()
        logger.remove()


def test_it_stops_at_the_tick_at_which_something_must_be_sold(say):
    wish, handled = say(ticks(2, ENTRY, ENTRY // 2, ENTRY // 4))
    assert (wish.token, wish.at_ns) == (WETH, 3 * MINUTE_NS)
    assert handled == Handled(Role("positions"), 3 * MINUTE_NS, (wish.id,), handled.lsn)


def test_a_successor_of_the_market_hears_of_the_wish_that_is_not_decided(say):
    """Else it would pass that tick, and nobody would ever decide."""
    wish, _ = say(ticks(2, ENTRY, ENTRY // 2))
    assert Follow(Role("positions"), 3 * MINUTE_NS, (wish.id,)) in say("reborn", OFFERED)


def test_a_wish_that_the_market_has_passed_holds_up_nothing(say):
    """The answer died with the portfolio; what became of the wish is in the books."""
    first, _ = say(ticks(2, ENTRY // 2))
    again, handled = say(ticks(3, ENTRY // 2, ENTRY // 2))
    assert again.at_ns == 3 * MINUTE_NS != first.at_ns
    assert handled.wishes == (again.id,)


def test_a_new_portfolio_hears_of_the_wish_though_the_token_is_sold_by_now(say):
    """The market was told of it, and the tick is not closed before it is decided."""
    wish, _ = say(ticks(2, ENTRY // 2))
    desk = Desk()
    desk.bought(WETH, HELD, at_ns=MINUTE_NS)
    known = len(desk.appends)
    desk.sold(WETH, 50 * UNIT, at_ns=2 * MINUTE_NS)
    say(*desk.appends[known:])
    assert wish in say("portfolio reborn")


def test_an_answer_lets_it_go_on(say):
    wish, _ = say(ticks(2, ENTRY // 2))
    assert say(AlreadyClosing(wish.id, Id("other"))) == []
    later = say(ticks(3, ENTRY))
    assert later == [Handled(Role("positions"), 3 * MINUTE_NS, (), later[0].lsn)]


def test_a_wish_at_a_tick_that_was_read_ahead_is_told_to_a_new_market_with_its_own_tick(say):
    """Something was bought at a tick before the last that was seen, so the ticks since are read again."""
    desk = Desk()
    desk.bought(WETH, HELD, at_ns=MINUTE_NS)
    known = len(desk.appends)
    desk.bought(WBTC, HELD, at_ns=2 * MINUTE_NS)
    say(ticks(2, ENTRY, ENTRY, ENTRY), *desk.appends[known:])
    wish, _ = say(ticks(3, ENTRY // 2, token=WBTC))
    assert wish.token == WBTC
    assert Follow(Role("positions"), 3 * MINUTE_NS, (wish.id,)) in say("reborn", OFFERED)


def test_a_position_that_was_opened_before_a_wish_that_was_read_ahead_is_watched_up_to_it(say):
    """One that waits for the decision at a later tick has not seen what the new one does until then."""
    desk = Desk()
    desk.bought(WETH, HELD, at_ns=MINUTE_NS)
    known = len(desk.appends)
    desk.bought(WBTC, HELD, at_ns=2 * MINUTE_NS)
    ahead, _ = say(ticks(2, ENTRY, ENTRY, ENTRY, ENTRY // 2))
    assert ahead.at_ns == 5 * MINUTE_NS
    (handled,) = say(*desk.appends[known:], ticks(3, ENTRY, token=WBTC))
    assert (handled.through_ns, handled.wishes) == (3 * MINUTE_NS, ())
    assert Follow(Role("positions"), 3 * MINUTE_NS, ()) in say("reborn", OFFERED)
    wish, handled = say(ticks(4, ENTRY // 2, ENTRY // 2, token=WBTC))
    assert (wish.token, wish.at_ns, handled.wishes) == (WBTC, 4 * MINUTE_NS, (wish.id,))


# -- a stop that sells what is held -------------------------------------------------------------------------
class Closing:
    """Positions alone, in a stop that sells; the log and the portfolio are the test's."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(logs, "start", lambda *_, **__: None)
        self.desk = Desk()
        self.actor = alone(Positions, folder, "positions", "wal", "portfolio", "market", "supervisor")
        self.told = 0

    def news(self):
        """The log says what is new in it; what Positions asks to be sold then."""
        new = tuple(self.desk.records[self.told :])
        self.told += len(new)
        return self.sells(Committed(self.told - len(new), self.told, new), "wal")

    def sells(self, message, sender="supervisor"):
        before = len(self.actor.told)
        self.actor.receive(message, Address(sender))
        return [said for whom, said in self.actor.told[before:] if whom == "portfolio"]


@pytest.fixture
def closing(tmp_path, monkeypatch):
    return Closing(tmp_path, monkeypatch)


def test_a_stop_that_sells_waits_for_the_books_and_needs_no_market(closing):
    """A successor is told of the stop before it knows what is held."""
    closing.desk.bought(WETH, HELD)
    assert closing.sells(Drain(True)) == []
    (close,) = closing.news()
    assert (close.token, close.reason) == (WETH, CloseReason.SHUTDOWN)


def test_a_stop_that_does_not_sell_sells_nothing(closing):
    closing.desk.bought(WETH, HELD)
    assert closing.news() == closing.sells(Drain(False)) == []


def test_what_lands_after_the_stop_is_sold_too(closing):
    closing.news()
    assert closing.sells(Drain(True)) == []
    closing.desk.bought(WETH, HELD)
    (close,) = closing.news()
    assert close.position == closing.desk.books.positions[WETH].id


def test_what_is_refused_is_asked_for_again_once_something_has_happened(closing):
    closing.desk.bought(WETH, HELD)
    closing.news()
    (first,) = closing.sells(Drain(True))
    assert closing.sells(Drain(True)) == []  # It is being asked for.
    assert closing.sells(Refused(first.id, Refusal.NOT_FINAL), "portfolio") == []
    closing.sells(OFFERED, "market")
    (again,) = closing.sells(ticks(50, ENTRY), "market")
    assert (again.token, again.at_ns) == (WETH, 50 * MINUTE_NS)
    assert closing.sells(Refused(again.id, Refusal.NOT_FINAL), "portfolio") == []
    closing.desk.note(local("more", Deposited(USDC, 1), 0))
    (third,) = closing.news()
    assert third.id != again.id


def test_a_sale_that_failed_is_tried_again_and_one_that_is_under_way_is_not(closing):
    closing.desk.bought(WETH, HELD)
    closing.news()
    (first,) = closing.sells(Drain(True))
    order = closing.desk.wish(first)
    closing.desk.sign(order.id)
    assert closing.sells(Approved(first.id, order), "portfolio") == []
    assert closing.news() == []
    closing.sells(OFFERED, "market")
    assert closing.sells(ticks(50, ENTRY), "market") == []
    closing.desk.revert(order.id, at_ns=50 * MINUTE_NS)
    assert closing.news() == []
    closing.sells(ticks(50, ENTRY), "market")
    (again,) = closing.sells(ticks(51, ENTRY), "market")
    assert (again.token, again.position) == (WETH, first.position)
