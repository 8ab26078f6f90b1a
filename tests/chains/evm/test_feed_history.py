"""The past of pools: asked for backwards, believed only if it leads to the present, and never needed."""

import asyncio

import pytest

from chains.evm import feed_fold, feed_history, wire
from chains.evm.feed_fold import Fold
from chains.evm.feed_history import Past, folded_past, past
from chains.evm.wire import Block
from chains.venue import Unanswered
from tests.chains.evm import raw
from tests.chains.evm.raw import POOL, POOL_2
from tests.chains.evm.test_feed_fold import (
    CHEAPER,
    DEARER,
    FIRST,
    FLAT,
    FLAT_BITCOIN,
    LISTINGS,
    MINUTE,
    WBTC,
    WETH,
    read,
    shown,
)

SECONDS = 10  # From block to block.
HASH = "0x" + "cd" * 32


def log(block, pool, reserves, index=0, timed=True):
    entry = raw.sync(pool, reserves, index) | {"blockNumber": hex(block), "blockHash": HASH}
    entry |= {"transactionHash": HASH} | ({"blockTimestamp": hex(block * SECONDS)} if timed else {})
    return wire.log(entry)


class Node:
    """A chain of a block every ten seconds, with these logs; what it does not serve is not answered."""

    name = "node"

    def __init__(self, logs=(), most=10**9, first=0, times=10**9):
        self.given, self.most, self.first, self.times = logs, most, first, times
        self.spans, self.asked = [], 0

    async def logs(self, first, last, pools, topics):
        assert pools == [POOL, POOL_2]
        assert topics == feed_history.TOPICS
        self.spans.append((first, last))
        if last - first >= self.most or first < self.first:
            return Unanswered("too many blocks, or too old")
        return tuple(each for each in self.given if first <= each.block <= last)

    async def block(self, number):
        self.asked += 1
        if self.asked > self.times:
            return Unanswered("no answer")
        return Block(number, HASH, HASH, number * SECONDS * wire.SECOND_NS, None)


def found(node, head=3_000, seconds=10**9):
    block = Block(head, HASH, HASH, head * SECONDS * wire.SECOND_NS, None)
    return asyncio.run(past(node, [POOL, POOL_2], block, block.at_ns - seconds * wire.SECOND_NS))


def covered(node, back_to):
    """The spans that were asked for, without gaps, from the head down."""
    at = 3_000
    for first, last in node.spans:
        assert last == at
        at = first - 1
    return at + 1 == back_to


# -- asking ----------------------------------------------------------------------------------------------
def test_the_past_is_asked_for_backwards_without_a_gap_and_no_further_than_is_wanted():
    node = Node([log(2_999, POOL, DEARER), log(1_500, POOL, CHEAPER)])
    known = found(node, seconds=9_000)
    assert covered(node, back_to=2_001)
    assert (known.first, known.at_ns, [each.block for each in known.logs]) == (2_001, 20_010 * 10**9, [2_999])
    node = Node([log(2_999, POOL, DEARER), log(1_500, POOL, CHEAPER)])
    assert [each.block for each in found(node).logs] == [1_500, 2_999]
    assert covered(node, back_to=0)


def test_a_node_that_gives_few_blocks_at_once_is_asked_for_fewer():
    node = Node([log(2_999, POOL, DEARER), log(2_800, POOL, CHEAPER)], most=100)
    known = found(node, seconds=2_500)
    assert [each.block for each in known.logs] == [2_800, 2_999]
    assert {last - first + 1 for first, last in node.spans} == {1_000, 250, 62}


def test_a_node_that_has_not_kept_its_logs_gives_a_shorter_past_or_none():
    assert 2_000 <= found(Node([log(2_999, POOL, DEARER)], first=2_000)).first < 2_100
    assert found(Node(most=0)) == Past(3_001, 3_000 * SECONDS * 10**9)


def test_there_is_a_limit_to_how_much_is_read(monkeypatch):
    monkeypatch.setattr(feed_history, "MOST_BLOCKS", 1_500)
    assert found(Node()).first == 1_001
    monkeypatch.setattr(feed_history, "MOST_LOGS", 1)
    assert found(Node([log(2_999, POOL, DEARER)])).first == 2_001


def test_times_that_logs_do_not_say_are_asked_for_newest_first_and_what_has_none_is_left_out():
    logs = [log(block, POOL, DEARER, timed=block == 2_500) for block in (2_100, 2_500, 2_999)]
    assert found(Node(logs), seconds=9_000).times == {
        block: block * 10**10 for block in (2_100, 2_500, 2_999)
    }
    node = Node(logs, times=2)  # One of them is for the start of the span.
    known = found(node, seconds=9_000)
    assert [each.block for each in known.logs] == [2_500, 2_999]
    assert (known.first, known.at_ns) == (2_500, 25_000 * 10**9)


# -- folding ----------------------------------------------------------------------------------------------
def history(*logs, first=1, at=0):
    return Past(first, at, logs, {each.block: each.block * SECONDS for each in logs})


def folded(given, now):
    led = folded_past(Fold(LISTINGS, MINUTE), given, read({**FIRST, **now}))
    return led if led is None else (led[0], shown(led[1]))


def test_a_past_that_leads_to_the_present_is_bars_and_a_pool_without_logs_was_as_it_is():
    given = history(log(7, POOL, FIRST[POOL]), log(14, POOL, DEARER), log(25, POOL, CHEAPER))
    fold, ticks = folded(given, {POOL: CHEAPER})
    expected = {
        WETH: (3_000.0, 3_150.0, 3_000.0, 3_150.0, 0),
        WBTC: (60_000.0, 63_000.0, 60_000.0, 63_000.0, 0),
    }
    assert ticks[-2:] == [
        (180, expected),
        (240, {WETH: (3_150.0,) * 4 + (0,), WBTC: (63_000.0,) * 4 + (0,)}),
    ]
    assert fold.told_ns == 240


def test_a_token_has_no_bar_of_the_time_before_its_first_event_in_the_past():
    _, ticks = folded(history(log(7, POOL, FIRST[POOL]), log(19, POOL, FIRST[POOL])), {})
    assert ticks == [(180, {WETH: FLAT, WBTC: FLAT_BITCOIN})]


@pytest.mark.parametrize("now", [{POOL: DEARER}, {POOL: CHEAPER}])
def test_a_past_that_does_not_lead_to_the_present_is_not_believed(now):
    assert folded(history(log(7, POOL, FIRST[POOL])), now) is None


def test_the_present_follows_a_past_without_logs():
    fold, ticks = folded(Past(2_999, 600), {})
    assert (ticks, fold.states[-1].block) == ([], 2_998)
    fold, _ = feed_fold.known(fold, 3_000, 605, read(FIRST))
    assert feed_fold.after_block(fold, 3_001, 659, [])[1] == ()
    assert shown(feed_fold.after_block(fold, 3_001, 720, [])[1]) == [(720, {WETH: FLAT, WBTC: FLAT_BITCOIN})]


def test_logs_come_in_the_order_of_the_chain_whatever_order_they_are_given_in():
    blocks = feed_history.by_block(
        [log(9, POOL, DEARER), log(7, POOL, DEARER, 2), log(7, POOL_2, CHEAPER, 1)]
    )
    assert {block: [each.index for each in found] for block, found in blocks.items()} == {7: [1, 2], 9: [0]}
    assert list(blocks) == [7, 9]
