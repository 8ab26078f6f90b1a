"""Questions to one node that are asked at the same moment travel in one request: that costs a tenth.

A node that does not take several at a time is asked one by one from then on.
"""

import asyncio
from typing import Any

import aiohttp
from msgspec import Struct
from web3.types import RPCEndpoint

from chains.evm.provider import Provider

MOST = 50  # Questions in a request.
# Nodes answer a batch one by one: what takes long must not keep others waiting.  And what sends is sent once.
ALONE = {"eth_sendRawTransaction", "eth_simulateV1", "eth_estimateGas", "eth_getLogs"}
REFUSED = {400, 405, 413}  # What servers say to a batch that they do not take.
QUIET = 3  # Turns of the loop.
LIMIT_CODES = {-32005, 429}  # "Too many requests", said inside an answer.

Answer = tuple[Any, float | None]  # As the node gave it; and when a connection was made for it, if one was.


class _Question(Struct, frozen=True, eq=False):
    method: RPCEndpoint
    params: list[Any]
    answer: asyncio.Future[Answer]


class Batches:
    """All of it in one event loop."""

    def __init__(self, provider: Provider) -> None:
        self._provider, self._most = provider, MOST
        self._waiting: list[_Question] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, method: str, params: list[Any]) -> Answer:
        """Raises what `Provider` does.  An answer that is left out of a batch is None."""
        endpoint, loop = RPCEndpoint(method), asyncio.get_running_loop()
        if method in ALONE:
            return await self._one(endpoint, params)
        if not self._waiting:
            loop.call_soon(self._leave, 0, 0)
        question = _Question(endpoint, params, loop.create_future())
        self._waiting.append(question)
        return await question.answer

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _leave(self, before: int, quiet: int) -> None:
        """Once nobody new comes: tasks that begin together ask a few turns of the loop after one another."""
        quiet = 0 if len(self._waiting) > before else quiet + 1
        if quiet < QUIET:
            asyncio.get_running_loop().call_soon(self._leave, len(self._waiting), quiet)
            return
        waiting, self._waiting = [each for each in self._waiting if not each.answer.done()], []
        for at in range(0, len(waiting), self._most):
            task = asyncio.create_task(self._carry(waiting[at : at + self._most]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _carry(self, questions: list[_Question]) -> None:
        try:
            answers = await self._answers(questions)
        except Exception as error:  # noqa: BLE001  It is theirs who have asked.
            for each in questions:
                if not each.answer.done():
                    each.answer.set_exception(error)
        else:
            for each, answer in zip(questions, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)
        finally:
            for each in questions:
                if not each.answer.done():  # It was closed meanwhile.
                    each.answer.set_exception(aiohttp.ClientConnectionError("closed"))

    async def _answers(self, questions: list[_Question]) -> list[Answer]:
        if len(questions) > 1:
            try:
                told = await self._provider.make_batch_request([(q.method, q.params) for q in questions])
            except aiohttp.ClientResponseError as error:
                if error.status not in REFUSED:
                    raise
                told = None
            if isinstance(told, list) and (found := _by_place(told)):
                made_at = self._provider.made_at()
                return [(found.get(at), made_at) for at in range(len(questions))]
            if _limits(told):
                return [(told, None)] * len(questions)
            self._most = 1
        return await asyncio.gather(*(self._one(each.method, each.params) for each in questions))

    async def _one(self, method: RPCEndpoint, params: list[Any]) -> Answer:
        return await self._provider.make_request(method, params), self._provider.made_at()


def _by_place(told: list[Any]) -> dict[int, Any]:
    """The answers by their id, which is the place of the question."""
    answers = [each for each in told if isinstance(each, dict)]
    return {each["id"]: each for each in answers if type(each.get("id")) is int}


def _limits(told: Any) -> bool:
    """Not the batch is refused, but anything just now."""
    error = told.get("error") if isinstance(told, dict) else None
    return isinstance(error, dict) and error.get("code") in LIMIT_CODES
