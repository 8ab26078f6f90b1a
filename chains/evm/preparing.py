"""The next transaction of an order: what is still to be approved, else the swap, on a quote of this moment.

A swap is only drafted after the node has run it: buying and selling again before the first byte of an order
is signed (eth_simulateV1), and the swap itself as it will be sent (eth_estimateGas).
"""

import asyncio
import time

from msgspec import Struct

from actors.messages import NEVER, Leg, Order, Side, Signed, Units, Unsigned
from actors.messages import Quoted as Evidence
from chains.evm import approval, rollup, roundtrip, tokens, wire
from chains.evm.calldata import Call, Swap, nothing
from chains.evm.caps import least_out
from chains.evm.decoding import Approve, decoded
from chains.evm.desk import Desk
from chains.evm.fees import FRESH_SLOT_GAS, Fees, gas_limit, most, offer, replacement
from chains.evm.node import Ask, Node, Revert
from chains.evm.node import Fees as Prices
from chains.evm.pools import Pools
from chains.evm.quoting import Offer, WouldRevert, chosen, pools_of, unconfirmed, ways
from chains.evm.roundtrip import Limits, Passed, Trip
from chains.evm.routes import Version, swap_call
from chains.evm.signed import unsigned_of
from chains.evm.values import Declined
from chains.evm.wire import Block
from chains.venue import Attempt, Draft, Over, Unanswered
from storage.books import LiveOrder

SECOND_NS = 10**9
CANCEL_GAS = 21_000
REVOKE_GAS = 60_000  # About; an approval of any usual token.


class Place(Struct, frozen=True):
    """Where a transaction is to stand: under which nonce, and paying more than which fees."""

    nonce: int
    old: Fees | None = None


class Tried(Struct, frozen=True):
    """What arrives, by the node's own machine; `taxed`: in the form for tokens that keep a part."""

    amount_out: Units
    taxed: bool


class Bench(Struct, frozen=True):
    """What all steps of one draft share."""

    node: Node
    desk: Desk
    pools: Pools
    live: LiveOrder
    place: Place

    @property
    def order(self) -> Order:
        return self.live.order

    @property
    def sends_along(self) -> bool:
        """The native coin itself is paid: it goes with the swap, and no allowance matters."""
        return self.desk.native_ends(self.order)[0]


async def drafted(bench: Bench) -> Draft | Over | Unanswered:
    """What is next for an order."""
    if bench.order.side is Side.REVOKE:
        return await taken_back(bench)
    return await swapped(bench)


async def swapped(bench: Bench) -> Draft | Unanswered:
    """An approval of its own first, where one is missing.  Three rounds of questions: what there is, what the
    pools are, and the whole trade as it would be sent, with the contracts' own word on what it gives.
    """
    own = _own_approval(bench.live)
    through = None if own is None else own[1].spender
    plan = await _planned(bench, through)
    if isinstance(plan, Unanswered):
        return plan
    if bench.sends_along or (own is not None and plan.left == bench.order.amount_in):
        return await _swap_of(bench, plan)
    return await _approval_of(bench, plan)


async def swapped_again(bench: Bench, router: str) -> Draft | Unanswered:
    """The same swap on a quote of this moment; never an approval, for that has a nonce of its own."""
    plan = await _planned(bench, router)
    if isinstance(plan, Unanswered):
        return plan
    if plan.left < bench.order.amount_in and not bench.sends_along:
        return Unanswered("its approval is not on chain at this moment: the swap can not be tried")
    return await _swap_of(bench, plan)


async def _planned(bench: Bench, through: str | None) -> "Plan | Unanswered":
    """`through`: the only router, if an allowance of this order is there already."""
    asked_ns = time.monotonic_ns()
    node, desk, order = bench.node, bench.desk, bench.order
    ends = desk.ends(order)
    every = tuple(each for each in ways(desk, ends) if through in {None, desk.routers[each.version]})
    now, reason, allowed = await asyncio.gather(
        node.fees(), bench.pools.find(node, pools_of(every)), _allowances(bench, ends[0])
    )
    if isinstance(now, Unanswered):
        return now
    if reason is not None:
        return reason
    offer = await chosen(node, desk, bench.pools, every, order.amount_in, now.head)
    if isinstance(offer, Unanswered):
        return offer
    left = allowed[offer.quoted.route.version]
    return left if isinstance(left, Unanswered) else Plan(offer, now, asked_ns, left)


class Plan(Struct, frozen=True):
    """An order's quote, the prices of gas at its block, when it was asked for, and what is allowed."""

    offer: Offer
    fees: Prices
    asked_ns: int
    left: int


async def _swap_of(bench: Bench, plan: Plan) -> Draft | Unanswered:
    """Tried and estimated at once, for most tokens give what their pools quote; if not, estimated anew."""
    desk, offer = bench.desk, plan.offer
    router = desk.routers[offer.quoted.route.version]

    def call_of(trial: Tried) -> tuple[Call, Evidence]:
        evidence = _evidence(bench.order, offer, trial.amount_out, router, plan.asked_ns)
        swap = _swap(bench, offer, evidence)
        return swap_call(offer.quoted.route, desk.routers, swap, trial.taxed), evidence

    expected = Tried(Units(offer.quoted.amount_out), False)
    trial, gas, reason = await asyncio.gather(
        tried(bench, offer),
        _gas(bench, Leg.SWAP, call_of(expected)[0]),
        unconfirmed(bench.node, desk, offer),
    )
    if reason is not None:
        return reason
    if not isinstance(trial, Tried):
        return _no(trial)
    call, evidence = call_of(trial)
    if trial != expected:
        gas = await _gas(bench, Leg.SWAP, call)
    return await _affordable(bench, _drafted(bench, Leg.SWAP, call, evidence, gas, plan.fees))


async def _approval_of(bench: Bench, plan: Plan) -> Draft | Unanswered:
    """Nothing is approved for a trade that would not do."""
    offer, left = plan.offer, plan.left
    token, router = offer.quoted.route.path[0], bench.desk.routers[offer.quoted.route.version]
    if (odd := await _without_effect(bench, left)) is not None:
        return _no(odd)
    step, trial, reason = await asyncio.gather(
        _step(bench, token, router, left), tried(bench, offer), unconfirmed(bench.node, bench.desk, offer)
    )
    if reason is not None:
        return reason
    if not isinstance(step, approval.Step):
        return _no(step)
    if not isinstance(trial, Tried):
        return _no(trial)
    evidence = _evidence(bench.order, offer, trial.amount_out, router, plan.asked_ns)
    first = step is approval.Step.ZERO_FIRST
    call = approval.approve(token, router, 0 if first else bench.order.amount_in)
    leg = Leg.REVOKE if first else Leg.APPROVE
    draft = _drafted(bench, leg, call, evidence, await _gas(bench, leg, call), plan.fees)
    return await _affordable(bench, draft)


async def cancelled(bench: Bench) -> Draft | Unanswered:
    return await _drafted_now(bench, Leg.CANCEL, nothing(bench.desk.wallet))


async def revoked(bench: Bench) -> Draft | Unanswered | None:
    """Of what the newest approval of the order allowed; None: nothing is left, or it can not be paid."""
    own = _own_approval(bench.live)
    assert own is not None, f"{bench.order.id} has nothing that it could take back"
    approved, allowed = own
    left = await tokens.allowance(bench.node, approved.to, bench.desk.wallet, allowed.spender)
    if isinstance(left, Unanswered):
        return left
    if left == 0:
        return None
    draft = await _drafted_now(bench, Leg.REVOKE, approval.approve(approved.to, allowed.spender, 0))
    # Wait for a cheaper moment, unless the order may have too little left at any, or its token takes no zero.
    hopeless = bench.live.fee_left < REVOKE_GAS * bench.desk.gas_cap or isinstance(draft, WouldRevert)
    return None if isinstance(draft, Unanswered) and hopeless else draft


async def taken_back(bench: Bench) -> Draft | Over | Unanswered:
    """Of one router; it has one transaction in all, so that others need not wait for what comes next."""
    if bench.live.legs_done:
        return Over("what was left over is taken back")
    token, routers = bench.desk.ends(bench.order)[0], bench.desk.routers
    allowed = await _allowances(bench, token)
    for version, left in allowed.items():
        if isinstance(left, Unanswered):
            return left
        if left:
            return await _drafted_now(bench, Leg.REVOKE, approval.approve(token, routers[version], 0))
    return Over("nothing was left over")


def _own_approval(live: LiveOrder) -> tuple[Unsigned, Approve] | None:
    """The last leg of the order, if that was one: nobody else has allowed anything since."""
    return _approval(live.legs_done[-1].signed) if live.allows else None


def _approval(signed: Signed) -> tuple[Unsigned, Approve]:
    approved = unsigned_of(signed.raw)
    allowed = decoded(approved)
    assert isinstance(allowed, Approve), f"{signed.tx_id} is booked as an approval, and is none"
    return approved, allowed


async def repeated(bench: Bench, leg: Leg, old: Unsigned) -> Draft | Unanswered:
    """The same call for more."""
    call = Call(old.to, bytes.fromhex(old.data[2:]), old.value)
    return await _drafted_now(bench, leg, call)


def _no(reason: Declined | Unanswered) -> Unanswered:
    """The order waits for its deadline: the chain may say otherwise at another block."""
    return reason if isinstance(reason, Unanswered) else Unanswered(reason.sentence)


async def _allowances(bench: Bench, token: str) -> dict[Version, int | Unanswered]:
    node, desk = bench.node, bench.desk
    asked = (tokens.allowance(node, token, desk.wallet, router) for router in desk.routers.values())
    return dict(zip(desk.routers, await asyncio.gather(*asked), strict=True))


# -- approval ----------------------------------------------------------------------------------------
async def _without_effect(bench: Bench, left: int) -> Declined | Unanswered | None:
    """What is on chain and has allowed nothing is not signed again; what a reorg has lost is."""
    own = _own_approval(bench.live)
    if own is None:
        return None
    newest = bench.live.legs_done[-1]
    receipt = await bench.node.receipt(newest.allowed.tx_id)
    if receipt is None or isinstance(receipt, Unanswered):
        return receipt
    return approval.unproven(True, left, bench.order.amount_in)


async def _step(bench: Bench, token: str, router: str, left: int) -> approval.Step | Declined | Unanswered:
    call = approval.approve(token, router, bench.order.amount_in)
    answer = await bench.node.call(Ask(to=call.to, data=call.data, sender=bench.desk.wallet))
    if isinstance(answer, Unanswered):
        return answer
    kind = approval.token_kind(None if isinstance(answer, Revert) else answer)
    return approval.decide(left, bench.order.amount_in, kind, own=bench.live.allows)


# -- the whole trade, tried --------------------------------------------------------------------------
async def tried(bench: Bench, offer: Offer) -> Tried | Declined | Unanswered:
    """Once plainly; and where a token may keep a part of its transfers, once more in the form for that."""
    plain = await _trip(bench, offer, taxed=False)
    v2 = offer.quoted.route.version is Version.V2
    if isinstance(plain, Declined) and v2 and bench.desk.max_tax_bps:
        return await _trip(bench, offer, taxed=True)
    return plain


async def _trip(bench: Bench, offer: Offer, taxed: bool) -> Tried | Declined | Unanswered:
    """Whoever sells does not ask whether he could buy again.

    What the purchase brings is guessed from the quote: if it brings something else, both are asked again.
    """
    desk, buys = bench.desk, bench.order.side is Side.BUY
    pays, gets = desk.native_ends(bench.order)
    trip = Trip(
        route=offer.quoted.route, pools=offer.pools, routers=desk.routers, wallet=desk.wallet,
        amount_in=bench.order.amount_in, taxed=taxed, pays_native=pays, gets_native=gets,
    )  # fmt: skip
    guess = Units(offer.quoted.amount_out)
    answers = await _simulated(bench, roundtrip.calls(trip, guess if buys else None), offer.block)
    if isinstance(answers, Unanswered):
        return answers
    bought = roundtrip.bought_of(trip, answers[: len(roundtrip.calls(trip))])
    if isinstance(bought, Declined | Unanswered):
        return bought
    if not buys:
        return Tried(bought, taxed)
    if bought != guess:
        answers = await _simulated(bench, roundtrip.calls(trip, bought), offer.block)
        if isinstance(answers, Unanswered):
            return answers
    limits = Limits(max_tax_bps=desk.max_tax_bps, max_loss_bps=desk.max_loss_bps)
    found = roundtrip.judged(trip, answers, bought, limits)
    return Tried(found.amount_out, taxed) if isinstance(found, Passed) else found


async def _simulated(
    bench: Bench, calls: tuple[Call, ...], block: Block
) -> tuple[wire.Call, ...] | Unanswered:
    return await bench.node.simulate(_asks(bench.desk, calls), block.number, roundtrip.OVERRIDES)


def _asks(desk: Desk, calls: tuple[Call, ...]) -> list[Ask]:
    return [Ask(to=call.to, data=call.data, sender=desk.wallet, value=call.value) for call in calls]


# -- the transaction ---------------------------------------------------------------------------------
def _evidence(order: Order, offer: Offer, out: Units, router: str, asked_ns: int) -> Evidence:
    route = offer.quoted.route
    return Evidence(
        amount_out=out,
        min_amount_out=Units(max(1, least_out(out, order.slippage_bps))),
        asked_ns=asked_ns,
        block=offer.block.number,
        router=router,
        route=route.path,
        fees=route.fees if route.version is Version.V3 else (),
        pools=offer.pools,
    )


def _swap(bench: Bench, offer: Offer, evidence: Evidence) -> Swap:
    pays, gets = bench.desk.native_ends(bench.order)
    return Swap(
        path=offer.quoted.route.path,
        amount_in=bench.order.amount_in,
        min_amount_out=evidence.min_amount_out,
        recipient=bench.desk.wallet,
        deadline=bench.order.deadline_ns // SECOND_NS,
        pays_native=pays,
        gets_native=gets,
    )


async def _drafted_now(bench: Bench, leg: Leg, call: Call) -> Draft | Unanswered:
    """Of what is no trade."""
    gas, now = await asyncio.gather(_gas(bench, leg, call), bench.node.fees())
    if isinstance(now, Unanswered):
        return now
    return await _affordable(bench, _drafted(bench, leg, call, None, gas, now))


def _drafted(
    bench: Bench, leg: Leg, call: Call, evidence: Evidence | None, gas: int | Unanswered, now: Prices
) -> Draft | Unanswered:
    """Within the cap on a unit of gas."""
    desk, place = bench.desk, bench.place
    if isinstance(gas, Unanswered):
        return gas
    terms = (now.base_fee, now.tip, desk.gas_cap)
    fees = offer(*terms) if place.old is None else replacement(place.old, *terms)
    if isinstance(fees, Declined):
        return Unanswered(fees.sentence)
    unsigned = Unsigned(
        desk.network.chain_id, place.nonce, call.to, call.value, "0x" + call.data.hex(), gas,
        fees.max_fee_per_gas, fees.tip,
    )  # fmt: skip
    least = evidence.min_amount_out if evidence else Units(1)
    before = bench.live.attempts  # What was private stays it, whatever is configured since.
    channel = before[-1].channel if before else desk.channel
    attempt = Attempt("", "", place.nonce, least, NEVER, channel)
    return Draft(attempt, leg, unsigned, evidence)


async def _affordable(bench: Bench, draft: Draft | Unanswered) -> Draft | Unanswered:
    """Within what the order may pay in all."""
    if isinstance(draft, Unanswered):
        return draft
    assert draft.unsigned is not None
    beside = await rollup.charge(bench.node, bench.desk.network.l1_fee_oracle, draft.unsigned)
    if isinstance(beside, Unanswered):
        return beside
    bytes_, left = draft.unsigned, bench.live.fee_left
    dear = most(bytes_.gas, Fees(bytes_.max_fee_per_gas, bytes_.max_priority_fee_per_gas), beside)
    if dear > left:
        return Unanswered(
            f"it may cost {dear} wei, {beside} of them beside its gas; the order may pay {left} more"
        )
    return draft


async def _gas(bench: Bench, leg: Leg, call: Call) -> int | Unanswered:
    if leg is Leg.CANCEL:
        return CANCEL_GAS
    ask = Ask(to=call.to, data=call.data, sender=bench.desk.wallet, value=call.value)
    estimate = await bench.node.estimate_gas(ask)
    if isinstance(estimate, Revert):
        return WouldRevert(f"the {leg} would revert: {estimate.reason or 'without a reason'}")
    if isinstance(estimate, Unanswered):
        return estimate
    fresh = FRESH_SLOT_GAS if leg is Leg.APPROVE else 0
    return gas_limit(estimate + fresh, bench.desk.gas_margin_bps)
