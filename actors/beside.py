"""Asyncio work beside an actor's mailbox: one loop in one thread, whose news come in through a pipe."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from msgspec import Struct


class Done(Struct, frozen=True):
    """The work that was started under this tag has ended, with this value."""

    tag: str
    value: Any = None


class Crashed(Struct, frozen=True):
    """The work that was started under this tag has failed; the text names the error."""

    tag: str
    error_text: str


Outcome = Done | Crashed


async def outcome(work: Coroutine[Any, Any, Any], tag: str) -> Outcome:
    try:
        return Done(tag, await work)
    except asyncio.CancelledError:
        return Crashed(tag, "cancelled")
    except Exception as error:  # noqa: BLE001  Whatever it is, the actor is told.
        return Crashed(tag, f"{type(error).__name__}: {error}")


class Beside:
    """Its thread touches nothing of the actor's; `post` may be called from anywhere."""

    def __init__(self) -> None:
        self.news, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._posted: deque[Any] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="beside", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, Any], tag: str) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(self._report(work, tag), self._loop)

    async def _report(self, work: Coroutine[Any, Any, Any], tag: str) -> None:
        self.post(await outcome(work, tag))

    def post(self, message: object) -> None:
        self._posted.append(message)
        with suppress(BlockingIOError):  # A full pipe has woken the actor already.
            os.write(self._bell, b"\0")

    def posted(self) -> list[Any]:
        """Everything posted since the last time."""
        with suppress(BlockingIOError):
            os.read(self.news, 65536)
        return [self._posted.popleft() for _ in range(len(self._posted))]

    def stop(self, seconds: float = 1.0) -> None:
        """Cancel what still runs, so that connections are closed, and end the thread."""
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result(seconds)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
