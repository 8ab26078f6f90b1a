"""How much of the money each strategy may use: Hedge over what it would have earned, and cash beside it.

Every week (UTC, from Monday) each strategy's weight has grown or shrunk by its days, measured in days of the
risk it is meant to take; cash is an expert whose days are all 0.  Weights become shares with a floor and a
cap, shares become budgets in which a wilder strategy has less.  strategies/MIX.md has the sources.  Pure.

Days are whole millionths and budgets basis points; weights alone are floats, and always computed in the same
order, so the same records give the same budgets.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from actors.messages import BPS, Day, Expert, Rebalanced
from storage.config_strategies import Mix

CASH = "cash"
DAY_NS = 86_400 * 10**9
PPM_OF_BPS = 100
LEAST_DAYS = 7  # Fewer say nothing about volatility.
MONDAY = 3  # 1970 began on a Thursday.


def day_of(at_ns: int) -> int:
    """The UTC day of a tick, which stands for the time before it: midnight is the end of a day."""
    return (at_ns - 1) // DAY_NS


def week_of(day: int) -> int:
    return (day + MONDAY) // 7


def budgets(now: Rebalanced | None, mix: Mix, strategies: Iterable[str]) -> dict[str, int]:
    """Basis points of the deposits for each strategy that is on.

    Before the first rebalancing: those of the settings.  Whoever is new since the last one has the floor, or
    what is left of the money.
    """
    if now is None:
        return {name: mix.start()[name] for name in strategies}
    found = {name: now.budgets[name] for name in strategies if name in now.budgets}
    for name in strategies:
        found.setdefault(name, min(mix.floor_bps, BPS - sum(found.values())))
    return found


def budget_bps(
    now: Rebalanced | None, mix: Mix, ceiling_bps: int, strategies: Sequence[str], strategy: str
) -> int:
    """What one strategy may use: never more than limits.strategy_budget_bps, and that without a mix."""
    if not mix.enabled:
        return ceiling_bps
    return min(ceiling_bps, budgets(now, mix, strategies)[strategy])


def shadowed(mix: Mix, strategies: Iterable[str]) -> tuple[str, ...]:
    """Whose shadows trade: those that are on, and those that are only watched."""
    return tuple(sorted({*strategies, *mix.shadows}))


def rebalanced(
    now: Rebalanced | None,
    days: Mapping[str, Sequence[Day]],
    mix: Mix,
    strategies: Sequence[str],
    at_ns: int,
) -> Rebalanced:
    """New budgets for the strategies that are on; what `now` has counted of `days` is not counted again.

    Of those that are only watched the evidence goes on, and their share is 0.
    """
    before = _experts(now, mix, sorted({*days, *strategies}), strategies)
    fresh = {name: _fresh(expert, days.get(name, ())) for name, expert in before.items()}
    rate = math.sqrt(8 * math.log(len(strategies) + 1) / mix.horizon_days)
    after = _learned(before, fresh, rate, mix)
    shares = _shares({name: after[name].score for name in (*strategies, CASH)}, mix)
    evidence = {
        name: Expert(expert.score, shares.get(name, 0), volatility(expert.days), expert.days)
        for name, expert in after.items()
    }
    wanted = {name: _budget(evidence[name], mix) for name in strategies}
    kept = budgets(now, mix, strategies)
    if max((abs(wanted[name] - kept[name]) for name in strategies), default=0) < mix.band_bps:
        wanted = kept
    return Rebalanced(at_ns, wanted, evidence)


def volatility(days: Sequence[Day]) -> int | None:
    """The root of the mean square of days, in millionths; None for too few of them."""
    if len(days) < LEAST_DAYS:
        return None
    return math.isqrt(sum(day.result_ppm**2 for day in days) // len(days))


# -- what is known --
def _experts(
    now: Rebalanced | None, mix: Mix, names: Sequence[str], strategies: Sequence[str]
) -> dict[str, Expert]:
    """Who is new begins with the weight of its first share; cash, with that of what the others leave it."""
    start = {name: mix.start()[name] for name in names}
    start[CASH] = BPS - sum(start[name] for name in strategies)
    known = now.evidence if now else {}
    prior = {name: math.log(max(share, mix.floor_bps, 1) / BPS) for name, share in start.items()}
    return {name: known.get(name) or Expert(prior[name], share) for name, share in start.items()}


def _fresh(expert: Expert, days: Sequence[Day]) -> tuple[Day, ...]:
    last = expert.days[-1].number if expert.days else -1
    return tuple(day for day in days if day.number > last)


# -- what is learned --
def _learned(
    before: dict[str, Expert], fresh: Mapping[str, Sequence[Day]], rate: float, mix: Mix
) -> dict[str, Expert]:
    """Day by day, all experts together; who has no such day has done nothing on it, as cash."""
    results = {name: {day.number: day for day in days} for name, days in fresh.items()}
    after = dict(before)
    for number in sorted({day.number for days in fresh.values() for day in days}):
        for name, expert in after.items():
            day = results.get(name, {}).get(number)
            gain = 0.0 if day is None else _gain(expert, day, mix)
            known = expert.days if day is None else (*expert.days, day)[-mix.look_back_days :]
            after[name] = Expert(mix.decay * expert.score + rate * gain, expert.share_bps, None, known)
    return after


def _gain(expert: Expert, day: Day, mix: Mix) -> float:
    """A day in units of twice the risk that a budget is meant to take, from -1 to 1."""
    target = mix.daily_volatility_bps * PPM_OF_BPS
    scaled = day.result_ppm * _scale(volatility(expert.days), mix) / target
    return max(-2.0, min(2.0, scaled)) / 2


def _scale(known: int | None, mix: Mix) -> float:
    """How much of a share may be used, so that its days are no wilder than they are meant to be."""
    if not known:
        return 1.0
    return min(1.0, mix.daily_volatility_bps * PPM_OF_BPS / known)


# -- what follows --
def _shares(scores: Mapping[str, float], mix: Mix) -> dict[str, int]:
    """Weights as basis points: each has the floor, none but cash more than the cap; cash has what is left."""
    highest = max(scores.values())
    weights = {name: math.exp(score - highest) for name, score in scores.items()}
    total, spread = sum(weights.values()), BPS - mix.floor_bps * len(weights)
    shares = {
        name: min(mix.cap_bps, mix.floor_bps + int(spread * weight / total))
        for name, weight in weights.items()
        if name != CASH
    }
    return {**shares, CASH: BPS - sum(shares.values())}


def _budget(expert: Expert, mix: Mix) -> int:
    return max(mix.floor_bps, int(expert.share_bps * _scale(expert.volatility_ppm, mix)))
