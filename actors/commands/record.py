"""`run.py record`: bars as they come, kept as Parquet files that `--recording` reads back as they were.

A file of a token is written anew after every few bars and moved into place, so a kill -9 costs those bars and
no file; the next start goes on after the last bar that is kept.
"""

import asyncio
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

import numpy as np
from msgspec import Struct
from rich.console import Console

from actors.base import wall_clock_ns
from actors.commands import market_choice
from actors.commands.record_sources import Source, source_of
from actors.commands.refused import DONE, CannotRunError
from actors.messages import Asset, Bar, Instrument, Tick
from chains.feeds.kept import KeptBars, Label, write
from chains.feeds.tables import RecordingError
from storage.config import Paper, Run, Settings, load
from strategies.bars import Growing, after_tick

SECOND_NS = 10**9
LIVE_BAR_SECONDS = 60  # Polls are put together to minutes, which is what the past of the same pools comes in.
OFTEN = 60  # Bars that a kill may cost.


class Wanted(Struct, frozen=True):
    out: Path
    bars: int  # 0: no end.
    part: int  # Bars of a file.
    bar_seconds: int  # 0: as they come; minutes if they are polled.


def record(config: Path, given: dict[str, object], wanted: Wanted) -> int:
    """ConfigError or CannotRunError, one sentence, for what can not be recorded."""
    settings = load(config, given)
    console = Console()
    run, sentence = market_choice.chosen(settings, settings.run)
    if run.feed == "simulated" and not (wanted.bars or settings.simulated.bars):
        raise CannotRunError("the simulated market has no end: name one with --bars.")
    console.print(sentence, highlight=False, soft_wrap=True, markup=False)
    keeper = asyncio.run(_recorded(settings, run, wanted))
    for line in keeper.told():
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    return DONE


async def _recorded(settings: Settings, run: Run, wanted: Wanted) -> "Keeper":
    source = source_of(settings, run, wall_clock_ns)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return await kept(source, settings.paper, wanted, stopped, polled=run.feed == "live")


async def kept(
    source: Source, paper: Paper, wanted: Wanted, stopped: asyncio.Event, polled: bool
) -> "Keeper":
    """Until there is no more, there is enough, or somebody wants to stop; what came until then is kept."""
    seconds = wanted.bar_seconds or (LIVE_BAR_SECONDS if polled else 0)
    bar_ns = seconds * SECOND_NS or source.bar_ns
    if bar_ns % source.bar_ns and not polled:
        raise CannotRunError(
            f"--bar-seconds {seconds}: bars come every {source.bar_ns // SECOND_NS} s; name a multiple."
        )
    end = asyncio.create_task(stopped.wait())
    try:
        begun = asyncio.create_task(source.begin())
        await asyncio.wait({begun, end}, return_when=asyncio.FIRST_COMPLETED)
        keeper = Keeper(wanted, paper, begun.result() if begun.done() else (), bar_ns)
        begun.cancel()
        work = asyncio.create_task(_fill(keeper, source, bar_ns, wanted.bars))
        await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        keeper.write_open()
        return keeper
    finally:
        end.cancel()
        await source.close()


async def _fill(keeper: "Keeper", source: Source, bar_ns: int, most: int) -> None:
    if not keeper.instruments:
        return
    ticks = source.ticks(keeper.last_ns) if bar_ns == source.bar_ns else _together(source, keeper, bar_ns)
    count = 0
    async with aclosing(ticks) as stream:
        async for tick in stream:
            count += keeper.add(tick)
            if most and count >= most:
                return


async def _together(source: Source, keeper: "Keeper", bar_ns: int) -> AsyncGenerator[Tick, None]:
    growing: Growing = {}
    async for tick in source.ticks(keeper.last_ns):
        growing, ended = after_tick(growing, tick, bar_ns)
        for each in ended:
            yield each


class Keeper:
    """The open file of each token, and which were written."""

    def __init__(
        self, wanted: Wanted, paper: Paper, instruments: tuple[Instrument, ...], bar_ns: int
    ) -> None:
        self._wanted, self.instruments, self._bar_ns = wanted, instruments, bar_ns
        self._open: dict[Asset, list[tuple[int, Bar]]] = {each.token: [] for each in instruments}
        self._counts: dict[Path, int] = {}
        try:
            wanted.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(wanted.out, error) from error
        self._through = {each.token: _last_kept(wanted.out, each, bar_ns, paper) for each in instruments}

    @property
    def last_ns(self) -> int:
        """Up to here everything is kept, of all tokens."""
        return min(self._through.values(), default=0)

    def add(self, tick: Tick) -> bool:
        """Whether it brought anything new."""
        new = [bar for bar in tick.bars if tick.at_ns > self._through[bar.token]]
        for bar in new:
            self._through[bar.token] = tick.at_ns
            rows = self._open[bar.token]
            rows.append((tick.at_ns, bar))
            if len(rows) % OFTEN == 0 or len(rows) >= self._wanted.part:
                self._write(bar.token)
            if len(rows) >= self._wanted.part:
                self._open[bar.token] = []
        return bool(new)

    def write_open(self) -> None:
        """Whatever is not on disk yet."""
        for token, rows in self._open.items():
            if rows:
                self._write(token)

    def told(self) -> Iterator[str]:
        for path, count in self._counts.items():
            yield f"{path}: {count:,} bars"
        if not self._counts:
            yield "No bar came that was not kept already."

    def _write(self, token: Asset) -> None:
        rows = self._open[token]
        instrument = next(each for each in self.instruments if each.token == token)
        first = np.datetime_as_string(np.datetime64(rows[0][0], "ns"), "s").replace(":", "").replace("-", "")
        path = self._wanted.out / f"{_stem(instrument, self._bar_ns)}_{first}.parquet"
        try:
            write(path, Label(instrument, self._bar_ns), rows)
        except OSError as error:
            raise _unwritable(self._wanted.out, error) from error
        self._counts[path] = len(rows)


def _stem(instrument: Instrument, bar_ns: int) -> str:
    name = "".join(each if each.isalnum() else "-" for each in instrument.token.partition(":")[2])
    return f"{name}_{bar_ns // SECOND_NS}s"


def _last_kept(folder: Path, instrument: Instrument, bar_ns: int, paper: Paper) -> int:
    """The end of the last bar of a token; RecordingError if a file of its name is not of this token."""
    paths = sorted(folder.glob(f"{_stem(instrument, bar_ns)}_*.parquet"))
    if not paths:
        return 0
    newest = KeptBars(paths[-1], paper)  # Names tell the time.
    if newest.instrument != instrument or newest.bar_ns != bar_ns:
        raise RecordingError(
            f"{newest.path} is of another {instrument.token}: name another folder with --out"
        )
    return int(newest.ends[-1])


def _unwritable(folder: Path, error: OSError) -> CannotRunError:
    return CannotRunError(f"{folder} can not be written to ({error}): name another folder with --out.")
