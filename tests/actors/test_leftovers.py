"""What is left over: when the executor asks for it, what it wishes then, and when it gives up."""

import pytest
from msgspec.structs import replace

from actors.executor import Executor
from actors.leftovers import ASK_AGAIN_SECONDS, RETRY_SECONDS
from actors.messages import Address, Committed, Instrument, Leg, Offered, Reverted, Revoke, Side, Tick
from chains.asking import at_once
from chains.venue import Unanswered
from storage import logs
from storage.trades import opening, rollback
from strategies.limits import revoke
from tests.actors.alone import alone
from tests.deals import UNIT, USDC, WBTC, WETH, Desk, propose

SECOND_NS = 10**9
PEERS = ("wal", "supervisor", "market", "portfolio", "signer")


class Chain:
    """A venue of which nothing but what may be taken is asked."""

    at_hand, shares_allowances, parallel, disputed = False, True, True, 0

    def __init__(self):
        self.allowed, self.asked = {}, []

    async def leftover(self, asset):
        self.asked.append(asset)
        return self.allowed.get(asset, 0)

    def close(self):
        pass


class Kept:
    """An executor that has begun, and the books that the log tells it."""

    def __init__(self, monkeypatch, folder):
        monkeypatch.setattr(logs, "start", lambda *_, **__: None)
        self.chain, self.desk = Chain(), Desk(1_000 * UNIT)
        self.actor = actor = alone(Executor, folder, "executor", *PEERS)
        actor.venue, actor.follows = self.chain, True
        actor._ask = lambda work, then: then(at_once(work))
        actor.offer = Offered((Instrument(WETH, USDC, 18, 6, 500),), 60)
        self.told = self.heard = 0
        self.learn()
        self.at(1)

    def learn(self):
        new = tuple(self.desk.records[self.told :])
        self.actor.receive(Committed(self.told, self.told + len(new), new), Address("wal"))
        self.told += len(new)

    def at(self, seconds):
        """What it has wished since it was last asked, with nothing else to do at this moment."""
        self.actor.recent.append(Tick(seconds * SECOND_NS, ()))
        for _ in range(5):
            self.actor._look_for_leftovers()
        new, self.heard = self.actor.told[self.heard :], len(self.actor.told)
        return [said for _, said in new if isinstance(said, Revoke)]

    def failed(self, at_ns=0):
        """A buy has approved, and its swap has reverted."""
        order = self.desk.wish(propose(WETH, at_ns))
        self.desk.allow(order.id)
        signed = self.desk.sign(order.id)
        self.desk.settle(Reverted(order.id, signed.tx_id, "b", 1))
        self.learn()
        self.actor._suspect(order.id)

    def taken_back(self, wish, landed):
        """The portfolio has heard the wish, and this is what came of it."""
        made = revoke(self.desk.books, wish, self.desk.terms)
        self.desk.append(opening(made))
        if landed:
            self.desk.allow(made.id, 1, leg=Leg.REVOKE)
        self.desk.settle(rollback(self.desk.books.live[made.id], "over"))
        self.learn()
        self.actor._suspect(made.id)


@pytest.fixture
def kept(monkeypatch, tmp_path):
    return Kept(monkeypatch, tmp_path)


def test_after_a_start_all_that_is_traded_is_asked_about_once(kept):
    kept.actor._suspect_all()
    assert kept.at(2) == []
    assert kept.chain.asked == [USDC, WETH]
    kept.at(3)
    assert len(kept.chain.asked) == 2


def test_what_an_order_that_failed_has_left_is_to_be_taken_back_and_is_said_until_it_is(kept):
    kept.chain.allowed[USDC] = 100
    kept.failed()
    (wish,) = kept.at(2)
    assert (wish.token, wish.amount, wish.at_ns) == (USDC, 100, 2 * SECOND_NS)
    assert kept.actor.facts()["left_over"] == {USDC: "100"}
    kept.chain.allowed.clear()
    kept.taken_back(wish, landed=True)
    assert kept.at(3) == []
    assert kept.actor.facts()["left_over"] == {}


def test_an_order_that_has_landed_has_left_nothing_and_is_not_asked_about(kept):
    order = kept.desk.wish(propose(WETH))
    kept.desk.land(order.id, 7)
    kept.learn()
    kept.actor._suspect(order.id)
    kept.at(2)
    assert kept.chain.asked == []


def test_while_another_order_pays_with_it_nothing_is_asked_for_that_one_replaces_what_is_left(kept):
    kept.chain.allowed[USDC] = 100
    kept.failed()
    other = kept.desk.wish(propose(WBTC))
    kept.learn()
    assert kept.at(2) == []
    kept.desk.land(other.id, 7)
    kept.learn()
    assert [each.amount for each in kept.at(3)] == [100]


def test_a_wish_that_led_to_nothing_is_made_again_after_a_while_and_not_before(kept):
    kept.chain.allowed[USDC] = 100
    kept.failed()
    (wish,) = kept.at(2)
    assert kept.at(RETRY_SECONDS) == []
    kept.taken_back(wish, landed=False)
    assert kept.at(RETRY_SECONDS + 1) == []
    assert len(kept.at(2 * RETRY_SECONDS + 1)) == 1


def test_what_can_not_be_taken_back_is_said_and_not_paid_for_again(kept):
    kept.chain.allowed[USDC] = 100
    kept.failed()
    (wish,) = kept.at(2)
    kept.taken_back(wish, landed=True)
    assert kept.at(3) == kept.at(9 * RETRY_SECONDS) == []
    assert kept.actor.facts()["left_over"] == {USDC: "100"}
    kept.failed(at_ns=1)
    assert len(kept.at(10 * RETRY_SECONDS)) == 1


def test_no_answer_is_no_zero(kept):
    kept.chain.allowed[USDC] = Unanswered("timed out")
    kept.failed()
    assert kept.at(2) == []
    kept.chain.allowed[USDC] = 100
    assert kept.at(3) == []
    assert len(kept.at(2 + ASK_AGAIN_SECONDS)) == 1


def test_a_wallet_that_is_to_end_asks_for_nothing(kept):
    kept.chain.allowed[USDC] = 100
    kept.failed()
    kept.actor.draining = True
    assert kept.at(2) == []
    assert kept.chain.asked == []


def test_what_it_wishes_is_an_order_that_trades_nothing(kept):
    kept.chain.allowed[USDC] = 100
    kept.failed()
    (wish,) = kept.at(2)
    assert revoke(kept.desk.books, wish, kept.desk.terms).side is Side.REVOKE
    assert replace(wish, amount=1).id == wish.id
