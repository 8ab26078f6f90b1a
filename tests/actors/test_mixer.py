"""The mixer alone: at which tick it stops, what it wishes for, and when it goes on."""

import pytest
from msgspec.structs import replace

from actors.market import expected
from actors.messages import (
    Address,
    Append,
    Bar,
    Begin,
    Committed,
    Directory,
    Fatal,
    Follow,
    Handled,
    Instrument,
    Offered,
    Rebalance,
    Rebalanced,
    Role,
    SaveState,
    StateSaved,
    Tick,
    Ticks,
)
from actors.mixer import Mixer
from actors.system import cast_of
from storage import logs
from storage.config import Momentum, Run, Settings
from storage.config_strategies import Mix
from storage.trades import local
from tests.actors.alone import alone

HOUR = 3_600 * 10**9
MONDAY = 1_704_672_000 * 10**9  # 8 January 2024.
TOKEN = Instrument("paper:WETH", "paper:USDC", 18, 6, 500)
SETTINGS = Settings(mix=Mix(enabled=True), momentum=Momentum(entry_bars=6, exit_bars=4, atr_bars=3))
PEERS = ("wal", "supervisor", "portfolio", "market", "strategist:momentum")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)


def mixer_in(folder, records=(), instrument=TOKEN):
    """It has its books, and knows the market."""
    mixer = alone(Mixer, folder, "", *PEERS)
    mixer.receive(Begin(Role("mixer"), SETTINGS, Run(data_dir=str(folder))), Address("outside"))
    mixer.receive(Directory(2, {Role(peer): Address(peer) for peer in PEERS}), Address("outside"))
    mixer.receive(Committed(0, len(records), tuple(records)), Address("wal"))
    mixer.receive(Offered((instrument,), HOUR), Address("market"))
    return mixer


def ticks(first: int, last: int, price: int = 2_000 * 10**18) -> tuple[Tick, ...]:
    """Hours before and after Monday; a bar each."""
    return tuple(
        Tick(
            MONDAY + hour * HOUR,
            (Bar("paper:WETH", *[price + hour * 10**18] * 4, 10**9, 10**13, 5 * 10**21),),
        )
        for hour in range(first, last)
    )


def told(mixer, kind):
    found = [message for _, message in mixer.told if isinstance(message, kind)]
    mixer.told.clear()
    return found


def hear(mixer, batch, act_from_ns=1, lsn=0):
    mixer.told.clear()
    mixer.receive(Ticks(batch, act_from_ns, lsn), Address("market"))


def done(mixer, at_ns, lsn):
    body = Rebalanced(at_ns, {"momentum": 4_000}, {})
    mixer.receive(Committed(lsn - 1, lsn, (local(f"mix:{at_ns}", body, at_ns),)), Address("wal"))


def test_it_stops_at_the_first_tick_of_a_week_and_goes_on_when_the_budgets_are_in_the_books(tmp_path):
    mixer = mixer_in(tmp_path)
    assert told(mixer, Follow)[-1].after_ns == 0
    hear(mixer, ticks(-30, 9))
    first = MONDAY + HOUR  # Midnight itself ends the Sunday.
    (wish,) = [message for _, message in mixer.told if isinstance(message, Rebalance)]
    (handled,) = told(mixer, Handled)
    assert (wish.at_ns, handled.through_ns, handled.wishes) == (first, first, (wish.id,))
    assert [day.number for day in wish.days["momentum"]] == [19_728, 19_729]
    hear(mixer, ticks(-3, 9))  # Somebody else had a wish before: it is read again, up to there.
    assert told(mixer, Handled)[0].wishes == (wish.id,)
    done(mixer, first, 1)
    hear(mixer, ticks(2, 9))
    assert told(mixer, Handled) == [Handled(Role("mixer"), MONDAY + 8 * HOUR, (), 1)]
    assert not mixer.asking(wish.id)


def test_the_mixer_plays_where_there_is_a_mix_and_the_market_waits_for_it():
    assert "mixer" not in cast_of(Run(), Settings())
    assert "mixer" in cast_of(Run(), SETTINGS)
    assert "mixer" in expected(tuple(cast_of(Run(), SETTINGS)))


def test_what_is_only_remembered_is_not_wished_for(tmp_path):
    mixer = mixer_in(tmp_path)
    hear(mixer, ticks(-30, 9), act_from_ns=MONDAY + 9 * HOUR)
    assert not told(mixer, Rebalance)
    hear(mixer, ticks(9, 9 + 7 * 24), act_from_ns=MONDAY + 9 * HOUR)
    (wish,) = told(mixer, Rebalance)
    assert wish.at_ns == MONDAY + (7 * 24 + 1) * HOUR
    assert len(wish.days["momentum"]) == 9


def test_a_successor_goes_on_from_what_was_saved_and_asks_nothing_that_is_in_the_books(tmp_path):
    mixer = mixer_in(tmp_path)
    hear(mixer, ticks(-30, 0))
    mixer.told.clear()
    mixer.receive(SaveState(), Address("supervisor"))
    (saved,) = [each.records[0] for each in told(mixer, Append)]
    assert isinstance(saved.body, StateSaved)
    hear(mixer, ticks(0, 9))
    (wish,) = told(mixer, Rebalance)
    mixer.receive(SaveState(), Address("supervisor"))
    assert not told(mixer, Append), "a successor would never come to the tick at which it waits"

    successor = mixer_in(tmp_path, [saved])
    assert told(successor, Follow)[-1].after_ns == MONDAY - HOUR
    hear(successor, ticks(0, 9), lsn=1)
    assert told(successor, Rebalance) == [wish]

    body = Rebalanced(wish.at_ns, {"momentum": 4_000}, {})
    later = mixer_in(tmp_path, [saved, local(wish.id, body, wish.at_ns)])
    hear(later, ticks(0, 9), lsn=2)
    assert not [each for each in later.told if isinstance(each[1], Rebalance)]


def test_a_market_that_does_not_wait_is_followed_and_the_wish_stays(tmp_path):
    mixer = mixer_in(tmp_path)
    hear(mixer, ticks(-30, 9))
    (wish,) = told(mixer, Rebalance)
    hear(mixer, ticks(9, 12))
    assert told(mixer, Handled)[0].through_ns == MONDAY + 11 * HOUR
    assert mixer.asking(wish.id)


def test_a_market_in_which_compiled_code_has_no_room_ends_the_run_with_the_fix(tmp_path):
    mixer = mixer_in(tmp_path)
    hear(mixer, ticks(1, 3, price=2**100))
    (fatal,) = told(mixer, Fatal)
    assert fatal.sentence.endswith("or set mix.enabled = false")
    assert "too large" in fatal.sentence
    odd = mixer_in(tmp_path, instrument=replace(TOKEN, quote_decimals=18))
    assert told(odd, Fatal)[0].sentence.endswith("or set mix.enabled = false")
