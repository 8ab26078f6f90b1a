"""Axes, sets and scores: what is typed is what is played, and the order of things never matters."""

import math

import pytest
from msgspec.structs import replace

from strategies import backtest, results
from strategies.sweep import (
    Row,
    axis_of,
    best,
    equity_of,
    field_of,
    grid,
    key_of,
    ranked,
    row_of,
    with_values,
)
from strategies.sweep_search import Bayes
from tests.strategies.test_backtest import BUSY, market, recorded_of


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    paths = market(tmp_path_factory.mktemp("sweep"), 5, 3_000, 2)
    return field_of(recorded_of(paths, BUSY), BUSY, ["momentum", "scalping"], "data")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("momentum.entry_bars=24, 48", (24, 48)),
        ("momentum.trail_atr=0.1..0.5:0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("momentum.entry_bars=10..25:10", (10, 20)),
        ("momentum.form=donchian,tsmom", ("donchian", "tsmom")),
        ("limits.min_order=5,10", ("5", "10")),
        ("mix.enabled=false,true", (False, True)),
        ("mix.decay=0.95", (0.95,)),
        ("ai.kelly=0.1..0.3:0.1", (0.1, 0.2, 0.3)),
    ],
)
def test_an_axis_is_what_is_typed_and_no_digit_more(text, values):
    assert axis_of(text).values == values


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("paper.capital=5", "name a setting of momentum, scalping, ai, exits, limits, mix"),
        ("ai.enabled=true", "which strategies play is for --strategy to say"),
        ("scalping.enabled=true", "which strategies play is for --strategy to say"),
        ("ai.model=a,b", "a model is trained, and not varied; name it in config.toml"),
        ("ai.timeframe_minutes=5,15", "a model knows bars of what it was trained on alone"),
        ("mix.shadows=ai", "a list is not varied; write it into config.toml"),
        ("mix.floor=5", "write one of enabled, momentum_bps"),
        ("ai.kelly=2", "is not possible"),
        ("mix.floor_bps=20000", "is not possible"),
        ("momentum.entry=5", "there is no such setting; write one of form, timeframe_minutes"),
        ("momentum.entry_bars", "write key=values"),
        ("momentum.entry_bars=0", "a whole number above 0"),
        ("momentum.entry_bars=4.5", "a whole number"),
        ("momentum.trail_atr=nan", "a number above 0"),
        ("momentum.trail_atr=5..2", "from the lower end to the higher"),
        ("momentum.trail_atr=2..5:0", "a step is a number above 0"),
        ("momentum.trail_atr=2..5:x", "a step is a number above 0"),
        ("momentum.form=a..b", "donchian"),
        ("momentum.form=magic", "donchian"),
    ],
)
def test_what_is_no_axis_is_a_sentence_that_names_it(text, sentence):
    with pytest.raises(ValueError, match=f"--over {text.partition('=')[0]}.*{sentence}"):
        axis_of(text)


def test_a_grid_is_every_combination_once_and_needs_a_step():
    axes = [axis_of("momentum.entry_bars=6,8,10"), axis_of("exits.stop_bps=0,50")]
    sets = grid(axes)
    assert len({tuple(each.items()) for each in sets}) == len(sets) == 6
    with pytest.raises(ValueError, match="a grid needs a step"):
        grid([axis_of("momentum.trail_atr=2..8")])
    with pytest.raises(ValueError, match="it is there twice"):
        grid([axes[0], axes[0]])
    with pytest.raises(ValueError, match="name what to vary"):
        grid([])


def test_a_score_is_that_of_the_backtest(field):
    chosen = {"momentum.entry_bars": 8, "exits.stop_bps": 80}
    score = row_of(field, "k", chosen).score
    result = backtest.run(field.recorded, with_values(BUSY, chosen), field.strategies)
    figures = results.figures_of(result)
    assert score.trades == result.trades > 20
    for name in ("total_return", "sharpe", "sortino", "calmar", "max_drawdown"):
        assert getattr(score, name) == getattr(figures.curve, name), name
    assert score.fees == result.account["fees"]
    assert score.moments.sharpe * math.sqrt(365) == pytest.approx(score.sharpe)


def test_a_score_with_a_mix_is_that_of_the_backtest_too(field):
    settings = replace(BUSY, mix=replace(BUSY.mix, enabled=True))
    mixed = replace(field, settings=settings)
    assert key_of(mixed, {}) != key_of(field, {})
    result = backtest.run(field.recorded, settings, field.strategies)
    assert row_of(mixed, "k", {}).score.total_return == results.figures_of(result).curve.total_return


def test_a_set_that_makes_no_sense_is_a_row_with_the_reason(field):
    row = row_of(field, "k", {"momentum.exit_bars": 7})
    assert row.score is None
    assert "at most entry_bars (6)" in row.refused
    assert "use a longer recording" in row_of(field, "k", {"momentum.entry_bars": 9_000}).refused


def test_a_key_changes_with_everything_that_the_score_depends_on(field):
    base = key_of(field, {"momentum.entry_bars": 8})
    others = [
        key_of(field, {"momentum.entry_bars": 9}),
        key_of(replace(field, rules="other"), {"momentum.entry_bars": 8}),
        key_of(replace(field, data="other"), {"momentum.entry_bars": 8}),
        key_of(replace(field, strategies=("momentum",)), {"momentum.entry_bars": 8}),
        key_of(replace(field, settings=replace(BUSY, paper=replace(BUSY.paper, gas="0.5"))),
               {"momentum.entry_bars": 8}),
        key_of(replace(field, before=field.recorded.tape), {"momentum.entry_bars": 8}),
    ]  # fmt: skip
    assert len({base, *others}) == 7
    assert key_of(field, {"momentum.entry_bars": 8, "momentum.exit_bars": 4}) == base  # What it is anyway.


def test_the_best_is_the_same_in_any_order_and_never_one_without_a_figure(field):
    rows = [row_of(field, f"k{bars}", {"momentum.entry_bars": bars}) for bars in (5, 6, 7, 3)]
    rows.append(Row("a", "on", {}, None, "no"))
    assert ranked(rows, "sharpe") == ranked(rows[::-1], "sharpe")
    assert best(rows, "sharpe").score.sharpe == max(row.score.sharpe for row in rows if row.score)
    assert best([rows[-1]], "sharpe") is None


def test_what_is_seen_before_is_never_traded_and_changes_what_is_known(field):
    cold = equity_of(field, BUSY)
    warm = equity_of(replace(field, before=field.recorded.tape), BUSY)
    assert warm.equity[0] == cold.equity[0] == 10_000 * 10**6
    assert warm.trades > 0
    assert (warm.equity != cold.equity).any()


def test_a_search_asks_the_same_again_and_stays_within_its_ranges():
    axes = [axis_of("momentum.entry_bars=6..40"), axis_of("momentum.trail_atr=1..5"),
            axis_of("momentum.form=donchian,tsmom")]  # fmt: skip

    def asked(seed):
        search, found = Bayes(axes, seed), []
        for _ in range(4):
            sets = search.ask(8)
            search.tell([None if each["momentum.form"] == "tsmom" else -each["momentum.trail_atr"]
                         for each in sets])  # fmt: skip
            found += sets
        return found

    first = asked(3)
    assert first == asked(3)
    assert first != asked(4)
    assert all(
        6 <= each["momentum.entry_bars"] <= 40 and 1 <= each["momentum.trail_atr"] <= 5 for each in first
    )
    with pytest.raises(ValueError, match="name what to vary"):
        Bayes([], 1)
