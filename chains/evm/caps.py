"""caps-on-bytes: whether a transaction does what its order allows and nothing else, judged by its bytes.

Pure.  What the executor says about the bytes is not believed: they are decoded here, and compared with the
order, the caps of the wallet, the quote, and what the log says of the wallet.
"""

from collections.abc import Iterator

from eth_utils.address import is_checksum_address
from msgspec import Struct
from msgspec.structs import replace

from actors.messages import BPS, Asset, Caps, Id, Leg, Order, Quoted, Side, SignRequest, Unsigned
from chains.evm.decoding import Approve, Call, Nothing, Swap, decoded
from storage.holdings import ends_of

OLDEST_QUOTE_NS = 10 * 10**9
SECOND_NS = 10**9
UINT256 = 2**256
NOTHING_SPENT: dict[int, int] = {}


class Standing(Struct, frozen=True):
    """What is known of the wallet beside the request, from the log and from the signer's own memory."""

    next_nonce: int  # The first that no durable transaction of ours and nobody else has used.
    last_nonce: int  # The highest that may be signed: right behind what is signed and not yet durable.
    ours: dict[int, Id]  # Durable and not final: nonce -> order.
    fees: dict[int, int] = NOTHING_SPENT  # Wei at most, by nonce, already signed for this order.
    spent: int = 0  # Wei that transactions of this order have cost for certain; none of them is in `fees`.
    replaces: Unsigned | None = None  # Ours, under the same nonce and for this order; it may still land.
    invested: int = 0  # Quote base units in positions and in the other open buys.


def refusal(request: SignRequest, caps: Caps, standing: Standing, monotonic_ns: int) -> str | None:
    """None, or a sentence on the first thing that is wrong: its field, its value, and what is allowed."""
    return next(_wrong(request, caps, standing, monotonic_ns), None)


def _wrong(request: SignRequest, caps: Caps, standing: Standing, monotonic_ns: int) -> Iterator[str]:
    yield from _order(request.order, request.leg, caps, standing)
    yield from _numbers(request.transaction)
    yield from _nonce(request, standing)
    yield from _fees(request, caps, standing)
    if standing.replaces is not None and _repeats(request.transaction, standing.replaces):
        return  # What it does was allowed when it was signed, and can happen anyhow.
    if request.leg is Leg.SWAP:
        yield from _quote(request.evidence, monotonic_ns)
    try:
        call = decoded(request.transaction)
    except ValueError as error:
        yield str(error)
        return
    yield from _call(request, call, caps)


def _repeats(bytes_: Unsigned, before: Unsigned) -> bool:
    """Whether nothing but gas and its price differs."""
    return bytes_ == replace(
        before,
        gas=bytes_.gas,
        max_fee_per_gas=bytes_.max_fee_per_gas,
        max_priority_fee_per_gas=bytes_.max_priority_fee_per_gas,
    )


def _is(field: str, found: object, allowed: object) -> Iterator[str]:
    if found != allowed:
        yield f"{field}: {found}; {allowed} is allowed"


def _most(field: str, found: int, most: int) -> Iterator[str]:
    if found > most:
        yield f"{field}: {found}; at most {most} is allowed"


def _least(field: str, found: int, least: int) -> Iterator[str]:
    if found < least:
        yield f"{field}: {found}; at least {least} is allowed"


# -- the order --------------------------------------------------------------------------------------
def address_of(asset: Asset, caps: Caps) -> str:
    """The contract of an asset ("ethereum:0xA0b8…"); the native coin is swapped as its ERC-20."""
    return caps.wrapped if asset == caps.native else asset.rpartition(":")[2]


def tokens_of(order: Order, caps: Caps) -> tuple[str, str]:
    """The contracts of what is paid and received."""
    paid, bought = ends_of(order)
    return address_of(paid, caps), address_of(bought, caps)


def _order(order: Order, leg: Leg, caps: Caps, standing: Standing) -> Iterator[str]:
    for asset in (order.token, order.quote):
        if not is_checksum_address(address_of(asset, caps)):
            yield f"order: {asset}; an asset that ends in a checksummed address is allowed"
        if asset.partition(":")[0] != caps.native.partition(":")[0]:
            yield f"order: {asset}; an asset of the chain of {caps.native} is allowed"
    yield from _most("order.slippage_bps", order.slippage_bps, caps.slippage_bps)
    yield from _is("order.fee_asset", order.fee_asset, caps.native)
    yield from _least("order.slippage_bps", order.slippage_bps, 0)
    yield from _least("order.amount_in", order.amount_in, 1)
    if order.side is Side.REVOKE and leg not in {Leg.REVOKE, Leg.CANCEL}:
        yield f"leg: {leg}; revoke or cancel is allowed for an order that only takes back"
    if order.side is Side.BUY and leg not in {Leg.REVOKE, Leg.CANCEL}:
        if caps.position_cap is not None:
            yield from _most("order.amount_in", order.amount_in, caps.position_cap)
        if caps.capital_cap is not None:
            left = max(0, caps.capital_cap - standing.invested)
            yield from _most("order.amount_in with all that is invested", order.amount_in, left)


# -- the transaction --------------------------------------------------------------------------------
def _numbers(bytes_: Unsigned) -> Iterator[str]:
    for field in ("chain_id", "nonce", "value", "gas", "max_fee_per_gas", "max_priority_fee_per_gas"):
        number = getattr(bytes_, field)
        if not 0 <= number < UINT256:
            yield f"{field}: {number}; a whole number from 0 to 2^256 - 1 is allowed"
    if not is_checksum_address(bytes_.to):
        yield f"to: {bytes_.to}; a checksummed address is allowed"


def _nonce(request: SignRequest, standing: Standing) -> Iterator[str]:
    nonce, owner = request.transaction.nonce, standing.ours.get(request.transaction.nonce)
    if owner is not None:
        if owner != request.order.id:
            yield f"nonce: {nonce}, which order {owner} has; only its own replacement is allowed"
    elif request.leg is Leg.CANCEL:
        yield f"nonce: {nonce}; only one that order {request.order.id} has used is allowed for a cancellation"
    elif not standing.next_nonce <= nonce <= standing.last_nonce:
        yield f"nonce: {nonce}; {standing.next_nonce} to {standing.last_nonce} is allowed"


def most_fee(bytes_: Unsigned) -> int:
    """Wei that the transaction can cost at most, its value aside."""
    return bytes_.gas * bytes_.max_fee_per_gas


def _fees(request: SignRequest, caps: Caps, standing: Standing) -> Iterator[str]:
    bytes_, order = request.transaction, request.order
    yield from _is("chain_id", bytes_.chain_id, caps.chain_id)
    yield from _most("max_fee_per_gas", bytes_.max_fee_per_gas, caps.max_fee_per_gas)
    yield from _most("max_priority_fee_per_gas", bytes_.max_priority_fee_per_gas, bytes_.max_fee_per_gas)
    others = standing.spent + sum(fee for nonce, fee in standing.fees.items() if nonce != bytes_.nonce)
    signed = f" beside {others} for the order's other transactions" if others else ""
    yield from _most(f"gas * max_fee_per_gas{signed}", most_fee(bytes_), max(0, order.max_fee - others))


def _quote(quoted: Quoted | None, monotonic_ns: int) -> Iterator[str]:
    """fresh-quote.  One from the future was asked before this host started, or is made up."""
    if quoted is None:
        yield "evidence: none; a swap needs the quote that it is made from"
        return
    age_ns = monotonic_ns - quoted.asked_ns
    if not 0 <= age_ns <= OLDEST_QUOTE_NS:
        seconds = f"{age_ns // SECOND_NS}.{age_ns % SECOND_NS // 10**6:03d}"
        yield f"evidence.asked_ns: a quote {seconds} s old; 0 to {OLDEST_QUOTE_NS // SECOND_NS} s is allowed"


# -- what the bytes do ------------------------------------------------------------------------------
def _call(request: SignRequest, call: Call, caps: Caps) -> Iterator[str]:
    bytes_, order, evidence = request.transaction, request.order, request.evidence
    paid, bought = tokens_of(order, caps)
    native = request.leg is Leg.SWAP and ends_of(order)[0] == caps.native
    yield from _is("value", bytes_.value, order.amount_in if native else 0)
    match (request.leg, call):
        case (Leg.SWAP, Swap()) if evidence is not None:
            yield from _swap(bytes_, call, order, evidence, caps)
        case (Leg.APPROVE, Approve(spender, amount)):
            if ends_of(order)[0] == caps.native:
                yield f"leg: {request.leg}, and the order pays {caps.native}; no approval of that is allowed"
            yield from _is("to", bytes_.to, paid)
            yield from _spender(spender, caps)
            yield from _is("spender", spender, evidence.router if evidence else spender)
            yield from _is("amount", amount, order.amount_in)
        case (Leg.REVOKE, Approve(spender, amount)):
            if bytes_.to not in {paid, bought}:
                yield f"to: {bytes_.to}; a token of the order, {paid} or {bought}, is allowed"
            yield from _spender(spender, caps)
            yield from _is("amount", amount, 0)
        case (Leg.CANCEL, Nothing()):
            yield from _is("to", bytes_.to, caps.wallet)
        case _:
            yield f"data: a transaction that does {type(call).__name__}; one to {request.leg} is allowed"


def _spender(spender: str, caps: Caps) -> Iterator[str]:
    routers = (*caps.v2_routers, *caps.v3_routers)
    if spender not in routers:
        yield f"spender: {spender}; a configured router ({', '.join(routers)}) is allowed"


def _swap(bytes_: Unsigned, call: Swap, order: Order, quoted: Quoted, caps: Caps) -> Iterator[str]:
    routers = caps.v3_routers if call.fees else caps.v2_routers
    if bytes_.to not in routers:
        yield f"to: {bytes_.to}; a configured router for this call ({', '.join(routers)}) is allowed"
    yield from _is("evidence.router", quoted.router, bytes_.to)
    yield from _is("recipient", call.recipient, caps.wallet)
    ways = (("pays", call.pays_native), ("receives", call.gets_native))
    for (what, native), asset in zip(ways, ends_of(order), strict=True):
        yield from _is(what, _coin(native), _coin(asset == caps.native))
    yield from _is("amount_in", call.amount_in, order.amount_in)
    yield from _path(call, order, quoted, caps)
    yield from _is("price_limit", call.price_limit, 0)
    least = max(1, least_out(quoted.amount_out, order.slippage_bps))
    yield from _least("min_amount_out", call.min_amount_out, least)
    yield from _is("min_amount_out", call.min_amount_out, quoted.min_amount_out)
    yield from _most("deadline", call.deadline, order.deadline_ns // SECOND_NS)


def _coin(native: bool) -> str:
    return "the native coin" if native else "a token"


def least_out(amount_out: int, slippage_bps: int) -> int:
    """What slippage leaves of a quote, rounded up: half a unit less would be more slippage than allowed."""
    return -(-amount_out * (BPS - slippage_bps) // BPS)


def _path(call: Swap, order: Order, quoted: Quoted, caps: Caps) -> Iterator[str]:
    path, (paid, bought) = call.path, tokens_of(order, caps)
    if len(path) < 2:
        yield f"path: {len(path)} tokens; at least 2 are allowed"
        return
    yield from _is("path[0]", path[0], paid)
    yield from _is(f"path[{len(path) - 1}]", path[-1], bought)
    for token in path[1:-1]:
        if token not in caps.intermediates:
            yield f"path: leads through {token}; {', '.join(caps.intermediates) or 'no token'} is allowed"
    if len(set(path)) < len(path):
        yield f"path: {' > '.join(path)} meets a token twice; each once is allowed"
    yield from _is("path", " > ".join(path), " > ".join(quoted.route))
    yield from _is("pool fees", call.fees, quoted.fees)
