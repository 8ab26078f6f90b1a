"""One JSON-RPC endpoint of an EVM node: requests in, whatever it answers out, and never an exception.

web3's own retries and middleware are not used: they repeat what must not be repeated
(eth_sendRawTransaction) and ask what nobody asked for (eth_chainId before every call).  Reads are tried
again within one time limit; what sends is sent once.  Sentences name the host alone: the rest of a URL may
be a key.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from chains.evm import pacing, wire
from chains.evm.batches import LIMIT_CODES, Batches
from chains.evm.pacing import Line
from chains.evm.provider import Provider
from chains.venue import Unanswered

CHAIN_ID = "eth_chainId"
TRIES = 4
PROOF_SECONDS = 60.0  # Behind one URL there may be many machines: the chain id is asked for again.
CLOSED = {429, 502, 503, 504}
NS = 10**9


class WrongChain(Unanswered, frozen=True):
    """The node is one of another chain: nothing that it says may be used until it is of ours."""


class Result(Struct, frozen=True):
    value: Any


class RpcError(Struct, frozen=True):
    """The node understood the request and says no, in its own words; nobody may decide by them."""

    code: int
    message: str
    data: str = ""


class Closed(Struct, frozen=True):
    """The server wants fewer requests; `seconds` if it says for how long."""

    sentence: str
    seconds: int | None = None


class Limits(Struct, frozen=True, kw_only=True):
    connect_seconds: float = 3.0
    answer_seconds: float = 10.0  # Of one question, all tries together.
    requests_per_second: int = 10  # Of one host.
    seed: int = 0  # Of the jitter.


class Paces:
    """The lines of all hosts; connections to one host share it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lines: dict[str, Line] = {}

    def __getitem__(self, host: str) -> Line:
        return self._lines.get(host) or Line(self.limits.requests_per_second)

    def __setitem__(self, host: str, line: Line) -> None:
        self._lines[host] = line

    def trouble(self, host: str, seconds: int | None) -> None:
        asked_ns = None if seconds is None else seconds * NS
        seed = self.limits.seed
        self[host] = pacing.troubled(self[host], time.monotonic_ns(), asked_ns, seed, host)


class Connection:
    """`chain_id` is what the node must say, at first and again after every trouble."""

    def __init__(self, url: str, chain_id: int, paces: Paces) -> None:
        self.host = urlsplit(url).netloc.rpartition("@")[2]
        self.failures = 0  # In a row.
        self._chain_id, self._paces, self._limits = chain_id, paces, paces.limits
        timeout = aiohttp.ClientTimeout(
            total=self._limits.answer_seconds, connect=self._limits.connect_seconds
        )
        self._provider = Provider(url, timeout)
        self._batches = Batches(self._provider)
        self._proved_at: float | None = None  # When the question was asked.
        self._proving: asyncio.Task[Unanswered | None] | None = None
        self._proving_since = 0.0
        self._asked = self._closings = 0

    async def ask(
        self, method: str, params: Iterable[Any], tries: int = TRIES
    ) -> Result | RpcError | Unanswered:
        """What the node answers to one request, from the chain that it should be of.

        What has one try alone is urgent, and goes ahead of the line; so does the chain id.
        """
        answer = await self._ask(method, list(params), tries)
        if isinstance(answer, Unanswered):
            self.failures += 1
        else:
            self.failures = 0
        return answer

    async def check(self) -> Unanswered | None:
        """None if the node is there and of the right chain; else the reason why it is of no use."""
        return await self._proof(time.monotonic())

    async def close(self) -> None:
        """Whoever still waits has no answer, and does not try again."""
        self._closings += 1
        if self._proving is not None:
            self._proving.cancel()
            await asyncio.gather(self._proving, return_exceptions=True)
        await self._batches.close()
        await self._provider.disconnect()

    def no(self, method: str, reason: str) -> Unanswered:
        return Unanswered(f"{self.host}: {method}: {reason}")

    # -- whether it is the right chain --
    async def _proof(self, since: float) -> Unanswered | None:
        """That it has said so at this moment or later; all who want to know wait for one answer."""
        if self._proved_at is not None and self._proved_at >= since:
            return None
        if self._proving is None or self._proving.done() or self._proving_since < since:
            self._proving_since = time.monotonic()
            self._proving = asyncio.create_task(self._prove(self._proving_since))
        return await asyncio.shield(self._proving)

    async def _prove(self, began: float) -> Unanswered | None:
        answer = await self._ask(CHAIN_ID, [], TRIES)
        if isinstance(answer, Unanswered):
            return answer
        if isinstance(answer, RpcError):
            return self.no(CHAIN_ID, _said(answer))
        try:
            found = wire.quantity(answer.value, "the chain id")
        except wire.Malformed as error:
            return self.no(CHAIN_ID, str(error))
        if found != self._chain_id:
            self._proved_at = None
            return WrongChain(
                f"{self.host} is a node of chain {found}; configured is chain {self._chain_id}: "
                "change evm.rpc_urls or evm.chain"
            )
        self._proved_at = began
        return None

    # -- one question, in a few tries --
    async def _ask(self, method: str, params: list[Any], tries: int) -> Result | RpcError | Unanswered:
        end, closings = time.monotonic() + self._limits.answer_seconds, self._closings
        reason = self.no(method, "it was not asked")
        for each in range(tries):
            # Again after a trouble: whoever answers then may be another node.
            wrong = await self._wrong(method, time.monotonic() - PROOF_SECONDS)
            if wrong is not None:
                return wrong
            wait = await self._turn(method, end, urgent=tries == 1 or method == CHAIN_ID)
            if wait is not None:
                return wait if each == 0 else reason
            if self._closings != closings:
                return self.no(method, "the connection is closed")
            answer, made_at = await self._once(method, params, end)
            if made_at is not None and isinstance(answer, Result | RpcError):
                answer = await self._wrong(method, made_at) or answer
            if not isinstance(answer, Closed | Unanswered):
                self._paces[self.host] = pacing.relieved(self._paces[self.host])
                return answer
            if isinstance(answer, Closed):
                self._paces.trouble(self.host, answer.seconds)
                reason = self.no(method, answer.sentence)
            else:
                self._proved_at, reason = None, answer
                if self._closings != closings or each + 1 == tries or not await self._pause(each, end):
                    break
        return reason

    async def _wrong(self, method: str, since: float) -> Unanswered | None:
        return None if method == CHAIN_ID else await self._proof(since)

    async def _turn(self, method: str, end: float, *, urgent: bool) -> Unanswered | None:
        """Wait in the host's line; or do not, if that would take longer than the question may.

        While the host wants a pause nobody has a place: afterwards they come one by one.
        """
        end_ns = int(end * NS)
        while True:
            line, now_ns = self._paces[self.host], time.monotonic_ns()
            closed = line.closed_until_ns > now_ns
            first_ns = now_ns if urgent else pacing.turn(line, now_ns)
            at_ns = line.closed_until_ns if closed else first_ns
            if at_ns > end_ns:
                return self.no(method, f"the host may be asked again in {-(-(at_ns - now_ns) // NS)} s")
            if not closed:
                self._paces[self.host] = pacing.taken(line, at_ns)
            if at_ns > now_ns:
                await asyncio.sleep((at_ns - now_ns) / NS)
            if not closed and self._paces[self.host].closed_until_ns <= time.monotonic_ns():
                return None

    async def _pause(self, each: int, end: float) -> bool:
        """Before another try; False if there is no time for it."""
        self._asked += 1
        pause = pacing.pause_ns(each, self._limits.seed, self.host, self._asked) / NS
        if time.monotonic() + pause > end:
            return False
        await asyncio.sleep(pause)
        return True

    # -- one request --
    async def _once(
        self, method: str, params: list[Any], end: float
    ) -> tuple[Result | RpcError | Closed | Unanswered, float | None]:
        """The answer, and when a new connection was made for it, if one was: the old one may have been to
        another node.
        """
        try:
            async with asyncio.timeout(max(0.001, end - time.monotonic())):
                answer, made_at = await self._batches.ask(method, params)
        except aiohttp.ClientResponseError as error:
            return self._status(method, error), None
        except TimeoutError:
            return self.no(method, f"it did not answer within {self._limits.answer_seconds:g} s"), None
        except (aiohttp.ClientError, OSError) as error:
            return self.no(method, f"the connection failed ({type(error).__name__})"), None
        except (ValueError, RecursionError):
            return self.no(method, "the answer is no JSON"), None
        return self._envelope(method, answer), made_at

    def _status(self, method: str, error: aiohttp.ClientResponseError) -> Closed | Unanswered:
        sentence = f"status {error.status}"
        if error.status in CLOSED:
            return Closed(sentence, retry_after(error.headers.get("Retry-After") if error.headers else None))
        return self.no(method, sentence)

    def _envelope(self, method: str, response: Any) -> Result | RpcError | Closed | Unanswered:
        """An object with a result, or with an error, and not with both."""
        if not isinstance(response, dict) or response.get("jsonrpc") != "2.0":
            return self.no(method, "the answer is no JSON-RPC")
        error = response.get("error")
        if ("result" in response) == (error is not None):
            return self.no(method, "the answer has not exactly one of result and error")
        if error is None:
            return Result(response["result"])
        if not isinstance(error, dict) or type(error.get("code")) is not int:
            return self.no(method, "the answer has an error without a code")
        told = RpcError(error["code"], wire.words(error.get("message", "")), _hex(error.get("data")))
        return Closed(_said(told)) if told.code in LIMIT_CODES else told


def retry_after(header: str | None) -> int | None:
    """Seconds.  A date is as good as none: our clock need not be the server's, and our own pause grows."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    return None


def _said(error: RpcError) -> str:
    return f"it says {error.code}: {error.message}"


def _hex(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("0x") else ""
