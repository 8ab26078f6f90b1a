"""Budgets: what they start with, what they learn, and what they never go beyond."""

import math
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.messages import BPS, Day, Rebalanced
from storage.config_strategies import Mix
from strategies.mix import (
    CASH,
    DAY_NS,
    LEAST_DAYS,
    budget_bps,
    budgets,
    day_of,
    rebalanced,
    volatility,
    week_of,
)

MIX = Mix(enabled=True, band_bps=0)
NAMES = ("ai", "momentum", "scalping")
PERCENT = 10_000  # Of ppm.


def days(*results: int, first: int = 0) -> tuple[Day, ...]:
    return tuple(Day(number, result) for number, result in enumerate(results, first))


def weeks(mix: Mix, results: dict[str, list[int]]) -> list[Rebalanced]:
    """Rebalanced every seven days, as of a strategy's list of days."""
    made: list[Rebalanced] = []
    for last in range(7, max(map(len, results.values())) + 1, 7):
        known = {name: days(*each[:last]) for name, each in results.items()}
        made.append(rebalanced(made[-1] if made else None, known, mix, sorted(results), last * DAY_NS))
    return made


def steady(result: int, shake: int, count: int) -> list[int]:
    return [result + (shake if number % 2 else -shake) for number in range(count)]


def test_it_begins_with_half_a_quarter_and_a_quarter_of_what_is_on_and_nobody_inherits_another_s():
    assert budgets(None, MIX, NAMES) == {"momentum": 5_000, "scalping": 2_500, "ai": 2_500}
    assert budgets(None, MIX, ["momentum"]) == {"momentum": 5_000}


def test_without_a_mix_each_has_the_limit_and_with_one_never_more():
    assert budget_bps(None, Mix(), 4_321, NAMES, "ai") == 4_321
    assert budget_bps(None, MIX, 4_321, NAMES, "momentum") == 4_321
    assert budget_bps(None, MIX, 4_321, NAMES, "ai") == 2_500


def test_a_restart_uses_what_is_recorded_and_a_newcomer_has_the_floor_or_what_is_left():
    now = Rebalanced(1, {"momentum": 4_000, "scalping": 900}, {})
    assert budgets(now, MIX, NAMES) == {"momentum": 4_000, "scalping": 900, "ai": 500}
    full = Rebalanced(1, {"momentum": 5_000, "scalping": 4_800}, {})
    assert budgets(full, MIX, NAMES)["ai"] == 200


def test_midnight_ends_a_day_and_a_week_begins_on_monday():
    monday = int(datetime(2024, 1, 8, tzinfo=UTC).timestamp()) * 10**9
    assert day_of(monday) + 1 == day_of(monday + 1)
    assert week_of(day_of(monday)) + 1 == week_of(day_of(monday + 1))
    assert week_of(day_of(monday + 1)) == week_of(day_of(monday + 7 * DAY_NS))


def test_who_earns_more_is_given_more_and_who_loses_ends_at_the_floor():
    results = {
        "momentum": steady(PERCENT // 2, PERCENT, 140),
        "scalping": steady(-PERCENT // 2, PERCENT, 140),
    }
    made = weeks(MIX, results)
    first, last = made[0].budgets, made[-1].budgets
    assert last["momentum"] == MIX.cap_bps
    assert last["scalping"] < first["scalping"]
    assert last["scalping"] < 2 * MIX.floor_bps


def test_where_all_lose_the_money_becomes_cash():
    results = {name: steady(-PERCENT // 2, PERCENT, 140) for name in NAMES}
    made = weeks(MIX, results)[-1]
    assert sum(made.budgets.values()) < 3_000
    assert made.evidence[CASH].share_bps > 7_000


def test_a_strategy_that_does_nothing_is_worth_as_much_as_cash():
    made = weeks(replace(MIX, momentum_bps=2_500), {"momentum": [0] * 350, "scalping": [0] * 350})[-1]
    shares = {name: expert.share_bps for name, expert in made.evidence.items()}
    assert max(shares.values()) - min(shares.values()) < 200


def test_one_that_is_twice_as_wild_as_it_may_be_has_half_of_its_share():
    made = weeks(MIX, {"momentum": steady(0, 300 * 100, 70)})[-1]
    expert = made.evidence["momentum"]
    assert expert.volatility_ppm == 30_000
    assert made.budgets["momentum"] == expert.share_bps // 2


def test_a_single_day_however_wild_counts_as_one():
    calm = weeks(MIX, {"momentum": [*steady(0, PERCENT, 13), 3 * PERCENT]})[-1]
    wild = weeks(MIX, {"momentum": [*steady(0, PERCENT, 13), 3_000 * PERCENT]})[-1]
    assert calm.evidence["momentum"].score == wild.evidence["momentum"].score


def test_too_few_days_say_nothing_of_volatility():
    assert volatility(days(*[1_000] * (LEAST_DAYS - 1))) is None
    assert volatility(days(*[1_000] * LEAST_DAYS)) == 1_000


def test_within_the_band_all_budgets_stay_and_the_evidence_goes_on():
    results = {name: steady(100, PERCENT, 70) for name in NAMES}
    kept, moved = weeks(replace(MIX, band_bps=BPS), results), weeks(MIX, results)
    assert all(each.budgets == budgets(None, MIX, NAMES) for each in kept)
    assert [each.evidence for each in kept] == [each.evidence for each in moved]
    assert moved[-1].budgets != kept[-1].budgets


def test_a_day_is_counted_once_however_often_it_is_told():
    results = {"momentum": steady(PERCENT, 100, 7), "ai": steady(-PERCENT, 100, 7)}
    told = {name: days(*each) for name, each in results.items()}
    once = rebalanced(None, told, MIX, sorted(told), 1)
    again = rebalanced(once, told, MIX, sorted(told), 2)
    assert again.evidence == once.evidence
    assert again.budgets == once.budgets


def test_a_day_that_nobody_knows_of_one_is_a_day_in_cash():
    told = {"momentum": days(*[0] * 7), "scalping": ()}
    known = rebalanced(None, told, replace(MIX, momentum_bps=2_500), sorted(told), 1)
    assert known.evidence["momentum"].score == known.evidence["scalping"].score


def test_the_weights_are_those_of_hedge_counted_by_hand():
    """Two experts, momentum and cash; three days of +1, -3 and +0.5 percent; no volatility is known yet."""
    mix = replace(MIX, decay=0.9)
    made = rebalanced(None, {"momentum": days(PERCENT, -3 * PERCENT, PERCENT // 2)}, mix, ["momentum"], 1)
    rate, score = math.sqrt(8 * math.log(2) / 180), math.log(0.5)
    for gain in (1 / 1.5 / 2, -1.0, 0.5 / 1.5 / 2):
        score = 0.9 * score + rate * gain
    cash = math.log(0.5) * 0.9**3
    assert made.evidence["momentum"].score == pytest.approx(score, rel=1e-12)
    assert made.evidence[CASH].score == pytest.approx(cash, rel=1e-12)
    weight = math.exp(score) / (math.exp(score) + math.exp(cash))
    assert made.evidence["momentum"].share_bps == 500 + int(9_000 * weight)


def test_who_is_switched_off_is_forgotten_and_its_budget_is_free():
    both = weeks(MIX, {"momentum": steady(0, PERCENT, 70), "ai": steady(0, PERCENT, 70)})[-1]
    alone = rebalanced(both, {"momentum": days(*steady(0, PERCENT, 77))}, MIX, ["momentum"], 77 * DAY_NS)
    assert alone.budgets.keys() == {"momentum"}
    assert alone.evidence.keys() == {"momentum", CASH}


def test_one_that_is_only_watched_changes_no_budget_and_keeps_its_evidence_for_the_day_it_is_on():
    told = {"momentum": days(*steady(0, PERCENT, 14)), "ai": days(*steady(PERCENT, PERCENT, 14))}
    watched = rebalanced(None, told, MIX, ["momentum"], 14 * DAY_NS)
    alone = rebalanced(None, {"momentum": told["momentum"]}, MIX, ["momentum"], 14 * DAY_NS)
    assert watched.budgets == alone.budgets
    assert watched.evidence["ai"].share_bps == 0
    assert watched.evidence["ai"].days == told["ai"]
    assert budgets(watched, MIX, ["momentum", "ai"])["ai"] == MIX.floor_bps
    on = rebalanced(watched, told, MIX, ["ai", "momentum"], 21 * DAY_NS)
    unproved = rebalanced(alone, {**told, "ai": ()}, MIX, ["ai", "momentum"], 21 * DAY_NS)
    assert on.budgets["ai"] > unproved.budgets["ai"]


def test_the_record_is_read_as_it_was_written():
    made = weeks(MIX, {name: steady(120, PERCENT, 70) for name in NAMES})[-1]
    assert msgspec.json.decode(msgspec.json.encode(made), type=Rebalanced) == made


RESULTS = st.lists(st.integers(-(10**7), 10**7), max_size=80)
MIXES = st.builds(
    lambda floor, cap, decay, horizon, band: replace(
        MIX, floor_bps=floor, cap_bps=cap, decay=decay, horizon_days=horizon, band_bps=band
    ),
    st.integers(0, 2_500), st.integers(5_000, BPS), st.floats(0.01, 1), st.integers(7, 400),
    st.integers(0, 1_000),
)  # fmt: skip


@given(results=st.dictionaries(st.sampled_from(NAMES), RESULTS, min_size=1), mix=MIXES)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_budgets_stay_between_floor_and_cap_and_never_exceed_the_money(results, mix):
    made = weeks(mix, {name: [*each, *[0] * (7 - len(each))] for name, each in results.items()})
    start = budgets(None, mix, results)
    for before, now in pairwise([start, *(each.budgets for each in made)]):
        assert 0 <= sum(now.values()) <= BPS
        moved = now != before
        for share in now.values():
            assert not moved or mix.floor_bps <= share <= mix.cap_bps
        assert not moved or max(abs(now[name] - before[name]) for name in now) >= mix.band_bps
    assert made == weeks(mix, {name: [*each, *[0] * (7 - len(each))] for name, each in results.items()})
