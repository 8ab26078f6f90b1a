"""What the original's audit asked of a rebuilt bot: its acceptance checks that need no running market."""

import ast
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from loguru import logger
from msgspec.structs import replace
from sqlite_utils.db import Table

from actors.base import Actor, System
from actors.member import Member
from actors.messages import (
    AlreadyClosing,
    Append,
    Approved,
    Asset,
    Balances,
    Begin,
    CloseReason,
    Deposited,
    Directory,
    Execute,
    Executing,
    Id,
    Instrument,
    Landed,
    Offered,
    Order,
    OrderOpened,
    PositionClosed,
    PositionReduced,
    Refusal,
    Refused,
    Role,
    Side,
    Status,
    TickClosed,
)
from actors.portfolio import Portfolio
from actors.wal import Wal
from chains.pool import amount_out
from storage import ledger as money
from storage.amounts import shown, to_units
from storage.books import Books, book, faults, fold
from storage.config import Limits, Paper, Run, Settings
from storage.layout import log_path
from storage.log import Log, records
from storage.projection import Projection, digest, rebuild
from storage.trades import local, rollback
from strategies.sizing import sell_amount
from tests.deals import OPEN, UNIT, USDC, WBTC, WETH, Desk, busy_desk, close, propose, terms

ROOT = Path(__file__).parents[1]


def names(count: int) -> tuple[Asset, ...]:
    return tuple(Asset(f"paper:T{number}") for number in range(count))


# -- 1 ---------------------------------------------------------------------------------------------------
class Elsewhere(Actor):
    """The rest of the system: takes every order, and offers tokens to the portfolio."""

    def __init__(self):
        super().__init__()
        self.portfolio = None

    def receive(self, message, sender):
        match message:
            case Execute(order):
                self.tell(sender, Executing(order.id, 0))
            case Directory(_, actors):
                self.portfolio = actors[Role("portfolio")]
            case Offered():
                self.tell(self.portfolio, message)


def wished(folder, count):
    """So many wishes of 100 each out of 1000, through the real Portfolio and the real log."""
    settings, run = Settings(paper=Paper(gas="0"), limits=OPEN), Run(data_dir=str(folder))
    system = System.in_process()
    try:
        roles = {"wal": Wal, "portfolio": Portfolio, "supervisor": Elsewhere, "market": Elsewhere,
                 "executor": Elsewhere, "strategist:momentum": Elsewhere}  # fmt: skip
        actors = {role: system.create(kind) for role, kind in roles.items()}
        for role, kind in roles.items():
            if issubclass(kind, Member):
                system.tell(actors[role], Begin(role, settings, run))
            system.tell(actors[role], Directory(1, actors))
        instruments = tuple(Instrument(token, USDC, 18, 6, 500) for token in names(count))
        system.tell(actors["portfolio"], Balances({USDC: 1_000 * UNIT}))
        system.tell(actors["market"], Offered(instruments, 60))
        wishes = [propose(token, 60) for token in names(count)]
        for wish in wishes:
            system.tell(actors["portfolio"], wish)
        system.tell(actors["portfolio"], TickClosed(60, tuple(wish.id for wish in wishes), 0))
        answers = [system.listen(5) for _ in wishes]
        for address in actors.values():
            system.kill(address)
    finally:
        system.shutdown()
        logger.remove()
    return answers


@pytest.mark.parametrize("count", [10, 1_000])
def test_of_many_wishes_for_a_tenth_of_the_money_ten_are_granted_and_it_adds_up_at_every_record(
    tmp_path, count
):
    answers = wished(tmp_path, count)
    assert Counter(type(each) for each in answers)[Approved] == 10
    assert {each.reason for each in answers if isinstance(each, Refused)} <= {Refusal.CHAIN_EXPOSURE}
    assert len({each.id for each in answers}) == count
    books = Books()
    for _, record in records(log_path(tmp_path)):
        books = book(books, record)
        account = books.ledger.account(USDC)
        assert account.free + account.reserved + account.cost == 1_000 * UNIT
        assert money.broken(account) is None
    assert (account.free, account.reserved) == (0, 1_000 * UNIT)


# -- 2 ---------------------------------------------------------------------------------------------------
class Crowd:
    """Fifty tokens, and somebody who at every step does something to one of them, at random."""

    def __init__(self, seed: int) -> None:
        self.chance, self.tokens = Random(seed), names(50)
        limits = terms(replace(OPEN, position_bps=300), "0.01", self.tokens)
        self.desk = Desk(allowed=limits)
        self.bought, self.sold = Counter(), Counter()
        self.flows = 0

    def step(self, now_ns: int) -> None:
        token = self.chance.choice(self.tokens)
        live = self.desk.books.claims.get(token)
        move = self.chance.randrange(10)
        if live is not None and move < 7:
            self._end(live, now_ns)
        elif move < 6:
            self._wish(propose(token, now_ns, self.chance.randrange(1, 10_000)))
        else:
            reason = self.chance.choice(list(CloseReason))
            self._wish(close(token, now_ns, reason, self.chance.choice([3_333, 5_000, 10_000])))

    def _wish(self, wish) -> None:
        claimed = wish.token in self.desk.books.claims
        verdict = self.desk.wish(wish)
        assert not (claimed and isinstance(verdict, Order))

    def _end(self, id: Id, now_ns: int) -> None:
        live, move = self.desk.books.live[id], self.chance.randrange(6)
        if not live.attempts and move == 0:
            self.desk.settle(rollback(live, "late"), now_ns)
        elif move == 1:
            self.desk.sign(id, now_ns)
        elif move == 2:
            fee = self.chance.randrange(live.order.max_fee)
            self.flows -= fee
            self.desk.revert(id, fee, now_ns)
        elif move == 3:
            self.desk.die(id, now_ns)
        else:
            self._land(live.order, now_ns)

    def _land(self, order: Order, now_ns: int) -> None:
        fee, buys = self.chance.randrange(order.max_fee), order.side is Side.BUY
        gives = 10**12 if buys else self.chance.randrange(120 * UNIT)
        self.flows += -fee - (order.amount_in if buys else -gives)
        (self.bought if buys else self.sold)[order.token] += gives if buys else order.amount_in
        self.desk.land(order.id, gives, fee, now_ns)

    def check(self) -> None:
        books, account = self.desk.books, self.desk.account()
        assert faults(books) == []
        assert account.free + account.reserved == 1_000 * UNIT + self.flows
        assert all(self.sold[token] <= self.bought[token] for token in self.tokens)
        held = {token: each.quantity for token, each in books.positions.items()}
        assert held == {
            t: self.bought[t] - self.sold[t] for t in self.tokens if self.bought[t] > self.sold[t]
        }
        tokens = [live.order.token for live in books.live.values()]
        assert len(tokens) == len(set(tokens))


def test_a_hundred_thousand_steps_in_any_order_leave_one_position_a_token_and_every_unit_accounted_for():
    landed = 0
    for seed in range(100):
        crowd = Crowd(seed)
        for number in range(1_000):
            crowd.step(number)
            if number % 50 == 0:
                crowd.check()
        crowd.check()
        landed += crowd.desk.books.counts["landed"]
    assert landed > 10_000


# -- 4 ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("end", ["revert", "die", "rollback"])
def test_an_order_that_comes_to_nothing_releases_exactly_its_reservation_and_nobody_elses(end):
    desk = Desk()
    first, other = desk.wish(propose(WETH)), desk.wish(propose(WBTC))
    before, held = desk.account(), desk.books.ledger.reservations
    if end == "rollback":
        desk.settle(rollback(desk.books.live[first.id], "late"))
    else:
        getattr(desk, end)(first.id)
    assert desk.books.ledger.reservations == {other.id: held[other.id]}
    assert desk.account().free == before.free + held[first.id][USDC]
    assert desk.books.live.keys() == {other.id}


# -- 7 ---------------------------------------------------------------------------------------------------
def test_every_reason_to_sell_in_one_tick_makes_one_sell_one_credit_and_one_step_of_the_loss_streak():
    desk = Desk()
    desk.bought(WETH)
    reasons = ("take_profit", "stop", "operator", "kill_switch", "shutdown")
    verdicts = [desk.wish(close(WETH, 5, CloseReason(reason))) for reason in reasons]
    assert isinstance(verdicts[0], Order)
    assert {type(each) for each in verdicts[1:]} == {AlreadyClosing}
    assert {each.order for each in verdicts[1:]} == {verdicts[0].id}
    desk.land(verdicts[0].id, 60 * UNIT)
    sells = [each for each in desk.records if isinstance(each.body, PositionClosed | PositionReduced)]
    opened = [each for each in desk.records if isinstance(each.body, OrderOpened)]
    assert (len(sells), len(opened), desk.books.day.losses) == (1, 2, 1)
    assert (desk.account().free, desk.account().realised) == (960 * UNIT, -40 * UNIT)
    assert desk.wish(close(WETH, 6)) is Refusal.POSITION_NOT_FOUND


# -- 12 --------------------------------------------------------------------------------------------------
class Killed(BaseException):
    """As a kill: nothing of ours catches it."""


def logged(tmp_path) -> tuple:
    log, desk = Log.open(tmp_path / "wal.db"), busy_desk()
    for append in desk.appends:
        log.append(append)
    log.close()
    return tuple(record for _, record in records(tmp_path / "wal.db"))


def applied_until(path, everything, statements, monkeypatch) -> bool:
    """Apply all, and be killed right after so many statements; whether that was before the end."""
    left = iter(range(statements))
    projection = Projection(path)
    with monkeypatch.context() as patched:
        for kind, name in ((Projection, "_insert"), (Projection, "_update"), (Table, "upsert")):
            patched.setattr(kind, name, dying(getattr(kind, name), left))
        try:
            for after in range(0, len(everything), 5):
                projection.apply(after, everything[after : after + 5])
        except Killed:
            return True
        finally:
            projection.close()
    return False


def dying(real, left):
    def call(*arguments, **options):
        result = real(*arguments, **options)
        if next(left, None) is None:
            raise Killed
        return result

    return call


def test_a_projection_killed_between_any_two_statements_goes_on_to_the_same_tables(tmp_path, monkeypatch):
    everything = logged(tmp_path)
    whole = rebuild(tmp_path / "wal.db", tmp_path / "whole.db")
    statements = 0
    while applied_until(tmp_path / f"{statements}.db", everything, statements, monkeypatch):
        path = tmp_path / f"{statements}.db"
        again = Projection(path)
        assert again.lsn % 5 == 0
        again.apply(again.lsn, everything[again.lsn :])
        again.close()
        assert digest(path) == whole
        statements += 1
    assert statements > 1.5 * len(everything)


def test_a_projection_that_was_dropped_is_rebuilt_byte_for_byte(tmp_path):
    logged(tmp_path)
    dumps = []
    for _ in range(2):
        rebuild(tmp_path / "wal.db", tmp_path / "p.db")
        database = sqlite3.connect(tmp_path / "p.db")
        dumps.append("\n".join(database.iterdump()))
        database.close()
        (tmp_path / "p.db").unlink()
    assert dumps[0] == dumps[1]


# -- 13 (each limit in tests/strategies/test_limits.py) ----------------------------------------------------
def test_a_limit_that_pending_orders_fill_up_holds_after_a_restart_and_opens_when_they_end():
    limited = terms(Limits(max_positions=2), tokens=names(3))
    desk = Desk(allowed=limited)
    first, _ = (desk.wish(propose(token)) for token in names(2))
    desk.books = fold(desk.records)
    assert desk.wish(propose(names(3)[2])) is Refusal.MAX_POSITIONS
    desk.settle(rollback(desk.books.live[first.id], "late"))
    assert isinstance(desk.wish(propose(names(3)[2])), Order)


# -- 15 --------------------------------------------------------------------------------------------------
LARGE = (1, 10**12 + 1, 2**64 + 1, 10**30 + 7)


@pytest.mark.parametrize("decimals", [0, 6, 8, 9, 18])
def test_amounts_of_any_decimals_are_whole_units_from_text_through_log_to_text(tmp_path, decimals):
    log = Log.open(tmp_path / "wal.db")
    for amount in LARGE:
        assert to_units(shown(amount, decimals), decimals) == amount
        record = local(f"d{amount}", Deposited(Asset(f"paper:D{decimals}"), amount), 0)
        assert log.append(Append(record.operation_id, (record,))) == log.head.lsn
        assert sell_amount(amount, 10_000) == amount
        assert amount_out(amount, 10**90, 10**90, 0) in {amount, amount - 1}
    log.close()
    assert [record.body.amount for _, record in records(tmp_path / "wal.db")] == list(LARGE)


@pytest.mark.parametrize("quantity", LARGE[1:])
def test_a_large_position_is_sold_to_its_last_unit(quantity):
    desk = Desk()
    desk.bought(WETH, quantity)
    desk.sold(WETH, 10**25, at_ns=1, portion_bps=3_333)
    desk.sold(WETH, 10**25 + 1, at_ns=2)
    assert desk.books.positions == {}
    assert desk.account().realised == 2 * 10**25 + 1 - 100 * UNIT


def test_addresses_are_kept_letter_by_letter_so_two_spellings_are_two_tokens(tmp_path):
    checksum, lower = Asset("eth:0xC02aaA39b223FE8D0A0e"), Asset("eth:0xc02aaa39b223fe8d0a0e")
    mints = Asset("sol:EPjFWdd5AufqSSqeM2qN"), Asset("sol:epjfwdd5aufqssqem2qn")
    tokens = (checksum, lower, *mints)
    desk, log = Desk(allowed=terms(tokens=tokens)), Log.open(tmp_path / "wal.db")
    for token in tokens:
        desk.bought(token)
    for append in desk.appends:
        log.append(append)
    log.close()
    kept = [
        each.body.order.token
        for _, each in records(tmp_path / "wal.db")
        if isinstance(each.body, OrderOpened)
    ]
    assert tuple(kept) == tokens
    assert set(desk.books.positions) == set(tokens)


MONEY = ("storage/ledger.py", "storage/books.py", "storage/trades.py", "storage/amounts.py",
         "chains/pool.py", "strategies/sizing.py", "strategies/limits.py")  # fmt: skip


def floats_in(text: str) -> list[int]:
    """Lines with a float literal, a true division, or the name float."""
    found = []
    for node in ast.walk(ast.parse(text)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        name = isinstance(node, ast.Name) and node.id == "float"
        divided = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        if literal or name or divided:
            found.append(node.lineno)
    return sorted(found)


@pytest.mark.parametrize("module", MONEY)
def test_no_module_that_counts_money_has_a_float(module):
    assert floats_in((ROOT / module).read_text()) == []


def test_a_float_would_be_found():
    assert floats_in("x = 1\ny = 1.0\nz = x / 2\nz /= 2\nw = float(x)\nv = x // 2") == [2, 3, 4, 5]


def test_every_landed_order_is_completed_in_the_log():
    landed = [each for each in busy_desk().records if isinstance(each.body, Landed)]
    assert {each.status for each in landed} == {Status.COMPLETED}
