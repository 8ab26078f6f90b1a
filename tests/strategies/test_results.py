"""Figures come from fills and fees alone, and add up to the account."""

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from actors.messages import Side
from strategies import backtest, results
from tests.strategies.test_backtest import BUSY, market, recorded_of


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("played")
    settings = replace(BUSY, run=replace(BUSY.run, feed="recording", recordings=("x.csv",)))
    paths = market(folder, 5, 1_200, 3)
    return backtest.run(recorded_of(paths, settings), settings, ["momentum", "scalping"])


def test_the_results_of_all_trades_add_up_to_the_account(played):
    figures, account = results.figures_of(played), played.account
    left = [fill for fill in played.fills if fill.entry in open_entries(played)]
    parts = sum(fill.amount_out - fill.cost for fill in left if fill.side is Side.SELL) - sum(
        f.fee for f in left
    )
    assert figures.all.result + parts - figures.stray_fees == account["realised"] - account["fees"]
    for group in figures.groups.values():
        assert sum(deals.result for deals in group.values()) == figures.all.result
    assert figures.all.count == played.trades > 20
    assert sum(figures.outcomes.values()) == figures.orders == len(played.fills)


def open_entries(played) -> set[int]:
    landed = {fill.number for fill in played.fills if fill.side is Side.BUY and fill.outcome == "landed"}
    sold = {}
    for fill in played.fills:
        if fill.side is Side.SELL and fill.outcome == "landed":
            sold[fill.entry] = sold.get(fill.entry, 0) + fill.amount_in
    return {number for number in landed if sold.get(number) != played.fills[number].amount_out}


def test_what_slipped_is_fee_impact_and_the_move_until_the_fill(played):
    fill = next(fill for fill in played.fills if fill.outcome == "landed" and fill.side is Side.BUY)
    assert results.slipped(fill) == pytest.approx(
        fill.amount_in * (1 - fill.amount_out / fill.expected), rel=1e-12
    )
    assert results.slipped(replace(fill, expected=float("nan"))) == 0.0


def test_a_curve_has_a_value_for_every_minute_though_bars_are_missing():
    moments, values = np.array([60, 120, 300]), np.array([1.0, 2.0, 5.0])
    assert results.evenly(values, moments, 60).tolist() == [1.0, 2.0, 2.0, 2.0, 5.0]


def test_buy_and_hold_is_equal_parts_of_every_token(played):
    held = results.holding(played)
    assert held[0] == played.account["deposits"]
    growth = []
    for number in range(3):
        closes = played.recorded.tape.bars.close[played.recorded.tape.bars.token == number]
        growth.append(closes[-1] / closes[0])
    assert held[-1] / held[0] == pytest.approx(np.mean(growth), rel=1e-12)


def test_the_last_equity_is_the_account_once_everything_is_sold(played):
    settings = replace(played.settings, exits=replace(played.settings.exits, max_hold_minutes=1))
    settings = replace(settings, limits=replace(settings.limits, daily_loss_bps=1))
    result = backtest.run(played.recorded, settings, ["momentum"])
    assert result.account["cost"] == 0
    assert result.equity[-1] == result.account["free"]


def test_what_is_written_can_be_read_again(played, tmp_path):
    figures = results.figures_of(played)
    read = json.loads(results.as_json(figures, played.settings))
    assert read["figures"]["all"]["result"] == figures.all.result
    assert read["settings"]["momentum"]["entry_bars"] == 6
    rows = list(csv.DictReader(results.fills_as_csv(played).splitlines()))
    assert len(rows) == len(played.fills)
    assert sum(float(row["fee"]) for row in rows) == pytest.approx(played.account["fees"] / 1e6)
    curve = list(csv.DictReader(results.equity_as_csv(played).splitlines()))
    assert len(curve) == len(played.equity)
    assert float(curve[-1]["equity"]) == played.equity[-1] / 1e6
    assert Path(curve[0]["at"]).name == "2023-11-14T22:14:00Z"
    assert msgspec.json.decode(results.as_json(figures, None))["settings"] is None
