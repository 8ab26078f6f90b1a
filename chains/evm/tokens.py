"""What an ERC-20 token says of itself, read through a node.  Amounts are its base units.

Tokens are strangers: a call that reverts, or answers with something else, is `Unanswered` with a sentence
that names the token, and never 0.
"""

from chains.evm.calldata import ALLOWANCE, BALANCE_OF, DECIMALS, MOST_DECIMALS, SYMBOL, Method
from chains.evm.node import Ask, At, Node, Revert
from chains.venue import Unanswered


async def decimals(node: Node, token: str, at: At = "latest") -> int | Unanswered:
    found = await _number(node, token, DECIMALS, at)
    if isinstance(found, int) and found > MOST_DECIMALS:
        return Unanswered(f"token {token}: {found} decimals can not be; at most {MOST_DECIMALS} are traded")
    return found


async def balance_of(node: Node, token: str, owner: str, at: At = "latest") -> int | Unanswered:
    return await _number(node, token, BALANCE_OF, at, owner)


async def allowance(node: Node, token: str, owner: str, spender: str, at: At = "latest") -> int | Unanswered:
    return await _number(node, token, ALLOWANCE, at, owner, spender)


async def symbol(node: Node, token: str, at: At = "latest") -> str | Unanswered:
    """To show, and never to tell tokens apart: anybody may use any symbol.  Old ones answer with 32 bytes."""
    output = await _output(node, token, SYMBOL, at)
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


async def _number(node: Node, token: str, method: Method, at: At, *arguments: str) -> int | Unanswered:
    output = await _output(node, token, method, at, *arguments)
    if isinstance(output, Unanswered):
        return output
    if len(output) != 32:
        return Unanswered(f"token {token}: {method.name} answers with {len(output)} bytes, and no number")
    return int.from_bytes(output, "big")


async def _output(node: Node, token: str, method: Method, at: At, *arguments: str) -> bytes | Unanswered:
    output = await node.call(Ask(to=token, data=method.data(*arguments)), at)
    if isinstance(output, Revert):
        return Unanswered(f"token {token}: {method.name} refuses ({output.reason or 'without a reason'})")
    if output == b"":
        return Unanswered(f"token {token}: it has no {method.name}, so it is no ERC-20 token")
    return output
