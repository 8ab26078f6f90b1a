"""A devnet, a wallet and the bot in live mode on it; then the log beside what the chain says."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console

from actors.commands.keystore import unlocking, with_wallet
from actors.commands.live import caps_of
from actors.commands.naming import brief
from actors.commands.options import Options
from actors.commands.paper import run_through
from actors.commands.refused import FAILED, CannotRunError
from actors.messages import Allowed, Asset, Landed, Order, OrderOpened, Reverted, Side, Signed
from chains.devnet.deploy import view
from chains.devnet.rpc import Rpc
from chains.devnet.wallets import TRADER
from storage import keystore, log
from storage.config import Settings, load
from storage.config_evm import NATIVE_DECIMALS
from storage.layout import log_path

ROOT = Path(__file__).parents[2]
WORLD_SECONDS = 60.0  # Patience with the chain's start.
SPEED = "240"
WORDS = """[run]
mode = "live"
feed = "chain"
data_dir = "{folder}/data"
drain_seconds = 20

[live]
i_understand = true
capital_cap = "10000"
position_cap = "2500"
keystore = "{folder}/keystore.json"
password_file = "{folder}/password"

[limits]
deadline_seconds = 7200
cooldown_minutes = 1

[momentum]
timeframe_minutes = 5
entry_bars = 6
exit_bars = 4
atr_bars = 6
trail_atr = 2.0

"""


class Token(Struct, frozen=True):
    symbol: str
    decimals: int

    def words(self, units: int) -> str:
        """To so many digits that a line stays one."""
        return f"{brief(units, self.decimals)} {self.symbol}"


def show(seconds: int, seed: int, drawn: bool) -> int:
    """Exit code of the run; CannotRunError if there is no devnet on this machine."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    with TemporaryDirectory(prefix="holdfast-demo-") as name:
        folder = Path(name)
        console.print("Starting a chain with Uniswap V2 and V3, and a market maker that moves its prices ...")
        with _chain(folder, seed) as evm:
            settings = _settings(folder, evm)
            console.print(
                f"Live trading by {settings.live.wallet} for {seconds} s, with worthless money; the "
                f"market runs {SPEED} times as "
                f"fast.  Each order is approved, signed, journalled, sent, and booked from its receipt."
            )
            code = _traded(settings, folder, seconds, drawn)
            console.print(_told(settings))
            agreed, sentence = _compared(settings)
            console.print(sentence)
    return code if agreed else FAILED


@contextmanager
def _chain(folder: Path, seed: int) -> Iterator[str]:
    """The [evm] table of a devnet in a process of its own."""
    world = folder / "evm.toml"
    words = [sys.executable, str(ROOT / "run.py"), "devnet", "evm", "--port", "0", "--speed", SPEED,
             "--seed", str(seed), "--write", str(world)]  # fmt: skip
    with (folder / "devnet.out").open("w") as out:
        child = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)  # noqa: S603
        try:
            _await(world, child, folder / "devnet.out")
            yield world.read_text()
        finally:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _await(world: Path, child: "subprocess.Popen[bytes]", out: Path) -> None:
    until = time.monotonic() + WORLD_SECONDS
    while not world.exists():
        if child.poll() is not None or time.monotonic() > until:
            lines = out.read_text().strip().splitlines() or ["it said nothing"]
            raise CannotRunError(f"The devnet did not start: {lines[-1]}")
        time.sleep(0.1)


def _settings(folder: Path, evm: str) -> Settings:
    """A keystore with the key that everybody knows, and a configuration that leads to the devnet."""
    password = keystore.new_key().hex()  # As random as a key, and no key.
    _private(folder / "password", password)
    keystore.create(folder / "keystore.json", keystore.key_of(TRADER.private_key), password)
    config = folder / "config.toml"
    config.write_text(WORDS.format(folder=folder) + evm + "\n")
    settings = with_wallet(load(config))
    return replace(settings, evm=replace(settings.evm, requests_per_second=5_000, fee_patience_seconds=3_600))


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def _traded(settings: Settings, folder: Path, seconds: int, drawn: bool) -> int:
    """As `run.py live` does it, without the doctor: the chain's clock is not this machine's."""
    unlock = unlocking(settings, caps_of(settings))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))  # As Ctrl-C would.
    signal.alarm(seconds)
    return run_through(settings, Options(folder / "config.toml", {}, view=drawn), unlock)


def _told(settings: Settings) -> str:
    """A line for each transaction, as the log has it."""
    tokens, lines = _tokens(settings), ["", "What the log says, transaction by transaction:"]
    orders: dict[str, Order] = {}
    for _, record in log.records(log_path(Path(settings.run.data_dir))):
        match record.body:
            case OrderOpened(order):
                orders[order.id] = order
            case Signed() as body:
                about = f"{body.leg:8} to {_wish(orders[body.order], tokens)}"
                lines.append(f"  nonce {body.nonce:3}  {about:26} {body.tx_id}")
            case Allowed() as body:
                lines.append(f"             allowed, gas {_coins(body.fee, settings)}")
            case Landed() as body:
                lines.append(f"             {_landed(orders[body.order], body, tokens)}, "
                             f"gas {_coins(body.fee, settings)}")  # fmt: skip
            case Reverted() as body:
                lines.append(f"             reverted, gas {_coins(body.fee, settings)}")
            case _:
                continue
    return "\n".join([*lines, ""])


def _wish(order: Order, tokens: dict[Asset, Token]) -> str:
    return f"{order.side.value} {tokens[order.token].symbol}"


def _landed(order: Order, body: Landed, tokens: dict[Asset, Token]) -> str:
    token, quote = tokens[order.token], tokens[order.quote]
    if order.side is Side.BUY:
        return f"bought {token.words(body.amount_out)} for {quote.words(body.amount_in)}"
    return f"sold {token.words(body.amount_in)} for {quote.words(body.amount_out)}"


def _coins(wei: int, settings: Settings) -> str:
    return f"{brief(wei, NATIVE_DECIMALS, 7)} {settings.evm.native}"


def _tokens(settings: Settings) -> dict[Asset, Token]:
    """All that the log may name: what the pools trade, as their contracts say."""
    rpc, pools = _rpc(settings), settings.evm.pools
    sides = (view(rpc, pool, "(address)", f"token{at}()")[0] for pool in pools for at in (0, 1))
    return {
        Asset(f"{settings.evm.chain}:{address}"): Token(
            str(view(rpc, address, "(string)", "symbol()")[0]),
            int(view(rpc, address, "(uint8)", "decimals()")[0]),
        )
        for address in dict.fromkeys(str(side) for side in sides)
    }


def _rpc(settings: Settings) -> Rpc:
    return Rpc(int(settings.evm.rpc_urls[0].rpartition(":")[2]))


def _compared(settings: Settings) -> tuple[bool, str]:
    """The nonces on chain beside those in the log: each of ours once, and nobody else's."""
    answer = _rpc(settings).call("eth_getTransactionCount", settings.live.wallet, "latest")
    used = int(str(answer), 16)
    records = log.records(log_path(Path(settings.run.data_dir)))
    nonces = {record.body.nonce for _, record in records if isinstance(record.body, Signed)}
    sentence = f"The chain has used {used} nonces of the wallet, and the log signed {len(nonces)}"
    if nonces == set(range(used)):
        return True, f"{sentence}: they agree."
    return False, f"{sentence}: they do NOT agree.  The log's are {sorted(nonces)}."
