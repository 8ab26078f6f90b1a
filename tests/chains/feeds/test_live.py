"""The ring of live ticks."""

from actors.messages import Asset, Bar, Price, Tick, Units
from chains.feeds import live
from chains.feeds.live import LiveFeed


def tick(at_ns: int) -> Tick:
    one = Price(1)
    return Tick(at_ns, (Bar(Asset("paper:WETH-eth"), one, one, one, one, Units(0), Units(1), Units(1)),))


def test_what_was_added_is_read_in_order_from_any_moment():
    feed = LiveFeed((), 10, "live prices")
    assert feed.read(None, 5) == ()
    assert all(feed.add(tick(at)) for at in (10, 20, 30))
    assert feed.read(None, 2) == (tick(10), tick(20))
    assert feed.read(10, 5) == (tick(20), tick(30))
    assert feed.read(15, 1) == (tick(20),)
    assert feed.read(30, 5) == ()
    assert not feed.ended(30)


def test_a_tick_that_is_old_or_empty_is_not_added():
    feed = LiveFeed((), 10, "live prices")
    feed.add(tick(20))
    assert not feed.add(tick(20))
    assert not feed.add(tick(10))
    assert not feed.add(Tick(30, ()))
    assert feed.read(None, 9) == (tick(20),)


def test_positions_go_on_counting_when_the_ring_is_full(monkeypatch):
    monkeypatch.setattr(live, "RING", 3)
    feed = LiveFeed((), 10, "live prices")
    for at in range(1, 6):
        feed.add(tick(at))
    assert feed.read(None, 9) == (tick(3), tick(4), tick(5))
    assert [feed.position(at) for at in (3, 4, 5, 9)] == [3, 4, 5, 5]
