"""Whom the portfolio believes."""

import pytest

from actors.messages import (
    Address,
    Append,
    Approved,
    Balances,
    Begin,
    Committed,
    Day,
    Deposited,
    Directory,
    Drain,
    Durable,
    Execute,
    Id,
    Instrument,
    Offered,
    Rebalance,
    Rebalanced,
    Refusal,
    Refused,
    Revoke,
    Role,
    TickClosed,
    TickDone,
)
from actors.portfolio import Portfolio
from storage import logs
from storage.config import Run, Settings
from storage.config_strategies import Mix
from storage.trades import local
from tests.actors.alone import OUTSIDE, alone
from tests.deals import UNIT, USDC, WBTC, WETH, Desk, propose

REFUSED = Refused(Id("deposit:genesis"), Refusal.HALTED)


@pytest.fixture
def portfolio(monkeypatch, tmp_path):
    """It has asked the log to write the first deposit."""
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    portfolio = alone(Portfolio, tmp_path, "portfolio", "wal", "supervisor")
    portfolio.receive(Committed(0, 0, ()), Address("wal"))
    portfolio.receive(Balances({USDC: 1}), Address("executor"))
    assert portfolio.asking(REFUSED.id)
    return portfolio


def test_the_last_word_of_a_dead_log_refuses_nothing_for_its_successor_has_been_asked(portfolio):
    portfolio.receive(REFUSED, OUTSIDE)
    assert portfolio.asking(REFUSED.id)


def test_the_log_that_lives_is_heard(portfolio):
    with pytest.raises(RuntimeError, match="refuses"):
        portfolio.receive(REFUSED, Address("wal"))


def test_whoever_has_not_heard_an_answer_hears_it_again_and_other_content_is_refused(portfolio):
    wish, peers = propose(WETH, 60), ("wal", "supervisor", "market")
    portfolio.receive(Directory(2, {Role(peer): Address(peer) for peer in peers}), OUTSIDE)
    portfolio.receive(Offered((Instrument(WETH, USDC, 18, 6, 500),), 60), Address("market"))
    portfolio.receive(wish, Address("strategist"))
    portfolio.receive(TickClosed(60, (wish.id,), 0), Address("market"))
    answer = Refused(wish.id, Refusal.MISSING_INPUT)
    assert portfolio.told.count(("strategist", answer)) == 1
    portfolio.receive(wish, Address("strategist"))
    assert portfolio.told.count(("strategist", answer)) == 2
    portfolio.receive(propose(WETH, 60, 5_000), Address("strategist"))
    assert portfolio.told[-1] == ("strategist", Refused(wish.id, Refusal.ID_TAKEN))


def test_a_wish_that_is_repeated_while_it_is_decided_is_decided_once_and_answered_to_who_asked_last(mixing):
    wish = Revoke(Id("revoke:1"), WETH, 60, 7)
    mixing.receive(wish, Address("executor"))
    mixing.receive(wish, Address("its successor"))
    opened = [each for each in appended(mixing) if each.id == "revoke:1/T1"]
    mixing.receive(Committed(1, 1 + len(opened[0].records), opened[0].records), Address("wal"))
    mixing.receive(Durable(opened[0].id, 3), Address("wal"))
    (order,) = mixing.replica.books.live.values()
    assert mixing.told.count(("executor", Execute(order.order))) == 1
    assert mixing.told[-1] == ("its successor", Approved(wish.id, order.order))
    mixing.receive(Durable(opened[0].id, 3), Address("wal"))
    assert len({each.id for each in appended(mixing)}) == 1


def test_what_a_chain_has_taken_between_a_decision_and_its_record_is_a_no_and_no_bug(mixing):
    wish = Revoke(Id("revoke:1"), WETH, 60, 7)
    mixing.receive(wish, Address("executor"))
    mixing.receive(Refused(Id("revoke:1/T1"), Refusal.NOT_ENOUGH_FUNDS), Address("wal"))
    assert mixing.told[-1] == ("executor", Refused(wish.id, Refusal.NOT_ENOUGH_FUNDS))


def test_a_portfolio_that_is_to_end_takes_nothing_back_any_more(mixing):
    mixing.receive(Drain(False), Address("supervisor"))
    mixing.receive(Revoke(Id("revoke:1"), WETH, 60, 7), Address("executor"))
    assert mixing.told[-1] == ("executor", Refused(Id("revoke:1"), Refusal.DRAINING))


def test_an_order_whose_bytes_do_not_exist_is_told_to_the_executor_by_a_new_portfolio(monkeypatch, tmp_path):
    """Its predecessor may have died before it said so."""
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    desk = Desk()
    signed, unsigned = desk.wish(propose(WETH)), desk.wish(propose(WBTC))
    desk.sign(signed.id)
    portfolio = alone(Portfolio, tmp_path, "portfolio", "wal", "supervisor", "executor")
    portfolio.receive(Committed(0, len(desk.records), tuple(desk.records)), Address("wal"))
    told = [message.order for _, message in portfolio.told if isinstance(message, Execute)]
    assert told == [unsigned]


# -- budgets --
DAYS = tuple(Day(number, -90_000) for number in range(40))
WISH = Rebalance(Id("mix:9"), 9, {"momentum": DAYS})
PEERS = ("wal", "supervisor", "market", "executor", "mixer", "strategist:momentum")


@pytest.fixture
def mixing(monkeypatch, tmp_path):
    """With a mix, 1,000 dollars and a market."""
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    portfolio = alone(Portfolio, tmp_path, "", *PEERS)
    settings, run = Settings(mix=Mix(enabled=True, band_bps=0)), Run(data_dir=str(tmp_path))
    portfolio.receive(Begin(Role("portfolio"), settings, run), OUTSIDE)
    portfolio.receive(Directory(2, {Role(peer): Address(peer) for peer in PEERS}), OUTSIDE)
    deposit = local("deposit", Deposited(USDC, 1_000 * UNIT), 0)
    portfolio.receive(Committed(0, 1, (deposit,)), Address("wal"))
    portfolio.receive(Offered((Instrument(WETH, USDC, 18, 6, 500),), 60 * 10**9), Address("market"))
    return portfolio


def appended(portfolio) -> list[Append]:
    return [message for _, message in portfolio.told if isinstance(message, Append)]


def test_what_is_decided_at_the_tick_of_a_rebalancing_is_decided_by_the_new_budgets(mixing):
    assert mixing.facts()["budgets"] == {"momentum": 5_000}
    mixing.receive(propose(WETH, 9, id="buy"), Address("strategist:momentum"))
    mixing.receive(WISH, Address("mixer"))
    mixing.receive(TickClosed(9, (Id("buy"), WISH.id), 1), Address("market"))
    (append,) = appended(mixing)  # The budgets alone: the buy waits until they are in the books.
    (record,) = append.records
    assert isinstance(record.body, Rebalanced)
    budget = record.body.budgets["momentum"]
    assert 500 <= budget < 2_000
    mixing.receive(Committed(1, 2, (record,)), Address("wal"))
    mixing.receive(Durable(append.id, 2), Address("wal"))
    buy = appended(mixing)[-1].records[0].body.order
    assert buy.amount_in == 1_000 * UNIT * budget // 10_000
    assert mixing.facts()["budgets"] == {"momentum": budget}


def test_a_rebalancing_that_a_predecessor_has_written_is_not_written_again(mixing):
    record = local("mix:9", Rebalanced(9, {"momentum": 700}, {}), 9)
    mixing.receive(Committed(1, 2, (record,)), Address("wal"))
    mixing.receive(TickClosed(9, (WISH.id,), 2), Address("market"))
    assert [message for _, message in mixing.told if isinstance(message, TickDone)] == [TickDone(9, 2)]
    mixing.receive(WISH, Address("mixer"))
    assert not appended(mixing)
    assert mixing.facts()["budgets"] == {"momentum": 700}


def test_a_tick_whose_budgets_have_not_been_heard_of_is_not_decided(mixing):
    mixing.receive(propose(WETH, 9, id="buy"), Address("strategist:momentum"))
    mixing.receive(TickClosed(9, (Id("buy"), WISH.id), 1), Address("market"))
    assert not appended(mixing)
    assert not [each for _, each in mixing.told if isinstance(each, Approved | Refused | TickDone)]
