"""Several nodes: who is asked, what two of them confirm, and where signed bytes go."""

import asyncio
from contextlib import ExitStack

import pytest

from chains import venue
from chains.evm.connection import Limits, WrongChain
from chains.evm.networks import KNOWN, Network
from chains.evm.nodes import Health, Nodes, nodes_of, ranked, reference
from chains.evm.sight import Query
from chains.evm.wire import Block
from chains.venue import Taken, Unanswered
from storage.config_evm import Evm
from storage.evidence import Channel
from storage.strict_toml import ConfigError
from tests.chains.evm.fake_chain import CHAIN_ID, WALLET, FakeChain, name
from tests.chains.evm.test_client_node import HASH, RAW
from tests.devnet.proxy import Fault, Proxy

ETHEREUM = KNOWN["ethereum"]
NETWORK = Network(
    name="fake", chain_id=CHAIN_ID, native="ETH", wrapped_native=ETHEREUM.wrapped_native,
    stable=ETHEREUM.stable, booked_depth=1, final_depth=4, block_seconds=0.1,
)  # fmt: skip
LIMITS = Limits(connect_seconds=5.0, answer_seconds=5.0, requests_per_second=1_000)
MINE = name("mine")
QUERY = Query(WALLET, (MINE,), NETWORK.final_depth)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("chains.evm.pacing.FIRST_PAUSE_NS", 10**7)


def every(fault):
    return lambda _method, _nth: fault


def among(upstreams, question, *, private=None, rules=(), limits=LIMITS, lag_blocks=3):
    """What a question to these nodes brings, and the proxies before them."""
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(upstream)) for upstream in upstreams]
        hidden = stack.enter_context(Proxy(private)) if private else None
        for proxy, rule in zip(proxies, rules, strict=False):
            proxy.rule = rule

        async def one():
            urls = [proxy.url for proxy in proxies]
            nodes = Nodes(NETWORK, urls, limits, lag_blocks, hidden.url if hidden else "")
            try:
                return await question(nodes)
            finally:
                await nodes.close()

        return asyncio.run(one()), [*proxies, *([hidden] if hidden else [])]


def read(mined):
    receipt, block = mined.receipt, mined.block
    return venue.Receipt(receipt.tx_hash, receipt.succeeded, 1, 2, 3, block.at_ns, block.number)


def looked(*upstreams, **options):
    return among(upstreams, lambda nodes: nodes.views(QUERY, read), **options)[0]


def chain_with(landed_at=None, pooled=False, blocks=10):
    chain = FakeChain(blocks if landed_at is None else landed_at)
    if landed_at is not None:
        chain.pool[MINE] = 0
        chain.mine(landing=[MINE])
        chain.mine(blocks - landed_at - 1)
    elif pooled:
        chain.pool[MINE] = 0
    return chain


# -- a view --
def test_a_view_of_nothing_has_the_head_its_time_and_two_counts():
    view = looked(FakeChain(10)).first
    assert (view.head, view.at_ns, view.count, view.count_at_k) == (9, 1_700_000_009 * 10**9, 0, 0)
    assert (view.receipts, view.pooled) == ((), frozenset())


def test_a_transaction_that_waits_is_in_the_pool_and_has_no_receipt():
    view = looked(chain_with(pooled=True)).first
    assert (view.receipts, view.pooled, view.count) == ((), frozenset({MINE}), 0)


@pytest.mark.parametrize(("landed_at", "final"), [(9, 0), (7, 0), (6, 1), (5, 1)])
def test_a_nonce_is_final_from_just_the_block_at_which_its_receipt_is(landed_at, final):
    view = looked(chain_with(landed_at)).first
    assert (view.count, view.count_at_k) == (1, final)
    (receipt,) = view.receipts
    assert (receipt.block, receipt.at_ns) == (landed_at, (1_700_000_000 + landed_at) * 10**9)
    assert (view.head - receipt.block + 1 >= NETWORK.final_depth) == bool(final)


def test_a_chain_that_is_younger_than_finality_has_a_final_block_all_the_same():
    assert looked(FakeChain(2)).first.count_at_k == 0


# -- torn --
def change_once(chain, method, change):
    """In the middle of a look: when this is asked for the first time."""

    def before(asked):
        if asked == method:
            chain.before = None
            change()

    chain.before = before


def test_a_reorg_in_the_middle_of_a_look_is_noticed_and_the_look_repeated():
    chain = chain_with(7)
    change_once(chain, "eth_getTransactionReceipt", lambda: chain.reorg(5))
    view = looked(chain).first
    assert (view.head, view.count, view.receipts) == (9, 0, ())


def test_a_transaction_that_lands_in_the_middle_of_a_look_is_seen_whole_or_not_at_all():
    chain = chain_with(pooled=True)
    change_once(chain, "eth_getTransactionReceipt", lambda: chain.mine(landing=[MINE]))
    view = looked(chain).first
    assert (view.count, len(view.receipts), view.pooled) == (1, 1, frozenset())
    assert view.receipts[0].block == view.head == 10


def test_a_chain_that_never_holds_still_gives_no_view():
    chain = chain_with(5)
    chain.before = lambda method: chain.reorg(1) if method == "eth_getTransactionCount" else None
    found = looked(chain)
    assert (found.first, found.second) == (None, None)
    assert "has been replaced meanwhile" in found.sentence


def test_a_receipt_of_a_block_that_is_not_in_the_chain_gives_no_view():
    chain = chain_with(7)
    chain.lies["eth_getTransactionReceipt"] = {
        **chain.get_transaction_receipt(MINE), "blockHash": name("orphan"), "logs": [],
    }  # fmt: skip
    found = looked(chain)
    assert found.first is None
    assert "a block that is no longer in the chain" in found.sentence


def test_a_transaction_with_a_block_and_without_a_receipt_gives_no_view():
    chain = chain_with(7)
    chain.lies["eth_getTransactionReceipt"] = None
    assert looked(chain).first is None


@pytest.mark.parametrize("method", ["eth_getTransactionCount", "eth_getTransactionReceipt",
                                    "eth_getTransactionByHash", "eth_getBlockByNumber"])  # fmt: skip
@pytest.mark.parametrize("fault", [Fault.HTML, Fault.BOTH, Fault.DROPPED, Fault.BUSY])
def test_one_missing_answer_is_no_view(method, fault):
    limits = Limits(answer_seconds=0.5, requests_per_second=1_000)
    found = looked(chain_with(7), rules=[lambda asked, _: fault if asked == method else None], limits=limits)
    assert (found.first, found.second) == (None, None)
    assert found.sentence


# -- two nodes --
def test_two_nodes_that_agree_give_two_views_of_one_block():
    found = looked(chain_with(7), chain_with(7))
    assert found.first == found.second
    assert found.sentence == ""


def test_a_node_that_is_a_little_behind_is_met_at_its_own_head():
    found = looked(chain_with(5, blocks=12), chain_with(5, blocks=10))
    assert found.first == found.second
    assert found.first.head == 9


def test_a_node_that_is_far_behind_confirms_nothing_and_is_not_asked_first():
    found, (late, good) = among(
        [FakeChain(3), chain_with(7)], lambda nodes: nodes.views(QUERY, read), lag_blocks=3
    )
    assert (found.first.head, found.second) == (9, None)
    assert found.sentence == "there is no second node to confirm it"
    assert late.count("eth_getTransactionCount") == 0
    assert good.count("eth_getTransactionCount") == 2


def test_two_nodes_with_two_blocks_of_one_number_give_no_view():
    other = chain_with(7)
    other.reorg(2)
    found = looked(chain_with(7), other)
    assert (found.first, found.second) == (None, None)
    assert "two nodes have two blocks 9" in found.sentence


def test_a_second_node_that_hides_a_receipt_is_shown_as_it_is_and_the_two_contradict():
    lying = chain_with(7)
    lying.lies = {"eth_getTransactionReceipt": None, "eth_getTransactionByHash": None}
    found = looked(chain_with(7), lying)
    assert len(found.first.receipts) == 1
    assert found.second.receipts == ()


def test_a_broken_first_node_leaves_the_look_to_the_second():
    limits = Limits(answer_seconds=0.5, requests_per_second=1_000)
    found = looked(chain_with(7), chain_with(7), rules=[every(Fault.DROPPED)], limits=limits)
    assert found.first.head == 9
    assert found.second is None


def test_a_node_that_says_nothing_holds_nobody_up(monkeypatch):
    monkeypatch.setattr("chains.evm.nodes.GRACE_SECONDS", 0.1)
    monkeypatch.setattr("chains.evm.pacing.FIRST_PAUSE_NS", 60 * 10**9)

    asked = []

    async def question(nodes):
        head = nodes.nodes[0].head

        async def counted():
            asked.append("head")
            return await head()

        monkeypatch.setattr(nodes.nodes[0], "head", counted)
        return [await nodes.views(QUERY, read) for _ in range(3)]

    chains = [chain_with(7), chain_with(7)]
    found, _ = among(chains, question, rules=[every(Fault.DELAYED)])
    assert all(each.first is not None and each.second is None for each in found)
    assert asked == ["head"]  # Then it is left alone for a while.


def test_no_node_at_all_is_no_view_with_a_reason():
    limits = Limits(answer_seconds=0.3, requests_per_second=1_000)
    assert looked(FakeChain(), rules=[every(Fault.DROPPED)], limits=limits).sentence == "no node answers"


# -- who is asked first --
@pytest.mark.parametrize(
    ("healths", "order"),
    [
        ([(0, 9), (0, 9)], [0, 1]),
        ([(2, 9), (0, 9)], [1, 0]),
        ([(0, 5), (3, 9)], [1, 0]),  # Behind is worse than shaky.
        ([(0, 6), (0, 9)], [0, 1]),  # Three blocks are nothing.
        ([(0, None), (0, 9)], [1, 0]),
        ([(0, 9), (0, 9), (0, 99)], [0, 1, 2]),  # One liar makes nobody late.
        ([(0, 2), (0, 9), (0, 9)], [1, 2, 0]),
        ([(0, None), (0, None)], [0, 1]),
    ],
)
def test_the_healthiest_is_first(healths, order):
    assert ranked([Health(*each) for each in healths], lag_blocks=3) == order


def test_the_reference_is_the_second_highest_of_three_and_the_highest_of_two():
    assert [reference(heads) for heads in ([], [5], [5, 7], [5, 7, 900])] == [0, 5, 7, 7]


def test_a_question_goes_to_the_next_node_if_the_first_has_no_answer():
    limits = Limits(answer_seconds=0.5, requests_per_second=1_000)
    answer, proxies = among(
        [FakeChain(3), FakeChain(5)],
        lambda nodes: nodes.ask(lambda node: node.head()),
        rules=[every(Fault.HTML)],
        limits=limits,
    )
    assert isinstance(answer, Block)
    assert answer.number == 4
    assert proxies[0].asked


def test_what_a_node_does_not_know_is_not_asked_of_the_next():
    answer, proxies = among(
        [FakeChain(), FakeChain()], lambda nodes: nodes.ask(lambda node: node.receipt(name("nothing")))
    )
    assert answer is None
    assert proxies[1].asked == []


def test_if_nobody_answers_all_reasons_are_told_and_a_wrong_chain_stays_one():
    limits = Limits(answer_seconds=0.3, requests_per_second=1_000)
    answer, _ = among(
        [FakeChain(), FakeChain()],
        lambda nodes: nodes.ask(lambda node: node.head()),
        rules=[every(Fault.DROPPED), every(Fault.OTHER_CHAIN)],
        limits=limits,
    )
    assert isinstance(answer, WrongChain)
    assert "the connection failed" in answer.sentence
    assert "is a node of chain 5; configured is chain 31337" in answer.sentence


# -- sending --
def taking():
    chain = FakeChain()
    chain.lies["eth_sendRawTransaction"] = HASH
    return chain


def broadcast(channel):
    async def question(nodes):
        answer = await nodes.broadcast(RAW, HASH, channel)
        await asyncio.gather(*nodes._sending)
        return answer

    return question


def test_public_bytes_go_to_every_node_and_not_to_the_private_address():
    answer, (one, two, private) = among([taking(), taking()], broadcast(Channel.PUBLIC), private=taking())
    assert answer == Taken(HASH)
    assert [proxy.count("eth_sendRawTransaction") for proxy in (one, two, private)] == [1, 1, 0]


def test_one_node_that_takes_them_is_enough_whatever_another_says():
    answer, _ = among([taking(), taking()], broadcast(Channel.PUBLIC), rules=[every(Fault.OTHER_HASH)])
    assert answer == Taken(HASH)


@pytest.mark.parametrize("fault", [None, Fault.DROPPED, Fault.LOST, Fault.OTHER_HASH, Fault.HTML])
def test_private_bytes_go_to_the_private_address_and_never_anywhere_else(fault):
    async def question(nodes):
        return await nodes.broadcast(RAW, HASH, Channel.PRIVATE)

    with Proxy(FakeChain()) as private:
        private.rule = lambda method, _: fault if method == "eth_sendRawTransaction" else None
        answer, (public, _) = among([taking()], question, private=private.url)
    assert isinstance(answer, Unanswered)
    assert public.asked == []
    assert private.count("eth_sendRawTransaction") == 1


def test_private_bytes_without_a_private_address_are_not_sent():
    answer, (public,) = among([taking()], broadcast(Channel.PRIVATE))
    assert answer == Unanswered("it was not sent: there is no evm.private_send_url")
    assert public.asked == []


def test_a_redirect_of_the_private_address_is_not_followed():
    async def question(url):
        nodes = Nodes(NETWORK, ["http://127.0.0.1:9"], LIMITS, 3, url)
        answer = await nodes.broadcast(RAW, HASH, Channel.PRIVATE)
        await nodes.close()
        return answer

    with Proxy(taking()) as elsewhere, Proxy(taking()) as private:
        private.rule = lambda method, _: Fault.MOVED if method == "eth_sendRawTransaction" else None
        private.moved_to = elsewhere.url
        assert isinstance(asyncio.run(question(private.url)), Unanswered)
    assert private.count("eth_sendRawTransaction") == 1
    assert elsewhere.asked == []


def test_signed_bytes_go_ahead_of_a_line_of_questions():
    async def question(nodes):
        node = nodes.nodes[0]
        await node.check()
        line = [asyncio.create_task(node.head()) for _ in range(40)]
        await asyncio.sleep(0)
        answer = await nodes.broadcast(RAW, HASH)
        for task in line:
            task.cancel()
        await asyncio.gather(*line, return_exceptions=True)
        return answer

    limits = Limits(answer_seconds=30.0, requests_per_second=5)
    answer, (proxy,) = among([taking()], question, limits=limits)
    assert answer == Taken(HASH)
    before = proxy.asked[: proxy.asked.index("eth_sendRawTransaction")]
    assert before.count("eth_getBlockByNumber") < 20


# -- as configured --
def test_a_configuration_without_a_node_is_refused():
    with pytest.raises(ConfigError, match=r"evm\.rpc_urls = \[\]: name at least one node, better two\."):
        nodes_of(Evm())


def test_a_check_names_each_node_that_can_not_be_used_and_the_private_address_only_if_it_is_to_be():
    limits = Limits(answer_seconds=0.3, requests_per_second=1_000)
    rules = [every(Fault.OTHER_CHAIN), every(None)]

    async def question(nodes):
        return await nodes.check(), await nodes.check(Channel.PRIVATE)

    lying = FakeChain()
    lying.lies["eth_chainId"] = "0x1"
    (public, private), _ = among(
        [FakeChain(), FakeChain()], question, private=lying, rules=rules, limits=limits
    )
    assert [type(each) for each in public] == [WrongChain]
    assert [type(each) for each in private] == [WrongChain, WrongChain]
    assert "is a node of chain 1;" in private[1].sentence
