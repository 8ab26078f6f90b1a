"""The mixer among the production actors, in schedules in which anybody may die at any moment.

Weeks are made of two bars.  Where nothing but deaths and delays can change what is traded, trades and budgets
are compared with those of the same market undisturbed.
"""

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from actors.messages import Rebalanced, Role
from actors.mixer import Mixer
from storage.config_strategies import Mix
from strategies import mix, mix_shadow
from tests.simulation import market, schedule, stage, world
from tests.simulation.chains import compared
from tests.simulation.outside import MINUTE_NS
from tests.simulation.schedule import in_the_end, play
from tests.simulation.sizes import LARGE
from tests.simulation.world import WORLDS_OF

OUTSIDES = [outside for outside in range(60) if compared(outside)][:8]


@pytest.fixture(autouse=True)
def mixing(monkeypatch):
    for module in (mix, mix_shadow):
        monkeypatch.setattr(module, "DAY_NS", 2 * MINUTE_NS // 7)
    monkeypatch.setattr(mix, "LEAST_DAYS", 1)
    cast = dict(stage.CAST)
    last = cast.popitem()
    monkeypatch.setattr(stage, "CAST", {**cast, Role("mixer"): Mixer, last[0]: last[1]})
    settings = replace(
        market.SETTINGS,
        mix=Mix(enabled=True, band_bps=0, horizon_days=7, daily_volatility_bps=1, floor_bps=100),
        limits=replace(market.SETTINGS.limits, position_bps=5_000, strategy_budget_bps=5_000),
    )
    monkeypatch.setattr(world, "settings_of", lambda *_: to_builtins(settings))
    forget()
    yield
    forget()


def forget() -> None:
    """Worlds of another cast."""
    schedule.undisturbed.cache_clear()
    schedule.moments.cache_clear()


def rebalances(made) -> list[Rebalanced]:
    bodies = (record.body for _, written in made.naive.appends.values() for record in written)
    return [body for body in bodies if isinstance(body, Rebalanced)]


def in_peace(outside: int) -> list[Rebalanced]:
    with in_the_end(outside, LARGE) as calm:
        return rebalances(calm)


@pytest.mark.timeout(300)
def test_whoever_dies_trades_and_budgets_are_those_of_a_run_in_which_nobody_does():
    died = moved = 0
    for outside in OUTSIDES:
        expected = in_peace(outside)
        moved += len({tuple(each.budgets.items()) for each in expected}) > 1
        for seed in range(outside * WORLDS_OF, outside * WORLDS_OF + 6):
            made = play(seed, size=LARGE)
            died += sum(made.faults.values())
            if not made.halts:
                assert rebalances(made) == expected, f"seed {seed}"
    assert died > 50
    assert moved > 2
