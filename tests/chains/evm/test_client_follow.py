"""A chain is followed: each block once, gaps filled, reorgs by parent hash, nothing that may be wrong."""

import asyncio

import pytest

from chains.evm import wire
from chains.evm.chain import Head, Logs, Reorged
from chains.evm.connection import Limits
from chains.evm.follow import Follower
from chains.evm.nodes import Nodes
from tests.chains.evm.fake_chain import TOKEN, TOPIC, FakeChain
from tests.chains.evm.test_client_nodes import NETWORK, every
from tests.devnet.proxy import Fault, Proxy, RpcRefusal

LIMITS = Limits(answer_seconds=2.0, requests_per_second=10_000)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("chains.evm.pacing.FIRST_PAUSE_NS", 10**7)


def followed(chain, steps, *, addresses=(TOKEN,), after=None):
    """The events of each step: a function that changes the chain, then a look at its head."""

    async def one(proxy):
        nodes = Nodes(NETWORK, [proxy.url], LIMITS, lag_blocks=3)
        follower = Follower(nodes, addresses, [TOPIC], after)
        told = []
        try:
            for step in steps:
                proxy.rule = None
                head = step(proxy) or chain.blocks[-1]
                told.append([event async for event in follower.advance(wire.block(head))])
        finally:
            await nodes.close()
        return told, follower

    with Proxy(chain) as proxy:
        return asyncio.run(one(proxy))


def shown(events):
    """h3: block 3; l3-5: the logs of 3 to 5, all of them; r3: undone from 3."""
    words = []
    for event in events:
        match event:
            case Head(block):
                words.append(f"h{block.number}")
            case Logs(first, last, logs):
                assert [log.block for log in logs] == list(range(first, last + 1))
                words.append(f"l{first}" if first == last else f"l{first}-{last}")
            case Reorged(number):
                words.append(f"r{number}")
    return " ".join(words)


def told(chain, *steps, **options):
    return [shown(events) for events in followed(chain, steps, **options)[0]]


def still(_proxy):
    return None


def test_it_starts_with_the_head_and_tells_each_block_once():
    chain = FakeChain(5)
    assert told(chain, still, still, lambda _: chain.mine(), still) == ["h4 l4", "", "h5 l5", ""]


def test_without_contracts_to_watch_there_are_no_logs_and_nobody_is_asked_for_them():
    chain = FakeChain(5)
    assert told(chain, still, lambda _: chain.mine(3), addresses=()) == ["h4", "h5 h6 h7"]


def test_a_gap_is_filled_block_by_block():
    chain = FakeChain(5)
    assert told(chain, still, lambda _: chain.mine(3)) == ["h4 l4", "h5 l5 h6 l6 h7 l7"]


def test_a_long_gap_is_filled_by_ranges_and_its_end_block_by_block(monkeypatch):
    monkeypatch.setattr("chains.evm.follow.ONE_BY_ONE", 2)
    monkeypatch.setattr("chains.evm.follow.SPAN", 10)
    chain = FakeChain(5)
    assert told(chain, still, lambda _: chain.mine(25)) == ["h4 l4", "l5-14 l15-24 l25-27 h28 l28 h29 l29"]


def test_a_range_that_is_too_much_for_the_node_is_asked_for_in_smaller_ones(monkeypatch):
    monkeypatch.setattr("chains.evm.follow.ONE_BY_ONE", 2)
    chain = FakeChain(1)

    def picky(params):
        (filter,) = params
        if "blockHash" not in filter and int(filter["toBlock"], 16) - int(filter["fromBlock"], 16) > 5:
            raise RpcRefusal(-32602, "query returned more than 10000 results")
        return chain.get_logs(filter)

    chain.lies["eth_getLogs"] = picky
    _, words = told(chain, still, lambda _: chain.mine(20))
    covered = [word for word in words.split() if word.startswith("l")]
    assert covered[0].startswith("l1-")
    assert covered[-1] == "l20"


def test_what_happened_while_nobody_listened_is_told_first():
    chain = FakeChain(9)
    after = wire.block(chain.blocks[5])
    assert told(chain, still, after=after) == ["h6 l6 h7 l7 h8 l8"]


def test_if_the_last_block_was_replaced_while_nobody_listened_that_is_told():
    chain = FakeChain(9)
    after = wire.block(chain.blocks[5])
    chain.reorg(4)
    assert told(chain, still, after=after) == ["r5 h5 l5 h6 l6 h7 l7 h8 l8"]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_reorg_is_told_from_its_first_block_and_the_new_blocks_after_it(depth):
    chain = FakeChain(5)
    again = [f"h{number} l{number}" for number in range(8 - depth, 9)]
    steps = [still, lambda _: chain.mine(3), lambda _: chain.reorg(depth, blocks=depth + 1)]
    assert told(chain, *steps)[2] == " ".join([f"r{8 - depth}", *again])


def test_a_reorg_of_the_same_length_is_seen_too():
    chain = FakeChain(5)
    assert told(chain, still, lambda _: chain.reorg(1)) == ["h4 l4", "r4 h4 l4"]


def test_a_reorg_deeper_than_all_that_is_remembered_starts_below_it():
    chain = FakeChain(9)
    steps = [still, lambda _: chain.mine(), lambda _: chain.reorg(6, blocks=7)]
    assert told(chain, *steps)[2] == "r7 h7 l7 h8 l8 h9 l9 h10 l10"  # 7 is the parent of its first.


def test_an_announcement_of_an_old_block_is_no_reorg():
    chain = FakeChain(5)
    old = [lambda _: chain.blocks[6], lambda _: chain.blocks[4], lambda _: chain.blocks[1]]
    assert told(chain, still, lambda _: chain.mine(3), *old)[2:] == ["", "", ""]


def test_an_announced_block_that_the_node_does_not_have_is_told_when_it_has_it():
    chain = FakeChain(5)
    ahead = FakeChain(6).blocks[5]
    events = told(chain, still, lambda _: ahead, lambda _: chain.mine())
    assert events == ["h4 l4", "", "h5 l5"]


def test_a_missing_answer_leaves_the_rest_for_the_next_time_and_says_why():
    chain = FakeChain(5)

    def broken(proxy):
        chain.mine(3)
        proxy.rule = lambda method, _: Fault.HTML if method == "eth_getLogs" else None

    (first, lost, rest), follower = followed(chain, [still, broken, still])
    assert [shown(first), shown(lost), shown(rest)] == ["h4 l4", "", "h5 l5 h6 l6 h7 l7"]
    assert follower.reason == ""


def test_when_nothing_is_answered_it_says_why():
    chain = FakeChain(5)

    def broken(proxy):
        chain.mine(3)
        proxy.rule = every(Fault.DROPPED)

    (_, lost), follower = followed(chain, [still, broken])
    assert lost == []
    assert "the connection failed" in follower.reason


def test_a_reorg_while_a_range_is_read_is_not_taken_for_its_logs(monkeypatch):
    monkeypatch.setattr("chains.evm.follow.ONE_BY_ONE", 2)
    chain = FakeChain(5)

    def moving(_proxy):
        chain.mine(20)

        def before(method):
            if method == "eth_getLogs":
                chain.before = None
                chain.reorg(18)

        chain.before = before

    _, torn, rest = told(chain, still, moving, still)
    assert torn == ""
    assert rest.split()[-1] == "l24"
    assert not rest.startswith("r")


def test_a_reorg_while_a_gap_is_filled_is_noticed_before_anything_of_it_is_told():
    chain = FakeChain(5)

    def moving(_proxy):
        chain.mine(3)
        asked = []

        def before(method):
            asked.append(method)
            if asked.count("eth_getBlockByNumber") == 2:  # The first one finds the old chain whole.
                chain.before = None
                chain.reorg(4)

        chain.before = before

    (_, torn, rest), _ = followed(chain, [still, moving, still])
    assert torn == []
    assert shown(rest) == "r4 h4 l4 h5 l5 h6 l6 h7 l7"


def test_logs_of_a_range_come_from_a_node_that_has_its_last_block(monkeypatch):
    """One that is behind gives what it has, without a word; the other gives no logs of so many blocks."""
    monkeypatch.setattr("chains.evm.follow.ONE_BY_ONE", 2)
    whole, behind = FakeChain(5), FakeChain(5)
    first = whole.blocks[-1]
    whole.mine(20)

    async def of_both(urls):
        nodes = Nodes(NETWORK, urls, LIMITS, lag_blocks=100)
        follower = Follower(nodes, (TOKEN,), [TOPIC], wire.block(first))
        try:
            return [event async for event in follower.advance(wire.block(whole.blocks[-1]))]
        finally:
            await nodes.close()

    def refuses(*_):
        raise RpcRefusal(-32005, "query returned more than 10000 results")

    with Proxy(whole) as one, Proxy(behind) as other:
        whole.get_logs = refuses
        assert "l" not in shown(asyncio.run(of_both([one.url, other.url])))
