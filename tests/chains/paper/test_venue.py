"""The paper venue as a chain: what lands, what never does, and what it says about either."""

import subprocess
import sys
import textwrap
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from actors.messages import BPS, PRICE_SCALE, Asset, Bar, Id, Instrument, Order, Price, Side, Tick, Units
from chains.paper.fate import LATEST_BARS, Fate, fate_of, silent
from chains.paper.venue import PaperVenue
from chains.pool import amount_out, reserves_at, reserves_of_depth
from chains.venue import Missing, Quote, Receipt, Taken, Unanswered, Waiting
from storage.config import Paper

ROOT = Path(__file__).resolve().parents[3]
USDC, WETH, BTC = Asset("paper:USDC"), Asset("paper:WETH"), Asset("paper:BTC")
INSTRUMENTS = (Instrument(WETH, USDC, 18, 6, 500), Instrument(BTC, USDC, 8, 6, 500))
MINUTE = 60 * 10**9
START = 1_700_000_000 * 10**9 // MINUTE * MINUTE
USD = 10**6
GAS = 20_000
CALM = Paper(revert_bps=0, timeout_bps=0, drop_bps=0, unanswered_bps=0)


def bar(price: int, token: Asset = WETH, open: int | None = None) -> Bar:
    """A bar around whole-dollar prices, over a pool of two million dollars a side."""
    close, opened = Price(price * USD * PRICE_SCALE), Price((open or price) * USD * PRICE_SCALE)
    reserves = reserves_of_depth(2_000_000 * USD, close, 18 if token == WETH else 8)
    return Bar(token, opened, max(opened, close), min(opened, close), close, Units(0), *reserves)


def tick(minute: int, *bars: Bar) -> Tick:
    return Tick(START + minute * MINUTE, bars)


def order(number: int = 1, side: Side = Side.BUY, amount: int = 1_000 * USD, **changes) -> Order:
    wish = Order(
        id=Id(f"o{number}"), side=side, strategy="momentum", token=WETH, quote=USDC, amount_in=Units(amount),
        fee_asset=USDC, max_fee=Units(GAS), slippage_bps=50, at_ns=START, deadline_ns=START + 2 * MINUTE,
        position=Id("p1"),
    )  # fmt: skip
    return replace(wish, **changes)


@pytest.fixture
def open_venue(tmp_path):
    """Opens the same chain anew each time it is called."""
    venues = []

    def open_(paper: Paper = CALM, seed: int = 1) -> PaperVenue:
        venues.append(PaperVenue(tmp_path / "venue.db", paper, seed, INSTRUMENTS, MINUTE))
        return venues[-1]

    yield open_
    for venue in venues:
        venue.close()


def send(venue: PaperVenue, wish: Order, at: Tick, nonce: int = 0):
    quote = venue.quote(wish.side, wish.token, wish.amount_in, at)
    assert isinstance(quote, Quote)
    attempt = venue.build(wish, quote, nonce, at.at_ns)
    return attempt, venue.send(attempt.raw, at.at_ns)


def test_a_buy_lands_at_the_open_of_the_next_tick_and_the_receipt_says_what_it_gave(open_venue):
    venue = open_venue()
    now = tick(0, bar(2_000))
    venue.advance(now)
    attempt, answer = send(venue, order(), now)
    assert answer == Taken(attempt.tx_id)
    assert venue.status(attempt.tx_id, now.at_ns) == Waiting(attempt.tx_id)
    then = bar(1_900, open=2_001)
    venue.advance(tick(1, then))
    receipt = venue.status(attempt.tx_id, START + MINUTE)
    reserves = reserves_at(then.open, then.reserve_quote, then.reserve_token, 18)
    got = amount_out(1_000 * USD, *reserves, 500)
    assert receipt == Receipt(attempt.tx_id, True, 1_000 * USD, got, GAS, START + MINUTE, 1)
    assert attempt.min_amount_out <= got < 10**18 // 2
    assert venue.balances() == {USDC: 9_000 * USD - GAS, WETH: got}


def test_a_sell_turns_the_token_back_into_the_quote(open_venue):
    venue = open_venue()
    now = tick(0, bar(2_000))
    venue.advance(now)
    send(venue, order(), now)
    venue.advance(tick(1, bar(2_000)))
    held = venue.balances()[WETH]
    attempt, _ = send(venue, order(2, Side.SELL, held), tick(1, bar(2_000)), nonce=1)
    venue.advance(tick(2, bar(2_000)))
    receipt = venue.status(attempt.tx_id, START + 2 * MINUTE)
    assert isinstance(receipt, Receipt)
    assert (receipt.amount_in, receipt.landed) == (held, True)
    assert venue.balances() == {USDC: 9_000 * USD + receipt.amount_out - 2 * GAS, WETH: 0}
    assert 998 * USD < receipt.amount_out < 1_000 * USD


def test_nothing_lands_at_the_tick_at_which_it_was_sent(open_venue):
    venue = open_venue(replace(CALM, latency_seconds=0))
    attempt, _ = send(venue, order(), tick(0, bar(2_000)))
    venue.advance(tick(0, bar(2_000)))
    assert venue.status(attempt.tx_id, START) == Waiting(attempt.tx_id)


def test_the_same_bytes_sent_again_have_one_effect(open_venue):
    venue = open_venue()
    venue.advance(tick(0, bar(2_000)))
    attempt, _ = send(venue, order(), tick(0, bar(2_000)))
    for minute in range(1, 4):
        assert venue.send(attempt.raw, START + (minute - 1) * MINUTE) == Taken(attempt.tx_id)
        venue.advance(tick(minute, bar(2_000)))
    assert len(venue.transactions()) == 1
    assert venue.balances()[USDC] == 9_000 * USD - GAS


def test_ticks_that_are_not_new_change_nothing(open_venue):
    venue = open_venue()
    venue.advance(tick(5, bar(2_000)))
    attempt, _ = send(venue, order(), tick(5, bar(2_000)))
    for minute in range(6):
        venue.advance(tick(minute, bar(2_000)))
    assert venue.head_ns() == START + 5 * MINUTE
    assert venue.status(attempt.tx_id, START + 5 * MINUTE) == Waiting(attempt.tx_id)


def test_a_transaction_waits_for_a_tick_that_has_its_token(open_venue):
    venue = open_venue()
    attempt, _ = send(venue, order(), tick(0, bar(2_000)))
    venue.advance(tick(1, bar(90_000, BTC)))
    assert venue.status(attempt.tx_id, START + MINUTE) == Waiting(attempt.tx_id)
    venue.advance(tick(2, bar(90_000, BTC), bar(2_000)))
    assert isinstance(venue.status(attempt.tx_id, START + 2 * MINUTE), Receipt)


def test_a_price_beyond_the_slippage_reverts_the_swap_for_its_fee(open_venue):
    venue = open_venue()
    attempt, _ = send(venue, order(), tick(0, bar(2_000)))
    venue.advance(tick(1, bar(2_000, open=2_020)))
    receipt = venue.status(attempt.tx_id, START + MINUTE)
    assert receipt == Receipt(attempt.tx_id, False, 0, 0, GAS, START + MINUTE, 1)
    assert venue.balances() == {USDC: 10_000 * USD - GAS}


@pytest.mark.parametrize("amount", [10_000 * USD, 10_001 * USD])
def test_a_swap_that_the_wallet_can_not_pay_with_its_fee_reverts(open_venue, amount):
    venue = open_venue()
    attempt, _ = send(venue, order(amount=amount, slippage_bps=500), tick(0, bar(2_000)))
    venue.advance(tick(1, bar(2_000)))
    receipt = venue.status(attempt.tx_id, START + MINUTE)
    assert isinstance(receipt, Receipt)
    assert not receipt.landed
    assert venue.balances() == {USDC: 10_000 * USD - GAS}


def test_a_token_that_is_not_held_can_not_be_sold(open_venue):
    venue = open_venue()
    attempt, _ = send(venue, order(side=Side.SELL, amount=10**18), tick(0, bar(2_000)))
    venue.advance(tick(1, bar(2_000)))
    assert venue.status(attempt.tx_id, START + MINUTE).landed is False


def test_bytes_that_are_past_their_time_never_land_and_the_head_proves_it(open_venue):
    venue = open_venue()
    attempt, _ = send(venue, order(), tick(0, bar(2_000)))
    minute = (attempt.valid_until_ns - START) // MINUTE + 1
    venue.advance(tick(minute, bar(2_000)))
    head = venue.head_ns()
    assert venue.status(attempt.tx_id, head) == Missing(attempt.tx_id, START + minute * MINUTE)
    venue.send(attempt.raw, START + minute * MINUTE)
    venue.advance(tick(minute + 1, bar(2_000)))
    assert isinstance(venue.status(attempt.tx_id, START), Missing)
    assert venue.balances() == {USDC: 10_000 * USD}


def test_bytes_first_seen_past_their_time_are_dead_on_arrival(open_venue):
    venue = open_venue()
    now = tick(0, bar(2_000))
    attempt = venue.build(order(), venue.quote(Side.BUY, WETH, 1_000 * USD, now), 0, now.at_ns)
    late = tick((attempt.valid_until_ns - START) // MINUTE, bar(2_000))
    venue.advance(late)
    venue.send(attempt.raw, late.at_ns)
    assert venue.status(attempt.tx_id, late.at_ns) == Missing(attempt.tx_id, attempt.valid_until_ns)


def test_of_two_transactions_with_one_nonce_only_one_lands(open_venue):
    venue = open_venue()
    first, _ = send(venue, order(1), tick(0, bar(2_000)), nonce=4)
    second, _ = send(venue, order(2, amount=500 * USD), tick(0, bar(2_000)), nonce=4)
    for minute in (1, 2, 3):
        venue.advance(tick(minute, bar(2_000)))
    landed = [tx for tx in venue.transactions() if tx.status == "landed"]
    assert len(landed) == 1
    assert {tx.tx_id for tx in venue.transactions()} == {first.tx_id, second.tx_id}


def test_a_fee_above_what_the_order_allows_keeps_it_from_landing(open_venue):
    venue = open_venue()
    attempt, _ = send(venue, order(max_fee=Units(GAS - 1)), tick(0, bar(2_000)))
    venue.advance(tick(1, bar(2_000)))
    assert venue.status(attempt.tx_id, START + MINUTE) == Waiting(attempt.tx_id)
    assert venue.balances() == {USDC: 10_000 * USD}


def test_whoever_comes_back_to_an_earlier_tick_is_told_what_was_known_then(open_venue):
    """After a crash the market begins with a tick that the venue has left behind."""
    venue = open_venue(CALM)
    landing, _ = send(venue, order(), tick(0, bar(2_000)))
    venue.advance(tick(1, bar(2_000)))
    venue.advance(tick(9, bar(2_000)))
    landed_at = venue.status(landing.tx_id, START + 9 * MINUTE).at_ns
    assert venue.status(landing.tx_id, landed_at - 1) == Waiting(landing.tx_id)
    unknown = venue.status("0xnobody", START + MINUTE)
    assert unknown == Missing("0xnobody", START + MINUTE)


def test_a_token_without_a_price_is_not_quoted(open_venue):
    assert isinstance(open_venue().quote(Side.BUY, WETH, 1, tick(0, bar(90_000, BTC))), Unanswered)
    unknown = bar(1, Asset("paper:NEW"))
    assert isinstance(open_venue().quote(Side.BUY, unknown.token, 1, tick(0, unknown)), Unanswered)


def test_the_slippage_is_taken_off_the_quote_rounded_down(open_venue):
    attempt = open_venue().build(order(), Quote(Units(10_001), 0, START), 0, START)
    assert attempt.min_amount_out == 10_001 * (BPS - 50) // BPS


# -- fates -------------------------------------------------------------------------------------------
FATES = replace(CALM, revert_bps=2_500, timeout_bps=2_500, drop_bps=2_500)


def send_one_of(venue: PaperVenue, fate: Fate, paper: Paper, seed: int = 1):
    """Orders differ by their number until one has this fate."""
    now = tick(0, bar(2_000))
    quote = venue.quote(Side.BUY, WETH, 1_000 * USD, now)
    for number in count():
        attempt = venue.build(order(number), quote, 0, now.at_ns)
        if fate_of(attempt.tx_id, paper, seed) is fate:
            return attempt, venue.send(attempt.raw, now.at_ns)
    raise AssertionError


def test_a_revert_costs_its_fee_and_nothing_else(open_venue):
    venue = open_venue(FATES)
    attempt, answer = send_one_of(venue, Fate.REVERT, FATES)
    venue.advance(tick(1, bar(2_000)))
    assert isinstance(answer, Taken)
    assert venue.status(attempt.tx_id, START + MINUTE).landed is False
    assert venue.balances() == {USDC: 10_000 * USD - GAS}


def test_a_broadcast_that_timed_out_is_missing_at_first_and_lands_before_its_time_is_up(open_venue):
    """The trap: whoever takes Missing for dead before the head has passed sends a second one."""
    venue = open_venue(FATES)
    attempt, answer = send_one_of(venue, Fate.LATE, FATES)
    assert isinstance(answer, Unanswered)
    missing = venue.status(attempt.tx_id, START)
    assert isinstance(missing, Missing)
    assert missing.head_ns < attempt.valid_until_ns
    assert isinstance(venue.send(attempt.raw, START), Unanswered)
    for minute in range(1, LATEST_BARS + 1):
        venue.advance(tick(minute, bar(2_000)))
    receipt = venue.status(attempt.tx_id, venue.head_ns())
    assert isinstance(receipt, Receipt)
    assert receipt.at_ns <= attempt.valid_until_ns
    assert venue.send(attempt.raw, START) == Taken(attempt.tx_id)


def test_a_dropped_transaction_was_taken_and_never_lands(open_venue):
    venue = open_venue(FATES)
    attempt, answer = send_one_of(venue, Fate.DROPPED, FATES)
    assert isinstance(answer, Taken)
    for minute in range(1, 10):
        venue.advance(tick(minute, bar(2_000)))
    missing = venue.status(attempt.tx_id, START + 9 * MINUTE)
    assert isinstance(missing, Missing)
    assert missing.head_ns >= attempt.valid_until_ns
    assert venue.balances() == {USDC: 10_000 * USD}


def test_silence_ends_with_market_time_however_often_one_asks(open_venue):
    paper = replace(CALM, unanswered_bps=BPS)
    venue = open_venue(paper)
    attempt, _ = send(venue, order(), tick(0, bar(2_000)))
    venue.advance(tick(1, bar(2_000)))
    for _ in range(100):
        assert isinstance(venue.status(attempt.tx_id, START + MINUTE), Unanswered)
    assert isinstance(venue.status(attempt.tx_id, START + 2 * MINUTE), Receipt)


def test_fates_come_as_often_as_the_settings_say_and_differ_with_the_seed():
    ids = [f"0x{number}" for number in range(4_000)]
    for fate in Fate:
        assert sum(fate_of(id, FATES, 1) is fate for id in ids) == pytest.approx(1_000, abs=120)
    assert [fate_of(id, FATES, 1) for id in ids] != [fate_of(id, FATES, 2) for id in ids]
    assert all(fate_of(id, CALM, 1) is Fate.NORMAL for id in ids)
    assert sum(silent(id, replace(CALM, unanswered_bps=1_000), 1) for id in ids) == pytest.approx(400, abs=80)


def test_on_bars_of_four_hours_a_transaction_still_has_the_time_to_land(tmp_path):
    hours = 4 * 60 * MINUTE
    venue = PaperVenue(tmp_path / "venue.db", CALM, 1, INSTRUMENTS, hours)
    attempt, _ = send(venue, order(), tick(0, bar(2_000)))
    venue.advance(Tick(START + hours, (bar(2_000),)))
    assert isinstance(venue.status(attempt.tx_id, START + 2 * hours), Receipt)
    venue.close()


# -- death and rebirth -------------------------------------------------------------------------------
def play(open_venue, restarts: bool, path_seed: int = 1):
    """Forty orders over sixty ticks; with restarts the chain is opened anew before every step."""
    venue, answers = open_venue(FATES, path_seed), []
    for minute in range(60):
        now = tick(minute, bar(2_000 + minute % 7))
        venue.advance(now)
        if minute < 40:
            attempt, answer = send(venue, order(minute, amount=100 * USD), now, nonce=minute)
            answers.append((attempt, answer))
        if restarts:
            venue.close()
            venue = open_venue(FATES, path_seed)
            for again in range(max(0, minute - 3), minute + 1):
                venue.advance(tick(again, bar(2_000 + again % 7)))
    return answers, venue.transactions(), venue.balances()


def test_restarts_change_nothing_that_the_chain_ever_says(tmp_path):
    def opener(name):
        return lambda paper, seed: PaperVenue(tmp_path / name, paper, seed, INSTRUMENTS, MINUTE)

    calm, shaken = play(opener("one.db"), False), play(opener("two.db"), True)
    assert calm == shaken
    assert {tx.status for tx in calm[1]} == {"landed", "reverted", "expired"}


def test_the_wallet_is_funded_once(open_venue):
    for capital in ("10000", "10000", "77"):
        assert open_venue(replace(CALM, capital=capital)).balances() == {USDC: 10_000 * USD}


def test_the_clock_that_proves_a_death_survives_the_death_of_the_process(open_venue):
    venue = open_venue()
    now = tick(0, bar(2_000))
    attempt = venue.build(order(), venue.quote(Side.BUY, WETH, 1_000 * USD, now), 0, now.at_ns)
    venue.advance(tick(30, bar(2_000)))
    proof = venue.status(attempt.tx_id, START + 30 * MINUTE)
    venue.close()
    venue = open_venue()
    venue.send(attempt.raw, now.at_ns)
    for minute in range(40):
        venue.advance(tick(minute, bar(2_000)))
    assert proof == Missing(attempt.tx_id, START + 30 * MINUTE)
    assert venue.balances() == {USDC: 10_000 * USD}


KILLED = """
import sys
sys.path.insert(0, {root!r})
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_venue import CALM, INSTRUMENTS, MINUTE, START, USD, PaperVenue, bar, order, send, tick
venue = PaperVenue(Path({path!r}), CALM, 1, INSTRUMENTS, MINUTE)
for minute in range(10**6):
    now = tick(minute, bar(2_000))
    venue.advance(now)
    attempt, _ = send(venue, order(minute, amount=USD), now, nonce=minute)
    print(attempt.tx_id, flush=True)
"""


@pytest.mark.processes
@pytest.mark.parametrize("answers_before_death", [1, 7, 40])
def test_what_was_said_before_a_sigkill_is_known_after_it(tmp_path, answers_before_death):
    path = tmp_path / "venue.db"
    code = textwrap.dedent(KILLED).format(root=str(ROOT), tests=str(Path(__file__).parent), path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline().strip() for _ in range(answers_before_death)]
        process.kill()
    venue = PaperVenue(path, CALM, 1, INSTRUMENTS, MINUTE)
    known = venue.transactions()
    assert said == [tx.tx_id for tx in known[:answers_before_death]]
    paid = sum(tx.amount_in + tx.fee for tx in known)
    assert venue.balances()[USDC] == 10_000 * USD - paid
    assert venue.balances().get(WETH, 0) == sum(tx.amount_out for tx in known)
    venue.close()
