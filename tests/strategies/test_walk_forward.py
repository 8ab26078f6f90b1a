"""Windows: what is chosen knows nothing of what it is played on."""

from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

from strategies.kernel.tables import Tape
from strategies.metrics import DAY_NS
from strategies.sweep import field_of, row_of
from strategies.walk_forward import (
    Days,
    between,
    chained,
    held,
    hold_of,
    inside_of,
    outside_of,
    stretch_of,
    windows,
)
from tests.strategies.test_backtest import BUSY, market, recorded_of

DAYS = Days(inside=0.5, outside=0.25, embargo=0.05)
SETS = [{"momentum.entry_bars": bars} for bars in (5, 6, 9)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    paths = market(tmp_path_factory.mktemp("walk"), 6, 2_600, 2)
    return field_of(recorded_of(paths, BUSY), BUSY, ["momentum"], "data")


def stretches(whole):
    made = []
    for window in windows(whole.recorded, DAYS):
        field = inside_of(whole, window)
        rows = [row_of(field, str(number), each) for number, each in enumerate(SETS)]
        made.append(stretch_of(whole, window, rows, "total_return"))
    return made


def test_windows_roll_by_the_outside_and_never_reach_over_the_end(whole):
    found = windows(whole.recorded, DAYS)
    assert len(found) == 5
    for one, two in pairwise(found):
        assert one.outside_ns[1] == two.outside_ns[0]
        assert two.inside_ns[0] - one.inside_ns[0] == DAY_NS // 4
    for window in found:
        assert window.outside_ns[0] - window.inside_ns[1] == round(0.05 * DAY_NS)
    assert found[-1].outside_ns[1] <= whole.recorded.tape.moments[-1]


def test_parts_of_a_tape_share_no_bar_and_lose_none(whole):
    tape = whole.recorded.tape
    middle = int(tape.moments[1_000])
    parts = [between(whole.recorded, 0, middle), between(whole.recorded, middle, int(tape.moments[-1]))]
    assert np.array_equal(np.concatenate([each.tape.bars for each in parts]), tape.bars)
    assert parts[0].tape.moments[-1] == middle < parts[1].tape.moments[0]
    for part in parts:
        assert part.tape.firsts[0] == 0
        assert part.tape.firsts[-1] == len(part.tape.bars)


def test_nothing_after_a_window_changes_what_is_chosen_or_what_came_before(whole):
    """The whole future is replaced by another one: earlier stretches stay as they are, to the digit."""
    before = stretches(whole)
    cut = before[1].window.outside_ns[1]
    tape = whole.recorded.tape
    bars = tape.bars.copy()
    for name in ("open", "high", "low", "close"):
        bars[name][tape.firsts[np.searchsorted(tape.moments, cut, side="right")] :] *= 7.0
    other = replace(whole, recorded=replace(whole.recorded, tape=Tape(tape.moments, tape.firsts, bars)))
    after = stretches(other)
    for one, two in zip(before[:2], after[:2], strict=True):
        assert one.chosen == two.chosen
        assert one.outside == two.outside
        assert np.array_equal(one.growth, two.growth)
    assert any(
        not np.array_equal(one.growth, two.growth) for one, two in zip(before[2:], after[2:], strict=True)
    )


def test_what_is_chosen_on_ends_with_the_inside_and_what_is_played_begins_after_the_embargo(whole):
    for window in windows(whole.recorded, DAYS):
        inside, outside = inside_of(whole, window), outside_of(whole, window)
        assert window.inside_ns[0] < inside.recorded.tape.moments[0]
        assert inside.recorded.tape.moments[-1] <= window.inside_ns[1]
        assert inside.before is None
        assert outside.before.moments[-1] <= window.outside_ns[0] < outside.recorded.tape.moments[0]


def test_the_outside_is_played_by_the_set_that_was_best_inside(whole):
    for each in stretches(whole):
        field = inside_of(whole, each.window)
        returns = [row_of(field, "", parameters).score.total_return for parameters in SETS]
        assert SETS[int(np.argmax(returns))] == each.chosen.parameters
        assert each.tried == len(SETS)


def test_a_strategy_has_seen_the_inside_before_it_plays(whole):
    """It can trade in a window that is shorter than what it must know before its first wish."""
    window = windows(whole.recorded, DAYS)[0]
    settings = replace(BUSY, momentum=replace(BUSY.momentum, entry_bars=300, exit_bars=4))
    warm = outside_of(replace(whole, settings=settings), window)
    assert warm.before.moments[-1] < warm.recorded.tape.moments[0]
    assert row_of(warm, "", {}).refused  # By itself it would be too short.
    rows = [row_of(inside_of(whole, window), "", {"momentum.entry_bars": 300})]
    chosen = stretch_of(replace(whole, settings=settings), window, rows, "total_return")
    assert (chosen.growth != 1.0).any()


def test_growth_is_chained_without_a_step_and_holding_too(whole):
    assert chained([np.array([1.0, 2.0]), np.array([1.0, 0.5, 0.25])]).tolist() == [1.0, 2.0, 1.0, 0.5]
    made = stretches(whole)
    together = held(whole, made)
    assert together[-1] == pytest.approx(
        np.prod([hold_of(outside_of(whole, each.window))[-1] for each in made])
    )


def test_windows_that_do_not_fit_are_a_sentence(whole):
    with pytest.raises(ValueError, match=r"does not fit into the 1.8 days of the recording; name fewer"):
        windows(whole.recorded, Days(1.5, 0.5, 0.1))
    with pytest.raises(ValueError, match="at least two bars"):
        windows(whole.recorded, Days(1.0, 0.0001))
    window = windows(whole.recorded, DAYS)[0]
    row = row_of(inside_of(whole, window), "", {"momentum.exit_bars": 7})
    with pytest.raises(ValueError, match=r"no set can be chosen: momentum.exit_bars"):
        stretch_of(whole, window, [row], "sharpe")
