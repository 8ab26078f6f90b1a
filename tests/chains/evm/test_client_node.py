"""One node, and all that may come instead of its answer: each is a sentence, and none a wrong value."""

import asyncio

import pytest
from eth_account import Account

from chains.evm.connection import Limits, Paces, WrongChain, retry_after
from chains.evm.node import Ask, Node, Revert
from chains.evm.wire import Block, Receipt, Transaction
from chains.venue import Taken, Unanswered
from tests.chains.evm.fake_chain import CHAIN_ID, OTHER, TOKEN, WALLET, FakeChain, name
from tests.devnet.proxy import Fault, Proxy, RpcRefusal, told

LIMITS = Limits(connect_seconds=5.0, answer_seconds=5.0, requests_per_second=1_000, seed=3)
SIGNED = Account.from_key("0x" + "01" * 32).sign_transaction(
    {"chainId": CHAIN_ID, "type": 2, "to": OTHER, "value": 1, "nonce": 0, "gas": 21_000,
     "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
)  # fmt: skip
RAW, HASH = "0x" + SIGNED.raw_transaction.hex(), "0x" + SIGNED.hash.hex()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("chains.evm.pacing.FIRST_PAUSE_NS", 10**7)


def asked(upstream, question, *, rule=None, limits=LIMITS, chain_id=CHAIN_ID):
    """What one question brings, and the proxy that it went through."""
    with Proxy(upstream) as proxy:
        proxy.rule = rule

        async def one():
            node = Node(proxy.url + "/v2/a-secret-key", chain_id, Paces(limits))
            try:
                return await question(node)
            finally:
                await node.close()

        answer = asyncio.run(one())
    assert "secret" not in str(answer)
    return answer, proxy


def once(fault, of="eth_getBlockByNumber"):
    return lambda method, nth: fault if method == of and nth == 1 else None


def always(fault, of="eth_getBlockByNumber"):
    return lambda method, _nth: fault if method == of else None


def head(node):
    return node.head()


# -- honest answers --
def test_the_head_is_a_number_a_hash_its_parent_a_time_and_a_base_fee():
    chain = FakeChain(3)
    answer, _ = asked(chain, head)
    assert answer == Block(2, chain.blocks[2]["hash"], chain.blocks[1]["hash"], 1_700_000_002 * 10**9, 7)


def test_what_a_node_does_not_know_is_none_and_not_unanswered():
    chain = FakeChain()

    async def question(node):
        hash = name("nothing")
        return (
            await node.block(99),
            await node.block(hash),
            await node.receipt(hash),
            await node.transaction(hash),
        )

    assert asked(chain, question)[0] == (None, None, None, None)


def test_the_fees_are_the_heads_base_fee_and_the_nodes_tip():
    fees, _ = asked(FakeChain(), lambda node: node.fees())
    assert (fees.base_fee, fees.tip) == (7, 3)


def test_a_chain_without_base_fees_is_unanswered_and_not_free():
    chain = FakeChain()
    del chain.blocks[-1]["baseFeePerGas"]
    answer, _ = asked(chain, lambda node: node.fees())
    assert "have no base fee (EIP-1559)" in answer.sentence


# -- every row of the table of faults --
@pytest.mark.parametrize(
    "fault", [Fault.LOST, Fault.DROPPED, Fault.HALF, Fault.HTML, Fault.BOTH, Fault.NULL, Fault.BUSY,
              Fault.LIMITED_INSIDE],
)  # fmt: skip
def test_a_read_that_fails_once_is_tried_again_unless_the_node_did_answer(fault):
    answer, proxy = asked(FakeChain(), head, rule=once(fault))
    if fault is Fault.NULL:  # That is an answer, although no block.
        assert answer.sentence.endswith("the head: it has none")
    else:
        assert isinstance(answer, Block)
        assert proxy.count("eth_getBlockByNumber") == 2


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault.LOST, "eth_getBlockByNumber: the connection failed (ServerDisconnectedError)"),
        (Fault.DROPPED, "eth_getBlockByNumber: the connection failed (ServerDisconnectedError)"),
        (Fault.HALF, "eth_getBlockByNumber: the connection failed (ClientPayloadError)"),
        (Fault.HTML, "eth_getBlockByNumber: the answer is no JSON"),
        (Fault.BOTH, "eth_getBlockByNumber: the answer has not exactly one of result and error"),
        (Fault.BUSY, "eth_getBlockByNumber: status 503"),
        (Fault.LIMITED, "eth_getBlockByNumber: status 429"),
        (Fault.LIMITED_INSIDE, "eth_getBlockByNumber: it says -32005: daily request count exceeded"),
    ],
)
def test_a_read_that_keeps_failing_is_unanswered_with_the_reason(fault, sentence):
    answer, proxy = asked(FakeChain(), head, rule=always(fault))
    assert isinstance(answer, Unanswered)
    assert answer.sentence.endswith(sentence)
    assert proxy.count("eth_getBlockByNumber") <= 4


def test_a_node_that_is_too_slow_has_not_answered():
    limits = Limits(answer_seconds=0.3, requests_per_second=1_000)
    answer, _ = asked(FakeChain(), head, rule=always(Fault.DELAYED), limits=limits)
    assert answer.sentence.endswith("eth_getBlockByNumber: it did not answer within 0.3 s")


def test_a_node_that_is_not_there_is_unanswered():
    async def question():
        node = Node("http://127.0.0.1:9", CHAIN_ID, Paces(Limits(answer_seconds=1.0)))
        answer = await node.head()
        await node.close()
        return answer, node.failures

    answer, failures = asyncio.run(question())
    assert answer.sentence == "127.0.0.1:9: eth_chainId: the connection failed (ClientConnectorError)"
    assert failures == 1


@pytest.mark.parametrize("lie", ["latest", 7, [], {}, True, "0x", "0xzz", "7", "-0x1", "0x" + "f" * 65])
def test_a_number_that_is_none_is_unanswered_and_never_zero(lie):
    chain = FakeChain()
    chain.lies["eth_getTransactionCount"] = lie
    answer, _ = asked(chain, lambda node: node.count(WALLET, "latest"))
    assert isinstance(answer, Unanswered)
    assert "the count " in answer.sentence


def test_a_count_of_null_is_unanswered_and_never_zero():
    answer, _ = asked(
        FakeChain(), lambda node: node.count(WALLET, 3), rule=always(Fault.NULL, "eth_getTransactionCount")
    )
    assert answer.sentence.endswith("the count is null, and no number")


@pytest.mark.parametrize("field", ["number", "hash", "parentHash", "timestamp"])
@pytest.mark.parametrize("value", [None, "", "0x", "pending", 5, ["0x1"]])
def test_a_block_with_a_field_that_is_none_is_unanswered(field, value):
    chain = FakeChain()
    chain.blocks[-1][field] = value
    answer, _ = asked(chain, head)
    assert isinstance(answer, Unanswered)
    assert f"the block's {field} is " in answer.sentence


@pytest.mark.parametrize("body", [[], "text", 5, None, {"jsonrpc": "1.0", "result": "0x1"}])
def test_an_answer_that_is_no_json_rpc_is_unanswered(body, monkeypatch):
    def instead(asked, **fields):
        return body if len(fields) == 2 else told(asked, **fields)

    monkeypatch.setattr("tests.devnet.proxy.told", instead)
    answer, _ = asked(FakeChain(), head, rule=always(Fault.BOTH))
    assert answer.sentence.endswith("the answer is no JSON-RPC")


def test_an_answer_that_is_too_large_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr("chains.evm.provider.LARGEST_BODY", 10_000)
    chain = FakeChain()
    chain.lies["eth_getCode"] = "0x" + "00" * 10_000
    answer, _ = asked(chain, lambda node: node.code(OTHER))
    assert answer.sentence.endswith("eth_getCode: the connection failed (ClientPayloadError)")


# -- lies --
def test_a_node_of_another_chain_is_refused_with_both_ids_and_asked_nothing_else():
    answer, proxy = asked(FakeChain(), head, chain_id=1)
    assert isinstance(answer, WrongChain)
    assert "is a node of chain 31337; configured is chain 1: change evm.rpc_urls" in answer.sentence
    assert set(proxy.asked) == {"eth_chainId"}


def test_the_chain_is_asked_for_again_after_a_trouble_and_only_then():
    async def question(node):
        first = [await node.head() for _ in range(3)]
        return [*first, await node.head(), await node.head()]

    def rule(method, nth):
        if method == "eth_chainId" and nth > 1:
            return Fault.OTHER_CHAIN
        return Fault.DROPPED if method == "eth_getBlockByNumber" and nth == 4 else None

    answers, proxy = asked(FakeChain(), question, rule=rule)
    assert [type(answer) for answer in answers] == [Block, Block, Block, WrongChain, WrongChain]
    assert proxy.count("eth_getBlockByNumber") == 4


def test_another_block_receipt_or_transaction_than_was_asked_for_is_no_answer():
    chain = FakeChain()
    chain.pool[name("mine")] = 0
    chain.mine(landing=[name("mine")])
    chain.lies["eth_getBlockByNumber"] = chain.blocks[3]
    chain.lies["eth_getTransactionReceipt"] = chain.get_transaction_receipt(name("mine"))
    chain.lies["eth_getTransactionByHash"] = chain.get_transaction_by_hash(name("mine"))

    async def question(node):
        return await node.block(4), await node.receipt(name("x")), await node.transaction(name("x"))

    for answer in asked(chain, question)[0]:
        assert "asked for " in answer.sentence
        assert ", it answers with " in answer.sentence


def test_logs_of_other_blocks_or_contracts_are_no_answer():
    async def question(node):
        chain.lies["eth_getLogs"] = chain.get_logs({"fromBlock": "0x1", "toBlock": "0x4"})
        return [
            await node.logs(1, 3, [TOKEN]),
            await node.logs(1, 4, [OTHER]),
            await node.logs_of(chain.blocks[1]["hash"], [TOKEN]),
            await node.logs(1, 4, [TOKEN]),
        ]

    chain = FakeChain()
    *lies, honest = asked(chain, question)[0]
    assert all(isinstance(lie, Unanswered) for lie in lies)
    assert [log.block for log in honest] == [1, 2, 3, 4]


def test_the_logs_of_a_block_that_is_not_there_are_unanswered_and_not_none():
    answer, _ = asked(FakeChain(), lambda node: node.logs_of(name("no block"), [TOKEN]))
    assert answer.sentence.endswith("eth_getLogs: it says -32000: unknown block")


@pytest.mark.parametrize(
    ("key", "value"), [("status", "0x2"), ("status", None), ("gasUsed", None), ("logs", None)]
)
def test_a_receipt_that_does_not_say_how_it_ended_is_unanswered(key, value):
    chain = FakeChain()
    chain.pool[HASH] = 0
    chain.mine(landing=[HASH])
    chain.lies["eth_getTransactionReceipt"] = {**chain.get_transaction_receipt(HASH), key: value}
    assert isinstance(asked(chain, lambda node: node.receipt(HASH))[0], Unanswered)


def test_a_receipt_with_the_logs_of_another_transaction_is_unanswered():
    chain = FakeChain()
    chain.pool[HASH] = 0
    chain.mine(landing=[HASH])
    receipt = chain.get_transaction_receipt(HASH)
    assert isinstance(asked(chain, lambda node: node.receipt(HASH))[0], Receipt)
    receipt["logs"][0]["transactionHash"] = name("another")
    chain.lies["eth_getTransactionReceipt"] = receipt
    answer, _ = asked(chain, lambda node: node.receipt(HASH))
    assert answer.sentence.endswith("the receipt has a log of another transaction or block")


# -- calls --
def test_a_revert_is_an_answer_with_its_reason_and_any_other_no_is_none():
    async def question(node):
        answers = []
        for refusal in [
            RpcRefusal(3, "execution reverted: K", "0x08c3"),
            RpcRefusal(-32000, "execution reverted"),
            RpcRefusal(-32000, "header not found"),
            RpcRefusal(3, "odd", "no hex"),
        ]:
            chain.lies["eth_call"] = _raise(refusal)
            answers.append(await node.call(Ask(to=TOKEN)))
        return answers

    chain = FakeChain()
    with_reason, without, other, odd = asked(chain, question)[0]
    assert with_reason == Revert("execution reverted: K", b"\x08\xc3")
    assert without == Revert("execution reverted")
    assert other.sentence.endswith("eth_call: it says -32000: header not found")
    assert odd == Revert("odd")


def _raise(error):
    def lie(_params):
        raise error

    return lie


# -- sending --
def sent(chain, fault=None):
    return asked(chain, lambda node: node.send_raw(RAW, HASH), rule=once(fault, "eth_sendRawTransaction"))


def test_bytes_that_the_node_takes_are_taken():
    chain = FakeChain()
    chain.lies["eth_sendRawTransaction"] = HASH
    answer, proxy = sent(chain)
    assert answer == Taken(HASH)
    assert proxy.asked == ["eth_chainId", "eth_sendRawTransaction"]


def test_a_node_that_answers_with_another_hash_has_not_taken_them():
    answer, _ = sent(FakeChain(), Fault.OTHER_HASH)
    assert isinstance(answer, Unanswered)
    assert HASH in answer.sentence
    assert "ab" * 32 in answer.sentence


@pytest.mark.parametrize(
    "fault",
    [Fault.LOST, Fault.DROPPED, Fault.HALF, Fault.HTML, Fault.LIMITED, Fault.LIMITED_INSIDE, Fault.BOTH],
)
@pytest.mark.parametrize("known", [True, False])
def test_after_a_trouble_they_are_taken_if_the_node_knows_them_and_are_never_sent_twice(fault, known):
    chain = FakeChain()
    chain.pool.update({HASH: 0} if known else {})
    answer, proxy = sent(chain, fault)
    assert isinstance(answer, Taken) is known
    assert proxy.count("eth_sendRawTransaction") == 1


@pytest.mark.parametrize("text", ["already known", "transaction already imported", "nonce too low"])
@pytest.mark.parametrize("known", [True, False])
def test_the_words_of_a_node_decide_nothing_and_the_look_up_does(text, known):
    chain = FakeChain()
    chain.lies["eth_sendRawTransaction"] = _raise(RpcRefusal(-32003, text))
    chain.pool.update({HASH: 0} if known else {})
    answer, _ = sent(chain)
    if known:
        assert answer == Taken(HASH)
    else:
        assert answer.sentence.endswith(f"eth_sendRawTransaction: it says -32003: {text}")


def test_bytes_that_are_not_those_of_the_hash_do_not_leave():
    with pytest.raises(AssertionError, match="these bytes have the hash"):
        asked(FakeChain(), lambda node: node.send_raw(RAW, name("another")))


# -- what it costs the host --
def test_a_storm_of_refusals_is_bounded_however_many_ask():
    limits = Limits(answer_seconds=2.5, requests_per_second=20, seed=1)

    async def question(node):
        await node.check()
        return await asyncio.gather(*(node.head() for _ in range(50)))

    def rule(method, nth):
        return Fault.LIMITED if method == "eth_getBlockByNumber" else None

    answers, proxy = asked(FakeChain(), question, rule=rule, limits=limits)
    assert all(isinstance(answer, Unanswered) for answer in answers)
    assert proxy.count("eth_getBlockByNumber") <= 20 + 2 * 5  # At once, and then a few after each pause.


def test_while_a_host_wants_a_pause_it_is_not_asked_and_the_sentence_says_how_long():
    limits = Limits(answer_seconds=0.4, requests_per_second=1_000)

    async def question(node):
        first = await node.head()
        return first, [await node.head() for _ in range(20)]

    (first, others), proxy = asked(FakeChain(), question, rule=always(Fault.LIMITED), limits=limits)
    assert first.sentence.endswith("status 429")
    assert all("the host may be asked again in 1 s" in other.sentence for other in others)
    assert proxy.count("eth_getBlockByNumber") == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("2", 2), (" 30 ", 30), (None, None), ("Wed, 21 Oct 2015 07:28:00 GMT", None),
                            ("-1", None), ("1.5", None), ("\u0662", None), ("9" * 12, None)],
)  # fmt: skip
def test_retry_after_is_whole_seconds_or_nothing(header, seconds):
    assert retry_after(header) == seconds


def test_a_transaction_that_waits_has_no_block():
    chain = FakeChain()
    chain.pool[HASH] = 4
    answer, _ = asked(chain, lambda node: node.transaction(HASH))
    assert isinstance(answer, Transaction)
    assert (answer.block, answer.nonce) == (None, 4)
