"""The ai strategy: live, in a backtest and in plain Python the same to the bit; and when it may not trade."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from actors.messages import Close, Instrument, Propose
from storage.config import Exits
from strategies import ai, ai_features, backtest
from strategies.ai_judge import remember
from strategies.ai_layout import (
    BINS,
    BY_AUC,
    BY_CORRELATION,
    CAME,
    DUE_PLACE,
    FORECASTS,
    GATED,
    HORIZON,
    JUDGED,
    LOST,
    OFF,
    OUTCOMES,
    PRODUCTS,
    WON,
)
from strategies.ai_model import load
from strategies.layout import COUNT, HELD
from strategies.trader import Trader, decoded, encoded
from tests.strategies.ai_market import changed, feed_of, market, settings_with, tape_of
from tests.strategies.replay import Bot, fills_of, orders_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(400)  # Machine code is made first, if a file of strategies/ has changed.
PERPS = [
    f"cex_1m/{name}USDT-PERP_1m_2025-05.parquet"
    for name in ("AVAX", "BNB", "BTC", "ETH", "LINK", "SOL", "SUI")
]
NAMES = ["ai"]


def same(bot, result):
    assert orders_of(bot.records) == fills_of(result)
    account = bot.books.ledger.account("paper:USDC")
    assert result.account == {name: getattr(account, name) for name in result.account}


# -- live = backtest = plain Python --
@pytest.mark.parametrize("names", [["ai"], ["ai", "momentum"]])
def test_the_backtest_is_the_bot_order_by_order_and_unit_by_unit(
    tmp_path, learned_market, ai_settings, names
):
    bot = Bot(tmp_path, ai_settings, feed_of(learned_market, ai_settings), names).play()
    result = backtest.run(tape_of(learned_market, ai_settings), ai_settings, names)
    same(bot, result)
    assert sum(fill.strategy == "ai" for fill in result.fills) > 100
    assert {fill.reason for fill in result.fills} >= {"entry", "signal"}


def test_with_holes_in_the_market_too(tmp_path, ai_settings):
    """Tokens miss bars at different moments, and some moments have none at all."""
    paths = market(tmp_path, rows=500, seed=3)
    for number, path in enumerate(paths):
        head, *rows = path.read_text().splitlines()
        kept = [row for at, row in enumerate(rows) if (at * 7 + number * 3) % 23 and not 300 < at < 304]
        path.write_text("\n".join([head, *kept]))
    bot = Bot(tmp_path, ai_settings, feed_of(paths, ai_settings), NAMES).play()
    result = backtest.run(tape_of(paths, ai_settings), ai_settings, NAMES)
    same(bot, result)
    assert len(result.fills) > 20


def test_on_real_candles_of_seven_tokens_the_backtest_is_the_bot(tmp_path, shared_data, ai_settings):
    paths = [shared_data(name) for name in PERPS]
    busy = replace(ai_settings, exits=Exits(stop_bps=300), ai=replace(ai_settings.ai, decay_bars=300))
    bot = Bot(tmp_path, busy, feed_of(paths, busy), NAMES).play()
    result = backtest.run(tape_of(paths, busy), busy, NAMES)
    same(bot, result)
    assert len(result.fills) > 50
    # What was learned from a made-up market is worth nothing in this one, and it finds that out.
    assert bot.traders[0].note().startswith("off: ")


PLAYED = """
import json, sys
from msgspec import convert, to_builtins
from chains.feeds.recordings import open_recordings
from storage.config import Settings
from strategies import backtest
from strategies.compiled import in_python
from strategies.recorded import recorded
ai_settings = convert(json.loads(sys.argv[1]), Settings)
feed = open_recordings(sys.argv[2:], ai_settings.paper, ai_settings.recording)
result = backtest.run(backtest.cut_off(recorded(feed, feed.in_order()), 13_000), ai_settings, ["ai"])
money = json.dumps(to_builtins([result.fills, result.account]))
print(int(in_python()), money, result.equity.tobytes().hex())
"""


def test_plain_python_makes_the_same_bits_as_machine_code_on_real_candles(shared_data, ai_settings):
    paths = [shared_data(name) for name in PERPS[:4]]
    busy = replace(ai_settings, ai=replace(ai_settings.ai, decay_bars=20))
    words = [sys.executable, "-c", PLAYED, msgspec.json.encode(busy).decode(), *map(str, paths)]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    result = backtest.run(backtest.cut_off(tape_of(paths, busy), 13_000), busy, NAMES)
    wanted = json.dumps(msgspec.to_builtins([result.fills, result.account]))
    assert ran.stdout.strip() == f"1 {wanted} {result.equity.tobytes().hex()}"
    assert len(result.fills) > 5


def test_nothing_that_is_decided_depends_on_what_comes_after_it(learned_market, ai_settings):
    assert backtest.looks_ahead(tape_of(learned_market, ai_settings), ai_settings, NAMES, cuts=6) == ""


# -- a trader that dies --
def trader_of(ai_settings, feed):
    trader = Trader("ai", ai_settings)
    trader.meet(feed.instruments)
    return trader


def run(trader, ticks):
    return [wish for tick in ticks for wish in trader.after(tick)]


@pytest.mark.parametrize("cut", [0, 1, 168, 400, 700])
def test_a_trader_restored_from_text_goes_on_to_the_same_bits(learned_market, ai_settings, cut):
    feed = feed_of(learned_market, ai_settings)
    ticks = feed.read(None, 900)
    whole, first, second = (trader_of(ai_settings, feed) for _ in range(3))
    wishes = run(first, ticks[:cut])
    assert second.restore(decoded(encoded(first.saved())))
    assert wishes + run(second, ticks[cut:]) == run(whole, ticks)
    assert second.saved() == whole.saved()
    assert {type(wish) for wish in run(trader_of(ai_settings, feed), ticks)} == {Propose, Close}


def test_a_save_of_another_model_is_not_taken(learned_market, ai_settings, model_folder, tmp_path):
    feed = feed_of(learned_market, ai_settings)
    saved = trader_of(ai_settings, feed).saved()
    other = settings_with(changed(model_folder, tmp_path, seed=99))
    same_path = replace(other, ai=replace(other.ai, model=ai_settings.ai.model))
    assert trader_of(same_path, feed).restore(saved)
    assert not trader_of(other, feed).restore(saved)


# -- what it decides --
def test_fewer_than_three_tokens_with_a_new_bar_are_not_ranked(learned_market, ai_settings):
    feed = feed_of(learned_market, ai_settings)
    ticks = feed.read(None, 900)
    few = [replace(tick, bars=tick.bars[:2]) for tick in ticks]
    assert run(trader_of(ai_settings, feed), few) == []
    assert run(trader_of(ai_settings, feed), [replace(tick, bars=tick.bars[:3]) for tick in ticks]) != []


def test_in_a_pool_that_costs_more_than_it_promises_it_stands_aside(learned_market, ai_settings):
    feed = feed_of(learned_market, ai_settings)
    ticks = feed.read(None, 900)
    assert len(run(trader_of(ai_settings, feed), ticks)) > 100
    dear = Trader("ai", ai_settings)
    dear.meet(Instrument(each.token, each.quote, each.token_decimals, each.quote_decimals, 30_000)
              for each in feed.instruments)  # fmt: skip
    assert run(dear, ticks) == []


def test_it_holds_for_the_horizon_at_least(learned_market, ai_settings):
    feed, bought = feed_of(learned_market, ai_settings), {}
    horizon = load(ai_settings).card.horizon_bars * 3_600 * 10**9
    for wish in run(trader_of(ai_settings, feed), feed.read(None, 900)):
        if isinstance(wish, Propose):
            bought[wish.token] = wish.at_ns
            assert 0 < wish.target_bps <= ai_settings.ai.most_bps
        else:
            assert wish.at_ns - bought.pop(wish.token) >= horizon


def test_wild_times_get_less_money(learned_market, ai_settings):
    feed = feed_of(learned_market, ai_settings)
    ticks = feed.read(None, 900)
    calm = replace(ai_settings, ai=replace(ai_settings.ai, target_volatility=0.05))
    sizes = [
        [wish.target_bps for wish in run(trader_of(each, feed), ticks) if isinstance(wish, Propose)]
        for each in (ai_settings, calm)
    ]
    assert len(sizes[0]) == len(sizes[1])
    assert max(sizes[1]) < min(sizes[0])


# -- it switches itself off --
def test_a_ranker_that_is_no_longer_right_switches_the_strategy_off_for_good(
    learned_market, tmp_path, ai_settings
):
    """What was learned where trends go on is played where each trend turns at once."""
    watchful = replace(ai_settings, ai=replace(ai_settings.ai, decay_bars=60))
    feed = feed_of(learned_market, watchful)
    trader = trader_of(watchful, feed)
    run(trader, feed.read(None, 900))
    assert trader.note().startswith("on: rolling IC 0.")
    paths = market(tmp_path, rows=900, seed=5, drift=0.0)
    feed = feed_of(paths, watchful)
    trader, wishes, off = trader_of(watchful, feed), [], None
    for tick in feed.read(None, 900):
        before = trader.note()
        wishes += [(tick.at_ns, wish) for wish in trader.after(tick)]
        if off is None and trader.note().startswith("off"):
            off = tick.at_ns
            assert not before.startswith("off")
    assert off is not None
    assert "fell below the floor of its card" in trader.note()
    assert trader.note().endswith("train a new model")
    assert any(isinstance(wish, Propose) for at, wish in wishes if at < off)
    assert not any(isinstance(wish, Propose) for at, wish in wishes if at >= off)
    assert not any(state[HELD] for state in trader.states.values())  # What it held it has sold.
    again = trader_of(watchful, feed)  # Who comes after it knows.
    again.restore(decoded(encoded(trader.saved())))
    assert again.note() == trader.note()


def judged(ai_settings, rows):
    """A state each, all forecasts judged as often as they must be."""
    params = ai.params_of(ai_settings, Instrument("t", "q", 18, 6, 500))
    states = np.array([ai.new_state(params) for _ in range(rows)])
    states[:, JUDGED], states[:, GATED] = ai_settings.ai.decay_bars, ai_settings.ai.decay_bars
    states[:, ai_features.FRESH] = 1.0
    return np.array([params] * rows), states


@pytest.mark.parametrize(
    ("products", "up", "down", "why"),
    [
        (0.05, 30, 10, 0),
        (-0.05, 30, 10, BY_CORRELATION),
        (0.05, 10, 30, BY_AUC),
        (math.nan, 30, 10, BY_CORRELATION),
    ],
)
def test_it_is_judged_by_the_pooled_rank_correlation_and_by_the_auc(ai_settings, products, up, down, why):
    params, states = judged(ai_settings, 3)
    states[:, PRODUCTS], states[:, FORECASTS], states[:, OUTCOMES] = products, 0.1, 0.1
    states[0, WON + up], states[1, LOST + down] = 1.0, 1.0
    states[0, WON : WON + BINS] += 0.001
    states[2, LOST : LOST + BINS] += 0.001
    ai.choose(states, params, np.zeros(3), np.zeros((3, ai.SCRATCH)))
    assert states[:, OFF].tolist() == [why] * 3
    if why:  # Once off it stays off.
        states[:, PRODUCTS], states[:, ai_features.FRESH] = 0.09, 1.0
        ai.choose(states, params, np.zeros(3), np.zeros((3, ai.SCRATCH)))
        assert states[:, OFF].tolist() == [why] * 3
        assert ai.note(states).startswith("off: the ranker" if why == BY_CORRELATION else "off: the gate")


def test_it_is_not_judged_before_enough_forecasts_have_come_true(ai_settings):
    params, states = judged(ai_settings, 3)
    states[:, JUDGED] -= 1.0
    states[:, GATED] = 0.0
    states[:, PRODUCTS], states[:, FORECASTS], states[:, OUTCOMES] = -0.09, 0.1, 0.1
    ai.choose(states, params, np.zeros(3), np.zeros((3, ai.SCRATCH)))
    assert states[:, OFF].tolist() == [0.0] * 3


def test_a_forecast_is_judged_by_the_opens_that_a_trade_would_have_had(ai_settings):
    params, _ = judged(ai_settings, 1)
    horizon, came = int(params[0, HORIZON]), ai.new_state(params[0])
    for number in range(horizon + 2):
        assert came[DUE_PLACE] == 0.0
        opened = 100.0 + number * number
        ai.step(came, params[0], (opened, opened, opened, opened, 1.0, 1e9))
        if number == 0:
            remember(came, params[0], 0.75, -1.0)
    assert came[DUE_PLACE] == 1.75
    assert came[CAME] == (100.0 + (horizon + 1) ** 2) / 101.0 - 1.0
    assert came[COUNT] == horizon + 2
