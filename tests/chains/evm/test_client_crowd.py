"""Many who ask a node at the same time, and do not wait for the answer."""

import asyncio

from chains.evm.connection import Limits, Paces
from chains.evm.node import Node
from chains.evm.wire import Block
from tests.chains.evm.fake_chain import CHAIN_ID, FakeChain
from tests.devnet.proxy import Proxy


def test_who_is_given_up_while_he_asks_keeps_nobody_from_asking():
    """Whatever he waited for: a place in line, a session, a connection, an answer."""
    limits = Limits(answer_seconds=10.0, requests_per_second=100_000)

    async def question(node):
        await node.check()
        for pauses in range(40):
            given_up = [asyncio.create_task(node.head()) for _ in range(20)]
            for _ in range(pauses):
                await asyncio.sleep(0)
            for each in given_up:
                each.cancel()
            await asyncio.gather(*given_up, return_exceptions=True)
        return await node.head()

    async def asked(url):
        node = Node(url, CHAIN_ID, Paces(limits))
        try:
            return await question(node)
        finally:
            await node.close()

    with Proxy(FakeChain()) as proxy:
        assert isinstance(asyncio.run(asked(proxy.url)), Block)
