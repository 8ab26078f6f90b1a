"""A whole paper run on the pools of a devnet: real processes, real logs, play money in the chain's stable."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chains.devnet.maker import Maker
from chains.devnet.market import configuration
from chains.devnet.world import Kind, whole

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[2]
MINUTE = 60
PATIENCE = 90
BEFORE = (3_000, 3_001, 3_000, 3_001, 3_000)
SETTINGS = """
[run]
drain_seconds = 60
[limits]
deadline_seconds = 36000
slippage_bps = 3000
[exits]
take_profit_bps = 0
[momentum]
timeframe_minutes = 1
entry_bars = 3
exit_bars = 2
atr_bars = 2
[paper]
revert_bps = 0
timeout_bps = 0
drop_bps = 0
unanswered_bps = 0
"""


class Market:
    """WETH as dear as is said, a minute each; the other pools stand still."""

    def __init__(self, net):
        self.net, self.maker, self.minute = net, Maker(net), 0
        self.start = (net.timestamp() // MINUTE + 2) * MINUTE

    def trade(self, price):
        closes = {"WETH": whole(price, 6), "WBTC": whole(60_000, 6)}
        self.maker.move(closes, self.start + MINUTE * self.minute + MINUTE // 2)
        self.minute, self.price = self.minute + 1, price

    def moves(self, percent):
        self.trade(self.price * percent // 100)


@pytest.fixture
def begun(devnet, tmp_path):
    """(a market with a past, how to run something on it)."""
    market = Market(devnet)
    for price in BEFORE:
        market.trade(price)
    at = devnet.addresses
    pools = [at.pool(Kind.V3, "WETH", "USDC", 500).address, at.pool(Kind.V2, "WBTC", "WETH").address]
    table = "\n".join(row for row in configuration(devnet).splitlines() if not row.startswith("pools"))
    evm = f"{table}\npools = {json.dumps(pools)}\nrequests_per_second = 5000\n"
    config = tmp_path / "config.toml"
    config.write_text(evm + SETTINGS)

    def command(*words):
        return [
            sys.executable,
            "run.py",
            *words,
            "--config",
            str(config),
            "--data-dir",
            str(tmp_path / "data"),
        ]

    return market, command


def read(log):
    return log.read_text() if log.exists() else ""


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it has never come true"
        time.sleep(0.2)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_paper_run_on_a_chains_pools_buys_the_rise_and_sells_the_fall_in_its_stable(begun, tmp_path):
    market, command = begun
    summary = tmp_path / "summary.json"
    words = command("paper", "--feed", "chain", "--no-view", "--summary", str(summary))
    log = tmp_path / "data" / "logs" / "holdfast.log"
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        until(lambda: "devnet: heard of" in read(log))
        # Minutes pass faster than the bot can follow: an order lands some minutes later, at their price.
        until(lambda: market.moves(101) or read(log).count(": Landed") >= 1)
        until(lambda: market.moves(97) or read(log).count(": Landed") >= 2)
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, said
    found = json.loads(summary.read_text())
    stable = f"devnet:{market.net.address_of('USDC')}"
    assert (found["orders"], found["fills"], found["positions"]) == (2, 2, [])
    assert found["equity_start"] == {"asset": stable, "units": 10_000 * 10**6, "decimal": "10000"}
    assert found["fees"] == {"asset": stable, "units": 2 * 20_000, "decimal": "0.04"}
    assert found["promises"]["broken"] == []
    assert "WETH" in found["feed"]
    shown = subprocess.run(
        command("wal", "show"), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert f"momentum:devnet:{market.net.address_of('WETH')}:" in shown


def test_a_pool_that_can_not_be_traded_is_one_sentence_before_anything_is_started(begun, tmp_path):
    market, command = begun
    config = tmp_path / "config.toml"
    pool = market.net.addresses.pool(Kind.V3, "WETH", "USDC", 500).address
    config.write_text(config.read_text().replace(pool, market.net.addresses.v2_router))
    words = command("paper", "--feed", "chain")
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert "is no Uniswap V2 or V3 pool; copy the pool's address" in said.stderr
    assert not list((tmp_path / "data").glob("*.db"))
