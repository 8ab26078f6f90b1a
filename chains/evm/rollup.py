"""What a chain of the OP Stack charges beside the gas of a transaction, asked before it is signed.

Its data goes on L1, at a price that no field of the transaction bounds, and since Isthmus the operator may
take something too.  Source: GasPriceOracle of the OP Stack's contracts (getL1Fee, getOperatorFee).
"""

import asyncio

from actors.messages import Unsigned
from chains.evm.calldata import L1_FEE, OPERATOR_FEE, Method, read_uint
from chains.evm.node import Ask, Node, Revert
from chains.evm.signed import encoded
from chains.venue import Unanswered

ROOM = 2  # As for the base fee: it may double until the transaction lands.


async def charge(node: Node, oracle: str, transaction: Unsigned) -> int | Unanswered:
    """Wei, with room for L1 to become dearer; `oracle` "": this chain charges nothing beside its gas."""
    if not oracle:
        return 0
    data, operator = await asyncio.gather(
        _asked(node, oracle, L1_FEE, encoded(transaction)),
        _asked(node, oracle, OPERATOR_FEE, transaction.gas),
    )
    if isinstance(data, Revert):
        return Unanswered(f"evm.l1_fee_oracle: {oracle} does not tell the fee for L1 ({data.reason})")
    if isinstance(data, Unanswered):
        return data
    if isinstance(operator, Unanswered):
        return operator
    return ROOM * data + (
        0 if isinstance(operator, Revert) else operator
    )  # Before Isthmus it has no such function.


async def _asked(node: Node, oracle: str, method: Method, argument: object) -> int | Revert | Unanswered:
    answer = await node.call(Ask(to=oracle, data=method.data(argument)))
    if not isinstance(answer, bytes):
        return answer
    try:
        return read_uint(method, answer)
    except ValueError as error:
        return Unanswered(f"evm.l1_fee_oracle: {error}")
