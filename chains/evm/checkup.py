"""Whether a wallet can trade on its chain as configured: nodes, contracts, money, and a trade on paper.

Nothing is sent.
"""

from msgspec import Struct

from actors.messages import Asset, Id, Instrument, Order, Side, Units, Unsigned
from chains.evm import rollup, tokens
from chains.evm.calldata import V2_WRAPPED, V3_WRAPPED, Method, read_address
from chains.evm.desk import Desk, desk_of
from chains.evm.feed_fold import markets
from chains.evm.feed_pools import Found, states
from chains.evm.feed_pools import found as found_pools
from chains.evm.fees import most, offer
from chains.evm.node import Ask, Node, Revert
from chains.evm.nodes import Nodes, nodes_of
from chains.evm.pools import Pools
from chains.evm.preparing import Bench, Place, tried
from chains.evm.quoting import offered
from chains.evm.values import Declined
from chains.evm.wire import Block
from chains.venue import Unanswered
from storage.amounts import shown, to_units
from storage.books import LiveOrder
from storage.config import Settings
from storage.config_evm import NATIVE_DECIMALS
from storage.config_kinds import ADDRESSES


class Finding(Struct, frozen=True):
    ok: bool
    sentence: str  # What to do, if it is not well.
    matters: bool = True  # A run can not do without it.


SECOND_NS = 10**9
OLDEST_HEAD_SECONDS = 120
ORDER_GAS = 350_000  # About: an approval, and a swap over two pools.
SWAP_BYTES = 420  # About, of a swap's call.
DEVELOPMENT = 31_337  # The chain id of anvil and hardhat.


async def checkup(
    settings: Settings, now_seconds: int, held: frozenset[Asset] = frozenset()
) -> list[Finding]:
    """ConfigError: the configuration describes no chain.

    `held`: what the wallet's log has open positions in.  That one of them can not be traded just now, or that
    no money for more is left, must not keep a run from starting that alone can sell them.
    """
    desk, nodes = desk_of(settings), nodes_of(settings.evm)
    try:
        wrong = await nodes.check(desk.channel)
        if wrong:
            return [Finding(False, f"{each.sentence}: see evm.rpc_urls.") for each in wrong]
        count = len(nodes.nodes)
        found = [
            Finding(True, f"{count} nodes of {desk.network.name} (chain {desk.network.chain_id}) answer.")
        ]
        if count < 2:
            found.append(
                Finding(False, "evm.rpc_urls: name a second node, of another provider, to confirm the first.")
            )
        return [*found, *await _asked(nodes, desk, settings, now_seconds, held)]
    finally:
        await nodes.close()


async def _asked(
    nodes: Nodes, desk: Desk, settings: Settings, now_seconds: int, held: frozenset[Asset]
) -> list[Finding]:
    head = await nodes.ask(lambda node: node.head())
    if isinstance(head, Unanswered):
        return [Finding(False, head.sentence)]
    node = nodes.nodes[0]
    return [
        _clock(head, desk.network.chain_id, now_seconds),
        *await _contracts(node, desk),
        await _price(node, desk, settings),
        *await _money(node, desk, settings, bool(held)),
        *await _trades(nodes, desk, settings, head, held),
    ]


async def _left_over(node: Node, desk: Desk, assets: list[Asset]) -> list[Finding]:
    """What a run takes back by itself."""
    fees, found = await node.fees(), []
    dear = not isinstance(fees, Unanswered) and fees.base_fee + fees.tip > desk.gas_cap
    for asset in assets:
        for router in desk.routers.values():
            left = await tokens.allowance(node, desk.address(asset), desk.wallet, router)
            if isinstance(left, Unanswered):
                found.append(Finding(False, left.sentence, matters=False))
            elif left:
                how = "once gas costs less than evm.gas_cap_gwei" if dear else "unless an order needs it"
                sentence = (
                    f"Router {router} may still take {left} base units of {asset}: a run takes that back"
                )
                found.append(Finding(False, f"{sentence}, {how}.", matters=False))
    return found


def _clock(head: Block, chain_id: int, now_seconds: int) -> Finding:
    """A development chain may have a time of its own."""
    age = now_seconds - head.at_ns // SECOND_NS
    if abs(age) <= OLDEST_HEAD_SECONDS:
        return Finding(True, f"The newest block is {age} s old by this machine's clock.")
    sentence = f"The newest block is {age} s old by this machine's clock: set the clock, or ask other nodes."
    return Finding(False, sentence, matters=chain_id != DEVELOPMENT)


async def _contracts(node: Node, desk: Desk) -> list[Finding]:
    network, found = desk.network, []
    for key in ADDRESSES:
        address = getattr(network, key)
        code = await node.code(address) if address else b"-"
        if isinstance(code, Unanswered):
            found.append(Finding(False, f"evm.{key}: {code.sentence}"))
        elif not code:
            found.append(
                Finding(False, f"evm.{key}: {address} is no contract on this chain; write the right address.")
            )
    decimals = await tokens.decimals(node, network.stable)
    if decimals != network.stable_decimals:
        said = decimals.sentence if isinstance(decimals, Unanswered) else f"it says {decimals}"
        found.append(
            Finding(False, f"evm.stable_decimals: {network.stable_decimals}, but {said}; write that.")
        )
    if network.native_as:
        found += await _wrapping(node, desk)
    return found or [Finding(True, "Routers, factories, quoter and tokens are contracts of this chain.")]


async def _price(node: Node, desk: Desk, settings: Settings) -> Finding:
    """Whether an order could be paid for now.  A price changes, so that it could not is a note."""
    now = await node.fees()
    if isinstance(now, Unanswered):
        return Finding(False, f"{now.sentence}.")
    fees = offer(now.base_fee, now.tip, desk.gas_cap)
    if isinstance(fees, Declined):
        words = f"evm.gas_cap_gwei: {fees.sentence}: nothing is signed until it is cheaper."
        return Finding(False, words, matters=False)
    sample = Unsigned(
        desk.network.chain_id, 0, desk.wallet, 0, "0x" + "5a" * SWAP_BYTES, ORDER_GAS,
        fees.max_fee_per_gas, fees.tip,
    )  # fmt: skip
    beside = await rollup.charge(node, desk.network.l1_fee_oracle, sample)
    if isinstance(beside, Unanswered):
        return Finding(False, f"{beside.sentence}.")
    native, dear = desk.network.native, most(ORDER_GAS, fees, 2 * beside)
    words = f"An approval and a swap may cost {shown(dear, NATIVE_DECIMALS)} {native} just now"
    if dear <= to_units(settings.evm.max_fee, NATIVE_DECIMALS):
        return Finding(True, f"{words}; an order may pay {settings.evm.max_fee}.")
    sentence = f"evm.max_fee: a{words[1:]}, and an order may pay {settings.evm.max_fee}: raise it, or wait."
    return Finding(False, sentence, matters=False)


async def _wrapping(node: Node, desk: Desk) -> list[Finding]:
    """A router that wraps into another token would not trade what pools and quotes are asked about."""
    network, found = desk.network, []
    for key, method in (("v2_router", V2_WRAPPED), ("v3_router", V3_WRAPPED)):
        router = getattr(network, key)
        said = await _named_by(node, router, method) if router else network.wrapped_native
        if said != network.wrapped_native:
            words = said.sentence if isinstance(said, Unanswered) else f"it wraps into {said}"
            sentence = f"evm.{key}: {words}, and evm.wrapped_native is {network.wrapped_native}"
            found.append(Finding(False, f'{sentence}; write the right one, or native_as = "".'))
    decimals = await tokens.decimals(node, network.wrapped_native)
    if decimals != NATIVE_DECIMALS:
        said = decimals.sentence if isinstance(decimals, Unanswered) else f"it says {decimals} decimals"
        sentence = f"evm.wrapped_native: {said}, and the native coin has {NATIVE_DECIMALS}"
        found.append(Finding(False, f"{sentence}; write its address."))
    return found


async def _named_by(node: Node, router: str, method: Method) -> str | Unanswered | None:
    answer = await node.call(Ask(to=router, data=method.selector))
    if isinstance(answer, Unanswered):
        return answer
    try:
        return Unanswered("it does not say") if isinstance(answer, Revert) else read_address(method, answer)
    except ValueError as error:
        return Unanswered(str(error))


async def _money(node: Node, desk: Desk, settings: Settings, invested: bool) -> list[Finding]:
    """For gas, and for orders, which are of the same coin where that is paid with."""
    orders = 1 if invested else 2  # To sell one position; else to buy it as well.
    gas, least = orders * to_units(settings.evm.max_fee, NATIVE_DECIMALS), _least_order(desk, settings)
    both = desk.quote == desk.native and not invested
    wanted = [
        (desk.network.native, await node.balance(desk.wallet), gas + least * both, NATIVE_DECIMALS, True)
    ]
    if desk.quote != desk.native:
        held = await tokens.balance_of(node, desk.quote_token, desk.wallet)
        wanted.append((await _quote_name(node, desk), held, least, desk.quote_decimals, not invested))
    found = _small_cap(desk, gas + least) if both else []
    for name, held, least, decimals, matters in wanted:
        if isinstance(held, Unanswered):
            found.append(Finding(False, held.sentence))
            continue
        words = f"{desk.wallet} holds {shown(held, decimals)} {name}"
        if held >= least:
            found.append(Finding(True, f"{words}."))
        else:
            found.append(Finding(False, f"{words}: send at least {shown(least, decimals)}.", matters))
    return found


def _small_cap(desk: Desk, least: int) -> list[Finding]:
    if desk.capital_cap is None or desk.capital_cap >= least:
        return []
    words, wanted = (shown(each, NATIVE_DECIMALS) for each in (desk.capital_cap, least))
    return [Finding(False, f"live.capital_cap: {words}, of which gas is paid too: write at least {wanted}.")]


def _least_order(desk: Desk, settings: Settings) -> int:
    return to_units(settings.limits.min_order, desk.quote_decimals)


async def _quote_name(node: Node, desk: Desk) -> str:
    symbol = await tokens.symbol(node, desk.quote_token)
    return f"of the stable token {desk.quote_token}" if isinstance(symbol, Unanswered) else symbol


async def _trades(
    nodes: Nodes, desk: Desk, settings: Settings, head: Block, held: frozenset[Asset]
) -> list[Finding]:
    first, *others = nodes.nodes
    found = await found_pools(first, others, desk.network, settings.evm.pools)
    if not isinstance(found, Found):
        return [Finding(False, found.sentence)]
    priced = await states(first, found.pools, markets(found.listings), head)
    findings = [] if isinstance(priced, dict) else [Finding(False, priced.sentence)]
    for listing in found.listings:
        token = listing.instrument.token
        name = f"{found.symbols[token]} ({token.rpartition(':')[2]})"
        one = await _trade(first, desk, settings, token, head)
        sentence = f"{name}: {one.sentence}"
        if token in held and one.matters and not one.ok:
            sentence += "  The wallet holds it, so the run may start; it is sold once it can be."
        findings.append(Finding(one.ok, sentence, one.matters and token not in held))
        if token not in held and (note := await _owned(first, desk, listing.instrument, name)) is not None:
            findings.append(note)
    traded = [desk.quote, *(each.instrument.token for each in found.listings)]
    return [*findings, *await _left_over(first, desk, traded)]


async def _owned(node: Node, desk: Desk, instrument: Instrument, name: str) -> Finding | None:
    """What no record explains is nobody's to sell; but it may be what another data folder has bought.  Of the
    native coin every wallet has some.
    """
    if instrument.token == desk.native:
        return None
    owned = await tokens.balance_of(node, desk.address(instrument.token), desk.wallet)
    if isinstance(owned, Unanswered):
        return Finding(False, f"{name}: {owned.sentence}")
    if not owned:
        return None
    return Finding(
        False,
        f"{name}: the wallet has {shown(owned, instrument.token_decimals)} that this data folder knows "
        f"nothing of, and leaves alone.  If another data folder has bought it, go on with that one: two can "
        f"not share a wallet.",
        matters=False,
    )


async def _trade(node: Node, desk: Desk, settings: Settings, token: Asset, head: Block) -> Finding:
    """The smallest order: quoted, bought and sold again on the node's own machine; it must be there."""
    amount, what = Units(_least_order(desk, settings)), _payment(desk)
    coin = desk.quote == desk.native
    has = await (
        node.balance(desk.wallet) if coin else tokens.balance_of(node, desk.quote_token, desk.wallet)
    )
    if isinstance(has, Unanswered):
        return Finding(False, f"{has.sentence}.")
    if has < amount:  # What that is worth is said where money is looked at.
        words = f"to buy it and sell it again is tried once the wallet has {settings.limits.min_order}"
        return Finding(False, f"{words} {what}.", matters=False)
    order = Order(
        id=Id("doctor"), side=Side.BUY, strategy="doctor", token=token, quote=desk.quote, amount_in=amount,
        fee_asset=desk.native, max_fee=Units(0), slippage_bps=desk.slippage_bps, at_ns=0, deadline_ns=0,
        position=Id("doctor/position"),
    )  # fmt: skip
    pools = Pools(desk.network)
    offer = await offered(node, desk, pools, desk.ends(order), amount, head)
    if isinstance(offer, Unanswered):
        return Finding(False, f"{offer.sentence}.")
    found = await tried(Bench(node, desk, pools, LiveOrder(order), Place(0)), offer)
    sentence = getattr(found, "sentence", "")
    if sentence:
        return Finding(False, f"{sentence}.")
    return Finding(True, f"{settings.limits.min_order} {what} buy it and sell it again.")


def _payment(desk: Desk) -> str:
    return desk.network.native if desk.quote == desk.native else "of the stable token"
