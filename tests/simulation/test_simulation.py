"""Schedules of the production actors, one seed each: some always played, some never before."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulation.world import play

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30


def schedules(seed):
    command = [sys.executable, "-m", "tests.simulation.run", "--seed", str(seed), "--seconds", str(SECONDS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, f"seed {seed} and on:\n{(run.stdout + run.stderr)[-6000:]}"
    return run.stdout


@pytest.mark.timeout(300)
def test_no_fixed_schedule_breaks_a_promise_and_every_kind_of_record_is_seen():
    assert "0 violations" in schedules(1)


@pytest.mark.timeout(300)
def test_no_fresh_schedule_breaks_a_promise():
    assert "0 violations" in schedules((time.time_ns() // 1_000 + os.getpid()) % 10**9)


def test_the_same_seed_plays_the_same_schedule():
    first, second = [], []
    play(4, first)
    play(4, second)
    assert first == second
    assert len(first) > 100
