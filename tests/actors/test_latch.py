"""The operator's latch in the portfolio: told again and again, it is written once, and nobody dies of it."""

import pytest

from actors.messages import Append, Committed, Halt, Id, Refusal, Refused, TickClosed
from actors.portfolio import Portfolio
from storage import logs
from tests.actors.alone import OUTSIDE, alone
from tests.deals import Desk

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
    (first,) = appends(portfolio.heard(HALT))
    portfolio.heard(TickClosed(60, (), 0))
    assert appends(portfolio.heard(HALT)) == []
    assert set(appends(portfolio.wakes())) == {first}


@pytest.mark.parametrize("reason", [Refusal.ID_TAKEN, Refusal.TRANSITION_NOT_ALLOWED])
def test_a_halt_that_a_predecessor_has_written_is_done(portfolio, reason):
    portfolio.heard(HALT)
    portfolio.heard(Refused(HALT.id, reason))
    assert appends(portfolio.wakes()) == []
