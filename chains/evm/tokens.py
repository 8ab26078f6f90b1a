"""What an ERC-20 token says of itself, read through a node.  Amounts are its base units.

Tokens are strangers: a call that reverts, or answers with something else, is `Unanswered` with a sentence
that names the token, and never 0.
"""

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chains.evm.node import Ask, At, Node, Revert
from chains.venue import Unanswered

MOST_DECIMALS = 36


def selector(signature: str) -> bytes:
    """The four bytes of "balanceOf(address)"."""
    return keccak(text=signature)[:4]


DECIMALS = selector("decimals()")
SYMBOL = selector("symbol()")
BALANCE_OF = selector("balanceOf(address)")
ALLOWANCE = selector("allowance(address,address)")


async def decimals(node: Node, token: str, at: At = "latest") -> int | Unanswered:
    found = await _number(node, token, "decimals", DECIMALS, at)
    if isinstance(found, int) and found > MOST_DECIMALS:
        return Unanswered(f"token {token}: {found} decimals can not be; at most {MOST_DECIMALS} are traded")
    return found


async def balance_of(node: Node, token: str, owner: str, at: At = "latest") -> int | Unanswered:
    return await _number(node, token, "balanceOf", BALANCE_OF + encode(["address"], [owner]), at)


async def allowance(node: Node, token: str, owner: str, spender: str, at: At = "latest") -> int | Unanswered:
    data = ALLOWANCE + encode(["address", "address"], [owner, spender])
    return await _number(node, token, "allowance", data, at)


async def symbol(node: Node, token: str, at: At = "latest") -> str | Unanswered:
    """To show, and never to tell tokens apart: anybody may use any symbol.  Old ones answer with 32 bytes."""
    output = await _output(node, token, "symbol", SYMBOL, at)
    if isinstance(output, Unanswered):
        return output
    text = output
    if len(output) > 32:
        size = int.from_bytes(output[32:64], "big")
        text = output[64 : 64 + min(size, 32)]
    shown = text.rstrip(b"\0").decode("utf-8", "replace")
    if not shown or not shown.isprintable():
        return Unanswered(f"token {token}: its symbol can not be read")
    return shown


async def _number(node: Node, token: str, name: str, data: bytes, at: At) -> int | Unanswered:
    output = await _output(node, token, name, data, at)
    if isinstance(output, Unanswered):
        return output
    if len(output) != 32:
        return Unanswered(f"token {token}: {name} answers with {len(output)} bytes, and no number")
    return int.from_bytes(output, "big")


async def _output(node: Node, token: str, name: str, data: bytes, at: At) -> bytes | Unanswered:
    output = await node.call(Ask(to=token, data=data), at)
    if isinstance(output, Revert):
        return Unanswered(f"token {token}: {name} refuses ({output.reason or 'without a reason'})")
    if output == b"":
        return Unanswered(f"token {token}: it has no {name}, so it is no ERC-20 token")
    return output
