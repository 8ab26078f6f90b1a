"""Events of ERC-20 tokens and Uniswap pools, out of a node's logs.  Pure.

A log with an event's topic that does not have the event's shape is somebody else's (an ERC-721 `Transfer` has
one topic more): it is None, not an error.
"""

from collections.abc import Iterable

from eth_utils.address import to_checksum_address
from msgspec import Struct

from chains.evm.values import WORD, ZERO_ADDRESS
from chains.evm.wire import Log

# keccak of the event's signature; the tests compute them again.
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
V2_SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1"
V2_SWAP = "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822"
V3_SWAP = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"


class Transfer(Struct, frozen=True):
    token: str
    sender: str
    recipient: str
    amount: int


class PoolSwap(Struct, frozen=True):
    """What a pool took in and gave out, of token0 and token1; V3: and where it stands since."""

    pool: str
    sender: str  # Who called the pool: a router.
    recipient: str
    in0: int
    in1: int
    out0: int
    out1: int
    sqrt_price_x96: int = 0
    liquidity: int = 0


class Sync(Struct, frozen=True):
    pool: str
    reserve0: int
    reserve1: int


def in_order(logs: Iterable[Log]) -> tuple[Log, ...]:
    """In the order of the chain; the same position twice is a ValueError."""
    found = tuple(sorted(logs, key=position))
    if len(set(map(position, found))) < len(found):
        raise ValueError("logs: two of them have the same block and index")
    return found


def position(log: Log) -> tuple[int, int]:
    return log.block, log.index


def transfers(logs: Iterable[Log]) -> tuple[Transfer, ...]:
    return tuple(found for log in logs if (found := transfer(log)))


def transfer(log: Log) -> Transfer | None:
    """ERC-20: `Transfer(address indexed from, address indexed to, uint256 value)`."""
    words = _words(log, TRANSFER, 3, 1)
    if not words:
        return None
    return Transfer(log.address, _topic_address(log.topics[1]), _topic_address(log.topics[2]), words[0])


def unwrapped(log: Log, wrapped: str, holder: str) -> int | None:
    """How much of the wrapped native coin a holder has turned into the coin here.

    WETH9: `Withdrawal(address indexed src, uint wad)`; Arbitrum's burns it instead, to the zero address.
    """
    if log.address != wrapped:
        return None
    if words := _words(log, WITHDRAWAL, 2, 1):
        return words[0] if _topic_address(log.topics[1]) == holder else None
    burnt = transfer(log)
    return burnt.amount if burnt and (burnt.sender, burnt.recipient) == (holder, ZERO_ADDRESS) else None


def sync(log: Log) -> Sync | None:
    """UniswapV2Pair: `Sync(uint112 reserve0, uint112 reserve1)`."""
    words = _words(log, V2_SYNC, 1, 2)
    return Sync(log.address, *words) if words else None


def swap(log: Log) -> PoolSwap | None:
    """Of a V2 pair (`in` and `out` of both tokens) or of a V3 pool (two balances' changes, signed)."""
    if words := _words(log, V2_SWAP, 3, 4):
        return PoolSwap(log.address, *_parties(log), *words)
    if words := _words(log, V3_SWAP, 3, 5):
        change0, change1 = _signed(words[0]), _signed(words[1])
        ins, outs = (max(change0, 0), max(change1, 0)), (max(-change0, 0), max(-change1, 0))
        return PoolSwap(log.address, *_parties(log), *ins, *outs, words[2], words[3])
    return None


def _parties(log: Log) -> tuple[str, str]:
    return _topic_address(log.topics[1]), _topic_address(log.topics[2])


def _words(log: Log, topic: str, topics: int, words: int) -> tuple[int, ...]:
    """The data of the event with this topic, as unsigned words; nothing if it is not that event."""
    if log.topics[:1] != (topic,) or len(log.topics) != topics or len(log.data) != words * WORD:
        return ()
    return tuple(int.from_bytes(log.data[at : at + WORD]) for at in range(0, len(log.data), WORD))


def _signed(word: int) -> int:
    return word - (1 << 256) if word >> 255 else word


def _topic_address(topic: str) -> str:
    return to_checksum_address("0x" + topic[-40:])
