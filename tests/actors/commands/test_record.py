"""`run.py record`: what is kept is what came, over stops, kills and troubles of the source."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.commands.record import Wanted, kept
from actors.commands.record_sources import Simulated
from actors.commands.refused import CannotRunError
from actors.messages import Tick
from chains.feeds.recordings import open_recordings
from chains.feeds.simulated import SimulatedFeed
from storage.config import Paper, Recording
from storage.config import Simulated as Market
from strategies.bars import after_tick

ROOT = Path(__file__).parent.parent.parent.parent
MINUTE = 60 * 10**9


def feed(bars: int = 0) -> SimulatedFeed:
    return SimulatedFeed(Market(tokens=("A", "B"), bars=bars), Paper(), 3, "2000000", 500)


def recorded(folder: Path):
    return open_recordings(sorted(folder.glob("*.parquet")), Paper(), Recording())


def keep(source, folder, bars=0, part=1_000, seconds=0, polled=False, stop_after=None):
    async def main():
        stopped = asyncio.Event()
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, stopped.set)
        return await kept(source, Paper(), Wanted(folder, bars, part, seconds), stopped, polled)

    return asyncio.run(main())


def test_a_recording_is_read_back_as_the_bars_that_came(tmp_path):
    keep(Simulated(feed(250)), tmp_path, part=100)
    assert len(list(tmp_path.iterdir())) == 2 * 3
    assert recorded(tmp_path).instruments == feed().instruments
    assert recorded(tmp_path).read(None, 1_000) == feed().read(None, 250)


def test_the_next_start_goes_on_after_the_last_bar(tmp_path):
    for bars in (70, 60, 50):
        keep(Simulated(feed()), tmp_path, bars=bars)
    assert recorded(tmp_path).read(None, 1_000) == feed().read(None, 180)
    assert list(keep(Simulated(feed(180)), tmp_path).told()) == ["No bar came that was not kept already."]


class FromTheStart(Simulated):
    """As public prices do: all the past that they know, whatever was kept of it."""

    async def ticks(self, _):
        async for tick in super().ticks(0):
            yield tick


def test_a_past_that_is_told_again_is_kept_once(tmp_path):
    keep(FromTheStart(feed(70)), tmp_path)
    keep(FromTheStart(feed(100)), tmp_path)
    assert recorded(tmp_path).read(None, 1_000) == feed().read(None, 100)


def test_bars_are_put_together_as_strategies_see_them(tmp_path):
    keep(Simulated(feed(100)), tmp_path, seconds=600)
    growing, wanted = {}, []
    for tick in feed().read(None, 100):
        growing, ended = after_tick(growing, tick, 10 * MINUTE)
        wanted += ended
    assert recorded(tmp_path).bar_ns == 10 * MINUTE
    assert recorded(tmp_path).read(None, 1_000) == tuple(wanted)
    with pytest.raises(CannotRunError, match="bars come every 60 s; name a multiple"):
        keep(Simulated(feed(100)), tmp_path / "other", seconds=90)


class Polled:
    """Prices at odd moments, which end only when somebody stops them."""

    name, bar_ns = "polled", 10 * 10**9

    def __init__(self) -> None:
        self.closed = False

    async def begin(self):
        return feed().instruments

    async def ticks(self, _):
        for number, tick in enumerate(feed().read(None, 40)):
            yield Tick(number * 11 * 10**9 + 1, tick.bars)
        await asyncio.sleep(3_600)

    async def close(self) -> None:
        self.closed = True


def test_polls_become_minutes_and_a_stop_keeps_what_has_ended(tmp_path):
    source = Polled()
    keep(source, tmp_path, polled=True, stop_after=0.5)
    assert source.closed
    ticks = recorded(tmp_path).read(None, 100)
    assert [tick.at_ns for tick in ticks] == [MINUTE * number for number in range(1, 8)]
    assert ticks[0].bars[0].open == feed().read(None, 1)[0].bars[0].open


class Silent(Polled):
    async def begin(self):
        await asyncio.sleep(3_600)


def test_a_source_that_never_begins_can_be_stopped(tmp_path):
    source = Silent()
    keep(source, tmp_path, stop_after=0.1)
    assert source.closed
    assert list(tmp_path.iterdir()) == []


def record(*words) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "run.py"), "record", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_kill_costs_a_few_bars_and_no_file(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('[run]\nfeed = "simulated"\n[simulated]\ntokens = ["A", "B"]\n[paper]\n')
    words = ["--config", config, "--out", tmp_path / "kept", "--part", 1_000_000]
    command = [sys.executable, str(ROOT / "run.py"), "record", *map(str, words), "--bars", "1000000"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 100
    while time.monotonic() < until and len(list((tmp_path / "kept").glob("[AB]*.parquet"))) < 2:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = len(recorded(tmp_path / "kept").read(None, 10**6))
    assert before >= 60
    ran = record(*words, "--bars", 200)  # 60 may be those of B that were not written when A was.
    assert ran.returncode == 0, ran.stderr
    after = recorded(tmp_path / "kept").read(None, 10**6)
    market = SimulatedFeed(Market(tokens=("A", "B")), Paper(), 1, "2000000", 500)
    assert after == market.read(None, len(after))
    assert before + 140 <= len(after) <= before + 200


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--feed", "simulated"], "the simulated market has no end: name one with --bars."),
        (["--feed", "chain"], "evm.rpc_urls"),
        (["--feed", "recording"], "name a recording"),
        (["--feed", "simulated", "--bars", "5", "--out", "run.py/x"], "name another folder with --out"),
    ],
)
def test_what_can_not_be_recorded_is_a_sentence(words, sentence):
    ran = record(*words)
    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)
    assert sentence in ran.stderr
