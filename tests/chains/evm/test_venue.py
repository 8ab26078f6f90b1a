"""Whose books they are is known before a node is asked."""

import asyncio

import pytest

from actors.messages import Adopted, Deposited
from chains.evm.desk import Desk
from chains.evm.networks import KNOWN
from chains.evm.nodes import nodes_of
from chains.evm.venue import EvmVenue
from chains.venue import Met, Unanswered
from storage.books import fold
from storage.config_evm import Evm
from storage.trades import local

MINE, ANOTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


def met(*bodies):
    """What a wallet of ethereum finds in books that these have made; no node answers."""
    books = fold(tuple(local(f"x{at}", body, 0) for at, body in enumerate(bodies)))
    desk = Desk(network=KNOWN["ethereum"], wallet=MINE)

    async def asked():
        nodes = nodes_of(Evm(rpc_urls=("http://127.0.0.1:9",), answer_seconds=0.5))
        try:
            return await EvmVenue(nodes, desk).meet(books)
        finally:
            await nodes.close()

    return asyncio.run(asked())


@pytest.mark.parametrize(
    ("bodies", "sentence"),
    [
        ((Deposited("ethereum:ETH", 5), Adopted(ANOTHER, 0)), f"wallet {ANOTHER}, and {MINE} is to trade"),
        ((Deposited("base:ETH", 5), Adopted(MINE, 0)), "money of base, and evm.chain is ethereum"),
        ((Deposited("base:ETH", 5), Adopted(ANOTHER, 0)), f"wallet {ANOTHER}"),
    ],
)
def test_books_of_another_wallet_or_chain_are_refused_with_both_names_and_what_to_do(bodies, sentence):
    found = met(*bodies)
    assert isinstance(found, Met)
    assert sentence in found.strange
    assert "--data-dir" in found.strange


@pytest.mark.parametrize("bodies", [(), (Deposited("ethereum:ETH", 5), Adopted(MINE, 0))])
def test_its_own_books_and_new_ones_are_compared_with_what_nodes_say(bodies):
    assert isinstance(met(*bodies), Unanswered)
