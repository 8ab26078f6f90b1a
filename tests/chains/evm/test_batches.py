"""Questions that travel together: each gets its own answer, and what goes wrong with one stays its own."""

import asyncio

import pytest
from aiohttp import web

from chains.evm.connection import Limits, Paces
from chains.evm.node import Ask, Node
from chains.evm.wire import Block
from chains.venue import Unanswered
from tests.chains.evm.fake_chain import CHAIN_ID, OTHER, WALLET, FakeChain
from tests.devnet.proxy import Fault, Proxy

LIMITS = Limits(connect_seconds=5.0, answer_seconds=5.0, requests_per_second=1_000, seed=3)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("chains.evm.pacing.FIRST_PAUSE_NS", 10**7)


def asked(*questions, rule=None, refusal=None, chain=None):
    """What all of them bring that are asked at the same moment, and the proxy that they went through."""
    with Proxy(chain or FakeChain()) as proxy:
        proxy.rule, proxy.refusal = rule, refusal

        async def together():
            node = Node(proxy.url, CHAIN_ID, Paces(LIMITS))
            try:
                assert await node.check() is None
                return await asyncio.gather(*(question(node) for question in questions))
            finally:
                await node.close()

        answers = asyncio.run(together())
    return answers, proxy


def sizes(proxy):
    """Of the requests, but those for the chain id: each new connection has one."""
    return [len(methods) for methods in proxy.requests if methods != ["eth_chainId"]]


def block(number):
    return lambda node: node.block(number)


def count(node):
    return node.count(WALLET, "latest")


def test_what_is_asked_at_one_moment_travels_in_one_request_and_each_gets_its_own_answer():
    answers, proxy = asked(*map(block, range(5)), count)
    assert [each.number for each in answers[:5]] == [0, 1, 2, 3, 4]
    assert answers[5] == 0
    assert sizes(proxy) == [6]


def test_more_than_a_request_may_hold_travel_in_several(monkeypatch):
    monkeypatch.setattr("chains.evm.batches.MOST", 3)
    answers, proxy = asked(*map(block, range(8)))
    assert [each.number for each in answers] == list(range(8))
    assert sorted(sizes(proxy)) == [2, 3, 3]


def test_what_takes_long_and_what_sends_travels_alone():
    ask = Ask(to=OTHER)
    slow = (lambda node: node.simulate([ask]), lambda node: node.estimate_gas(ask))
    _, proxy = asked(
        *slow, block(1), count, chain=lambda method, params: FakeChain()(method, params)
        if method not in {"eth_simulateV1", "eth_estimateGas"} else "0x5208",
    )  # fmt: skip
    assert sorted(sizes(proxy)) == [1, 1, 2]


@pytest.mark.parametrize(
    "refusal",
    [
        lambda: web.Response(status=400, text="no batches here"),
        lambda: web.Response(status=413),
        lambda: web.json_response({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no"}}),
        lambda: web.json_response(
            [{"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no"}}]
        ),
        lambda: web.json_response([]),
    ],
)
def test_a_node_that_takes_one_question_at_a_time_is_asked_so_from_then_on(refusal):
    async def twice(node):
        first = await asyncio.gather(node.block(1), node.block(2))
        return first, await asyncio.gather(node.block(3), node.block(4))

    (((one, two), (three, four)),), proxy = asked(twice, refusal=refusal)
    assert [each.number for each in (one, two, three, four)] == [1, 2, 3, 4]
    assert sizes(proxy) == [2, 1, 1, 1, 1]


def test_a_node_that_wants_a_pause_is_given_one_and_still_asked_together_afterwards():
    error = {"code": -32005, "message": "daily request count exceeded"}
    refusals = [web.json_response({"jsonrpc": "2.0", "id": None, "error": error})]

    async def twice(node):
        first = await asyncio.gather(node.block(1), node.block(2))
        await asyncio.sleep(1.5)  # After a pause they come one by one for a second.
        return first, await asyncio.gather(node.block(3), node.block(4))

    (((one, two), (three, four)),), proxy = asked(twice, refusal=lambda: refusals.pop() if refusals else None)
    assert [each.number for each in (one, two, three, four)] == [1, 2, 3, 4]
    assert sizes(proxy)[-1] == 2


def test_an_answer_that_is_left_out_is_unanswered_and_the_others_are_not():
    def without_the_first():
        head = FakeChain().blocks[-1]
        return web.json_response([{"jsonrpc": "2.0", "id": 1, "result": head}, "nonsense", {"id": "0"}])

    (missing, head), _ = asked(count, lambda node: node.head(), refusal=without_the_first)
    assert isinstance(head, Block)
    assert missing == 0  # It was asked for again, by itself.


def test_a_no_to_one_question_is_nothing_to_the_others():
    def rule(method, _nth):
        return Fault.BOTH if method == "eth_getTransactionCount" else None

    (number, found), _ = asked(count, block(3), rule=rule)
    assert isinstance(number, Unanswered)
    assert found.number == 3


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.HALF, Fault.HTML, Fault.BUSY, Fault.DROPPED])
def test_when_a_request_fails_each_of_its_questions_is_asked_again(fault):
    def rule(method, nth):
        return fault if method == "eth_getTransactionCount" and nth == 1 else None

    (number, found), proxy = asked(count, block(3), rule=rule)
    assert (number, found.number) == (0, 3)
    assert proxy.count("eth_getTransactionCount") == 2


def test_who_gives_up_waiting_keeps_nobody_else_from_his_answer():
    async def impatient(node):
        async with asyncio.timeout(0):
            return await node.block(1)

    async def given_up(node):
        try:
            return await impatient(node)
        except TimeoutError:
            return None

    (none, found), _ = asked(given_up, block(2))
    assert none is None
    assert found.number == 2


def test_who_waits_when_it_is_closed_is_told_so_and_does_not_ask_again():
    async def closed():
        node = Node(proxy.url, CHAIN_ID, Paces(LIMITS))
        assert await node.check() is None
        waiting = asyncio.create_task(node.block(1))
        while proxy.count("eth_getBlockByNumber") == 0:  # noqa: ASYNC110  It is another thread's.
            await asyncio.sleep(0.01)
        await node.close()
        return await waiting

    with Proxy(FakeChain(), delay_seconds=0.5) as proxy:
        proxy.rule = lambda method, _nth: Fault.DELAYED if method == "eth_getBlockByNumber" else None
        found = asyncio.run(closed())
    assert found.sentence.endswith("the connection failed (ClientConnectionError)")
    assert proxy.count("eth_getBlockByNumber") == 1
