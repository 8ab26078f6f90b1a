"""SIGKILL, for real, to real processes: nothing is lost or done twice, and the books come out the same."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest
import runs

from actors.commands.folders import run_dir
from actors.processes import admin_pid

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
ROWS = 12_000
ROLES = ["wal", "recorder", "portfolio", "executor", "positions", "strategist:momentum", "market"]
MONEY = {"wal", "portfolio", "executor"}  # Who holds it dies in every test run; all others in the long one.


def long(*values):
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run that nobody disturbed: what every other one must come out like."""
    folder = tmp_path_factory.mktemp("undisturbed")
    recording = runs.recording(folder, ROWS)
    summary = runs.to_the_end(recording, folder / "data")
    return recording, folder / "data", summary


def assert_same_books(summary, data_dir, undisturbed):
    _, other, expected = undisturbed
    assert summary["promises"]["broken"] == []
    assert runs.trades(data_dir) == runs.trades(other)
    assert runs.fills_of_log(data_dir) == runs.fills_of_venue(data_dir)
    for figure in ("free", "reserved", "fees", "realised_pnl", "positions", "equity_end", "buy_and_hold"):
        assert summary[figure] == expected[figure], figure


def test_a_run_trades_enough_to_mean_something(undisturbed):
    _, data_dir, summary = undisturbed
    kinds = {trade[6] for trade in runs.trades(data_dir)}
    assert summary["fills"] > 40
    assert {"Landed", "Reverted", "Dead"} <= kinds


def test_the_same_seed_gives_the_same_trades(undisturbed, tmp_path):
    recording, _, _ = undisturbed
    summary = runs.to_the_end(recording, tmp_path / "data")
    assert_same_books(summary, tmp_path / "data", undisturbed)


@pytest.mark.long
def test_killed_whole_at_twenty_moments_it_ends_with_the_same_books(undisturbed, tmp_path):
    recording, _, _ = undisturbed
    chance = random.Random(7)
    for _ in range(20):
        run = runs.start(recording, tmp_path / "data")
        time.sleep(chance.uniform(0.5, 1.6))
        assert runs.gone(runs.kill_all(run), 2.0)
    summary = runs.to_the_end(recording, tmp_path / "data")
    assert_same_books(summary, tmp_path / "data", undisturbed)


@pytest.mark.parametrize("role", [*sorted(MONEY), *long(*(role for role in ROLES if role not in MONEY))])
def test_a_killed_actor_is_succeeded_and_the_books_come_out_the_same(role, undisturbed, tmp_path):
    recording, _, _ = undisturbed
    data_dir = tmp_path / "data"
    run = runs.start(recording, data_dir, "--speed", "200000")
    chance = random.Random(role)
    for _ in range(3):
        time.sleep(chance.uniform(0.02, 0.9))
        kill_role(data_dir, role)
    assert runs.end_of(run, 100) == 0, data_dir.with_suffix(".out").read_text()[-2000:]
    log = (data_dir / "logs/holdfast.log").read_text()
    assert f"{role} has died" in log
    summary = runs.json.loads(data_dir.with_suffix(".json").read_text())
    assert_same_books(summary, data_dir, undisturbed)


@pytest.mark.parametrize("seed", [0, *long(1, 2, 3)])
def test_actors_killed_one_after_the_other_from_the_first_moment_change_nothing(seed, undisturbed, tmp_path):
    recording, _, _ = undisturbed
    data_dir = tmp_path / "data"
    run = runs.start(recording, data_dir, "--speed", "200000")
    chance = random.Random(seed)
    for _ in range(8):
        time.sleep(chance.uniform(0.0, 0.3))
        kill_role(data_dir, chance.choice(ROLES))
    assert runs.end_of(run, 100) == 0, data_dir.with_suffix(".out").read_text()[-2000:]
    assert_same_books(runs.json.loads(data_dir.with_suffix(".json").read_text()), data_dir, undisturbed)


def kill_role(data_dir, role):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if pid := runs.pid_of(data_dir, role):
            with suppress(ProcessLookupError):  # The one that was killed last: its successor is on its way.
                os.kill(pid, signal.SIGKILL)
                return
    raise AssertionError(f"{role} was not to be found")


def first_of(look, patience=20.0):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("nobody is there")


def test_without_the_admin_every_process_is_gone_within_two_seconds_and_a_new_start_goes_on(
    undisturbed, tmp_path
):
    recording, _, _ = undisturbed
    run = runs.start(recording, tmp_path / "data", "--speed", "200000")
    admin = first_of(lambda: admin_pid(str(run_dir(tmp_path / "data"))))
    time.sleep(1.0)
    pids = runs.family(run.pid)
    os.kill(admin, signal.SIGKILL)
    assert runs.gone([pid for pid in pids if pid != run.pid], 2.0)
    assert runs.end_of(run, 10) not in {0, None}
    summary = runs.to_the_end(recording, tmp_path / "data")
    assert_same_books(summary, tmp_path / "data", undisturbed)
