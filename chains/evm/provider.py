"""web3's HTTP provider, with one session that keeps its connections, and fast JSON.

web3's own asks for a lock in another thread before each request, and logs each answer: 1 ms more of a
processor for each, and a wait of many where the machine is busy.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
from msgspec import json
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint

LARGEST_BODY = 32_000_000  # Bytes.
KEEP_ALIVE_SECONDS = 30.0
HEADERS = {"Content-Type": "application/json"}


class _Response(aiohttp.ClientResponse):
    async def read(self) -> bytes:
        """ClientError if it is too large to be an answer; the connection is given back either way."""
        if self._body is None:
            try:
                self._body = await self._bounded()
            except BaseException:
                self.close()
                raise
            self.release()
        return self._body

    async def _bounded(self) -> bytes:
        body = bytearray()
        async for chunk in self.content.iter_chunked(65_536):
            body += chunk
            if len(body) > LARGEST_BODY:
                raise aiohttp.ClientPayloadError(f"it is larger than {LARGEST_BODY:,} bytes")
        return bytes(body)


class Provider(AsyncHTTPProvider):
    """Nothing is tried again here.  aiohttp.ClientError, OSError, TimeoutError; ValueError: no JSON."""

    def __init__(self, url: str, timeout: aiohttp.ClientTimeout) -> None:
        super().__init__(url, exception_retry_configuration=None)
        self._url, self._timeout = url, timeout
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # In which the session lives.
        self._made_at: dict[asyncio.Task[Any] | None, float] = {}  # A connection, by who waits for it.

    async def make_request(self, method: RPCEndpoint, params: Any) -> Any:
        return await self._answer(_request(0, method, params))

    async def make_batch_request(self, batch_requests: Sequence[tuple[RPCEndpoint, Any]]) -> Any:
        """A list in any order, by id: the place of the question.  Or what the node says instead of one."""
        return await self._answer([_request(at, *each) for at, each in enumerate(batch_requests)])

    def made_at(self) -> float | None:
        """When a connection was made for the last request of this task, if one was: the old one may have
        been to another node."""
        return self._made_at.pop(asyncio.current_task(), None)

    async def disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = None

    async def _answer(self, question: Any) -> Any:
        # A redirect would carry what is private to somebody who was not asked.
        async with self._opened().post(
            self._url,
            data=json.encode(question),
            headers=HEADERS,
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            return json.decode(await response.read())

    def _opened(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            traces = aiohttp.TraceConfig()
            traces.on_connection_create_end.append(self._made)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_SECONDS),
                raise_for_status=True,
                response_class=_Response,
                trace_configs=[traces],
            )
            self._loop = loop
        return self._session

    async def _made(self, *_: object) -> None:
        self._made_at[asyncio.current_task()] = time.monotonic()


def _request(id: int, method: str, params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
