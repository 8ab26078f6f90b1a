"""What an ERC-20 token says of itself, read through a node.  Amounts are its base units.

Tokens are strangers: a call that reverts, or answers with something else, is `Unanswered` with a sentence
that names the token, and never 0.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from chains.evm.calldata import (
    ALLOWANCE,
    BALANCE_OF,
    DECIMALS,
    SYMBOL,
    Method,
    read_decimals,
    read_symbol,
    read_uint,
)
from chains.evm.node import Ask, At, Node, Revert
from chains.venue import Unanswered

T = TypeVar("T")


async def decimals(node: Node, token: str, at: At = "latest") -> int | Unanswered:
    return await _read(node, token, at, read_decimals, DECIMALS)


async def balance_of(node: Node, token: str, owner: str, at: At = "latest") -> int | Unanswered:
    return await _read(node, token, at, partial(read_uint, BALANCE_OF), BALANCE_OF, owner)


async def allowance(node: Node, token: str, owner: str, spender: str, at: At = "latest") -> int | Unanswered:
    return await _read(node, token, at, partial(read_uint, ALLOWANCE), ALLOWANCE, owner, spender)


async def symbol(node: Node, token: str, at: At = "latest") -> str | Unanswered:
    """To show, and never to tell tokens apart: anybody may use any symbol."""
    return await _read(node, token, at, read_symbol, SYMBOL)


async def _read(
    node: Node, token: str, at: At, read: Callable[[bytes], T], method: Method, *arguments: str
) -> T | Unanswered:
    output = await node.call(Ask(to=token, data=method.data(*arguments)), at)
    if isinstance(output, Unanswered):
        return output
    if isinstance(output, Revert):
        return Unanswered(f"token {token}: {method.name} refuses ({output.reason or 'without a reason'})")
    if output == b"":
        return Unanswered(f"token {token}: it has no {method.name}, so it is no ERC-20 token")
    try:
        return read(output)
    except ValueError as error:
        return Unanswered(f"token {token}: {error}")
