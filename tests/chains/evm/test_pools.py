"""Which pools there are is asked once of those that are there, and now and then of those that are not."""

import asyncio

import pytest

from chains.evm import pools
from chains.evm.networks import KNOWN
from chains.evm.pools import MISSING_SECONDS, Pools
from chains.evm.routes import PoolKey, Route, Version
from chains.venue import Unanswered

NETWORK = KNOWN["ethereum"]
ONE, OTHER, POOL = "0x" + "00" * 19 + "01", "0x" + "00" * 19 + "02", "0x" + "00" * 19 + "03"
KEY = PoolKey(Version.V2, ONE, OTHER, 3_000)
ROUTE = Route(Version.V2, (ONE, OTHER), (3_000,))


class Factory:
    """A node whose factory knows a pool, or does not."""

    name = "node"

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    async def call(self, _ask):
        self.asked += 1
        return (
            self.answer if isinstance(self.answer, Unanswered) else bytes(12) + bytes.fromhex(self.answer[2:])
        )


NOWHERE = "0x" + "00" * 20


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(pools.time, "monotonic", lambda: now[0])
    return now


def found(known, node):
    return asyncio.run(known.find(node, [KEY]))


def test_a_pool_that_is_there_is_asked_for_once(clock):
    known, node = Pools(NETWORK), Factory(POOL)
    for _ in range(3):
        assert found(known, node) is None
    assert (known.known, node.asked) == ({KEY: POOL}, 1)


def test_one_that_is_not_there_is_asked_for_again_after_a_minute_and_found_then(clock):
    known, node = Pools(NETWORK), Factory(NOWHERE)
    assert [found(known, node) for _ in range(3)] == [None] * 3
    assert (known.known, node.asked) == ({}, 1)
    clock[0] += MISSING_SECONDS
    node.answer = POOL
    assert found(known, node) is None
    assert known.known == {KEY: POOL}


def test_one_that_was_traded_is_asked_for_at_once_although_it_was_not_there(clock):
    known, node = Pools(NETWORK), Factory(NOWHERE)
    found(known, node)
    node.answer = POOL
    assert asyncio.run(known.addresses(node, ROUTE)) == (POOL,)


def test_no_answer_is_not_taken_for_no_pool(clock):
    known, node = Pools(NETWORK), Factory(Unanswered("busy"))
    assert found(known, node) == Unanswered("busy")
    assert (known.known, known.missing) == ({}, {})
