"""run.py live on a real chain: real processes, a real key, and at the end the books beside the chain."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.commands import live
from actors.commands.live import alone
from actors.commands.refused import CannotRunError
from actors.messages import Asset, Signed
from chains.devnet.maker import Maker
from chains.devnet.market import configuration
from chains.devnet.wallets import TRADER
from chains.devnet.world import Kind, whole
from storage import books, keystore, log
from storage.holdings import holdings
from storage.layout import log_path

ROOT = Path(__file__).parents[2]
MINUTE, PATIENCE = 60, 120
BEFORE = (3_000, 3_001, 3_000, 3_001, 3_000)
RISE = (3_050, 3_100, 3_150, 3_200, 3_200, 3_200)
FALL = (3_000, 2_900, 2_800, 2_800, 2_800)
DEARER_DOLLARS = (2_950, 2_900, 2_850, 2_800, 2_800, 2_800)
CHEAPER_DOLLARS = (3_000, 3_100, 3_200, 3_200, 3_200)
PASSWORD = "correct horse"
CONSENT = 'i_understand = true\ncapital_cap = "1000"\nposition_cap = "20"\n'
IN_COIN = 'i_understand = true\ncapital_cap = "1000"\nposition_cap = "0.02"\n[paper]\ngas = "0.00001"\n'
EVM = {"requests_per_second": 5_000, "fee_patience_seconds": 3_600}
WORDS = """
[run]
mode = "live"
drain_seconds = 40
[limits]
deadline_seconds = 36000
slippage_bps = 3000
min_order = "{least}"
[momentum]
timeframe_minutes = 1
entry_bars = 3
exit_bars = 2
atr_bars = 2
"""


class Stage:
    """A chain whose market trades as it is told, a wallet on it, and the words of a user."""

    def __init__(self, net, folder):
        self.net, self.folder, self.maker, self.minute = net, folder, Maker(net), 0
        self.start = (net.timestamp() // MINUTE + 2) * MINUTE
        self.config, self.data = folder / "my.toml", folder / "data"
        for price in BEFORE:
            self.trade(price)
        keystore.create(folder / "keystore.json", keystore.key_of(TRADER.private_key), PASSWORD, 4096)
        self.secret(PASSWORD)
        self.configure()

    def secret(self, password):
        (self.folder / "password").write_text(f"{password}\n")
        (self.folder / "password").chmod(0o600)

    def configure(self, consent=CONSENT, least="5", **evm):
        pool = self.net.addresses.pool(Kind.V3, "WETH", "USDC", 500).address
        keys = f'keystore = "{self.folder}/keystore.json"\npassword_file = "{self.folder}/password"\n'
        changed = {**EVM, "pools": [pool], **evm}
        lines = [row for row in configuration(self.net).splitlines() if row.split(" ")[0] not in changed]
        lines += [f"{key} = {json.dumps(value)}" for key, value in changed.items()]
        self.config.write_text("\n".join(lines) + f"\n{WORDS.format(least=least)}[live]\n{keys}{consent}")

    def trade(self, price):
        closes = {"WETH": whole(price, 6)}
        self.maker.move(closes, self.start + MINUTE * self.minute + MINUTE // 2)
        self.minute += 1

    def words(self, *words, data=None):
        shared = ["--config", str(self.config), "--data-dir", str(data or self.data)]
        return [sys.executable, "run.py", *words, *shared]

    def told(self, *words, data=None):
        return subprocess.run(
            self.words(*words, data=data),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def running(self):
        with subprocess.Popen(
            self.words("live", "--no-view"),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run:
            try:
                yield run
            finally:
                run.kill()

    def until(self, words, price=None):
        """The market goes on at this price meanwhile."""
        end, path = time.monotonic() + PATIENCE, self.data / "logs" / "holdfast.log"
        while not (path.exists() and words in path.read_text()):
            assert time.monotonic() < end, path.read_text() if path.exists() else "no log"
            if price is not None:
                self.trade(price)
            time.sleep(0.2)

    def until_bought(self, prices):
        """By a run that has just been started."""
        self.until("devnet: heard of")
        self.until("signer is ready")
        for price in prices:
            self.trade(price)
        self.until(":buy: Landed", prices[-1])

    def until_sold(self, price):
        """The one position."""
        end = time.monotonic() + PATIENCE
        while self.folded().positions:
            assert time.monotonic() < end, (self.data / "logs" / "holdfast.log").read_text()
            self.trade(price)
            time.sleep(0.2)

    def folded(self):
        return books.fold(record for _, record in log.records(log_path(self.data)))

    def ended(self, run):
        """What it has said, after Ctrl-C."""
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, said
        return said

    def books_are_the_chains(self, in_coin=False):
        """The log holds together, and wallet and books agree to the last unit of every asset."""
        verified = self.told("wal", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        records = [record for _, record in log.records(log_path(self.data))]
        folded = books.fold(records)
        nonces = {record.body.nonce for record in records if isinstance(record.body, Signed)}
        used = int(self.net.rpc.call("eth_getTransactionCount", TRADER.address, "latest"), 16)
        assert nonces == set(range(self.first_nonce, used))
        held, at = holdings(folded), self.net.addresses
        cash = 0 if in_coin else 1_000 * 10**6
        for symbol, start in (("USDC", self.stable - cash), ("WETH", 0)):
            asset = Asset(f"devnet:{self.net.address_of(symbol)}")
            assert self.net.balance(symbol, TRADER.address) - start == held.get(asset, 0), symbol
        wei = int(self.net.rpc.call("eth_getBalance", TRADER.address, "latest"), 16)
        assert wei == held[Asset("devnet:ETH")]
        assert at.trader == TRADER
        return folded

    def look(self):
        """What the wallet has before the first run; over its cap is not the bot's."""
        self.stable = self.net.balance("USDC", TRADER.address)
        self.first_nonce = int(self.net.rpc.call("eth_getTransactionCount", TRADER.address, "latest"), 16)


@pytest.fixture
def stage(devnet, tmp_path):
    made = Stage(devnet, tmp_path)
    made.look()
    return made


def seen_as_live(text):
    assert "LIVE" in text
    assert "play money" not in text
    assert "PAPER" not in text
    assert "paper" not in text


# -- runs --
@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_run_that_pays_with_the_coin_itself_buys_and_sells_and_its_books_are_the_chains(stage):
    """It trades dollars: what raises their price is a fall of the coin's."""
    stage.configure(IN_COIN, least="0.001", native_as="quote")
    with stage.running() as run:
        stage.until_bought(DEARER_DOLLARS)
        (position,) = stage.books_are_the_chains(in_coin=True).positions.values()
        assert (position.quote, position.cost) == ("devnet:ETH", 2 * 10**16)
        assert position.fees > 0
        for price in CHEAPER_DOLLARS:
            stage.trade(price)
        stage.until_sold(CHEAPER_DOLLARS[-1])
        stage.net.mine(12)
        said = stage.ended(run)
    assert "BROKEN" not in said
    folded = stage.books_are_the_chains(in_coin=True)
    assert not folded.positions
    assert folded.counts["landed"] == 2
    assert folded.counts["allowed"] == 1  # Of the dollars, to be sold; the coin needs none.


@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_run_buys_is_killed_goes_on_sells_and_ends_with_books_that_are_the_chains(stage):
    with stage.running() as run:
        stage.until_bought(RISE)
        shown = stage.told("status")
        seen_as_live(shown.stdout)
        assert "WETH" in shown.stdout
        refused = stage.told("live", "--no-view")
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "is used by another run" in refused.stderr
        for word, state in (("halt", "HALTED (everything): a test"), ("lift", "running")):
            assert stage.told(word, "--reason", "a test").returncode == 0
            assert state in stage.told("status").stdout
        os.kill(run.pid, signal.SIGKILL)
        run.communicate(timeout=PATIENCE)
    (position,) = stage.books_are_the_chains().positions.values()
    assert position.cost == 20 * 10**6  # live.position_cap: the strategy alone would pay more.
    (stage.data / "logs" / "holdfast.log").unlink()
    with stage.running() as run:
        stage.until("recovery: ")
        for price in FALL:
            stage.trade(price)
        stage.until(": Landed", FALL[-1])  # Its stop comes before its strategy.
        stage.net.mine(12)  # It is final then.
        said = stage.ended(run)
    seen_as_live(said)
    assert "real money" in said
    assert "all " in said
    assert "BROKEN" not in said
    folded = stage.books_are_the_chains()
    assert not folded.positions
    assert "refuses to" not in (stage.data / "logs" / "holdfast.log").read_text()


@pytest.mark.processes
def test_a_password_that_is_wrong_ends_the_run_with_that_sentence_and_nothing_signed(stage):
    stage.secret("battery staple")
    done = stage.told("live", "--no-view")
    assert done.returncode == 1
    assert "this is not its password" in done.stderr
    assert "battery" not in done.stdout + done.stderr
    assert (
        int(stage.net.rpc.call("eth_getTransactionCount", TRADER.address, "latest"), 16) == stage.first_nonce
    )


# -- refusals: nothing is started, and nothing left behind --
@pytest.mark.processes
@pytest.mark.parametrize(
    ("consent", "sentence"),
    [
        ('capital_cap = "1000"\nposition_cap = "100"\n', "live.i_understand = false"),
        ("i_understand = true\n", 'live.capital_cap = ""'),
        ('i_understand = true\ncapital_cap = "10"\nposition_cap = "100"\n', "live.position_cap"),
    ],
)
def test_a_consent_that_is_not_whole_starts_nothing(stage, consent, sentence):
    stage.configure(consent)
    nothing_started(stage, stage.told("live"), sentence)


@pytest.mark.processes
def test_a_key_that_is_not_there_and_a_chain_that_is_not_starts_nothing(stage):
    stage.configure(v2_router=TRADER.address)
    nothing_started(stage, stage.told("live"), f"evm.v2_router: {TRADER.address} is no contract")
    (stage.folder / "keystore.json").unlink()
    nothing_started(stage, stage.told("live"), "keystore.json: no such file")


def nothing_started(stage, done, sentence):
    assert done.returncode == 2, done
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not stage.data.exists()


# -- one wallet, one run --
def test_a_wallet_is_traded_by_one_run_at_a_time_whatever_their_data_folders(tmp_path, monkeypatch):
    store = tmp_path / "keystore.json"
    store.touch()
    monkeypatch.setattr(live, "WAIT_SECONDS", 0.1)
    with (
        alone(store),
        pytest.raises(CannotRunError, match=r"keystore\.json is used by another run"),
        alone(store),
    ):
        pytest.fail("two runs had one wallet")
    with alone(store):
        pass
