"""A strategy sells what is its own and nothing else, in the bot and in the backtest alike."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from actors.messages import AlreadyClosing, CloseReason, Order, Refusal
from tests.deals import WETH, close
from tests.strategies.test_limits import holding

ROOT = Path(__file__).parents[2]


def test_a_strategy_that_sells_what_another_holds_is_refused_in_bot_and_backtest_alike():
    command = [sys.executable, "-m", "tests.strategies.greedy"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    told = json.loads(ran.stdout)
    assert told["bot"] == told["backtest"] == told["momentum alone"]
    assert len(told["bot"]) > 20
    assert told["refused by the bot"] == told["refused by the backtest"]
    assert told["refused by the bot"].keys() == {"position_not_found", "token_claimed"}
    assert told["refused by the bot"]["position_not_found"] > 100


@pytest.mark.parametrize("reason", CloseReason)
def test_the_owner_an_exit_rule_and_an_operator_sell_and_another_strategy_does_not(reason):
    for strategy in ("momentum", ""):
        assert isinstance(holding().wish(replace(close(WETH, 5, reason), strategy=strategy)), Order)
    another = replace(close(WETH, 5, reason), strategy="scalping")
    assert holding().wish(another) is Refusal.POSITION_NOT_FOUND


def test_another_strategy_does_not_even_hear_that_it_is_being_sold():
    made = holding()
    first = made.wish(close(WETH, 5, CloseReason.STOP))
    foreign = replace(close(WETH, 6), strategy="scalping")
    assert made.wish(foreign) is Refusal.POSITION_NOT_FOUND
    assert made.wish(replace(foreign, strategy="momentum")) == AlreadyClosing(foreign.id, first.id)
