"""Small bars into big ones."""

from msgspec import json

from actors.messages import Asset, Bar, Price, Tick, Units
from strategies.bars import Growing, after_tick

A, B = Asset("paper:A"), Asset("paper:B")
HOUR = 60


def bar(token: Asset, open: int, high: int, low: int, close: int, volume: int = 1) -> Bar:
    return Bar(
        token, Price(open), Price(high), Price(low), Price(close), Units(volume), Units(close), Units(1)
    )


def tick(at: int, *bars: Bar) -> Tick:
    return Tick(at, bars)


def played(*ticks: Tick) -> list[tuple[int, Tick]]:
    """Which timeframe bars came out, and at which tick."""
    growing: Growing = {}
    out = []
    for one in ticks:
        growing, done = after_tick(growing, one, HOUR)
        out += [(one.at_ns, ended) for ended in done]
        growing = json.decode(json.encode(growing), type=Growing)  # What a snapshot does to it.
    return out


def test_a_timeframe_bar_is_the_first_open_the_extremes_the_last_close_and_all_volume():
    out = played(
        tick(20, bar(A, 10, 12, 9, 11, 5)),
        tick(40, bar(A, 11, 15, 10, 14, 6)),
        tick(60, bar(A, 14, 14, 8, 9, 7)),
    )
    assert out == [(60, tick(60, bar(A, 10, 15, 8, 9, 18)))]


def test_a_bar_that_ends_with_the_timeframe_belongs_to_it():
    one = bar(A, 1, 1, 1, 1)
    assert played(tick(60, one), tick(61, one), tick(120, one)) == [
        (60, tick(60, one)),
        (120, tick(120, bar(A, 1, 1, 1, 1, 2))),
    ]


def test_a_bar_whose_end_was_missed_comes_at_the_next_tick_and_counts_by_its_own_end():
    first, second = bar(A, 1, 2, 1, 2), bar(A, 5, 6, 5, 6)
    assert played(tick(59, first), tick(300, second)) == [(300, tick(60, first)), (300, tick(300, second))]


def test_any_tick_brings_out_what_has_ended_even_without_its_token():
    first = bar(A, 1, 2, 1, 2)
    assert played(tick(50, first), tick(61, bar(B, 1, 1, 1, 1))) == [(61, tick(60, first))]
    assert played(tick(50, first), tick(60, bar(B, 7, 7, 7, 7))) == [
        (60, tick(60, first, bar(B, 7, 7, 7, 7)))
    ]


def test_timeframes_without_a_trade_are_left_out():
    out = played(
        tick(10, bar(A, 1, 1, 1, 1)), tick(1_000, bar(A, 2, 2, 2, 2)), tick(1_021, bar(A, 3, 3, 3, 3))
    )
    assert [ended.at_ns for _, ended in out] == [60, 1_020]


def test_with_a_timeframe_of_one_bar_every_bar_passes_unchanged():
    ticks = [tick(at, bar(A, at, at, at, at)) for at in (60, 120, 180)]
    assert played(*ticks) == [(one.at_ns, one) for one in ticks]


def test_the_state_that_went_in_is_not_changed():
    growing, _ = after_tick({}, tick(10, bar(A, 1, 1, 1, 1)), HOUR)
    before = dict(growing)
    after_tick(growing, tick(20, bar(A, 2, 2, 2, 2)), HOUR)
    after_tick(growing, tick(90, bar(A, 2, 2, 2, 2)), HOUR)
    assert growing == before
