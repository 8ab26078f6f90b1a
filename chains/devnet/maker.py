"""The market maker: pushes every pool to a price by genuine swaps, in one block at a chosen moment.

The price of a bar is its close; the pools of tokens without a price stay where they are.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from actors.messages import Asset, Price, Tick
from chains.devnet import prices
from chains.devnet.abi import call_data, decoded
from chains.devnet.deploy import NO_DEADLINE
from chains.devnet.devnet import Devnet
from chains.devnet.prices import Ratio
from chains.devnet.rpc import Call
from chains.devnet.wallets import MAKER
from chains.devnet.world import Kind, Pool, whole

RESERVES = "(uint112,uint112,uint32)"
SLOT0 = "(uint160,int24,uint16,uint16,uint16,uint8,bool)"
V2_SWAP = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
V3_SWAP = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"
WHATEVER_IT_TAKES = 2**128  # The limit of the price ends the swap long before.
SWAP_GAS = 1_000_000
MOST_FEE = 10**12  # Wei: 1,000 gwei, so that no base fee keeps it out of its block.
_Q192 = 1 << 192


class Moved(Struct, frozen=True):
    """A block of the market maker's."""

    timestamp: int  # Unix seconds, of the block.
    swaps: int
    errors: dict[
        str, int
    ]  # How far each pool, by its address, is from its price: pips, 100 of them are 1 bps.

    @property
    def worst(self) -> int:
        return max(self.errors.values(), default=0)


def closes(tick: Tick) -> dict[str, Price]:
    """What a tick says about prices, by the tokens' symbols."""
    return {symbol_of(bar.token): bar.close for bar in tick.bars}


def symbol_of(asset: Asset) -> str:
    """The name of a feed's asset without its chain: "paper:WETH" is WETH."""
    return asset.rpartition(":")[2]


class Maker:
    """`base_fee` (wei) is that of each of its blocks; without it, it soon falls to almost nothing."""

    def __init__(self, net: Devnet, base_fee: int | None = None) -> None:
        self._net, self._base_fee = net, base_fee
        tokens, quote = net.addresses.tokens, net.addresses.quote
        self._decimals = {symbol: token.decimals for symbol, token in tokens.items()}
        self._quote = {quote: whole(1, self._decimals[quote])}

    def move(self, closes: Mapping[str, Price], timestamp: int) -> Moved:
        """One block in which every pool of two priced tokens comes to its price.

        `timestamp` is in Unix seconds; a block can not be before the last one, so it may come out later.
        RuntimeError if a swap fails.
        """
        wanted = self._wanted({**closes, **self._quote})
        swaps = self._swaps(wanted)
        hashes, at = self._in_one_block([self._transaction(to, data) for to, data in swaps], timestamp)
        self._check(hashes)
        reached = zip(wanted, self._ratios(list(wanted)), strict=True)
        errors = {pool.address: prices.error_pips(ratio, wanted[pool]) for pool, ratio in reached}
        return Moved(at, len(hashes), errors)

    def _wanted(self, closes: Mapping[str, Price]) -> dict[Pool, Ratio]:
        return {
            pool: prices.ratio(
                closes[pool.symbol0], self._decimals[pool.symbol0],
                closes[pool.symbol1], self._decimals[pool.symbol1],
            )
            for pool in self._net.addresses.pools
            if pool.symbol0 in closes and pool.symbol1 in closes
        }  # fmt: skip

    # -- what the pools say --
    def _ratios(self, pools: list[Pool]) -> list[Ratio]:
        return [_ratio(pool, answer) for pool, answer in zip(pools, self._asked(pools), strict=True)]

    def _asked(self, pools: list[Pool]) -> list[tuple[int, ...]]:
        calls = [_question(pool) for pool in pools]
        answers = self._net.rpc.batch(calls)
        return [
            decoded(RESERVES if pool.kind is Kind.V2 else SLOT0, answer)
            for pool, answer in zip(pools, answers, strict=True)
        ]

    # -- what is to be swapped --
    def _swaps(self, wanted: dict[Pool, Ratio]) -> list[tuple[str, str]]:
        """(router, call) for each pool that is not at its price yet."""
        found = []
        for pool, state in zip(wanted, self._asked(list(wanted)), strict=True):
            swap = self._v2_swap if pool.kind is Kind.V2 else self._v3_swap
            found.append(swap(pool, state, wanted[pool]))
        return [swap for swap in found if swap is not None]

    def _v2_swap(self, pool: Pool, state: tuple[int, ...], wanted: Ratio) -> tuple[str, str] | None:
        sells_token0, amount = prices.v2_push(state[0], state[1], wanted)
        path = (pool.token0, pool.token1) if sells_token0 else (pool.token1, pool.token0)
        reserves = (state[0], state[1]) if sells_token0 else (state[1], state[0])
        if amount == 0 or prices.v2_out(amount, *reserves) == 0:
            return None
        router = self._net.addresses.v2_router
        return router, call_data(V2_SWAP, amount, 0, path, MAKER.address, NO_DEADLINE)

    def _v3_swap(self, pool: Pool, state: tuple[int, ...], wanted: Ratio) -> tuple[str, str] | None:
        limit = prices.sqrt_x96(wanted)
        if limit == state[0]:
            return None
        path = (pool.token0, pool.token1) if limit < state[0] else (pool.token1, pool.token0)
        order = (*path, pool.fee_pips, MAKER.address, WHATEVER_IT_TAKES, 0, limit)
        return self._net.addresses.v3_router, call_data(V3_SWAP, order)

    # -- the block --
    def _transaction(self, to: str, data: str) -> Call:
        wanted = {"from": MAKER.address, "to": to, "data": data, "gas": hex(SWAP_GAS)}
        return "eth_sendTransaction", [
            wanted | {"maxFeePerGas": hex(MOST_FEE), "maxPriorityFeePerGas": "0x0"}
        ]

    def _in_one_block(self, transactions: list[Call], timestamp: int) -> tuple[list[str], int]:
        """The hashes, and the block's moment.  Whoever mines at each transaction waits meanwhile."""
        net = self._net
        automines = net.automines()
        net.set_automine(False)
        try:
            hashes = net.rpc.batch(transactions)
            if self._base_fee is not None:
                net.set_base_fee(self._base_fee)
            net.mine_at(max(timestamp, net.timestamp() + 1))
        finally:
            net.set_automine(automines)
        return hashes, net.timestamp()

    def _check(self, hashes: list[str]) -> None:
        receipts = self._net.rpc.batch([("eth_getTransactionReceipt", [hash]) for hash in hashes])
        for hash, receipt in zip(hashes, receipts, strict=True):
            if receipt is None or int(receipt["status"], 16) != 1:
                raise RuntimeError(f"the market maker's swap {hash} has failed: {receipt}")


def _question(pool: Pool) -> Call:
    signature = "getReserves()" if pool.kind is Kind.V2 else "slot0()"
    return "eth_call", [{"to": pool.address, "data": call_data(signature)}, "latest"]


def _ratio(pool: Pool, state: tuple[Any, ...]) -> Ratio:
    return (state[1], state[0]) if pool.kind is Kind.V2 else (state[0] ** 2, _Q192)
