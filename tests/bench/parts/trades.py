"""Appends as trading makes them, as many as are asked for: T1, T2, T3, over and over."""

from collections.abc import Iterator

from actors.messages import Append, Asset, Deposited, Id, Landed, Order, Side, Signed, Status, Units
from storage.books import Books, LiveOrder, Position
from storage.holdings import at_most
from storage.ledger import Ledger
from storage.trades import local, opening, settlement, signing

USDC = Asset("paper:USDC")
TOKENS = 100
SECOND_NS = 10**9


def appends(most: int, stay_open: int = 0) -> Iterator[Append]:
    """At most so many; `stay_open` orders are signed at the beginning, and never end."""
    for number, append in enumerate(_endless(stay_open)):
        if number == most:
            return
        yield append


def _endless(stay_open: int) -> Iterator[Append]:
    yield Append(Id("deposit"), (local("deposit", Deposited(USDC, 10**15), 0),))
    for number in range(stay_open):
        order = _order(number, Asset(f"paper:OPEN{number}"), None)
        yield from (opening(order), signing(_signed(order, number), order.at_ns))
    held: dict[Asset, Position] = {}
    number = stay_open
    while True:
        token = Asset(f"paper:TOKEN{number // 2 % TOKENS}")
        order = _order(number, token, held.get(token))
        signed = _signed(order, number)
        yield opening(order)
        yield signing(signed, order.at_ns)
        yield _settled(order, signed, held, number)
        number += 1


def _order(number: int, token: Asset, position: Position | None) -> Order:
    side = Side.SELL if position else Side.BUY
    id = Id(f"{side}:{token}:{number}")
    return Order(
        id=id, side=side, strategy="momentum", token=token, quote=USDC,
        amount_in=position.quantity if position else 10**9, fee_asset=USDC, max_fee=10**5, slippage_bps=50,
        at_ns=number * SECOND_NS, deadline_ns=(number + 100) * SECOND_NS,
        position=position.id if position else Id(f"{id}/p"), closes=bool(position), reason="signal",
    )  # fmt: skip


def _signed(order: Order, nonce: int) -> Signed:
    return Signed(order.id, 1, "5a" * 100, f"0x{nonce:064x}", nonce, 1, order.deadline_ns, "paper")


def _settled(order: Order, signed: Signed, held: dict[Asset, Position], number: int) -> Append:
    """From books that hold this one trade, for that is all that a settlement looks at."""
    buys = order.side is Side.BUY
    landed = Landed(
        order.id, signed.tx_id, "block 12345678", order.amount_in, 10**18 + number if buys else 10**9 + 5, 300
    )
    live = LiveOrder(order, Status.IN_PROGRESS, (signed,))
    ledger = Ledger({}, {order.id: {USDC: Units(at_most(order)[USDC])}})
    books = Books(ledger=ledger, live={order.id: live}, positions=dict(held))
    if buys:
        held[order.token] = Position(
            order.position, order.strategy, order.token, USDC, landed.amount_out, landed.amount_in,
            order.at_ns, landed.amount_out, landed.amount_in,
        )  # fmt: skip
    else:
        del held[order.token]
    return settlement(books, landed, order.at_ns)
