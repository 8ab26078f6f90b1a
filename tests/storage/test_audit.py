"""The auditor: a good log has nothing to blame, and every planted wrong is blamed on its promise."""

import sys

import pytest
from msgspec.structs import replace

from actors.messages import (
    Asset,
    Dead,
    Deposited,
    Id,
    Landed,
    Operation,
    Order,
    OrderOpened,
    PositionClosed,
    PositionOpened,
    PositionReduced,
    Rebalanced,
    Record,
    Reserved,
    Returned,
    Reverted,
    RolledBack,
    Side,
    Signed,
    Status,
)
from storage.audit import audited

USDC, WETH = Asset("paper:USDC"), Asset("paper:WETH")
GAS = Asset("ethereum:native")
BUY = Order(
    id=Id("buy"), side=Side.BUY, strategy="momentum", token=WETH, quote=USDC, amount_in=500, fee_asset=USDC,
    max_fee=2, slippage_bps=50, at_ns=1, deadline_ns=9, position=Id("p1"),
)  # fmt: skip
SELL = replace(BUY, id=Id("sell"), side=Side.SELL, amount_in=70, closes=True)
DEPOSIT = Deposited(USDC, 1_000)


def signed(order, tx_id, nonce=0, attempt=1):
    return Signed(order, attempt, "00", tx_id, nonce, 1, 9, "paper")


BOUGHT = [
    DEPOSIT, OrderOpened(BUY), Reserved("buy", USDC, 502), signed("buy", "t1"),
    Landed("buy", "t1", "receipt", 500, 70, 1), PositionOpened("p1", "buy", "momentum", WETH, USDC, 70, 500),
    Returned("buy", USDC, 1),
]  # fmt: skip
SOLD = [
    OrderOpened(SELL), Reserved("sell", USDC, 2), signed("sell", "t2", 1),
    Landed("sell", "t2", "receipt", 70, 600, 2), PositionClosed("p1", "sell", 70, 500, 600),
    Returned("sell", USDC, 0),
]  # fmt: skip


def audit(bodies):
    kinds = (Operation.TRADE_EXECUTE, Status.COMPLETED)
    return audited((lsn, Record(Id("x"), *kinds, lsn, body)) for lsn, body in enumerate(bodies, 1))


def blamed(bodies):
    return {each.promise for each in audit(bodies).broken}


def changed(bodies, place, **fields):
    return [replace(body, **fields) if number == place else body for number, body in enumerate(bodies)]


def test_a_round_trip_adds_up_and_nothing_is_blamed():
    found = audit(BOUGHT + SOLD)
    assert found.broken == []
    assert (found.free[USDC], found.fees[USDC], found.realised[USDC], found.paid_in[USDC]) == (
        1097,
        3,
        100,
        1000,
    )
    assert found.holdings == {}
    assert found.live() == []
    assert set(found.fills) == {"t1", "t2"}
    assert (found.rebalances, audit([*BOUGHT, Rebalanced(9, {"a": 9_000, "b": 1_000}, {})]).rebalances) == (
        0,
        1,
    )


@pytest.mark.parametrize(
    "ending",
    [
        [RolledBack("buy", "too late"), Returned("buy", USDC, 502)],
        [signed("buy", "t1"), Dead("buy", "t1", "expired"), Returned("buy", USDC, 502)],
        [signed("buy", "t1"), Reverted("buy", "t1", "receipt", 2), Returned("buy", USDC, 500)],
        [signed("buy", "t1"), signed("buy", "t9", 0, 2), Reverted("buy", "t9", "r", 2),
         Returned("buy", USDC, 500)],
        [signed("buy", "t1")],
    ],
)  # fmt: skip
def test_whatever_becomes_of_an_order_the_money_adds_up(ending):
    assert audit(BOUGHT[:3] + ending).broken == []


def test_a_partial_sell_keeps_the_rest_at_its_cost():
    part = [*SOLD[:3], Landed("sell", "t2", "r", 35, 300, 2), PositionReduced("p1", "sell", 35, 250, 300)]
    found = audit([*BOUGHT, *part, Returned("sell", USDC, 0)])
    assert found.broken == []
    assert (found.holdings["p1"].quantity, found.holdings["p1"].cost) == (35, 250)


OTHER = replace(BUY, id=Id("other"))
STRAYS = [
    Reserved("nobody", USDC, 5), signed("nobody", "t5"), Landed("nobody", "t5", "r", 1, 1, 1),
    Reverted("nobody", "t5", "r", 1), Dead("nobody", "t5", "r"), RolledBack("nobody", "r"),
    Returned("nobody", USDC, 5), PositionOpened("p1", "nobody", "momentum", WETH, USDC, 70, 500),
    PositionReduced("p1", "nobody", 35, 250, 300), PositionClosed("p1", "nobody", 70, 500, 600),
]  # fmt: skip
GASSED = [
    DEPOSIT, Deposited(GAS, 9), OrderOpened(replace(BUY, fee_asset=GAS)), Reserved("buy", USDC, 500),
    Reserved("buy", GAS, 2), signed("buy", "t1"), Landed("buy", "t1", "r", 500, 70, 1),
    PositionOpened("p1", "buy", "momentum", WETH, USDC, 70, 500), Returned("buy", USDC, 0),
    Returned("buy", GAS, 1),
]  # fmt: skip
WRONG = {
    "gas that is not given back": ("no-overdraft", GASSED[:-1]),
    "gas that is not given back whole": ("no-overdraft", changed(GASSED, 9, amount=0)),
    "budgets of more than there is": ("no-overdraft", [*BOUGHT, Rebalanced(9, {"a": 9_000, "b": 1_001}, {})]),
    "a budget below nothing": ("no-overdraft", [*BOUGHT, Rebalanced(9, {"a": 9_000, "b": -1}, {})]),
    "gas that nobody paid in": ("no-overdraft", [DEPOSIT, *GASSED[2:]]),
    "more gas spent than reserved": ("no-overdraft", changed(GASSED, 6, fee=3)),
    "more reserved than there is": ("no-overdraft", [*changed(BOUGHT[:3], 2, amount=1_002)]),
    "more spent than reserved": ("no-overdraft", changed(BOUGHT, 4, fee=3)),
    "the reservation is not given back whole": ("no-overdraft", changed(BOUGHT, 6, amount=0)),
    "money from nowhere": ("no-overdraft", [*BOUGHT, *changed(SOLD, 4, proceeds=700)]),
    "a position at another cost": ("no-overdraft", changed(BOUGHT, 5, cost=400)),
    "two orders for one token": ("one-position", [*BOUGHT[:3], OrderOpened(OTHER)]),
    "two positions in one token": ("one-position", [*BOUGHT, replace(BOUGHT[5], position="p2")]),
    "landed without being signed": ("write-ahead", [*BOUGHT[:3], *BOUGHT[4:]]),
    "landed twice": ("exactly-once", [*BOUGHT[:5], BOUGHT[4], *BOUGHT[5:]]),
    "signed anew while the first can land": ("exactly-once", [*BOUGHT[:4], signed("buy", "t9", 1, 2)]),
    "given back while it can land": ("no-guess", [*BOUGHT[:4], Returned("buy", USDC, 502)]),
    "rolled back after it was signed": ("no-guess", [*BOUGHT[:4], RolledBack("buy", "x")]),
    "sold twice": ("first-close-wins", [*BOUGHT, *SOLD, SOLD[4]]),
    "sold beyond what there was": ("first-close-wins", [*BOUGHT, *changed(SOLD, 4, quantity=71)]),
    "opened twice": ("exactly-once", [*BOUGHT[:3], BOUGHT[1]]),
    "closed at another cost": ("no-overdraft", [*BOUGHT, *changed(SOLD, 4, cost=400)]),
    "two sells of one position": (
        "first-close-wins",
        [*BOUGHT, SOLD[0], OrderOpened(replace(SELL, id="s2"))],
    ),
}


@pytest.mark.parametrize(("promise", "bodies"), WRONG.values(), ids=WRONG)
def test_every_planted_wrong_is_blamed_on_its_promise(promise, bodies):
    assert promise in blamed(bodies)


def test_a_fee_in_another_asset_is_taken_from_that_alone():
    found = audit(GASSED)
    assert found.broken == []
    assert not found.live()
    assert (found.free[USDC], found.free[GAS], found.fees[USDC], found.fees[GAS]) == (500, 8, 0, 1)


@pytest.mark.parametrize("stray", STRAYS, ids=lambda body: type(body).__name__)
def test_a_record_of_an_order_that_nobody_opened_is_named_and_the_audit_goes_on(stray):
    found = audit([*BOUGHT, stray, *SOLD])
    (only,) = found.broken
    assert (only.promise, only.lsn) == ("write-ahead", len(BOUGHT) + 1)
    assert f"{type(stray).__name__} is of order nobody, which no record before it opened" in only.sentence
    assert found.free[USDC] == 1097


def steps(pairs):
    """Lines of the auditor's own code that run for so many buys and sells, some of them open to the end."""
    bodies = [replace(DEPOSIT, amount=10**9)]
    for number in range(pairs):
        token, buy, sell, position = Asset(f"paper:T{number}"), f"b{number}", f"s{number}", f"p{number}"
        names = {"token": token, "position": position}
        opened = replace(BUY, id=buy, **names)
        bodies += [OrderOpened(opened), Reserved(buy, USDC, 502), signed(buy, f"{buy}/t", 2 * number)]
        if number % 10:
            bodies += [
                Landed(buy, f"{buy}/t", "r", 500, 70, 1),
                PositionOpened(position, buy, "momentum", token, USDC, 70, 500), Returned(buy, USDC, 1),
                OrderOpened(replace(SELL, id=sell, **names)), Reserved(sell, USDC, 2),
                signed(sell, f"{sell}/t", 2 * number + 1),
            ]  # fmt: skip
    lines = 0

    def counted(frame, event, _):
        nonlocal lines
        lines += event == "line" and frame.f_code.co_filename.endswith("audit.py")
        return counted

    before = sys.gettrace()
    sys.settrace(counted)
    try:
        found = audit(bodies)
    finally:
        sys.settrace(before)
    assert found.broken == []
    return lines


def test_twice_the_orders_take_twice_the_steps_even_if_none_of_them_ends():
    assert steps(200) < 2.1 * steps(100)
