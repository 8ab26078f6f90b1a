"""The trader: interrupted, restored or fed twice, it wishes for the same."""

import pytest

from chains.feeds.simulated import SimulatedFeed
from storage.config import Momentum, Paper, Scalping, Settings, Simulated
from strategies.trader import Trader as Untold
from strategies.trader import decoded, encoded

SETTINGS = Settings(
    momentum=Momentum(timeframe_minutes=5, entry_bars=6, exit_bars=3, atr_bars=3, trail_atr=2.0),
    scalping=Scalping(vwap_bars=12, entry_deviations=1.0, edge_multiple=1.0, rest_bars=1, max_hold_bars=10),
)
FEED = SimulatedFeed(Simulated(tokens=("ALFA", "BRAVO"), bar_seconds=60), Paper(), 1, "2000000", 500)
TICKS = list(FEED.read(None, 900))


TESTED = {"name": "momentum"}


@pytest.fixture(autouse=True, params=["momentum", "scalping"])
def strategy(request):
    """Every test is one of each strategy."""
    TESTED["name"] = request.param


def Trader(settings):  # noqa: N802
    trader = Untold(TESTED["name"], settings)
    trader.meet(FEED.instruments)
    return trader


def run(trader, ticks):
    return [wish for tick in ticks for wish in trader.after(tick)]


def uninterrupted():
    trader = Trader(SETTINGS)
    return run(trader, TICKS), trader.saved()


def test_there_are_wishes_to_compare():
    wishes, _ = uninterrupted()
    assert {type(wish).__name__ for wish in wishes} == {"Propose", "Close"}
    assert len({wish.id for wish in wishes}) == len(wishes) > 10


@pytest.mark.parametrize("cut", [0, 1, 7, 299, 300, 301, 450, 899])
def test_a_trader_restored_from_text_goes_on_as_if_nothing_had_happened(cut):
    first, second = Trader(SETTINGS), Trader(SETTINGS)
    wishes = run(first, TICKS[:cut])
    second.restore(decoded(encoded(first.saved())))
    assert (wishes + run(second, TICKS[cut:]), second.saved()) == uninterrupted()


@pytest.mark.parametrize("size", [1, 2, 17, 64])
def test_ticks_that_come_again_with_the_next_batch_are_ignored(size):
    trader, wishes = Trader(SETTINGS), []
    for start in range(0, len(TICKS), size):
        wishes += run(trader, TICKS[max(0, start - 3) : start + size])
    assert (wishes, trader.saved()) == uninterrupted()


def test_a_save_is_not_changed_by_what_comes_after_it():
    trader = Trader(SETTINGS)
    run(trader, TICKS[:300])
    saved = trader.saved()
    before = encoded(saved)
    run(trader, TICKS[300:])
    assert encoded(saved) == before


def test_a_save_of_other_settings_is_not_taken():
    trader = Trader(SETTINGS)
    run(trader, TICKS[:50])
    other = Trader(Settings())
    assert not other.restore(trader.saved())
    assert (other.through_ns, other.states, other.growing) == (0, {}, {})
    assert Trader(SETTINGS).restore(trader.saved())


@pytest.mark.parametrize("text", ['{"through_ns":5,"growing":{},"states":{},"closes":{}}', "", "AAAA", "!"])
def test_what_an_earlier_program_saved_is_no_save(text):
    assert decoded(text) is None


def test_a_refused_buy_is_wished_for_again_and_a_held_token_is_not():
    wishes, _ = uninterrupted()
    first = wishes[0]
    trader, again = Trader(SETTINGS), []
    for tick in TICKS:
        for wish in trader.after(tick):
            again.append(wish)
            trader.held(wish.token, False)
    assert again[0] == first
    assert not any(type(wish).__name__ == "Close" for wish in again)
