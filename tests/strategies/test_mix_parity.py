"""The mix in the backtest is the mix of the bot: the same weeks, budgets, orders and money."""

import itertools
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from actors.messages import Rebalanced, Side
from chains.chance import below
from chains.feeds.recordings import open_recordings
from storage.config import Exits, Limits, Momentum, Paper, Scalping, Settings
from storage.config_strategies import Mix
from strategies import backtest, mix_shadow
from strategies.mix_shadow import Shadows
from tests.strategies.replay import Bot
from tests.strategies.test_backtest import recorded_of, same

HOUR = 3_600
MIXED = Settings(
    paper=Paper(revert_bps=0, timeout_bps=0, drop_bps=0, unanswered_bps=0),
    momentum=Momentum(timeframe_minutes=60, entry_bars=12, exit_bars=6, atr_bars=5, trail_atr=3.0),
    scalping=Scalping(
        timeframe_minutes=60, vwap_bars=24, entry_deviations=1.5, edge_multiple=1.0, slippage_bps=0,
        max_hold_bars=20, rest_bars=2,
    ),
    exits=Exits(stop_bps=500, take_profit_bps=600, trailing_bps=400),
    limits=Limits(cooldown_minutes=0, loss_streak=1_000, max_positions=9, position_bps=4_000),
    mix=Mix(enabled=True, band_bps=0, horizon_days=14, decay=0.95),
)  # fmt: skip


def hours(folder, seed: int, days: int, tokens: int):
    """Hourly candles that trend for some days and turn, from a Wednesday on."""
    paths, start = [], int(datetime(2024, 1, 3, tzinfo=UTC).timestamp())
    for number in range(tokens):
        lines, price = ["timestamp,open,high,low,close,volume"], 10.0 * (number + 1)
        for row in range(24 * days):
            move, up, down = (below(2_001, seed, number, row, name) / 1_000 - 1 for name in ("m", "u", "d"))
            first, trend = price, 0.004 if (row // 90 + number) % 2 else -0.003
            price *= 1 + move * 0.012 + trend
            high, low = max(first, price) * (1 + abs(up) * 0.006), min(first, price) * (1 - abs(down) * 0.006)
            if below(50, seed, number, row, "hole") or row in {0, 24 * days - 1}:
                lines.append(
                    f"{start + HOUR * row},{first},{high},{low},{price},{below(9_000, seed, row) + 1}"
                )
        paths.append(folder / f"{'ABCDEFGH'[number]}X-USDC_{seed}.csv")
        paths[-1].write_text("\n".join(lines))
    return paths


def both(folder, settings, names, seed=1, days=40):
    paths = hours(folder, seed, days, 3)
    feed = open_recordings(paths, settings.paper, settings.recording)
    bot = Bot(folder, settings, feed, names).play()
    return bot, backtest.run(recorded_of(paths, settings), settings, names)


def rebalances_of(bot) -> tuple[Rebalanced, ...]:
    return tuple(record.body for record in bot.records if isinstance(record.body, Rebalanced))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_backtest_rebalances_as_the_bot_and_its_orders_follow_unit_by_unit(tmp_path, seed):
    bot, result = both(tmp_path, MIXED, ["momentum", "scalping"], seed)
    assert rebalances_of(bot) == result.rebalances
    same(bot, result)
    budgets = [each.budgets for each in result.rebalances]
    assert len({tuple(each.items()) for each in budgets}) > 2, "the budgets never moved: this shows nothing"
    assert {fill.strategy for fill in result.fills} == {"momentum", "scalping"}


def test_a_strategy_that_is_only_watched_trades_nothing_and_is_evidence_in_both(tmp_path):
    watching = replace(MIXED, mix=replace(MIXED.mix, shadows=("scalping",)))
    bot, result = both(tmp_path, watching, ["momentum"], days=20)
    assert rebalances_of(bot) == result.rebalances
    same(bot, result)
    assert {fill.strategy for fill in result.fills} == {"momentum"}
    assert any(day.result_ppm for day in result.rebalances[-1].evidence["scalping"].days)
    assert result.rebalances[-1].budgets.keys() == {"momentum"}


def test_budgets_begin_with_the_first_tick_of_a_monday(tmp_path):
    _, result = both(tmp_path, MIXED, ["momentum", "scalping"], days=20)
    moments = [datetime.fromtimestamp(each.at_ns / 1e9, UTC) for each in result.rebalances]
    assert [(each.weekday(), each.hour) for each in moments] == [
        (0, 1)
    ] * 3  # The bar that ends at 1 o'clock.


def test_a_buy_never_takes_a_strategy_beyond_its_budget_of_that_moment(tmp_path):
    _, result = both(tmp_path, MIXED, ["momentum", "scalping"])
    capital = 10_000 * 10**6
    for fill in result.fills:
        if fill.side is Side.BUY:
            now = [each for each in result.rebalances if each.at_ns <= fill.at_ns]
            budget = now[-1].budgets[fill.strategy] if now else MIXED.mix.start()[fill.strategy]
            assert fill.amount_in <= capital * budget // 10_000


def test_one_token_is_never_held_by_two_strategies_at_once(tmp_path):
    _, result = both(tmp_path, MIXED, ["momentum", "scalping"])
    assert any(row.get("position_exists") or row.get("token_claimed") for row in result.refused.values())
    owner: dict[str, str] = {}
    held: dict[str, int] = {}
    for fill in sorted(result.fills, key=lambda fill: (fill.done_ns, fill.number)):
        if fill.outcome != "landed":
            continue
        if fill.side is Side.BUY:
            assert not held.get(fill.token), f"{fill.strategy} bought {fill.token}, which {owner} holds"
            owner[fill.token], held[fill.token] = fill.strategy, fill.amount_out
        else:
            assert owner[fill.token] == fill.strategy
            held[fill.token] -= fill.amount_in


def test_budgets_do_not_look_ahead(tmp_path, monkeypatch):
    tape = recorded_of(hours(tmp_path, 1, 40, 3), MIXED)
    assert backtest.looks_ahead(tape, MIXED, ["momentum", "scalping"]) == ""
    # Days that are not over yet, counted all the same, are found out.
    monkeypatch.setattr(mix_shadow, "closed_before", lambda days, _at_ns: tuple(days))
    assert "looks ahead" in backtest.looks_ahead(tape, MIXED, ["momentum", "scalping"])


def test_without_a_mix_everybody_has_the_limit_and_nothing_is_rebalanced(tmp_path):
    fixed = replace(MIXED, mix=Mix())
    bot, result = both(tmp_path, fixed, ["momentum", "scalping"])
    assert result.rebalances == rebalances_of(bot) == ()
    same(bot, result)


def test_shadows_that_are_saved_and_restored_anywhere_go_on_as_if_nothing_had_been(tmp_path):
    paths = hours(tmp_path, 3, 20, 3)
    feed = open_recordings(paths, MIXED.paper, MIXED.recording)
    ticks = feed.read(None, feed.total)
    whole = Shadows(["momentum", "scalping"], MIXED, feed.instruments, feed.bar_ns)
    whole.after(ticks)
    shadows = Shadows(["momentum", "scalping"], MIXED, feed.instruments, feed.bar_ns)
    for first, after in itertools.pairwise([0, 1, 77, 240, 241, len(ticks)]):
        shadows.after(ticks[max(0, first - 5) : after])  # What it has seen, it sees again.
        text = shadows.saved()
        shadows = Shadows(["momentum", "scalping"], MIXED, feed.instruments, feed.bar_ns)
        assert shadows.restore(text)
    assert shadows.saved() == whole.saved()
    assert any(day.result_ppm for days in whole.days().values() for day in days)


def test_shadows_of_other_rules_are_not_read(tmp_path):
    paths = hours(tmp_path, 3, 20, 3)
    feed = open_recordings(paths, MIXED.paper, MIXED.recording)
    text = Shadows(["momentum"], MIXED, feed.instruments, feed.bar_ns).saved()
    other = replace(MIXED, momentum=Momentum(entry_bars=99, exit_bars=6))
    assert not Shadows(["momentum"], other, feed.instruments, feed.bar_ns).restore(text)
