"""A trading run on a devnet, seen from outside: start, kill, start again, make blocks, and the log so far."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from msgspec import json
from msgspec.structs import replace

from actors.messages import Instrument, Operation, Record, StatusReport
from chains.devnet.devnet import Devnet
from chains.devnet.wallets import TRADER
from chains.evm.desk import Desk
from chains.evm.networks import network_of
from storage import keystore
from storage.books import Books, fold
from storage.chain import COLUMNS, record_of
from storage.config import Exits, Limits, Live, Run, Settings
from storage.config_evm import Evm
from storage.layout import log_path, logs_path
from storage.log_file import reader
from tests.devnet.trading.cast import BUY_WEI, DEAD, DEATH, GO, HUSH, PAUSE, SCRIPT, Death, Script
from tests.devnet.trading.launcher import PASSWORD, SETTINGS
from tests.devnet.trading.verdict import allowances

ROOT = Path(__file__).parents[3]
CHAIN = "devnet"
CAST = "tests.devnet.trading.cast"
BOOKED, FINAL = 1, 4  # Blocks.
BLOCK_SECONDS = 0.15
MOST = 10  # Times.
NEWER = f"SELECT {COLUMNS} FROM records WHERE lsn > ? ORDER BY lsn"
SAID_BYTES = 2**17  # More than the last that the supervisor has said.
WORK = 4096  # Of scrypt: nobody attacks this file.
OPEN = Limits(
    position_bps=10_000, total_exposure_bps=10_000, chain_exposure_bps=10_000, strategy_budget_bps=10_000,
    max_positions=1_000, daily_loss_bps=10_000, loss_streak=10**6, loss_streak_pause_minutes=0,
    cooldown_minutes=0, deadline_seconds=600,
)  # fmt: skip
NO_EXITS = Exits(stop_bps=0, take_profit_bps=0, trailing_bps=0)


def evm_of(net: Devnet, urls: tuple[str, ...], versions: str = "v2 v3", **others) -> Evm:
    """The chain as config.toml would describe it; only the contracts of these versions."""
    at = net.addresses
    v2 = {"v2_router": at.v2_router, "v2_factory": at.v2_factory} if "v2" in versions else {}
    v3 = {"v3_router": at.v3_router, "v3_factory": at.v3_factory, "quoter": at.quoter}
    fields = {
        "chain": CHAIN, "rpc_urls": urls, "chain_id": net.chain_id, "native": "ETH",
        "wrapped_native": at.weth, "stable": net.address_of(at.quote), "stable_decimals": 6,
        "booked_depth": BOOKED, "final_depth": FINAL, "block_seconds": 1.0,
        "requests_per_second": 10_000, "answer_seconds": 5.0, "max_loss_bps": 500,
        **v2, **(v3 if "v3" in versions else {}),
    }  # fmt: skip
    return Evm(**(fields | others))


def instruments_of(net: Devnet, symbols, evm: Evm) -> tuple[Instrument, ...]:
    """As the venue names them: where the coin itself is traded it stands for its wrapped form."""
    desk = Desk(network=network_of(evm), wallet=TRADER.address)
    tokens = ((desk.asset(net.address_of(each)), net.addresses.tokens[each].decimals) for each in symbols)
    return tuple(
        Instrument(token, desk.quote, decimals, desk.quote_decimals, 3_000) for token, decimals in tokens
    )


class Trading:
    """One data folder on one devnet that makes blocks only here, in `pass_time`."""

    def __init__(
        self,
        net: Devnet,
        folder: Path,
        symbols,
        *,
        versions="v2 v3",
        urls=None,
        evm=(),
        cast=CAST,
        limits=OPEN,
        native_as="",
        **script,
    ):
        self.net, self.folder, self.cast = net, folder, cast
        folder.mkdir(parents=True, exist_ok=True)
        both = urls or (net.url, net.url.replace("127.0.0.1", "localhost"))
        self.settings = Settings(
            run=Run(mode="live", feed="live", data_dir=str(folder)),
            limits=limits if native_as != "quote" else replace(limits, min_order="0.01"),
            exits=NO_EXITS,
            live=Live(i_understand=True, capital_cap="1000000", position_cap="1000", wallet=TRADER.address),
            evm=evm_of(net, both, versions, native_as=native_as, **dict(evm)),
        )
        if native_as == "quote":
            script = {"buy_units": BUY_WEI, **script}
        (folder / SETTINGS).write_bytes(json.encode(self.settings))
        self.script = Script(instruments=instruments_of(net, symbols, self.settings.evm), **script)
        (folder / SCRIPT).write_bytes(json.encode(self.script))
        (folder / PASSWORD).write_text("a good password")
        os.chmod(folder / PASSWORD, 0o600)
        store = folder / self.settings.live.keystore
        keystore.create(store, bytes.fromhex(TRADER.private_key[2:]), "a good password", WORK)
        self.process: subprocess.Popen | None = None
        self.wei, self.units = net.rpc.call("eth_getBalance", TRADER.address, "latest"), {}
        self.first_block = net.height()
        self._records, self._books, self._folded = [], Books(), 0

    # -- the run ----------------------------------------------------------------------------------------
    def start(self) -> None:
        words = ["-m", "tests.devnet.trading.launcher", str(self.folder), self.cast]
        self._said = (self.folder / "said").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, stdin=subprocess.PIPE, stdout=self._said, stderr=self._said,
            start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """Everybody: they die with the launcher, and write nothing more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            while self._somebody():
                time.sleep(0.01)
            self.process.stdin.close()
            self._said.close()
            self.process = None

    def _somebody(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> None:
        """In order."""
        if self.process is not None and self.process.poll() is None:
            self.process.stdin.close()
            end = time.monotonic() + 60
            while self.process.poll() is None:
                assert time.monotonic() < end, "it does not stop"
                self.pass_time()
        self.kill()

    def said(self) -> StatusReport | None:
        """The last that the supervisor has said."""
        whole, _, _ = tail(self.folder / "said").rpartition(b"\n")  # It may be amidst the next line.
        lines = whole.splitlines()
        told = (line for line in reversed(lines) if line.startswith(b'{"id":"status'))
        line = next(told, None)
        return None if line is None else json.decode(line, type=StatusReport)

    def pid_of(self, role: str) -> int:
        report = self.said()
        return report.pids.get(role, 0) if report else 0

    def kill_actor(self, role: str) -> bool:
        try:
            pid = self.pid_of(role)
            if not pid:
                return False
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    # -- where it dies ----------------------------------------------------------------------------------
    def dies(self, death: Death) -> None:
        (self.folder / DEATH).write_bytes(json.encode(death))

    @property
    def dead(self) -> bool:
        return (self.folder / DEAD).exists()

    def go(self) -> None:
        """The successor may begin, and blocks are made again."""
        (self.folder / PAUSE).unlink(missing_ok=True)
        (self.folder / GO).touch()

    # -- time -------------------------------------------------------------------------------------------
    def mine(self, blocks: int = 1) -> None:
        """Without running ahead of this machine's clock."""
        for _ in range(blocks):
            self.net.mine_at(max(self.net.timestamp(), int(time.time())))

    def pass_time(self) -> None:
        if not (self.folder / PAUSE).exists():
            self.mine()
        time.sleep(BLOCK_SECONDS)

    def sell_all(self) -> None:
        """From the next start on, what is held is sold, all of it at once."""
        self.script = replace(self.script, sells=True, at_once=1_000)
        (self.folder / SCRIPT).write_bytes(json.encode(self.script))

    def wait(self, wanted, seconds: float, what: str) -> None:
        """As `until`, and no block is made meanwhile."""
        (self.folder / PAUSE).touch()
        try:
            self.until(wanted, seconds, what)
        finally:
            (self.folder / PAUSE).unlink()

    def until(self, wanted, seconds: float, what: str) -> None:
        """`seconds`: of nothing happening, counted in blocks, for on a busy machine all takes longer; where
        things happen on and on it is `MOST` times as many.
        """
        blocks, known = seconds / BLOCK_SECONDS, -1
        idle = passed = 0
        while not wanted():
            if known != (known := self.steps()):
                idle = 0
            if idle > blocks or passed > MOST * blocks:
                raise AssertionError(f"{what}: nothing more in {idle} of {passed} blocks\n{self.story()}")
            meant = self.dead and not (self.folder / GO).exists()
            if self.process is not None and self.process.poll() is not None and not meant:
                raise AssertionError(f"{what}: the run has ended\n{self.story()}")
            self.pass_time()
            idle, passed = idle + 1, passed + 1

    # -- what is in the log -----------------------------------------------------------------------------
    def records(self) -> list[Record]:
        """None as long as the first log may not be whole yet."""
        if self.pid_of("wal"):
            with reader(log_path(self.folder)) as database:
                new = database.execute(NEWER, (len(self._records),)).fetchall()
            self._records += map(record_of, new)
        return self._records

    def books(self) -> Books:
        known = self.records()
        self._books = fold(known[self._folded :], self._books)
        self._folded = len(known)
        return self._books

    def steps(self) -> int:
        """What has been written of trades."""
        return sum(each.operation is Operation.TRADE_EXECUTE for each in self.records())

    def quiet(self) -> bool:
        """Nothing is under way or left over, and nobody wants more; or the wallet signs nothing more."""
        books = self.books()
        if books.live or books.booked or not books.ledger.accounts:
            return False
        if self.process is not None and not self.pid_of("executor"):
            return False
        return not books.signs or (self.scripted(books) and not allowances(self))

    def idle(self) -> bool:
        """Nothing is under way, and nothing is left over."""
        books = self.books()
        over = bool(books.ledger.accounts) and not books.live and not books.booked
        return over and not (books.signs and allowances(self))

    def pause_wishes(self) -> None:
        """Nobody wants anything new, whoever comes anew."""
        (self.folder / HUSH).touch()

    def resume_wishes(self) -> None:
        (self.folder / HUSH).unlink(missing_ok=True)

    def scripted(self, books: Books) -> bool:
        buys = {}
        for ended in books.ended.values():
            if ended.order.side == "buy":
                buys[ended.order.token] = buys.get(ended.order.token, 0) + 1
        done = all(buys.get(each.token, 0) >= self.script.rounds for each in self.script.instruments)
        return done and not (self.script.sells and books.positions)

    def story(self) -> str:
        """The end of what everybody has logged, and the orders."""
        lines = []
        for path in sorted(logs_path(self.folder).glob("*")):
            text = path.read_text(errors="replace").splitlines()
            lines += [f"-- {path.name}", *text[-12:]]
        books = self.books()
        lines.append(f"live {list(books.live)} booked {list(books.booked)} halts {books.halts}")
        return "\n".join(lines)


def tail(path: Path) -> bytes:
    """The end of a file that grows; nothing, if it is not there."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - SAID_BYTES))
        return file.read()
