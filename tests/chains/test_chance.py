"""Chance must be the same in every process, and differ where the names differ."""

import subprocess
import sys
from pathlib import Path

import pytest

from chains.chance import Stream, below, chance

ROOT = Path(__file__).resolve().parents[2]


def test_chance_is_fixed_for_ever():
    """Change these and every seeded run there ever was becomes another one."""
    assert chance(1, "fate", "0xabc") == 0.8995253288049215
    assert below(10_000, 1, "fate", "0xabc") == 2_318
    assert Stream(7, "ALFA", 3).uniforms(2).tolist() == [0.7388091579782308, 0.5531884066941559]


def test_another_process_with_another_hash_seed_draws_the_same():
    code = "from chains.chance import *; print(chance(5, 'a', 1), Stream(5, 'b').shocks(3).tolist())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("other", [(2, "a", "bc"), (1, "ab", "c"), (1, "abc"), (1, "a", "bc", 0)])
def test_other_seeds_and_names_are_other_draws(other):
    assert chance(1, "a", "bc") != chance(*other)


def test_chance_is_spread_evenly_over_its_range():
    draws = [chance(3, index) for index in range(4_000)]
    assert all(0 <= draw < 1 for draw in draws)
    tenths = [sum(1 for draw in draws if int(draw * 10) == tenth) for tenth in range(10)]
    assert min(tenths) > 320
    assert max(tenths) < 480
    assert {below(3, 3, index) for index in range(50)} == {0, 1, 2}


def test_shocks_have_mean_0_and_variance_1():
    shocks = Stream(1, "shocks").shocks(100_000)
    assert abs(shocks.mean()) < 0.02
    assert abs(shocks.var() - 1) < 0.02
    assert abs(shocks).max() < 3.5
