"""A fee that the books can not pay: nobody fails, nothing new is signed, and gas that comes ends it."""

import pytest
from loguru import logger
from msgspec.structs import replace

from actors.dispatcher import Wanted
from actors.executor import Executor
from actors.messages import (
    KEY,
    Address,
    Append,
    Committed,
    Deposited,
    Durable,
    Halted,
    Instrument,
    Leg,
    Offered,
    Refusal,
    Refused,
    Reverted,
    SignRefused,
    Tick,
    Units,
    Unsigned,
)
from chains.asking import at_once
from chains.evm.evidence import Chain as Depths
from chains.evm.evidence import Question, View, seen
from chains.venue import Attempt, Draft, Met, Receipt, Unanswered
from storage import logs
from storage.shortage import Purse
from storage.trades import lifting, local, opening
from tests.actors.alone import alone
from tests.deals import GAS, UNIT, USDC, WBTC, WETH, Desk, order

SECOND_NS = 10**9
PEERS = ("wal", "supervisor", "market", "portfolio", "signer")
FOREIGN = Met(1, {}, "", "0x1", 7, "7 nonces are used, and the log knows of 5")
DEPTHS = Depths(1, 4, 60 * SECOND_NS)


class Chain:
    """Every transaction has landed or reverted for a fee, at a depth; the wallet has what it has."""

    at_hand, shares_allowances, parallel, disputed = False, False, False, 0

    def __init__(self):
        self.fee, self.block, self.head, self.gas, self.prepared = 13, 1, 4, 0, 0
        self.fill, self.used = (False, 0, 0), 1

    async def look(self, case, wallet, at_ns):
        sent = tuple(replace(each, channel="public") for each in case.live.attempts)
        case = replace(case, live=replace(case.live, attempts=sent))
        question = Question(case, wallet, at_ns, 1, 2)
        if not case.live.attempts:
            return seen(DEPTHS, question, View(self.head, at_ns, 1, 1), None)
        tx = case.live.attempts[-1]
        final = self.head - self.block + 1 >= DEPTHS.final_depth
        receipt = Receipt(tx.tx_id, *self.fill, self.fee, 0, self.block)
        return seen(DEPTHS, question, View(self.head, at_ns, 1, int(final), (receipt,)), None)

    async def purse(self, asset):
        assert asset == GAS
        return Purse(self.used, self.gas) if self.gas is not None else Unanswered("down")

    async def meet(self, _):
        return FOREIGN

    async def prepare(self, *_):
        self.prepared += 1
        return Unanswered("no price")

    async def leftover(self, _):
        return 0

    def advance(self, _):
        pass

    def head_ns(self):
        return 0


class Kept:
    """An executor that finds an order with bytes; the books have 10 of gas, all of them set aside for it."""

    def __init__(self, monkeypatch, folder, gas):
        monkeypatch.setattr(logs, "start", lambda *_, **__: None)
        self.chain, self.desk = Chain(), Desk(1_000 * UNIT)
        self.desk.note(local("gas", Deposited(GAS, gas), 0))
        self.desk.append(opening(self.order("o1", WETH)))
        self.desk.sign("o1")
        self.actor = actor = alone(Executor, folder, "executor", *PEERS)
        actor.venue, actor.follows = self.chain, True
        actor._ask = lambda work, then: then(at_once(work))
        actor.wake = lambda *_: None
        actor.offer = Offered((Instrument(WETH, USDC, 18, 6, 500),), 60)
        self.told = self.now = 0
        self.learn()

    def order(self, id, token):
        deadline_ns = 10**9 * SECOND_NS
        return order(id, 100, 10, token, fee_asset=GAS, deadline_ns=deadline_ns)

    def learn(self):
        new = tuple(self.desk.records[self.told :])
        self.told += len(new)
        self.actor.receive(Committed(self.told - len(new), self.told, new), Address("wal"))

    def another(self):
        """Order, and as much gas, all of it set aside."""
        self.desk.append(Append("more", (local("more", Deposited(GAS, 10), 0),)))
        self.desk.append(opening(self.order("o2", WBTC)))
        self.learn()

    def look(self):
        """What it wants to be written after the next look at the chain."""
        self.now += 1
        before = len(self.actor.told)
        tick = Tick(self.now * SECOND_NS, ())
        self.actor.recent.append(tick)
        self.actor.due = tick
        self.actor._go_on()
        return [said for _, said in self.actor.told[before:] if isinstance(said, Append)]

    def write(self, append):
        self.desk.append(append)
        self.learn()
        self.actor.receive(Durable(append.id, self.told), Address("wal"))


@pytest.fixture
def kept(monkeypatch, tmp_path):
    return Kept(monkeypatch, tmp_path, 10)


@pytest.fixture
def alarms():
    said = []
    sink = logger.add(lambda line: said.append(line.record["message"]), level="CRITICAL")
    yield said
    logger.remove(sink)


def test_what_the_wallet_has_to_be_sent_is_said_once_and_shown_and_nobody_fails(kept, alarms):
    kept.another()
    kept.chain.gas = 7  # Of 20, 13 were taken; but 10 are set aside.
    for _ in range(3):
        assert kept.look() == []
    facts = kept.actor.facts()
    assert "needs 3 more base units of ethereum:native: send gas" in facts["short_of_gas"]["o1"]
    assert facts["unknown"] == 1
    assert len(alarms) == 1
    assert not kept.actor.stopped


def test_nothing_new_is_signed_before_it_is_booked(kept):
    kept.another()
    kept.chain.gas = 7
    assert kept.look() == []
    kept.look()
    assert kept.chain.prepared == 0
    kept.chain.gas = 10
    (append,) = kept.look()
    kept.write(append)
    kept.look()
    assert kept.chain.prepared > 0
    assert kept.actor.facts()["short_of_gas"] == {}


def test_gas_that_has_come_and_is_spent_already_is_proved_by_what_was_taken(kept, alarms):
    """Of 10, the chain can not take 13."""
    (append,) = kept.look()
    kept.write(append)
    assert kept.desk.books.ledger.account(GAS).deposits == 13
    assert alarms == []


def test_gas_that_has_come_ends_it_with_no_more_than_it_needs(kept):
    kept.chain.gas = None
    assert kept.look() == []
    kept.chain.gas = 500
    (append,) = kept.look()
    assert isinstance(append.records[0].body, Deposited)
    kept.write(append)
    assert isinstance(kept.desk.books.ended["o1"].outcome, Reverted)
    assert kept.desk.books.ledger.account(GAS).deposits == 13
    assert kept.look() == []


def test_nothing_is_said_to_have_come_while_a_reorg_can_undo_what_was_taken(kept):
    kept.chain.head, kept.chain.gas, kept.chain.fill = 3, 500, (True, 100, 7)
    assert kept.look() == []
    assert "than is free in the books" in kept.actor.facts()["short_of_gas"]["o1"]
    kept.chain.head = 4
    assert len(kept.look()) == 1


def test_what_another_has_given_back_pays_without_any_gas_that_comes(monkeypatch, tmp_path):
    kept = Kept(monkeypatch, tmp_path, 14)
    (append,) = kept.look()
    assert not any(isinstance(record.body, Deposited) for record in append.records)


def test_a_log_that_has_less_free_than_the_executor_knew_of_ends_nobody(monkeypatch, tmp_path):
    kept = Kept(monkeypatch, tmp_path, 14)
    (append,) = kept.look()
    kept.actor.receive(Refused(append.id, Refusal.NOT_ENOUGH_FUNDS), Address("wal"))
    assert len(kept.look()) == 1
    with pytest.raises(RuntimeError, match="the log refuses"):
        kept.actor.receive(Refused(append.id, Refusal.ORDER_NOT_FOUND), Address("wal"))


def test_a_wallet_that_a_stranger_uses_while_an_order_waits_for_gas_signs_nothing_any_more(kept):
    """What he took, and what else came: nobody can say."""
    kept.chain.gas, kept.chain.used = 500, 2
    (append,) = kept.look()
    (record,) = append.records
    assert isinstance(record.body, Halted)
    assert record.body.scope == KEY
    assert "2 nonces" in record.body.reason
    kept.write(append)
    assert kept.look() == []
    assert "o1" in kept.desk.books.live


def test_a_node_that_is_behind_says_nothing_of_gas_that_has_come(kept):
    kept.chain.gas, kept.chain.used = 500, 0
    assert kept.look() == []


def test_a_wallet_that_a_stranger_has_used_is_quarantined_again_after_a_lift(kept):
    """Else the halt would be the one of before, which is written and not in force, and nobody would begin."""
    halts = []
    for number in (1, 2):
        kept.actor.follows = False
        before = len(kept.actor.told)
        kept.actor._met(FOREIGN)
        (halt,) = [said for _, said in kept.actor.told[before:] if isinstance(said, Append)]
        halts.append(halt.id)
        kept.write(halt)
        assert KEY in kept.actor.replica.books.halts
        kept.write(lifting(f"lift {number}", KEY, "it was me", 2))
    assert halts[0] != halts[1]


def test_bytes_that_the_signer_has_refused_are_asked_for_under_another_id(kept):
    """What it refused once it refuses for ever under that id, and the halt may have been lifted."""
    live, attempt = kept.desk.books.live["o1"], Attempt("", "", 0, Units(1), 9, "public")
    unsigned = Unsigned(1, 0, "0x" + "00" * 20, 0, "0x", 21_000, 100, 1)
    wanted = Wanted(live, Tick(1, ()), True, Draft(attempt, Leg.CANCEL, unsigned))

    def asked():
        kept.actor._request(wanted)
        return kept.actor.told[-1][1]

    first = asked()
    assert asked() == first
    kept.actor.receive(SignRefused(first.id, "the wallet is halted"), Address("signer"))
    again = asked()
    assert again.id != first.id
    assert replace(again, id=first.id) == first
