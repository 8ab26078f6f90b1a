"""The block in which something of the wallet was final last, as two nodes show it."""

import pytest
from msgspec.structs import replace

from tests.chains.evm.test_client_nodes import QUERY, among, chain_with, looked, read


@pytest.mark.parametrize("number", [0, 6, 9, 10])
def test_a_view_has_the_hash_of_the_block_that_is_asked_for_if_the_node_has_come_so_far(number):
    chain = chain_with(7)
    query = replace(QUERY, last_final=number)
    found, _ = among([chain, chain_with(7)], lambda nodes: nodes.views(query, read))
    expected = chain.blocks[number]["hash"] if number <= chain.head else ""
    assert (found.first.last_final, found.second.last_final) == (expected, expected)
    assert looked(chain).first.last_final == ""


def test_a_block_that_a_node_does_not_have_below_its_head_gives_no_view():
    chain = chain_with(7)
    chain.lies = {"eth_getBlockByNumber": lambda params: None if params[0] == hex(3) else chain.blocks[-1]}
    query = replace(QUERY, hashes=(), last_final=3)
    found, _ = among([chain], lambda nodes: nodes.views(query, read))
    assert (found.first, found.sentence[-15:]) == (None, "block 3 is gone")
