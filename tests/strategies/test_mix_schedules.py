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
from tests.simulation import market, stage, world
from tests.simulation.chains import compared
from tests.simulation.outside import MINUTE_NS
from tests.simulation.world import WORLDS_OF, play, undisturbed, world_of

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
    monkeypatch.setattr(world, "settings_of", lambda _outside: to_builtins(settings))
    undisturbed.cache_clear()
    yield
    undisturbed.cache_clear()


def rebalances(made) -> list[Rebalanced]:
    bodies = (record.body for _, written in made.naive.appends.values() for record in written)
    return [body for body in bodies if isinstance(body, Rebalanced)]


def in_peace(outside: int) -> list[Rebalanced]:
    with world_of(outside * WORLDS_OF, calm=True) as calm:
        calm.start()
        calm.to_the_end(whole=False)
        return rebalances(calm)


@pytest.mark.timeout(300)
def test_whoever_dies_trades_and_budgets_are_those_of_a_run_in_which_nobody_does():
    died = moved = 0
    for outside in OUTSIDES:
        expected = in_peace(outside)
        moved += len({tuple(each.budgets.items()) for each in expected}) > 1
        for seed in range(outside * WORLDS_OF, outside * WORLDS_OF + 6):
            made = play(seed)
            died += sum(made.faults.values())
            if not made.halts:
                assert rebalances(made) == expected, f"seed {seed}"
    assert died > 50
    assert moved > 2
