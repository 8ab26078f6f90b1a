"""What our own signed bytes say, and with them what a receipt of theirs means.  Pure."""

from collections.abc import Mapping

from actors.messages import Signed
from chains import venue
from chains.evm.decoding import Swap, decoded
from chains.evm.receipts import Sent, Trade, cost, fill
from chains.evm.routes import V2_FEE_PIPS, Route, Version
from chains.evm.sight import Mined
from chains.evm.signed import unsigned_of
from chains.venue import Unanswered


def swap_of(signed: Signed) -> Swap | None:
    """None: an approval or a cancellation."""
    call = decoded(unsigned_of(signed.raw))
    return call if isinstance(call, Swap) else None


def route_of(swap: Swap) -> Route:
    if swap.fees:
        return Route(Version.V3, swap.path, swap.fees)
    return Route(Version.V2, swap.path, (V2_FEE_PIPS,) * (len(swap.path) - 1))


def trade_of(swap: Swap, pools: tuple[str, ...], router: str) -> Trade:
    route = route_of(swap)
    return Trade(
        route.version, route.path, pools, swap.amount_in, swap.min_amount_out, router, swap.pays_native,
        swap.gets_native,
    )  # fmt: skip


def receipt_of(mined: Mined, wallet: str, trades: Mapping[str, Trade], l1_fee: bool) -> venue.Receipt:
    """`trades`: by transaction, of those that trade.  ValueError if the receipt contradicts its transaction,
    or does not tell what was traded.
    """
    sent, block = Sent(mined.receipt.tx_hash, wallet, l1_fee), mined.block
    trade = trades.get(sent.tx_id)
    if trade is None:
        return cost(mined.receipt, sent, block.at_ns)
    found = fill(mined.receipt, sent, trade, block.at_ns)
    if isinstance(found, Unanswered):
        raise ValueError(f"{sent.tx_id}: {found.sentence}")  # noqa: TRY004
    return found
