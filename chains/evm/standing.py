"""What the log and the signer's own memory say of a wallet, for chains/evm/caps.py.  Pure."""

from collections.abc import Mapping

from actors.messages import Id, Leg, Order, Side, Signed, SignRequest, Unsigned
from chains.evm.caps import Standing, most_fee
from chains.evm.signed import signer_of, unsigned_of
from storage.books import Books

OVER_TOO = frozenset({Leg.REVOKE, Leg.CANCEL})  # Also for an order that has ended.

Memory = Mapping[Id, Mapping[int, int]]  # Order -> nonce -> wei at most, of all that was signed here.


def not_ours(request: SignRequest, books: Books) -> str | None:
    """Why an order that the books know gives no right to this: the log's word against the executor's."""
    order, halts = request.order, books.halts
    if books.order(order.id) != order:
        return f"order: {order.id} has other terms in the log; only those are allowed"
    if not books.signs:
        return f"order: the wallet is halted ({', '.join(halts.values())}); lift that first"
    if order.id not in books.live and request.leg not in OVER_TOO:
        return f"leg: {request.leg}, and {order.id} is over; {', '.join(sorted(OVER_TOO))} is allowed"
    return None


def standing_of(request: SignRequest, books: Books, memory: Memory, wallet: str) -> Standing:
    """Nonces follow those of the log, of the chain (a stranger's) and of what is not yet durable."""
    open_orders = (*books.live.values(), *(each.live for each in books.booked.values()))
    after = max(books.nonce, request.chain_nonce)
    live = books.live.get(request.order.id)
    done = {each.nonce for leg in (live.legs_done if live else ()) for each in leg.attempts}
    mine = {nonce: fee for nonce, fee in memory.get(request.order.id, {}).items() if nonce not in done}
    newest = max((nonce for fees in memory.values() for nonce in fees), default=-1)
    ours = {nonce: request.order.id for nonce in mine if nonce < after}
    ours |= {each.nonce: live.order.id for live in open_orders for each in live.attempts}
    logged = next((live.attempts for live in open_orders if live.order.id == request.order.id), ())
    return Standing(
        next_nonce=after,
        last_nonce=max(after, newest + 1),
        ours=ours,
        fees=_fees(logged, mine) if live is not None else {},
        spent=live.spent if live is not None else 0,
        replaces=_replaced(request.transaction.nonce, logged, wallet),
        invested=invested(books, request.order),
    )


def _fees(attempts: tuple[Signed, ...], mine: Mapping[int, int]) -> dict[int, int]:
    """What a predecessor has signed, from the bytes in the log, and what was signed here: the dearest."""
    fees = dict(mine)
    for each in attempts:
        fees[each.nonce] = max(fees.get(each.nonce, 0), most_fee(unsigned_of(each.raw)))
    return fees


def _replaced(nonce: int, attempts: tuple[Signed, ...], wallet: str) -> Unsigned | None:
    """The last of them under this nonce, if this wallet has signed it: the log alone proves less."""
    raw = next((each.raw for each in reversed(attempts) if each.nonce == nonce), None)
    return unsigned_of(raw) if raw is not None and signer_of(raw) == wallet else None


def invested(books: Books, order: Order) -> int:
    """What positions have cost and other buys will: quote base units."""
    held = sum(each.cost for each in books.positions.values() if each.quote == order.quote)
    others = (each.order for each in books.live.values() if each.order.id != order.id)
    wanted = (each for each in others if each.side is Side.BUY and each.quote == order.quote)
    return held + sum(each.amount_in for each in wanted)
