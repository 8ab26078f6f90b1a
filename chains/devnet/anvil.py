"""The node: finds, starts, freezes, kills and restarts anvil.  It never outlives whoever has started it."""

import ctypes
import gzip
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from msgspec import Struct

from chains.devnet.artifacts import MODULES, NotInstalledError
from chains.devnet.rpc import Rpc

_PLATFORM = MODULES / "@foundry-rs/anvil-linux-amd64/bin/anvil"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # Loaded here, for a forked child must not load anything.
START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.005


def find() -> Path | None:
    """$ANVIL_BIN (NotInstalledError if it is wrong), else the npm package's, else the one on the PATH."""
    if given := os.environ.get("ANVIL_BIN"):
        if shutil.which(given) is None:
            raise NotInstalledError(
                f"ANVIL_BIN = {given!r} is no program: give the path of anvil, or unset it"
            )
        return Path(given)
    if _PLATFORM.exists():
        return _PLATFORM
    found = shutil.which("anvil")
    return Path(found) if found else None


class Node(Struct, frozen=True):
    """How a node is to run."""

    folder: Path  # Of its log, and of its state.
    port: int = 0  # 0: any free one.
    chain_id: int = 31_337
    keep_state: bool = False  # On disk, when it is saved and when it is stopped.
    no_mining: bool = False  # Blocks only when asked for.
    block_seconds: int | None = None  # A block every so many seconds, instead of one per transaction.
    genesis_timestamp: int | None = None  # Unix seconds; now, if it is not given.
    balance: int = 10_000_000  # Ether of each of the node's own accounts.


class Anvil:
    """One process after the other, on one port."""

    def __init__(self, node: Node) -> None:
        binary = find()
        if binary is None:
            raise NotInstalledError(
                "anvil is not here: apt install nodejs npm, then make devnet (or ANVIL_BIN=the path of one)"
            )
        self.binary, self.node = binary, node
        self.port = node.port or _free_port()
        self.rpc = Rpc(self.port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    @property
    def log(self) -> Path:
        return self.node.folder / "anvil.log"

    @property
    def state(self) -> Path:
        return self.node.folder / "anvil.json"

    def start(self) -> None:
        """Returns when it answers; RuntimeError, with the end of its log, if it never does."""
        assert self.pid is None, f"anvil already runs as process {self.pid}"
        self.node.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  The program is the operator's own choice.
                self._command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for whoever has started it.
                preexec_fn=_die_with_parent,  # noqa: PLW1509  One system call; takes no lock.
            )
        try:
            self._wait_until_it_answers()
            if self._resumes():  # Its clock goes on where it was, not at this machine's time.
                latest = self.rpc.call("eth_getBlockByNumber", "latest", False)
                self.rpc.call("anvil_setTime", int(latest["timestamp"], 16))
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """In order, and saved if its state is to be kept."""
        self.thaw()
        if self.node.keep_state and self.pid is not None:
            self.save()
        self._signal(signal.SIGTERM)
        self._wait()

    def kill(self) -> None:
        """At once: what was not saved is lost."""
        self._signal(signal.SIGKILL)
        self._wait()

    def save(self) -> None:
        """Blocks, receipts and balances, whole or not at all; not the pool of pending transactions.

        Anvil's own saving (--state) writes over the only copy: SIGKILL amidst it loses everything.
        """
        dump = gzip.decompress(bytes.fromhex(self.rpc.call("anvil_dumpState").removeprefix("0x")))
        half = self.state.with_suffix(".half")
        half.write_bytes(dump)
        half.replace(self.state)

    def freeze(self) -> None:
        """It keeps its connections, and answers nothing."""
        self._signal(signal.SIGSTOP)
        if (pid := self.pid) is not None:  # The last of its threads may be a moment late.
            os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _command(self) -> list[str]:
        node = self.node
        words = [str(self.binary), "--quiet", "--host", "127.0.0.1", "--port", str(self.port)]
        words += ["--chain-id", str(node.chain_id), "--balance", str(node.balance)]
        words += ["--no-mining"] if node.no_mining else []
        words += ["--block-time", str(node.block_seconds)] if node.block_seconds is not None else []
        if self._resumes():
            words += ["--load-state", str(self.state)]
        elif node.genesis_timestamp is not None:
            words += ["--timestamp", str(node.genesis_timestamp)]
        return words

    def _resumes(self) -> bool:
        return self.node.keep_state and self.state.exists()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.pid is None:
                raise RuntimeError(f"anvil has ended instead of starting:\n{self._last_words()}")
            try:
                chain_id = int(self.rpc.call("eth_chainId"), 16)
            except (ConnectionError, TimeoutError):
                time.sleep(POLL_SECONDS)
                continue
            if chain_id != self.node.chain_id:
                raise RuntimeError(
                    f"port {self.port} is answered by chain {chain_id}, not {self.node.chain_id}"
                )
            return
        raise RuntimeError(f"anvil does not answer within {START_SECONDS:.0f} s:\n{self._last_words()}")

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-1_000:].strip()

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None and self._process is not None:
            self._process.send_signal(number)

    def _wait(self) -> None:
        """Reaps it, so that no zombie is left."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    """Runs in the child before anvil does: the kernel ends it with the thread that has started it."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
