"""Honest requests to sign, and how to make them hostile; the calldata is written by hand, word by word."""

from eth_utils import keccak, to_checksum_address
from msgspec.structs import replace

from actors.messages import Asset, Caps, Id, Leg, Order, Quoted, Side, SignRequest, Unsigned
from chains.evm.caps import Standing, least_out


def address(number):
    return to_checksum_address(f"0x{number:040x}")


KEY = "0x" + "4c0883a69102937d6231471b5dbb6204fe512961708279f3c1b8d4e2a7b9f001"  # Of no wallet but this one.
WALLET = "0xdEA5BAc039bC0892ab644738155f6b23f72553A7"
USDC, WETH, DAI, MEME = (address(0xC0FFEE00 + number) for number in range(4))
V2, V3, STRANGER = address(0xAA0001), address(0xAA0002), address(0xBAD)
CHAIN, NOW_NS = 31337, 10**15
DEADLINE_S = 1_800_000_000
GWEI, ETHER = 10**9, 10**18
CENT = 10**4  # Of USDC, base units.
UNLIMITED = 2**256 - 1
ITSELF = address(2)  # SwapRouter02, as a recipient.


def asset(contract):
    return Asset(f"devnet:{contract}")


NATIVE = Asset("devnet:ETH")
STANDING = Standing(7, 7, {})


def caps(wallet, **changes):
    made = Caps(
        chain_id=CHAIN, wallet=wallet, native=NATIVE, wrapped=WETH, v2_routers=(V2,), v3_routers=(V3,),
        intermediates=(WETH, DAI),
    )  # fmt: skip
    return replace(made, **changes)


def order(**changes):
    made = Order(
        id=Id("o1"), side=Side.BUY, strategy="momentum", token=asset(MEME), quote=asset(USDC),
        amount_in=100 * CENT, fee_asset=NATIVE, max_fee=10**16, slippage_bps=50, at_ns=0,
        deadline_ns=DEADLINE_S * 10**9, position=Id("p1"),
    )  # fmt: skip
    return replace(made, **changes)


# -- calldata ----------------------------------------------------------------------------------------
def word(value):
    return f"{int(value, 16) if isinstance(value, str) else value:064x}"


def call(signature, *words):
    return "0x" + keccak(text=signature)[:4].hex() + "".join(word(each) for each in words)


def approve(spender, amount):
    return call("approve(address,uint256)", spender, amount)


V2_NAME = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
V2_GETS = V2_NAME.replace("ForTokens(", "ForETH(")
V2_PAYS = "swapExactETHForTokens(uint256,address[],address,uint256)"


def taxed(name):
    return name.replace("(", "SupportingFeeOnTransferTokens(")


V2_TAXED = taxed(V2_NAME)


def v2(amount, least, path, to, deadline=DEADLINE_S, name=V2_NAME):
    return call(name, amount, least, 160, to, deadline, len(path), *path)


def v2_pays(least, path, to, name=V2_PAYS):
    return call(name, least, 128, to, DEADLINE_S, len(path), *path)


def v3_single(amount, least, paid, bought, to, fee=3000, limit=0):
    name = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
    return call(name, paid, bought, fee, to, amount, least, limit)


def v3_path(amount, least, path, fees, to):
    packed = path[0][2:] + "".join(f"{fee:06x}{token[2:]}" for fee, token in zip(fees, path[1:], strict=True))
    head = call("exactInput((bytes,address,uint256,uint256))", 32, 128, to, amount, least, len(packed) // 2)
    return head + padded(packed.lower())


def unwrap(least, to):
    return call("unwrapWETH9(uint256,address)", least, to)


def padded(digits):
    return digits + "0" * (-len(digits) % 64)


def multicall(*calls, deadline=DEADLINE_S):
    bodies = [each.removeprefix("0x") for each in calls]
    offsets, tail, at = [], "", 32 * len(bodies)
    for body in bodies:
        piece = word(len(body) // 2) + padded(body)
        offsets.append(at)
        tail, at = tail + piece, at + len(piece) // 2
    return call("multicall(uint256,bytes[])", deadline, 64, len(bodies), *offsets) + tail


# -- honest requests ---------------------------------------------------------------------------------
def transaction(to, data, **changes):
    made = Unsigned(CHAIN, 7, to, 0, data, 200_000, 40 * GWEI, GWEI)
    return replace(made, **changes)


def quoted(router, path, fees=(), amount_out=1_000_003):
    return Quoted(amount_out, least_out(amount_out, 50), NOW_NS - 10**9, 5, router, tuple(path), fees)


def honest(wallet):
    """By name, each for another leg or another way to swap."""
    buy = order()
    sell = order(side=Side.SELL, amount_in=12_345, quote=asset(WETH))
    out = quoted(V2, (USDC, MEME))
    least = out.min_amount_out
    hops, fees = (USDC, WETH, MEME), (500, 10_000)
    single = v3_single(buy.amount_in, least, USDC, MEME, wallet)
    legs = {
        "approve": (buy, Leg.APPROVE, USDC, approve(V2, buy.amount_in), out),
        "revoke": (buy, Leg.REVOKE, USDC, approve(V3, 0), None),
        "v2": (buy, Leg.SWAP, V2, v2(buy.amount_in, least, (USDC, MEME), wallet), out),
        "v2 taxed": (sell, Leg.SWAP, V2, v2(12_345, least, (MEME, WETH), wallet, name=V2_TAXED),
                     quoted(V2, (MEME, WETH))),
        "v2 hop": (buy, Leg.SWAP, V2, v2(buy.amount_in, least, hops, wallet), quoted(V2, hops)),
        "v3": (buy, Leg.SWAP, V3, multicall(single), quoted(V3, (USDC, MEME), (3000,))),
        "v3 hop": (buy, Leg.SWAP, V3, multicall(v3_path(buy.amount_in, least, hops, fees, wallet)),
                   quoted(V3, hops, fees)),
        "cancel": (buy, Leg.CANCEL, wallet, "0x", None),
    }  # fmt: skip
    made = {
        name: SignRequest(Id(f"sign:{name}"), each, leg, transaction(to, data), evidence)
        for name, (each, leg, to, data, evidence) in legs.items()
    }
    return made | of_the_coin(wallet)


PAYS_COIN = order(quote=NATIVE, amount_in=ETHER // 100)
GETS_COIN = order(quote=NATIVE, side=Side.SELL, amount_in=12_345)


def of_the_coin(wallet):
    """Swaps from and to the native coin itself, as the quote and as the token."""
    least = least_out(1_000_003, 50)
    buys, sells = order(token=NATIVE), order(token=NATIVE, side=Side.SELL, amount_in=ETHER // 100)
    there, back, hops = (WETH, MEME), (MEME, WETH), (WETH, DAI, MEME)
    dollars, coins = (WETH, USDC), (USDC, WETH)
    single = v3_single(PAYS_COIN.amount_in, least, *there, wallet)
    path = v3_path(PAYS_COIN.amount_in, least, hops, (500, 100), wallet)
    swaps = {
        "v2 pays": (PAYS_COIN, V2, v2_pays(least, there, wallet), there, ()),
        "v2 pays taxed": (PAYS_COIN, V2, v2_pays(least, there, wallet, taxed(V2_PAYS)), there, ()),
        "v2 gets": (GETS_COIN, V2, v2(12_345, least, back, wallet, name=V2_GETS), back, ()),
        "v2 gets taxed": (GETS_COIN, V2, v2(12_345, least, back, wallet, name=taxed(V2_GETS)), back, ()),
        "v3 pays": (PAYS_COIN, V3, multicall(single), there, (3000,)),
        "v3 pays hop": (PAYS_COIN, V3, multicall(path), hops, (500, 100)),
        "v3 gets": (GETS_COIN, V3, multicall(v3_single(12_345, least, *back, ITSELF), unwrap(least, wallet)),
                    back, (3000,)),
        "v3 gets hop": (GETS_COIN, V3, multicall(
            v3_path(12_345, least, hops[::-1], (100, 500), ITSELF), unwrap(least, wallet)),
            hops[::-1], (100, 500)),
        "the coin sold": (sells, V2, v2_pays(least, dollars, wallet), dollars, ()),
        "the coin bought": (buys, V3, multicall(v3_single(buys.amount_in, least, *coins, ITSELF),
                                                unwrap(least, wallet)), coins, (3000,)),
    }  # fmt: skip
    return {
        name: SignRequest(
            Id(f"sign:{name}"), each, Leg.SWAP,
            transaction(to, data, value=each.amount_in if path[0] == WETH else 0), quoted(to, path, fees),
        )
        for name, (each, to, data, path, fees) in swaps.items()
    }  # fmt: skip


def standing_for(request):
    """A cancellation replaces what the order has signed before."""
    return replace(STANDING, ours={7: request.order.id}) if request.leg is Leg.CANCEL else STANDING


def changed(request, **fields):
    return replace(request, transaction=replace(request.transaction, **fields))


def assert_refused(sentence, start):
    """For what is wrong with it: the sentence names the field, what it is, and what is allowed."""
    assert sentence is not None
    assert sentence.startswith(start)
