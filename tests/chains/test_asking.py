"""What is drafted is signed only on what the same look has seen."""

import asyncio
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from actors.messages import NEVER, Leg, Tick
from chains.asking import Asked, prepared
from chains.resolution import seen
from chains.venue import Attempt, Draft, Unanswered
from storage.books import LiveOrder
from storage.evidence import Entry, Wallet
from storage.recovery import Case
from tests.deals import order

CASE = Case(LiveOrder(order("o1")), Entry.PENDING)


def drafted(leg, stands, parallel):
    draft = Draft(Attempt("00", "tx", 1, 90, NEVER, "public"), leg)

    async def look(case, wallet, at_ns):
        return replace(seen(case, Unanswered(""), wallet, at_ns), stands=stands)

    async def prepare(*_):
        return draft

    venue = SimpleNamespace(look=look, prepare=prepare, parallel=parallel)
    asked = Asked(CASE, Wallet.GOOD)
    return asyncio.run(prepared(venue, asked, [], False, 1, Tick(0, ()))).draft == draft


@pytest.mark.parametrize("parallel", [True, False])
def test_a_swap_is_drafted_on_an_approval_that_stands_and_an_approval_on_nothing(parallel):
    assert drafted(Leg.SWAP, True, parallel)
    assert not drafted(Leg.SWAP, False, parallel)
    assert drafted(Leg.APPROVE, False, parallel)
