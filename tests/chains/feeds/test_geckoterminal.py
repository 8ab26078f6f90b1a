"""Live prices from a real server on this machine, which also does all that a bad one would."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from actors.messages import Asset, Bar, Instrument
from chains.feeds.geckoterminal import FeedTrouble, GeckoTerminal, Polled
from chains.pool import price_of
from storage.config import Live, Paper

NOW = 1_780_000_000 * 10**9
SECOND = 10**9
ADDRESS = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"
POOL = f"eth/{ADDRESS}"
WETH = Asset("paper:WETH-eth")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def pool_body(recorded) -> dict[str, Any]:
    """The official example of a pool: WETH / USDC 0.05 %."""
    return json.loads(recorded("api/geckoterminal_onchain_examples.json").read_text())["examples"][
        "/onchain/networks/{network}/pools/{address}"
    ]


class Server:
    """Answers what it is told to; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.handler: Handler = self.missing

    async def missing(self, _request: web.Request) -> web.Response:
        return web.Response(status=404)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        return await self.handler(request)


def play(scene: Callable[[GeckoTerminal, Server], Awaitable[None]], **live: Any) -> None:
    """Plays a scene between a real client and a real server."""

    async def stage() -> None:
        server, app = Server(), web.Application()
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        settings = {"pools": (POOL,), "connect_seconds": 0.3} | live
        gecko = GeckoTerminal(Live(url=f"http://127.0.0.1:{port}", **settings), Paper())
        try:
            await scene(gecko, server)
        finally:
            await gecko.close()
            await runner.cleanup()

    asyncio.run(stage())


def says(body: object, status: int = 200, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        raw = (
            body
            if isinstance(body, bytes)
            else (body if isinstance(body, str) else json.dumps(body)).encode()
        )
        return web.Response(
            body=raw, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return handler


def changed(body: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(body))
    copy["data"]["attributes"].update(attributes)
    return copy


# -- good answers ------------------------------------------------------------------------------------
def test_the_official_example_becomes_an_instrument_and_a_bar(pool_body):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        assert await gecko.introduce(NOW) == (Instrument(WETH, Asset("paper:USDC"), 18, 6, 500),)
        polled = await gecko.poll(NOW + SECOND)
        assert isinstance(polled, Polled)
        (bar,) = polled.bars
        assert polled.at_ns == NOW + SECOND
        assert bar.open == bar.high == bar.low == bar.close == 2_082_843_835_689 * 10**9
        assert bar.reserve_quote == 99_194_225_032_000 // 2
        assert price_of(bar.reserve_quote, bar.reserve_token, 18) == pytest.approx(bar.close, rel=1e-9)
        assert bar.volume == 716_095_073_293 * 10 // 300
        assert server.asked == [f"/networks/eth/pools/{ADDRESS}?include=base_token,quote_token"] * 2

    play(scene)


def test_a_bar_goes_from_the_price_before_to_the_price_now(pool_body):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        await gecko.poll(NOW)
        server.handler = says(changed(pool_body, base_token_price_quote_token="2000.5"))
        bar = (await gecko.poll(NOW + 10 * SECOND)).bars[0]
        assert (bar.open, bar.high) == (2_082_843_835_689 * 10**9,) * 2
        assert (bar.low, bar.close) == (2_000_500_000 * 10**12,) * 2

    play(scene)


def test_after_a_long_silence_a_bar_does_not_reach_back_over_it(pool_body):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        await gecko.poll(NOW)
        server.handler = says(changed(pool_body, base_token_price_quote_token="2000.5"))
        bar = (await gecko.poll(NOW + 181 * SECOND)).bars[0]
        assert bar.open == bar.close

    play(scene, stale_seconds=180)


def test_a_pool_whose_dollar_comes_first_is_turned_round(pool_body):
    async def scene(gecko, server):
        body = json.loads(json.dumps(pool_body))
        sides = body["data"]["relationships"]
        sides["base_token"], sides["quote_token"] = sides["quote_token"], sides["base_token"]
        server.handler = says(changed(body, quote_token_price_base_token="1999.25"))
        assert (await gecko.introduce(NOW))[0].token == WETH
        assert (await gecko.poll(NOW)).bars[0].close == 1_999_250_000 * 10**12

    play(scene)


def test_a_token_with_an_odd_name_goes_by_its_address(pool_body):
    async def scene(gecko, server):
        pool_body["included"][0]["attributes"]["symbol"] = "<script>alert(1)</script>"
        server.handler = says(pool_body)
        assert (await gecko.introduce(NOW))[0].token == f"paper:{ADDRESS}-eth"

    play(scene)


def test_history_is_the_minutes_that_are_over_oldest_first(pool_body):
    start = NOW // SECOND - 300

    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        rows = [[start + 270, 9, 9, 9, 9, 1], [start + 120, 3, 4, 2.5, 3.5, 10], [start, 1, 2, 0.5, 1.5, 20]]
        server.handler = says({"data": {"attributes": {"ohlcv_list": rows}}})
        ticks = await gecko.history(NOW)
        assert [tick.at_ns for tick in ticks] == [(start + 60) * SECOND, (start + 180) * SECOND]
        bar = ticks[0].bars[0]
        assert (bar.open, bar.high, bar.low, bar.close) == tuple(n * 10**17 for n in (10, 20, 5, 15))
        assert bar.volume == 20 * 10**6
        assert price_of(bar.reserve_quote, bar.reserve_token, 18) == pytest.approx(bar.close, rel=1e-6)
        assert "ohlcv/minute?aggregate=1&limit=1000&currency=token&token=base" in server.asked[-1]

    play(scene)


def test_the_official_example_of_candles_is_understood(recorded, pool_body):
    examples = json.loads(recorded("api/geckoterminal_onchain_examples.json").read_text())["examples"]
    candles = examples["/onchain/networks/{network}/pools/{pool_address}/ohlcv/{timeframe}"]

    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        server.handler = says(candles)
        assert [tick.at_ns // SECOND for tick in await gecko.history(NOW)] == [1779840060, 1779926460]

    play(scene)


# -- bad answers: a sentence, never an exception, never a bar ------------------------------------------
HTML = "<html><body>Just a moment...</body></html>"
BAD = {
    "html": (lambda _: HTML, "is no use: this is no pool: JSON is malformed"),
    "truncated": (
        lambda body: json.dumps(body)[:900],
        "is no use: this is no pool: Input data was truncated",
    ),
    "null data": (lambda _: {"data": None}, r"Expected `object`, got `null`"),
    "empty": (lambda _: "", "is no use: this is no pool"),
    "not utf-8": (lambda _: b'{"data": "\xff"}', "is no use: this is no pool"),
    "no price": (lambda body: changed(body, base_token_price_quote_token=None), "its price is unknown"),
    "no reserve": (lambda body: changed(body, reserve_in_usd=None), "its reserve is unknown"),
    "price of 0": (lambda body: changed(body, base_token_price_quote_token="0.0"), "is not above zero"),
    "negative": (lambda body: changed(body, base_token_price_quote_token="-5"), "is not above zero"),
    "no number": (lambda body: changed(body, base_token_price_quote_token="NaN"), "'NaN' is not a decimal"),
    "huge": (lambda body: changed(body, base_token_price_quote_token="1e999999"), "is not a decimal number"),
    "a number": (lambda body: changed(body, base_token_price_quote_token=5.0), r"Expected `str \| null`"),
}


@pytest.mark.parametrize(("spoil", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_body_is_a_trouble_and_no_bar(pool_body, spoil, sentence):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        server.handler = says(spoil(pool_body))
        trouble = await gecko.poll(NOW)
        assert isinstance(trouble, FeedTrouble)
        with pytest.raises(ValueError, match=sentence):
            raise ValueError(trouble.sentence)
        assert "\n" not in trouble.sentence
        server.handler = says(pool_body)
        assert isinstance(await gecko.poll(NOW + SECOND), Polled)

    play(scene)


def test_a_pool_that_is_not_described_can_not_be_introduced(pool_body):
    async def scene(gecko, server):
        pool_body["included"] = []
        server.handler = says(pool_body)
        assert "its tokens are not described" in (await gecko.introduce(NOW)).sentence

    play(scene)


def test_an_unknown_pool_is_named(pool_body):
    async def scene(gecko, server):
        assert (
            f"does not know /networks/eth/pools/{ADDRESS}; check live.pools"
            in (await gecko.introduce(NOW)).sentence
        )

    play(scene)


@pytest.mark.parametrize(
    ("status", "headers", "pause"), [(429, {"Retry_After": "17"}, 17), (429, {}, 10), (503, {}, 10)]
)
def test_an_overloaded_server_is_left_alone_for_as_long_as_it_asks(pool_body, status, headers, pause):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        server.handler = says("slow down", status, **headers)
        trouble = await gecko.poll(NOW)
        assert trouble == FeedTrouble(f"GeckoTerminal answered with status {status}", NOW + pause * SECOND)
        before = len(server.asked)
        early = await gecko.poll(NOW + (pause - 1) * SECOND)
        assert early == FeedTrouble("GeckoTerminal may be asked again in 1 s", NOW + pause * SECOND)
        assert len(server.asked) == before
        server.handler = says(pool_body)
        assert isinstance(await gecko.poll(NOW + pause * SECOND), Polled)

    play(scene)


def test_no_more_is_asked_than_the_limit_allows(pool_body):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        answers = [await gecko.poll(NOW + n) for n in range(8)]
        assert [isinstance(answer, Polled) for answer in answers] == [True] * 4 + [False] * 4
        assert len(server.asked) == 5

    play(scene, requests_per_minute=5)


def test_a_silent_server_is_given_up_on(pool_body):
    async def scene(gecko, server):
        async def silence(request: web.Request) -> web.Response:
            await asyncio.sleep(30)
            return web.Response()

        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        server.handler = silence
        assert (await gecko.poll(NOW)).sentence == "GeckoTerminal did not answer within 0.1 s"
        assert not await gecko.reachable()

    play(scene, connect_seconds=0.1)


def test_an_answer_that_breaks_off_is_a_trouble(pool_body):
    async def scene(gecko, server):
        async def half(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "4000"})
            await response.prepare(request)
            await response.write(json.dumps(pool_body).encode()[:1_000])
            request.transport.close()
            return response

        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        server.handler = half
        assert "can not be reached" in (await gecko.poll(NOW)).sentence

    play(scene)


def test_an_endless_answer_is_cut_off(pool_body):
    async def scene(gecko, server):
        async def endless(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(50):
                await response.write(b" " * 100_000)
            return response

        server.handler = endless
        assert "larger than 2,000,000 bytes" in (await gecko.introduce(NOW)).sentence

    play(scene)


def test_no_server_at_all_is_a_trouble():
    async def scene() -> None:
        gecko = GeckoTerminal(Live(url="http://127.0.0.1:9", pools=(POOL,), connect_seconds=0.2), Paper())
        assert not await gecko.reachable()
        assert "can not be reached" in (await gecko.introduce(NOW)).sentence
        await gecko.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("handler", "reachable"),
    [
        (says({"data": []}), True),
        (says(HTML), False),
        (says({"data": []}, 429), False),
        (says("", 500), False),
    ],
)
def test_a_server_is_reachable_when_it_answers_sensibly(handler, reachable):
    async def scene(gecko, server):
        server.handler = handler
        assert await gecko.reachable() is reachable

    play(scene)


# -- stale prices --------------------------------------------------------------------------------------
def test_a_price_that_nobody_refreshes_gives_no_bar_until_it_moves_again(pool_body):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        await gecko.introduce(NOW)
        assert isinstance(await gecko.poll(NOW), Polled)
        assert isinstance(await gecko.poll(NOW + 180 * SECOND), Polled)
        stale = await gecko.poll(NOW + 190 * SECOND)
        assert stale == FeedTrouble(f"{WETH}: GeckoTerminal has not refreshed its price for 190 s")
        # The same price, but somebody traded: it is alive.
        server.handler = says(changed(pool_body, transactions={"m5": {"buys": 1, "sells": 0}}))
        assert isinstance(await gecko.poll(NOW + 200 * SECOND), Polled)

    play(scene, stale_seconds=180)


def test_one_pool_in_trouble_does_not_silence_the_other(pool_body):
    async def scene(gecko, server):
        async def handler(request: web.Request) -> web.Response:
            bad = "polygon" in request.path and len(server.asked) > 2
            return web.json_response(changed(pool_body, reserve_in_usd=None) if bad else pool_body)

        server.handler = handler
        assert [i.token for i in await gecko.introduce(NOW)] == [WETH, "paper:WETH-polygon_pos"]
        polled = await gecko.poll(NOW)
        assert isinstance(polled, Polled)
        assert [type(bar) for bar in polled.bars] == [Bar]
        assert [trouble.sentence for trouble in polled.troubles] == [
            "GeckoTerminal's answer for pool 0x45dd is no use: its reserve is unknown"
        ]

    play(scene, pools=(POOL, "polygon_pos/0x45dd"))


def test_two_pools_of_one_token_on_one_network_are_refused(pool_body):
    async def scene(gecko, server):
        server.handler = says(pool_body)
        assert "keep one of them" in (await gecko.introduce(NOW)).sentence

    play(scene, pools=(POOL, "eth/0x45dd"))


@pytest.mark.parametrize("pool", ["", "eth", "eth/", "/0x1", "eth/0x1/2"])
def test_a_pool_that_is_not_network_and_address_is_refused(pool):
    with pytest.raises(ValueError, match=r"live\.pools: .* is not network/address"):
        GeckoTerminal(Live(pools=(pool,)), Paper())
