"""An EVM chain for a user: anvil, Uniswap, and prices that move, until Ctrl-C."""

import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Self

from rich.console import Console

from actors.commands.refused import DONE, CannotRunError, FailedError
from actors.messages import PRICE_SCALE, Tick
from chains.devnet.artifacts import NotInstalledError
from chains.devnet.devnet import Devnet
from chains.devnet.maker import Maker, Moved, closes
from chains.devnet.market import configuration, plan_of
from chains.feeds.choice import open_feed
from chains.feeds.feed import Feed
from storage.config import Settings

BASE_FEE = 5 * 10**9  # Wei.
READ_AT_ONCE = 100
SAY_SECONDS = 10.0
SLICE_SECONDS = 0.2


class Signal:
    """Ctrl-C or SIGTERM, while this is entered."""

    def __enter__(self) -> Self:
        self._seen = False
        self._before = {
            number: signal.signal(number, self._see) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _see(self, _number: int, _frame: FrameType | None) -> None:
        self._seen = True  # No more than that: what it interrupts may hold a lock.

    def wait(self, seconds: float) -> bool:
        """Whether it has come, at the latest after so long."""
        until = time.monotonic() + seconds
        while not self._seen and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SLICE_SECONDS))
        return self._seen


def serve(settings: Settings, port: int, write: Path | None = None) -> int:
    """Exit code; CannotRunError if the node, its packages, its port or the recording are not to be had.

    `write`: a file that gets the [evm] table, and is there once the chain is.
    """
    feed = open_feed(settings, settings.run)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    _check_port(port)
    with Signal() as ended, TemporaryDirectory(prefix="holdfast-devnet-") as folder:
        try:
            with _started(feed, Path(folder), port) as net:
                console.print(_described(net, feed))
                if write is not None:
                    _written(write, configuration(net))
                _drive(net, feed, _seconds_per_bar(settings, feed), ended, console)
        except ConnectionError as error:
            raise FailedError(f"The node has gone ({error}): start the devnet again.") from error
    console.print("Ended; the chain is forgotten.")
    return DONE


def _started(feed: Feed, folder: Path, port: int) -> Devnet:
    try:
        wanted, began_at = plan_of(feed)
        return Devnet.start(folder, wanted=wanted, port=port, genesis_timestamp=began_at - 600)
    except (ValueError, NotInstalledError) as error:
        raise CannotRunError(str(error)) from error


def _written(path: Path, text: str) -> None:
    """Whole or not at all: somebody waits for it."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text + "\n")
    temporary.replace(path)


def _drive(net: Devnet, feed: Feed, seconds: float, ended: Signal, console: Console) -> None:
    """Bar after bar until the signal; at the end of a recording the prices stay, and the chain goes on."""
    maker, after_ns, said_at, worst = Maker(net, BASE_FEE), None, 0.0, 0
    due = time.monotonic()
    while ticks := feed.read(after_ns, READ_AT_ONCE):
        for tick in ticks:
            if ended.wait(max(0.0, due - time.monotonic())):
                return
            moved = maker.move(closes(tick), tick.at_ns // 10**9)
            worst = max(worst, moved.worst)
            if time.monotonic() - said_at >= SAY_SECONDS:
                console.print(_said(net, tick, moved, worst))
                said_at = time.monotonic()
            due = max(due + seconds, time.monotonic() - seconds)
        after_ns = ticks[-1].at_ns
    console.print("The recording is over: prices stay as they are.  Ctrl-C ends the chain.")
    while not ended.wait(SLICE_SECONDS):
        continue


def _described(net: Devnet, feed: Feed) -> str:
    at, wallet = net.addresses, net.trader
    tokens = "\n".join(
        f"  {symbol:8} {token.address}  {token.decimals} decimals" for symbol, token in at.tokens.items()
    )
    pools = "\n".join(
        f"  {pool.kind} {pool.symbol0}/{pool.symbol1} at {pool.fee_pips / 10_000:g} %: {pool.address}"
        for pool in at.pools
    )
    return (
        f"Chain {net.chain_id} at {net.url} and {net.ws_url} (process {net.anvil.pid}).\n"
        f"Prices: {feed.name}.\n\nTokens:\n{tokens}\nPools:\n{pools}\n\n"
        f"A wallet with play money: {wallet.address}\n"
        f"  its key, which everybody knows: {wallet.private_key}\n\n"
        f"For config.toml:\n\n{configuration(net)}\n\n"
        f'To pay with ETH itself: native_as = "quote", and other limits.min_order, paper.gas and live caps.\n'
        f"Ctrl-C ends it.\n"
    )


def _said(net: Devnet, tick: Tick, moved: Moved, worst: int) -> str:
    moment = datetime.fromtimestamp(moved.timestamp, UTC).strftime("%Y-%m-%d %H:%M")
    quote = net.addresses.tokens[net.addresses.quote].decimals
    prices = "  ".join(
        f"{symbol} {price / PRICE_SCALE / 10**quote:,.6g}" for symbol, price in closes(tick).items()
    )
    return f"{moment} UTC, block {net.height():,}: {prices} (within {worst / 100:g} bps)"


def _seconds_per_bar(settings: Settings, feed: Feed) -> float:
    speed = settings.run.speed
    return 0.0 if speed == "max" else feed.bar_ns / 10**9 / float(speed)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotRunError(f"--port {port} can not be had ({error.strerror}): name another") from error
