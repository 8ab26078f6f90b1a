"""The executor over a real log and a real paper venue: what becomes of orders that were found half done."""

import pytest
from loguru import logger
from msgspec.structs import replace

from actors.base import Actor, System
from actors.executor import Executor
from actors.member import Member
from actors.messages import (
    PRICE_SCALE,
    WALLET,
    Bar,
    Begin,
    Dead,
    Deposited,
    Directory,
    Drain,
    Execute,
    Executing,
    Follow,
    Handled,
    Id,
    Instrument,
    Landed,
    Offered,
    Role,
    RolledBack,
    Side,
    Signed,
    Tick,
    Ticks,
    Withdrawn,
)
from actors.wal import Wal
from chains.paper.venue import PaperVenue
from storage.books import Books, fold
from storage.config import Paper, Run, Settings
from storage.layout import log_path, venue_path
from storage.log import Append, Log, records
from storage.trades import halting, local, opening, settlement, signing
from tests.deals import MINUTE_NS, UNIT, USDC, WBTC, WETH, order

INSTRUMENT = Instrument(WETH, USDC, 18, 6, 500)
OTHER = Instrument(WBTC, USDC, 18, 6, 500)
NICE = Paper(revert_bps=0, timeout_bps=0, drop_bps=0, unanswered_bps=0, gas="0.02", capital="1000")
T0 = 1_000 * MINUTE_NS


def tick(minute):
    price = 2_000 * UNIT * PRICE_SCALE
    reserves = (2_000_000 * UNIT, 1_000 * 10**18)
    bars = tuple(Bar(token, price, price, price, price, 1, *reserves) for token in (WETH, WBTC))
    return Tick(T0 + minute * MINUTE_NS, bars)


def bought(**changes):
    made = order("o1", 100 * UNIT, 200_000, at_ns=T0, deadline_ns=T0 + 2 * MINUTE_NS)
    return replace(made, **changes)


class Ear(Actor):
    """The market and the portfolio: passes on what it hears."""

    def __init__(self):
        super().__init__()
        self.executor = None

    def receive(self, message, _sender):
        match message:
            case Follow() | Handled() | Executing():
                heard.append(message)
            case Directory(_, actors):
                self.executor = actors[Role("executor")]
            case Offered() | Ticks() | Execute() | Drain():
                self.tell(self.executor, message)


heard: list[object] = []


class World:
    """A log and a venue as a crash left them, and the executor that finds them."""

    def __init__(self, folder, paper=NICE):
        self.folder, self.paper = folder, paper
        self.log = Log.open(log_path(folder))
        self.venue = PaperVenue(venue_path(folder), paper, 1, (INSTRUMENT, OTHER), MINUTE_NS)
        self.books = Books()
        amounts = self.venue.balances()
        self.write(Append(Id("deposit"), (local("deposit", Deposited(USDC, amounts[USDC]), 0),)))

    def write(self, append):
        self.log.append(append)
        self.books = fold(append.records, self.books)

    def sign(self, made, at=T0):
        quote = self.venue.quote(made.side, WETH, made.amount_in, tick(0))
        attempt = self.venue.build(made, quote, self.books.nonce, at)
        signed = Signed(
            made.id, 1, attempt.raw, attempt.tx_id, attempt.nonce, attempt.min_amount_out,
            attempt.valid_until_ns, attempt.channel,
        )  # fmt: skip
        self.write(signing(signed, at))
        return signed

    def successor(self, *messages):
        """The messages that a new executor answers with, given ticks and orders one after the other."""
        self.log.close()
        self.venue.close()
        heard.clear()
        system = System.in_process()
        try:
            kinds = {"wal": Wal, "executor": Executor, "market": Ear, "portfolio": Ear, "supervisor": Ear}
            actors = {role: system.create(kind) for role, kind in kinds.items()}
            settings, run = Settings(paper=self.paper), Run(data_dir=str(self.folder))
            for role, kind in kinds.items():
                if issubclass(kind, Member):
                    system.tell(actors[role], Begin(role, settings, run))
                system.tell(actors[role], Directory(1, actors))
            for message in (Offered((INSTRUMENT, OTHER), MINUTE_NS), *messages):
                system.tell(actors["market"], message)
            system.listen(0.05)
            for address in actors.values():
                system.kill(address)
        finally:
            system.shutdown()
            logger.remove()
        return list(heard)

    def bodies(self, kind):
        return [record.body for _, record in records(log_path(self.folder)) if isinstance(record.body, kind)]

    def on_chain(self):
        venue = PaperVenue(venue_path(self.folder), self.paper, 1, (INSTRUMENT, OTHER), MINUTE_NS)
        try:
            return venue.transactions()
        finally:
            venue.close()


@pytest.fixture
def world(tmp_path):
    (tmp_path / "logs").mkdir()
    return World(tmp_path)


def ticks(*minutes, act_from=T0):
    return Ticks(tuple(tick(minute) for minute in minutes), act_from, 0)


def test_bytes_that_were_signed_and_perhaps_not_sent_are_sent_again_and_nothing_else_is(world):
    world.write(opening(bought()))
    signed = world.sign(bought())
    world.successor()
    assert [tx.raw for tx in world.on_chain()] == [signed.raw]
    assert len(world.bodies(Signed)) == 1


def test_a_swap_that_landed_while_nobody_looked_is_booked_once_with_what_the_receipt_says(world):
    world.write(opening(bought()))
    signed = world.sign(bought())
    world.venue.send(signed.raw, T0)
    world.venue.advance(tick(1))
    world.successor(ticks(1, act_from=T0 + 1), ticks(2, act_from=T0 + MINUTE_NS + 1))
    (landed,) = world.bodies(Landed)
    (tx,) = world.on_chain()
    assert (landed.tx_id, landed.amount_out, landed.fee) == (tx.tx_id, tx.amount_out, tx.fee)


def test_an_order_without_bytes_that_can_still_be_signed_is_signed_once(world):
    world.write(opening(bought()))
    answers = world.successor(ticks(0), Execute(bought()), Execute(bought()))
    assert len(world.bodies(Signed)) == len(world.on_chain()) == 1
    assert {answer.id for answer in answers if isinstance(answer, Executing)} == {"o1"}


def test_an_order_without_bytes_that_is_too_late_is_rolled_back_and_its_money_is_free(world):
    late = bought(at_ns=T0 - 10 * MINUTE_NS, deadline_ns=T0 - 8 * MINUTE_NS)
    world.write(opening(late))
    world.venue.advance(tick(0))
    world.write(opening(bought(id=Id("o2"), token="paper:WBTC", position=Id("p2"))))
    world.successor(ticks(0))
    assert [body.order for body in world.bodies(RolledBack)] == ["o1"]
    assert [body.order for body in world.bodies(Signed)] == ["o2"]


def test_an_order_that_a_dead_executor_had_taken_is_signed_at_the_next_tick(world):
    """It was acknowledged, so nobody sends it again; only the log knows of it."""
    world.write(opening(bought()))
    world.successor(ticks(0), ticks(1, act_from=T0 + MINUTE_NS))
    assert [body.order for body in world.bodies(Signed)] == ["o1"]
    assert len(world.on_chain()) == 1


def test_silence_of_the_venue_is_no_outcome_and_absence_is_one_only_past_the_last_valid_moment(tmp_path):
    (tmp_path / "logs").mkdir()
    world = World(tmp_path, replace(NICE, drop_bps=10_000))
    world.write(opening(bought()))
    signed = world.sign(bought())
    world.venue.send(signed.raw, T0)
    minutes = (signed.valid_until_ns - T0) // MINUTE_NS
    answers = world.successor(*[ticks(minute, act_from=T0 + 1) for minute in range(1, minutes)])
    assert not world.bodies(Dead)
    assert max(each.through_ns for each in answers if isinstance(each, Handled)) == tick(minutes - 1).at_ns
    again = World.__new__(World)
    again.__dict__.update(world.__dict__)
    again.log, again.venue = Log.open(log_path(tmp_path)), world_venue(world)
    again.successor(ticks(minutes, act_from=T0 + 1), ticks(minutes + 1, act_from=T0 + 1))
    assert [body.tx_id for body in again.bodies(Dead)] == [signed.tx_id]


def world_venue(world):
    return PaperVenue(venue_path(world.folder), world.paper, 1, (INSTRUMENT, OTHER), MINUTE_NS)


def test_two_orders_of_one_tick_are_signed_one_after_the_other_with_consecutive_nonces(world):
    second = bought(id=Id("o2"), token="paper:WBTC", position=Id("p2"))
    world.write(opening(bought()))
    world.write(opening(second))
    world.successor(Execute(bought()), Execute(second), ticks(0))
    assert sorted(body.nonce for body in world.bodies(Signed)) == [0, 1]
    assert len(world.on_chain()) == 2


def test_a_buy_that_has_no_bytes_when_a_stop_comes_is_rolled_back_and_one_that_has_goes_on(world):
    second = bought(id=Id("o2"), token="paper:WBTC", position=Id("p2"))
    world.write(opening(bought()))
    signed = world.sign(bought())
    world.write(opening(second))
    world.successor(
        Drain(False), Execute(second), ticks(0), ticks(1, act_from=T0 + 1), ticks(2, act_from=T0 + 2)
    )
    assert [body.order for body in world.bodies(RolledBack)] == ["o2"]
    assert [body.tx_id for body in world.bodies(Landed)] == [signed.tx_id]


def test_a_sale_that_has_no_bytes_when_a_stop_comes_is_signed(world):
    world.write(opening(bought()))
    world.venue.send(world.sign(bought()).raw, T0)
    world.venue.advance(tick(1))
    (tx,) = world.venue.transactions()
    landed = Landed("o1", tx.tx_id, "b", 100 * UNIT, tx.amount_out, tx.fee)
    world.write(settlement(world.books, landed, T0 + MINUTE_NS))
    held = world.books.positions[WETH]
    sale = bought(
        id=Id("o2"),
        side=Side.SELL,
        amount_in=held.quantity,
        position=held.id,
        closes=True,
        at_ns=T0 + MINUTE_NS,
    )
    world.write(opening(sale))
    world.successor(Drain(False), ticks(1), Execute(sale))
    assert [body.order for body in world.bodies(Signed)] == ["o1", "o2"]
    assert world.bodies(RolledBack) == []


def test_an_order_that_was_put_off_is_not_signed_at_the_prices_of_a_tick_that_is_over(world):
    """Its predecessor had not signed it at its own tick, for a reason that is gone by now."""
    second = bought(id=Id("o2"), token="paper:WBTC", position=Id("p2"))
    world.write(opening(bought()))
    world.write(opening(second))
    world.sign(second, at=T0 + MINUTE_NS)
    known = Ticks((tick(0), tick(1)), T0 + 2 * MINUTE_NS, 0)
    world.successor(known, Execute(bought()), Ticks((tick(2),), T0 + 2 * MINUTE_NS, 0))
    signed = [record for _, record in records(log_path(world.folder)) if isinstance(record.body, Signed)]
    assert [(each.body.order, each.at_ns) for each in signed] == [
        ("o2", T0 + MINUTE_NS),
        ("o1", T0 + 2 * MINUTE_NS),
    ]


def test_a_log_that_knows_less_than_has_happened_trades_no_more(world):
    """As one restored from a copy: its books are not the wallet's."""
    world.write(opening(bought()))
    quote = world.venue.quote(Side.BUY, WETH, 100 * UNIT, tick(0))
    world.venue.send(world.venue.build(bought(), quote, 0, T0).raw, T0)
    assert not any(isinstance(each, Follow) for each in world.successor(ticks(0)))
    assert world.bodies(Signed) == []


def test_a_wallet_that_does_not_have_what_the_books_say_is_strange(world):
    assert world.venue.strange(world.books) == ""
    poorer = fold([local("x", Withdrawn(USDC, 1), 0)], world.books)
    assert "the books" in world.venue.strange(poorer)


class RacedWal(Wal):
    """The operator's halt reaches the log just before the executor's first T2."""

    raced = False

    def append(self, append, sender):
        if append.id == "o1/T2.1" and not self.raced:
            self.raced = True
            super().append(halting(Id("h"), WALLET, "a rumour", T0), sender)
        super().append(append, sender)


def test_what_a_halt_has_kept_from_being_signed_is_not_signed_later_at_the_same_prices(world, monkeypatch):
    monkeypatch.setattr("tests.actors.test_executor.Wal", RacedWal)
    second = bought(id=Id("o2"), token="paper:WBTC", position=Id("p2"))
    world.write(opening(bought()))
    world.write(opening(second))
    world.successor(ticks(0), ticks(1, act_from=T0 + 1))
    assert world.bodies(Signed) == []
    assert {body.order for body in world.bodies(RolledBack)} == {"o1", "o2"}
