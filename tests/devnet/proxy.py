"""A node's bad days: an HTTP server between the client and a node that loses, delays, garbles and lies.

What goes wrong is drawn from a seed, in per mille of the requests, or chosen by a rule.  It runs in a thread
of its own, so tests of any kind can use it, and counts what it was asked.  In place of a node behind it there
may be a function (method, params) -> result, for tests without a chain.
"""

import asyncio
import json
import threading
from enum import StrEnum

import aiohttp
from aiohttp import web

from chains.chance import below

RETRY_AFTER_SECONDS = 1
OLD_BLOCKS = 50
OTHER_CHAIN = "0x5"


class Fault(StrEnum):
    LOST = "done, and the answer lost"
    DROPPED = "never arrives"
    LIMITED = "429 with Retry-After"
    BUSY = "503"
    LIMITED_INSIDE = "-32005 inside an answer"
    HALF = "half a body"
    HTML = "a page of HTML"
    DELAYED = "late"
    MOVED = "a redirect"
    NULL = "a result of null"
    BOTH = "a result and an error"
    OTHER_HASH = "another hash, of what was sent"
    OLD_HEAD = "the head of a while ago"
    OTHER_CHAIN = "another chain's id"


# What only makes sense of one question is nothing of another.
ONLY = {
    Fault.OTHER_HASH: "eth_sendRawTransaction",
    Fault.OLD_HEAD: "eth_getBlockByNumber",
    Fault.OTHER_CHAIN: "eth_chainId",
}
# Of one answer; every other fault is one of the whole request, and all questions in it share it.
INSIDE = {Fault.LIMITED_INSIDE, Fault.NULL, Fault.BOTH, Fault.OTHER_HASH, Fault.OLD_HEAD, Fault.OTHER_CHAIN}


class RpcRefusal(Exception):
    """What a function in place of a node raises to answer with an error."""

    def __init__(self, code, message, data=None):
        super().__init__(message)
        self.error = {"code": code, "message": message, **({"data": data} if data else {})}


class Proxy:
    """with Proxy(net.url, seed=7, rates={Fault.LOST: 20}) as proxy: ... proxy.url"""

    def __init__(self, upstream, *, seed=0, rates=None, delay_seconds=0.5):
        self.upstream, self.seed, self.rates, self.delay_seconds = upstream, seed, rates or {}, delay_seconds
        self.rule = None  # (method, how many times it has been asked) -> Fault | None; in place of the rates.
        self.moved_to = ""  # A URL.
        self.asked = []  # Every method that arrived, in order.
        self.requests = []  # The methods of each request: several of a batch.
        self.unknown = set()  # Methods that it does not have.
        self.refusal = None  # Called for each batch: what it says instead, or None.
        self.faults = []  # (method, fault).
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def count(self, method):
        return self.asked.count(method)

    # -- its thread --
    def _run(self):
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{tail:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        async with aiohttp.ClientSession() as self._session:
            await site.start()
            self.port = site._server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()
            await runner.cleanup()

    def _drawn(self, methods):
        """What goes wrong with each question, and with their request: a request is lost once, however many
        questions share it.
        """
        nth = len(self.asked)
        faults = [self._asked_for(method, nth + at) for at, method in enumerate(methods)]
        if self.rule is not None:
            return faults, next((fault for fault in faults if fault not in (None, *INSIDE)), None)
        whole = self._roll(self.rates.keys() - INSIDE, "request", nth)
        self.faults += [(methods[0], whole)] if whole is not None else []
        return faults, whole

    def _asked_for(self, method, nth):
        self.asked.append(method)
        if self.rule is not None:
            fault = self.rule(method, self.count(method))
        else:
            fault = self._roll(self.rates.keys() & INSIDE, nth)
        if fault is None or ONLY.get(fault, method) != method:
            return None
        self.faults.append((method, fault))
        return fault

    def _roll(self, faults, *names):
        roll = below(1_000, self.seed, "fault", *names)
        for fault in sorted(faults):
            if roll < self.rates[fault]:
                return fault
            roll -= self.rates[fault]
        return None

    async def _answer(self, request):
        asked = json.loads(await request.read())
        questions = asked if isinstance(asked, list) else [asked]
        self.requests.append([each["method"] for each in questions])
        if self.refusal is not None and isinstance(asked, list) and (refused := self.refusal()) is not None:
            return refused
        faults, whole = self._drawn([each["method"] for each in questions])
        match whole:
            case Fault.DROPPED:
                return _cut(request)
            case Fault.LIMITED:
                headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
                return web.Response(status=429, text="too many requests", headers=headers)
            case Fault.BUSY:
                return web.Response(status=503, text="busy")
            case Fault.HTML:
                return web.Response(text="<html>welcome</html>", content_type="application/json")
            case Fault.MOVED:
                return web.Response(status=307, headers={"Location": self.moved_to})
            case Fault.DELAYED:
                await asyncio.sleep(self.delay_seconds)
        each = zip(questions, faults, strict=True)
        answers = await asyncio.gather(*(self._with(fault, question) for question, fault in each))
        # In any order, says JSON-RPC.
        body = json.dumps(answers[::-1] if isinstance(asked, list) else answers[0]).encode()
        match whole:
            case Fault.LOST:
                return _cut(request)
            case Fault.HALF:
                return await _half(request, body)
        return web.Response(body=body, content_type="application/json")

    async def _with(self, fault, asked):
        match fault:
            case Fault.LIMITED_INSIDE:
                return told(asked, error={"code": -32005, "message": "daily request count exceeded"})
            case Fault.OLD_HEAD:
                asked = await self._older(asked)
        if asked["method"] in self.unknown:
            message = f"the method {asked['method']} does not exist/is not available"
            return told(asked, error={"code": -32601, "message": message})
        answer = await self._behind(asked)
        match fault:
            case Fault.NULL:
                return told(asked, result=None)
            case Fault.BOTH:
                return told(asked, result="0x1", error={"code": 1, "message": "both"})
            case Fault.OTHER_HASH:
                return told(asked, result="0x" + "ab" * 32)
            case Fault.OTHER_CHAIN:
                return told(asked, result=OTHER_CHAIN)
        return answer

    async def _older(self, asked):
        if asked["params"][0] != "latest":
            return asked
        head = (await self._behind(asked))["result"]
        number = max(0, int(head["number"], 16) - OLD_BLOCKS)
        return {**asked, "params": [hex(number), False]}

    async def _behind(self, asked):
        if isinstance(self.upstream, str):
            async with self._session.post(self.upstream, json=asked) as response:
                return await response.json(content_type=None)
        try:
            return told(asked, result=self.upstream(asked["method"], asked["params"]))
        except RpcRefusal as refusal:
            return told(asked, error=refusal.error)


JSON = {"Content-Type": "application/json"}


def told(asked, **fields):
    return {"jsonrpc": "2.0", "id": asked["id"], **fields}


def _hang_up(request):
    """Unless whoever has asked is gone already: clients are killed, too."""
    if request.transport is not None:
        request.transport.abort()


def _cut(request):
    _hang_up(request)
    return web.Response()


async def _half(request, answer):
    response = web.StreamResponse(headers={**JSON, "Content-Length": str(len(answer))})
    await response.prepare(request)
    await response.write(answer[: len(answer) // 2])
    _hang_up(request)
    return response
