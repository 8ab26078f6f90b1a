"""What the tests of Uniswap on a devnet share: sending our own calls, reading pools, ways to trade."""

from chains.devnet.deploy import mined
from chains.devnet.wallets import TRADER
from chains.evm import calldata, v3state, wire
from chains.evm.calldata import Swap
from chains.evm.receipts import Sent, Trade, fill
from chains.evm.routes import Quoted, Reserves, Route, Version, own_quote, swap_call
from chains.evm.v3math import TIERS

ME = TRADER.address
FAR = 2**40  # Seconds: later than any block.
GAS = 3_000_000


def routers(net):
    return {Version.V2: net.addresses.v2_router, Version.V3: net.addresses.v3_router}


def asked(net, call):
    """The bytes that a contract answers."""
    wanted = {"from": ME, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value)}
    return bytes.fromhex(net.rpc.call("eth_call", wanted, "latest")[2:])


def sent(net, call):
    """The receipt of a call of ours, as the node gives it: reverted or not."""
    wanted = {"from": ME, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value)}
    tx_id = net.rpc.call("eth_sendTransaction", wanted | {"gas": hex(GAS)})
    return mined(net.rpc, tx_id)


def approved(net, token, spender, amount):
    sent(net, calldata.APPROVE.on(token, spender, amount))


def route(net, version, symbols, fees):
    return Route(version, tuple(net.address_of(symbol) for symbol in symbols), fees)


def pools(net, way):
    """The addresses of a route's pools, as their factories know them."""
    return tuple(pool_of(net, key) for key in way.pools)


def pool_of(net, key):
    if key.version is Version.V2:
        method, call = (
            calldata.GET_PAIR,
            calldata.GET_PAIR.on(net.addresses.v2_factory, key.token0, key.token1),
        )
    else:
        method = calldata.GET_POOL
        call = method.on(net.addresses.v3_factory, key.token0, key.token1, key.fee_pips)
    return calldata.read_address(method, asked(net, call))


def state(net, key, radius=3):
    """A pool as our own arithmetic needs it: V2 reserves, or the ticks of V3 in some words of the bitmap."""
    address = pool_of(net, key)
    if key.version is Version.V2:
        return Reserves(*calldata.GET_RESERVES.read(asked(net, calldata.GET_RESERVES.on(address)))[:2])
    spacing, answers = TIERS[key.fee_pips], {}

    def read(*parts):
        for part in parts:
            call = part.method.on(address, *part.arguments)
            answers[part] = asked(net, call)
        return [answers[part] for part in parts]

    middle = v3state.word_of(v3state.read_slot0(read(*v3state.BASE)[0])[1], spacing)
    for word in range(middle - radius, middle + radius + 1):
        (bits,) = read(v3state.Part(calldata.TICK_BITMAP, (word,)))
        ticks = v3state.ticks_of(word, int.from_bytes(bits), spacing)
        read(*(v3state.Part(calldata.TICKS, (tick,)) for tick in ticks))
    return v3state.pool_of(answers, (key.fee_pips, spacing))


def ours(net, way, amount_in):
    """Our own quote."""
    found = own_quote(way, amount_in, {key: state(net, key) for key in way.pools})
    return found.amount_out if isinstance(found, Quoted) else found


def theirs(net, way, amount_in):
    """The router's quote, or the quoter's."""
    if way.version is Version.V2:
        answer = asked(net, calldata.GET_AMOUNTS_OUT.on(net.addresses.v2_router, amount_in, way.path))
        return calldata.read_amounts(way.path, answer)[-1]
    call = calldata.v3_quote(net.addresses.quoter, way.path, way.fees, amount_in)
    method = calldata.QUOTE_SINGLE if len(way.path) == 2 else calldata.QUOTE_PATH
    return method.read(asked(net, call))[0]


def traded(net, way, amount_in, min_out=1, taxed=False, **native):
    """(receipt as the node gives it, the fill that we read in it): approved exactly, then swapped.

    `native`: pays_native or gets_native, where an end of the way is the coin itself; that is not approved.
    """
    router = routers(net)[way.version]
    if not native.get("pays_native"):
        approved(net, way.path[0], router, amount_in)
    swap = Swap(
        path=way.path, amount_in=amount_in, min_amount_out=min_out, recipient=ME, deadline=FAR, **native
    )
    raw = sent(net, swap_call(way, routers(net), swap, taxed))
    trade = Trade(way.version, way.path, pools(net, way), amount_in, min_out, router, **native)
    return raw, fill(wire.receipt(raw), Sent(raw["transactionHash"], ME), trade, 1)
