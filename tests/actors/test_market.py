"""The market, from outside: a reborn subscriber says from where on, and only then hears of what comes."""

import pytest

import actors.market as module
from actors.market import Market
from actors.messages import Address, Committed, Directory, Follow, Handled, Id, Offered, Role, Ticks
from storage import logs
from tests.actors.alone import OUTSIDE, alone
from tests.simulation.outside import Prices

FOLLOWERS = ("executor", "positions", "strategist:momentum")
PEERS = ("wal", "supervisor", "portfolio", *FOLLOWERS)
HEIR = Address("heir")


@pytest.fixture
def market(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    monkeypatch.setattr(module, "open_feed", lambda *_: Prices(1, 1, 8))
    market = alone(Market, tmp_path, "market", *PEERS, feed="simulated")
    market.receive(Committed(0, 0, ()), OUTSIDE)
    for role in FOLLOWERS:
        market.receive(Follow(Role(role), None), Address(role))
    return market


def ticks_to(market, message, sender):
    before = len(market.told)
    market.receive(message, sender)
    return [target for target, said in market.told[before:] if isinstance(said, Ticks)]


def test_everybody_is_given_ticks_once_all_have_said_from_where_on(market):
    assert {target for target, said in market.told if isinstance(said, Ticks)} == set(FOLLOWERS)


def test_a_successor_is_offered_the_feed_and_given_nothing_before_it_has_said_from_where_on(market):
    """Its predecessor was done with the ticks that others are still at: that is nothing the heir has seen."""
    role = Role("strategist:momentum")
    last_ns = next(said for _, said in market.told if isinstance(said, Ticks)).ticks[-1].at_ns
    for done in (role, Role("positions")):
        market.receive(Handled(done, last_ns), Address(done))
    actors = {Role(peer): HEIR if peer == role else Address(peer) for peer in PEERS}
    before = len(market.told)
    market.receive(Directory(2, actors), OUTSIDE)
    assert [target for target, said in market.told[before:] if isinstance(said, Offered)] == ["heir"]
    assert ticks_to(market, Handled(Role("executor"), last_ns), Address("executor")) == []
    assert "heir" in ticks_to(market, Follow(role, 0), HEIR)


def test_a_successor_sees_the_tick_that_is_being_closed_though_it_catches_up_in_several_steps(
    market, monkeypatch
):
    """Its predecessor's wishes of that tick are waited for, and only it can repeat them."""
    role = Role("strategist:momentum")
    market.feed.ahead = 1
    monkeypatch.setattr(market, "wake", lambda *_: None)
    first_ns, second_ns = (tick.at_ns for tick in market.feed.ticks[:2])
    for done in FOLLOWERS:
        wishes = (Id("a wish"),) if done == role else ()
        market.receive(Handled(Role(done), second_ns, wishes), Address(done))
    actors = {Role(peer): HEIR if peer == role else Address(peer) for peer in PEERS}
    market.receive(Directory(2, actors), OUTSIDE)
    assert ticks_to(market, Follow(role, 0), HEIR) == ["heir"]
    assert ticks_to(market, Handled(role, first_ns), HEIR) == ["heir"]
