"""Deploys WETH9, Uniswap V2 and V3, and a plan's tokens and pools, from their makers' own bytes."""

import time
from typing import Any

from chains.devnet import prices
from chains.devnet.abi import call_data, decoded, init_code
from chains.devnet.artifacts import Contract, load
from chains.devnet.rpc import Rpc
from chains.devnet.wallets import MAKER, OWNER, TRADER
from chains.devnet.world import ODD, WETH, Addresses, Kind, Listing, Plan, Pool, PoolPlan, Token

NOBODY = "0x" + "00" * 20
UNLIMITED = 2**256 - 1
NO_DEADLINE = 2**63
GAS = 8_000_000
MINED_SECONDS = 30.0
POLL_SECONDS = 0.002
TICK_SPACING = {100: 1, 500: 10, 3_000: 60, 10_000: 200}  # Of a fee tier; Uniswap V3 core.
MAX_TICK = 887_272
NARROW = 2_000  # Ticks about the first price that hold a second position: about 20 % each way.
SUPPLIES = 20  # Times what a token's pools hold at first, for the owner and for the market maker.


def deploy(rpc: Rpc, plan: Plan) -> Addresses:
    """On a fresh node that mines each transaction at once."""
    return _Deployment(rpc, plan).all()


def send(rpc: Rpc, sender: str, to: str | None, data: str, value: int = 0) -> dict[str, Any]:
    """The receipt of what the node signs for one of its own accounts.

    If it fails, RpcError with the contract's reason (or RuntimeError, if that is gone by now).
    """
    wanted = {"from": sender, "data": data, "value": hex(value), "gas": hex(GAS)}
    wanted |= {} if to is None else {"to": to}
    receipt = mined(rpc, rpc.call("eth_sendTransaction", wanted))
    if int(receipt["status"], 16) != 1:
        rpc.call("eth_call", wanted, "latest")
        raise RuntimeError(f"{receipt['transactionHash']} has failed, and would not do so now")
    return receipt


def mined(rpc: Rpc, hash: str) -> dict[str, Any]:
    """The receipt, as soon as there is one; RuntimeError if there is none for long."""
    deadline = time.monotonic() + MINED_SECONDS
    while time.monotonic() < deadline:
        if receipt := rpc.call("eth_getTransactionReceipt", hash):
            return dict(receipt)
        time.sleep(POLL_SECONDS)
    raise RuntimeError(f"{hash} is in no block after {MINED_SECONDS:.0f} s: is mining switched off?")


def view(rpc: Rpc, to: str, types: str, signature: str, *arguments: object) -> tuple[Any, ...]:
    """What a contract answers now."""
    answer = rpc.call("eth_call", {"to": to, "data": call_data(signature, *arguments)}, "latest")
    return decoded(types, answer)


class _Deployment:
    def __init__(self, rpc: Rpc, plan: Plan) -> None:
        self._rpc, self._plan = rpc, plan
        self._tokens: dict[str, Token] = {}
        self._prices = {listing.symbol: listing.price for listing in (plan.quote, *plan.listings)}

    def all(self) -> Addresses:
        self._weth = self._new(Contract.WETH9)
        self._v2_factory = self._new(Contract.V2_FACTORY, "(address)", OWNER.address)
        self._v2_router = self._new(Contract.V2_ROUTER, "(address,address)", self._v2_factory, self._weth)
        self._v3_factory = self._new(Contract.V3_FACTORY)
        self._do(self._v3_factory, "enableFeeAmount(uint24,int24)", 100, 1)  # As on mainnet.
        self._positions = self._new(
            Contract.V3_POSITIONS, "(address,address,address)", self._v3_factory, self._weth, NOBODY
        )
        v3_router = self._new(
            Contract.V3_ROUTER, "(address,address,address,address)",
            self._v2_factory, self._v3_factory, self._positions, self._weth,
        )  # fmt: skip
        quoter = self._new(Contract.QUOTER, "(address,address)", self._v3_factory, self._weth)
        self._list_tokens(v3_router)
        pools = tuple(self._pool(wanted) for wanted in self._plan.pools)
        return Addresses(
            self._weth, self._v2_factory, self._v2_router, self._v3_factory, self._positions, v3_router,
            quoter, self._plan.quote.symbol, self._tokens, pools,
        )  # fmt: skip

    # -- tokens --
    def _list_tokens(self, v3_router: str) -> None:
        for listing in (self._plan.quote, *self._plan.listings):
            token = self._token(listing)
            self._tokens[listing.symbol] = Token(token, listing.decimals)
            for spender in (self._v2_router, self._positions):
                self._do(token, "approve(address,uint256)", spender, UNLIMITED)
            for spender in (self._v2_router, v3_router):
                self._do(token, "approve(address,uint256)", spender, UNLIMITED, sender=MAKER.address)
        quote = self._plan.quote
        funds = self._plan.trader_quote * 10**quote.decimals
        self._do(self._tokens[quote.symbol].address, "mint(address,uint256)", TRADER.address, funds)

    def _token(self, listing: Listing) -> str:
        pools = sum(listing.symbol in {pool.one, pool.other} for pool in self._plan.pools)
        supply = SUPPLIES * pools * self._depth_of(listing.symbol, listing.decimals)
        if listing.symbol == WETH:
            for holder in (OWNER, MAKER):
                self._do(self._weth, "deposit()", sender=holder.address, value=supply)
            return self._weth
        kind = Contract.ODD if listing.symbol == ODD else Contract.COIN
        token = self._new(kind, "(string,uint8)", listing.symbol, listing.decimals)
        for holder in (OWNER, MAKER):
            self._do(token, "mint(address,uint256)", holder.address, supply)
        return token

    def _depth_of(self, symbol: str, decimals: int) -> int:
        """Base units of a token that are worth the plan's depth."""
        units: int = self._plan.depth * self._plan.quote.price * 10**decimals // self._prices[symbol]
        return max(1, units)

    # -- pools --
    def _pool(self, wanted: PoolPlan) -> Pool:
        (symbol0, token0), (symbol1, token1) = sorted(
            ((symbol, self._tokens[symbol]) for symbol in (wanted.one, wanted.other)),
            key=lambda pair: int(pair[1].address, 16),
        )
        amounts = (self._depth_of(symbol0, token0.decimals), self._depth_of(symbol1, token1.decimals))
        pair = (token0.address, token1.address)
        if wanted.kind is Kind.V2:
            address = self._v2_pool(pair, amounts)
        else:
            address = self._v3_pool(pair, amounts, wanted.fee_pips)
        for symbol, token in ((symbol0, token0), (symbol1, token1)):
            if symbol == ODD:
                self._do(token.address, "setPool(address,bool)", address, True)
        return Pool(address, wanted.kind, *pair, symbol0, symbol1, wanted.fee_pips)

    def _v2_pool(self, pair: tuple[str, str], amounts: tuple[int, int]) -> str:
        self._do(
            self._v2_router,
            "addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)",
            *pair, *amounts, 0, 0, OWNER.address, NO_DEADLINE,
        )  # fmt: skip
        found = view(self._rpc, self._v2_factory, "(address)", "getPair(address,address)", *pair)
        return str(found[0])

    def _v3_pool(self, pair: tuple[str, str], amounts: tuple[int, int], fee: int) -> str:
        start = prices.sqrt_x96((amounts[1], amounts[0]))
        create = "createAndInitializePoolIfNecessary(address,address,uint24,uint160)"
        self._do(self._positions, create, *pair, fee, start)
        factory = self._v3_factory
        (address,) = view(self._rpc, factory, "(address)", "getPool(address,address,uint24)", *pair, fee)
        slot = "(uint160,int24,uint16,uint16,uint16,uint8,bool)"
        _, tick, *_ = view(self._rpc, address, slot, "slot0()")
        spacing = TICK_SPACING[fee]
        full, narrow = MAX_TICK // spacing * spacing, tick // spacing * spacing
        around = NARROW // spacing * spacing
        self._mint(pair, fee, (-full, full), amounts)
        self._mint(pair, fee, (narrow - around, narrow + around), amounts)
        return str(address)

    def _mint(
        self, pair: tuple[str, str], fee: int, ticks: tuple[int, int], amounts: tuple[int, int]
    ) -> None:
        self._do(
            self._positions,
            "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))",
            (*pair, fee, *ticks, *amounts, 0, 0, OWNER.address, NO_DEADLINE),
        )

    # -- transactions --
    def _new(self, contract: Contract, types: str = "()", *arguments: object) -> str:
        code = init_code(load(contract).bytecode, types, *arguments)
        receipt = send(self._rpc, OWNER.address, None, code)
        return _checksummed(receipt["contractAddress"])

    def _do(
        self, to: str, signature: str, *arguments: object, sender: str = OWNER.address, value: int = 0
    ) -> None:
        send(self._rpc, sender, to, call_data(signature, *arguments), value)


def _checksummed(address: str) -> str:
    return str(decoded("(address)", "0x" + address[2:].rjust(64, "0"))[0])
