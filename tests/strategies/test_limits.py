"""The limits: the first reason that applies, pending orders counted, and nothing forgotten by a restart."""

import pytest
from msgspec.structs import replace

from actors.messages import (
    AlreadyClosing,
    Asset,
    CloseReason,
    Deposited,
    Order,
    Rebalanced,
    Refusal,
    Withdrawn,
)
from storage.books import DAY_NS, Books, fold
from storage.config import Limits, Settings
from storage.config_strategies import Mix
from storage.trades import local
from strategies import limits
from strategies.limits import terms_of
from tests.deals import GAS, MINUTE_NS, OPEN, UNIT, WBTC, WETH, Desk, close, propose, terms

OTHER = Asset("base:AERO")
TOKENS = (WETH, WBTC, OTHER)


def desk(**changes) -> Desk:
    allowed = replace(OPEN, **changes)
    return Desk(allowed=terms(allowed, tokens=TOKENS, names=("momentum", "scalping")))


def lossy(loss=50, **changes) -> Desk:
    """After one trade that lost so many whole quote tokens."""
    made = desk(**changes)
    made.bought(WETH, at_ns=1)
    made.sold(WETH, (100 - loss) * UNIT, at_ns=2)
    return made


def holding(**changes) -> Desk:
    made = desk(**changes)
    made.bought(WETH, at_ns=1)
    return made


def under_way(**changes) -> Desk:
    made = desk(**changes)
    assert isinstance(made.wish(propose(WETH, 1)), Order)
    return made


def without_money() -> Desk:
    made = desk()
    made.books = Books()
    return made


# (what is, the wish, the answer), in the order of precedence.
BUYS = [
    (without_money, propose(Asset("x")), Refusal.MISSING_INPUT),
    (holding, propose(Asset("paper:NONE"), strategy="none"), Refusal.TOKEN_UNKNOWN),
    (holding, propose(WETH, strategy="none"), Refusal.STRATEGY_UNKNOWN),
    (holding, propose(WETH, 3), Refusal.POSITION_EXISTS),
    (under_way, propose(WETH, 3), Refusal.TOKEN_CLAIMED),
    (lambda: lossy(cooldown_minutes=1, daily_loss_bps=1), propose(WETH, 3), Refusal.COOLDOWN),
    (lambda: lossy(daily_loss_bps=500, loss_streak=1), propose(WETH, 3), Refusal.DAILY_LOSS),
    (lambda: lossy(loss_streak=1, max_positions=1), propose(WETH, 3), Refusal.LOSS_STREAK),
    (lambda: holding(max_positions=1, chain_exposure_bps=1_000), propose(WBTC, 3), Refusal.MAX_POSITIONS),
    (lambda: under_way(max_positions=1, chain_exposure_bps=1_000), propose(WBTC, 3), Refusal.MAX_POSITIONS),
    (lambda: holding(chain_exposure_bps=1_000, total_exposure_bps=1_000), propose(WBTC, 3),
     Refusal.CHAIN_EXPOSURE),
    (lambda: under_way(chain_exposure_bps=1_000), propose(WBTC, 3), Refusal.CHAIN_EXPOSURE),
    (lambda: under_way(total_exposure_bps=1_000), propose(OTHER, 3), Refusal.TOTAL_EXPOSURE),
    (lambda: under_way(strategy_budget_bps=1_000), propose(OTHER, 3), Refusal.STRATEGY_BUDGET),
    (lambda: desk(position_bps=0), propose(OTHER, 3), Refusal.AMOUNT_TOO_SMALL),
    (desk, propose(WETH, 3, target_bps=0), Refusal.AMOUNT_NOT_POSITIVE),
]  # fmt: skip


@pytest.mark.parametrize(("make", "wish", "reason"), BUYS)
def test_a_buy_is_refused_with_the_first_reason_and_leaves_no_reservation(make, wish, reason):
    made = make()
    before = made.books
    assert made.wish(wish) is reason
    assert made.books is before


def test_what_the_fees_of_exits_need_is_not_spent_on_a_buy():
    rich = desk(position_bps=10_000, min_order="999.99999")
    assert rich.wish(propose(WETH, 1)) is Refusal.NOT_ENOUGH_FUNDS


def test_another_chain_has_an_exposure_of_its_own():
    assert isinstance(under_way(chain_exposure_bps=1_000).wish(propose(OTHER, 3)), Order)


def test_another_strategy_has_a_budget_of_its_own():
    made = under_way(strategy_budget_bps=1_000)
    assert isinstance(made.wish(propose(OTHER, 3, strategy="scalping")), Order)


def test_the_budget_of_the_books_is_what_a_strategy_may_use_and_its_limit_where_there_is_no_mix():
    made, fixed = desk(position_bps=10_000), desk(position_bps=10_000)
    made.terms = replace(made.terms, mix=Mix(enabled=True))
    for each in (made, fixed):
        each.note(local("mix:1", Rebalanced(1, {"momentum": 1_230, "scalping": 500}, {}), 1))
    assert made.wish(propose(WETH, 3)).amount_in == 123 * UNIT
    assert made.wish(propose(OTHER, 3)) is Refusal.STRATEGY_BUDGET
    assert made.wish(propose(OTHER, 3, strategy="scalping")).amount_in == 50 * UNIT
    assert fixed.wish(propose(WETH, 3)).amount_in > 900 * UNIT


def test_a_token_that_one_strategy_holds_or_is_buying_is_refused_to_every_other():
    assert holding().wish(propose(WETH, 3, strategy="scalping")) is Refusal.POSITION_EXISTS
    assert under_way().wish(propose(WETH, 3, strategy="scalping")) is Refusal.TOKEN_CLAIMED


def test_the_amount_is_cut_to_what_pending_orders_and_their_fees_leave():
    made = under_way(total_exposure_bps=1_500)
    assert made.wish(propose(OTHER, 3)).amount_in == 50 * UNIT - made.terms.max_fee


def test_a_cooldown_ends_to_the_nanosecond_and_is_one_tokens_own():
    made = lossy(loss=0, cooldown_minutes=1)
    end = 2 + MINUTE_NS
    assert limits.buy(made.books, propose(WETH, end - 1), made.terms) is Refusal.COOLDOWN
    assert isinstance(limits.buy(made.books, propose(WBTC, 3), made.terms), Order)
    assert isinstance(limits.buy(made.books, propose(WETH, end), made.terms), Order)


def test_a_days_loss_is_forgotten_at_midnight_utc():
    made = lossy(daily_loss_bps=500)
    assert limits.buy(made.books, propose(WBTC, DAY_NS - 1), made.terms) is Refusal.DAILY_LOSS
    assert isinstance(limits.buy(made.books, propose(WBTC, DAY_NS), made.terms), Order)


def test_a_day_that_lost_a_unit_less_than_the_limit_goes_on():
    made = lossy(daily_loss_bps=501)
    assert isinstance(made.wish(propose(WBTC, 3)), Order)


def test_fees_count_as_losses_of_the_day():
    made = desk(daily_loss_bps=500)
    made.terms = replace(made.terms, max_fee=60 * UNIT)
    made.revert(made.wish(propose(WETH, 1)).id, fee=50 * UNIT, at_ns=1)
    assert made.wish(propose(WBTC, 3)) is Refusal.DAILY_LOSS


def test_a_streak_of_losses_pauses_counts_over_midnight_and_ends_with_a_win():
    made = desk(loss_streak=2, loss_streak_pause_minutes=1)
    for number, proceeds in enumerate((99, 99)):
        at_ns = DAY_NS - 1 + number * MINUTE_NS
        made.bought(WETH, at_ns=at_ns)
        made.sold(WETH, proceeds * UNIT, at_ns=at_ns)
    end = DAY_NS - 1 + 2 * MINUTE_NS
    assert made.books.day.losses == 2
    assert limits.buy(made.books, propose(WBTC, end - 1), made.terms) is Refusal.LOSS_STREAK
    made.bought(WETH, at_ns=end)
    made.sold(WETH, 101 * UNIT, at_ns=end)
    assert made.books.day.losses == 0


@pytest.mark.parametrize(("make", "wish", "reason"), BUYS[3:13])
def test_every_limit_survives_a_restart(make, wish, reason):
    made = make()
    assert limits.buy(fold(made.records), wish, made.terms) is reason


def test_every_position_can_pay_for_its_sell_however_much_is_bought():
    allowed = replace(OPEN, position_bps=10_000, cooldown_minutes=0)
    tokens = tuple(Asset(f"paper:{number}") for number in range(9))
    made = Desk(allowed=terms(allowed, gas="1", tokens=tokens))
    for number, token in enumerate(tokens):
        verdict = made.wish(propose(token, number, target_bps=4_000))
        if isinstance(verdict, Order):
            made.land(verdict.id, 1_000, fee=made.terms.max_fee)
    held = list(made.books.positions)
    assert len(held) > 1
    for token in held:
        made.sold(token, 0, fee=made.terms.max_fee)
    assert made.books.positions == {}


def test_the_first_close_wins_and_the_next_hears_which_that_was():
    made = holding()
    first = made.wish(close(WETH, 5, CloseReason.STOP))
    assert made.wish(close(WETH, 5, CloseReason.SIGNAL)) == AlreadyClosing(f"sell:{WETH}:5:signal", first.id)


@pytest.mark.parametrize(
    ("make", "wish", "reason"),
    [
        (desk, close(WETH), Refusal.POSITION_NOT_FOUND),
        (under_way, close(WETH), Refusal.TOKEN_CLAIMED),
        (holding, close(WETH, portion_bps=0), Refusal.AMOUNT_NOT_POSITIVE),
    ],
)
def test_a_close_of_what_is_not_held_is_refused(make, wish, reason):
    assert make().wish(wish) is reason


def test_a_close_of_one_position_does_not_sell_the_next():
    made = holding()
    held = made.books.positions[WETH].id
    wish = close(WETH, 5, CloseReason.STOP)
    assert limits.sell(made.books, replace(wish, position="older"), made.terms) is Refusal.POSITION_NOT_FOUND
    assert limits.sell(made.books, replace(wish, position=held), made.terms).position == held


def test_nothing_watched_is_sold_at_the_tick_at_which_another_order_has_ended():
    """Who reads ahead wishes for it, and who does not, can not: the same is traded either way."""
    made = holding()  # Its buy has ended at 1.
    for reason in limits.WATCHED:
        assert limits.sell(made.books, close(WETH, 1, reason), made.terms) is Refusal.TOKEN_CLAIMED
        assert isinstance(limits.sell(made.books, close(WETH, 2, reason), made.terms), Order)
    for reason in set(CloseReason) - limits.WATCHED:
        assert isinstance(limits.sell(made.books, close(WETH, 1, reason), made.terms), Order)


def test_a_sell_of_a_part_is_no_closing_and_one_of_all_is():
    made = holding()
    part = limits.sell(made.books, close(WETH, portion_bps=5_000), made.terms)
    whole = limits.sell(made.books, close(WETH), made.terms)
    assert (part.amount_in, part.closes, whole.amount_in, whole.closes) == (500, False, 1_000, True)


def test_only_an_operators_close_does_not_wait_for_the_market():
    urgent = {reason for reason in CloseReason if limits.at_once(close(reason=reason))}
    assert urgent == {CloseReason.OPERATOR, CloseReason.KILL_SWITCH, CloseReason.SHUTDOWN}
    assert not limits.at_once(propose())


def paying_gas(funds: int) -> Desk:
    """Buys of USDC, whose fees are in another asset: at most 100 of it a transaction."""
    made = desk()
    made.terms = replace(made.terms, fee_asset=GAS, max_fee=100)
    if funds:
        made.note(local("gas", Deposited(GAS, funds), 0))
    return made


def test_without_an_account_of_the_fees_asset_nothing_is_bought_or_sold():
    made = holding()
    made.terms = replace(made.terms, fee_asset=GAS)
    assert made.wish(propose(WBTC, 3)) is Refusal.MISSING_INPUT
    assert made.wish(close(WETH, 3)) is Refusal.NOT_ENOUGH_FUNDS


def test_a_buy_needs_gas_for_itself_and_for_the_exit_of_every_position():
    assert paying_gas(199).wish(propose(WETH, 1)) is Refusal.NOT_ENOUGH_FUNDS
    made = paying_gas(399)
    order = made.bought(WETH, at_ns=1, fee=100)
    assert (order.fee_asset, order.max_fee) == (GAS, 100)
    assert made.wish(propose(WBTC, 2)) is Refusal.NOT_ENOUGH_FUNDS
    made.note(local("more", Deposited(GAS, 1), 2))
    assert isinstance(made.wish(propose(WBTC, 2)), Order)


def test_a_sell_needs_its_gas_alone():
    made = paying_gas(200)
    made.bought(WETH, at_ns=1, fee=100)
    made.note(local("gone", Withdrawn(GAS, 1), 2))
    assert made.wish(close(WETH, 3)) is Refusal.NOT_ENOUGH_FUNDS
    made.note(local("back", Deposited(GAS, 1), 2))
    assert made.wish(close(WETH, 3)).fee_asset == GAS


def test_gas_takes_nothing_of_what_may_be_spent_on_tokens():
    made = paying_gas(10**6)
    made.terms = replace(made.terms, limits=replace(OPEN, total_exposure_bps=1_500))
    assert made.wish(propose(WETH, 1)).amount_in == 100 * UNIT
    assert made.wish(propose(OTHER, 3)).amount_in == 50 * UNIT


def test_terms_are_in_base_units():
    made = terms(Limits(min_order="5"), gas="0.02")
    assert (made.max_fee, made.min_order, made.quote) == (10 * 20_000, 5 * UNIT, "paper:USDC")


def test_terms_are_in_the_base_units_of_the_markets_quote():
    settings = Settings(limits=Limits(min_order="5"))
    made = terms_of(settings, frozenset(), (), (Asset("bsc:0x8AC7"), 18))
    assert (made.max_fee, made.min_order) == (10 * 2 * 10**16, 5 * 10**18)
    assert (made.quote, made.quote_decimals) == ("bsc:0x8AC7", 18)


def test_where_a_transaction_costs_nothing_a_position_can_still_be_sold():
    made = Desk(allowed=terms(gas="0"))
    made.bought(WETH)
    made.sold(WETH, 100 * UNIT)
    assert made.account().free == 1_000 * UNIT


@pytest.mark.parametrize(
    ("made", "caps", "answer"),
    [
        (desk, {"position_cap": 7 * UNIT}, 7 * UNIT),
        (desk, {"capital_cap": 7 * UNIT, "position_cap": 9 * UNIT}, 7 * UNIT),
        (holding, {"capital_cap": 107 * UNIT}, 7 * UNIT),
        (under_way, {"capital_cap": 10 * UNIT}, Refusal.TOTAL_EXPOSURE),  # Lowered since.
        (desk, {"position_cap": UNIT, "min_order": 2 * UNIT}, Refusal.AMOUNT_TOO_SMALL),
        (desk, {"capital_cap": UNIT, "min_order": 2 * UNIT}, Refusal.TOTAL_EXPOSURE),
    ],
)
def test_what_the_signer_would_refuse_is_not_ordered(made, caps, answer):
    made = made()
    made.terms = replace(made.terms, **caps)
    verdict = made.wish(propose(WBTC, 3))
    assert (verdict.amount_in if isinstance(verdict, Order) else verdict) == answer
