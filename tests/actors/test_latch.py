"""The operator's latch in the portfolio: told again and again, it is written once, and nobody dies of it."""

import pytest

from actors.messages import Address, Append, Committed, Halt, Id, Refusal, Refused, TickClosed
from actors.portfolio import Portfolio
from storage import logs
from storage.replica import Replica
from tests.actors.alone import OUTSIDE, alone
from tests.deals import UNIT, WETH, Desk, close

HALT = Halt(Id("halt/1"), "everything", "a rumour")


@pytest.fixture
def portfolio(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    portfolio = alone(Portfolio, tmp_path, "portfolio", "wal", "market", "executor", "supervisor")
    records = tuple(Desk().records)
    portfolio.receive(Committed(0, len(records), records), OUTSIDE)
    return portfolio


def appends(said):
    return [message for _, message in said if isinstance(message, Append)]


def test_a_halt_that_is_told_again_later_is_the_same_append(portfolio):
    (first,) = appends(portfolio.hears(HALT))
    portfolio.hears(TickClosed(60, (), 0))
    assert appends(portfolio.hears(HALT)) == []
    assert set(appends(portfolio.wakes())) == {first}


@pytest.mark.parametrize("reason", [Refusal.ID_TAKEN, Refusal.TRANSITION_NOT_ALLOWED])
def test_a_halt_that_a_predecessor_has_written_is_done(portfolio, reason):
    portfolio.hears(HALT)
    portfolio.receive(Refused(HALT.id, reason), Address("wal"))
    assert appends(portfolio.wakes()) == []


def test_equity_counts_what_a_sale_has_brought_though_it_is_not_final(portfolio):
    desk = Desk()
    desk.bought(WETH, 10)
    sale = desk.wish(close(WETH, 1))
    desk.book(sale.id, 100 * UNIT)
    portfolio.replica = Replica(desk.books, len(desk.records))
    portfolio.terms = desk.terms
    facts = portfolio.facts()
    assert facts["unsettled"] == 100 * UNIT
    assert facts["equity_cost"] == 1_000 * UNIT
