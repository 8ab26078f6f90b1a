"""A chain that has undone what was final: its wallet is halted in the log, once."""

import pytest
from msgspec.structs import replace

from actors.executor import Executor
from actors.messages import WALLET, Append, Halted, Tick
from chains.asking import Judged
from chains.resolution import seen
from chains.venue import Unanswered
from storage import logs
from storage.books import LiveOrder
from storage.evidence import Entry, Wallet
from storage.recovery import Case
from storage.replica import Replica
from storage.resolution import resolve
from tests.actors.alone import alone
from tests.deals import order

AT_NS = 60
CASE = Case(LiveOrder(order("o1")), Entry.PENDING)


@pytest.fixture
def executor(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)
    executor = alone(Executor, tmp_path, "executor", "wal", "market", "portfolio")
    monkeypatch.setattr(executor, "wake", lambda *_: None)
    return executor


def halts(executor, sentence, times=1):
    before = len(executor.told)
    for _ in range(times):
        found = replace(seen(CASE, Unanswered(""), Wallet.GOOD, AT_NS), broken=sentence)
        executor._note(Judged(CASE, resolve(CASE.entry, found.evidence), found), Tick(AT_NS, ()))
    said = [message for _, message in executor.told[before:] if isinstance(message, Append)]
    return [record.body for append in said for record in append.records]


def test_it_is_written_in_words_once_whoever_sees_it(executor):
    assert halts(executor, "nonce 6 is gone", times=3) == [Halted(WALLET, "nonce 6 is gone")]


def test_nothing_is_written_while_nothing_is_gone(executor):
    assert halts(executor, "") == []


def test_a_wallet_that_is_halted_is_not_halted_again_and_one_that_was_lifted_is(executor):
    books = executor.replica.books
    executor.replica = Replica(replace(books, halts={WALLET: "a rumour"}), 1)
    assert halts(executor, "nonce 6 is gone") == []
    executor.replica = Replica(books, 2)
    assert halts(executor, "nonce 6 is gone") == [Halted(WALLET, "nonce 6 is gone")]
