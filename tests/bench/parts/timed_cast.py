"""The cast of a trading run on a devnet that writes down when each step of an order was done, for evm.py."""

import os
import time
from functools import wraps
from pathlib import Path
from typing import Any

from msgspec import json

from actors.messages import Role, Ticks
from chains.evm import preparing, venue
from chains.evm.node import Node
from tests.devnet.trading import cast

STEPS = "steps"


class Steps:
    """One file for each process; a line for each step: nanoseconds of the machine's monotonic clock."""

    def __init__(self) -> None:
        self._file: Any = None

    def note(self, data_dir: str, step: str, at_ns: int = 0, **more: Any) -> None:
        at_ns = at_ns or time.monotonic_ns()
        if self._file is None:
            folder = Path(data_dir, STEPS)
            folder.mkdir(exist_ok=True)
            self._file = (folder / f"{os.getpid()}").open("ab", buffering=0)
        self._file.write(json.encode({"step": step, "at_ns": at_ns, **more}) + b"\n")


STEPS_OF = Steps()
SPANS: list[tuple[str, int, int]] = []  # Of the venue's work under way: name, begin, end.


def timed(name: str, work: Any) -> Any:
    @wraps(work)
    async def within(*args: Any, **named: Any) -> Any:
        began = time.monotonic_ns()
        try:
            return await work(*args, **named)
        finally:
            SPANS.append((name, began, time.monotonic_ns()))

    return within


preparing.chosen = timed("quote", preparing.chosen)
Node.simulate = timed("simulate", Node.simulate)
Node.estimate_gas = timed("simulate", Node.estimate_gas)
venue.EvmVenue.look = timed("look", venue.EvmVenue.look)
Node.send_raw = timed("send", Node.send_raw)


class TimedMarket(cast.Scripted):
    def send_to(self, role: Role, message: Any) -> None:
        if isinstance(message, Ticks) and role.startswith("strategist"):
            STEPS_OF.note(self.run.data_dir, "bar", tick=message.ticks[-1].at_ns)
        super().send_to(role, message)


class TimedExecutor(cast.Mortal):
    def _stamp(self, step: str, id: Any, at_ns: int = 0, **more: Any) -> None:
        STEPS_OF.note(self.run.data_dir, step, at_ns, order=id, **more)

    def _prepare(self, live: Any, tick: Any) -> None:
        SPANS.clear()
        self._stamp("prepare", live.order.id, tick=live.order.at_ns)
        super()._prepare(live, tick)

    def _drafted(self, live: Any, tick: Any, cancels: bool, draft: Any) -> None:
        self._stamp("drafted", live.order.id, spans=list(SPANS))
        super()._drafted(live, tick, cancels, draft)

    def _journal(self, wanted: Any, attempt: Any) -> None:
        self._stamp("signed", wanted.live.order.id)
        super()._journal(wanted, attempt)

    def _send(self, live: Any) -> None:
        self._stamp("durable", live.order.id)
        super()._send(live)

    def _sent(self, id: Any, answer: Any) -> None:
        began = [span for span in SPANS if span[0] == "send"]
        self._stamp("sent", id, spans=began)
        super()._sent(id, answer)


cast.CAST[Role("market")] = TimedMarket
cast.CAST[Role("executor")] = TimedExecutor
