"""The mix in a real run, with kills, is the mix of the backtest; and a run that is switched off has none."""

import json
import os
import signal
import time
from contextlib import suppress

import msgspec
import pytest

from actors.messages import Rebalanced
from storage import log
from storage.books import fold
from storage.layout import log_path
from strategies import backtest
from tests.crash import runs
from tests.strategies.replay import fills_of, orders_of
from tests.strategies.test_backtest import recorded_of
from tests.strategies.test_mix_parity import MIXED, hours


def toml_of(settings) -> str:
    tables = msgspec.to_builtins(settings)
    tables["scalping"]["enabled"] = True
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in tables[name].items())
        for name in ("paper", "limits", "exits", "momentum", "scalping", "mix")
    )


def rebalances_in(data_dir) -> list[Rebalanced]:
    if not log_path(data_dir).exists():
        return []
    bodies = (record.body for _, record in log.records(log_path(data_dir)))
    return [body for body in bodies if isinstance(body, Rebalanced)]


def wait_for(data_dir, count: int, seconds: int = 100) -> None:
    for _ in range(20 * seconds):
        with suppress(log.LogError):  # The run is about to make its log.
            if len(rebalances_in(data_dir)) >= count:
                return
        time.sleep(0.05)
    said = data_dir.with_suffix(".out").read_text()[-1000:]
    raise AssertionError(f"there never were {count} rebalances: {said}")


@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_run_whose_mixer_and_portfolio_die_and_that_is_started_again_ends_as_the_backtest_does(tmp_path):
    paths, data_dir = hours(tmp_path, 1, 60, 3), tmp_path / "data"
    (tmp_path / "busy.toml").write_text(toml_of(MIXED))
    first, more = paths[0], [word for path in paths[1:] for word in ("--recording", str(path))]
    run = runs.start(first, data_dir, "--speed", "250000", *more)
    try:
        wait_for(data_dir, 1)
        os.kill(runs.pid_of(data_dir, "mixer"), signal.SIGKILL)
        wait_for(data_dir, 2)
        os.kill(runs.pid_of(data_dir, "portfolio"), signal.SIGKILL)
        wait_for(data_dir, 3)
    finally:
        runs.kill_all(run)
    summary = runs.to_the_end(first, data_dir, "--speed", "max", *more)
    assert summary["state"] == "stopped"
    assert summary["promises"]["broken"] == []
    written = [record for _, record in log.records(log_path(data_dir))]
    result = backtest.run(recorded_of(paths, MIXED), MIXED, ["momentum", "scalping"])
    assert len(result.rebalances) > 6
    assert tuple(rebalances_in(data_dir)) == result.rebalances
    for theirs, ours in zip(orders_of(written), fills_of(result), strict=True):
        # What the end of the recording leaves open, the run sees to its end.
        assert theirs == ours or (ours[6] == "unfinished" and theirs[:6] == ours[:6])
    assert fold(written).mix == result.rebalances[-1]
    assert summary["budgets"] == result.rebalances[-1].budgets
    assert summary["rebalances"] == len(result.rebalances)
