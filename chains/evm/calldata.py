"""Calls of ERC-20 tokens, Uniswap V2 and V3 contracts: their bytes, and their answers read back.

Encoded behind constant selectors: 0.01 ms a call, where a contract object of web3.py takes 1 ms.
An answer that is too short, too long or out of range is a ValueError that names the call.
"""

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from msgspec import Struct
from msgspec.structs import replace

from chains.evm.abi import decoded, encoded
from chains.evm.values import WORD, ZERO_ADDRESS, checked

MOST_DECIMALS = 36
ROUTER_ITSELF = "0x0000000000000000000000000000000000000002"  # To SwapRouter02, as a recipient.
_DYNAMIC = ("[]", "bytes", "string")


class Call(Struct, frozen=True):
    """What is sent to a contract: as a transaction, or to be answered by `eth_call`."""

    to: str
    data: bytes
    value: int = 0


class Method(Struct, frozen=True):
    """A function of a contract: the first four bytes of keccak(signature), and the types on both sides."""

    name: str
    selector: bytes
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(self.inputs)})"

    def data(self, *arguments: object) -> bytes:
        try:
            return self.selector + encoded(self.inputs, arguments)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{self.signature} can not be called with {arguments}: {error}") from error

    def on(self, contract: str, *arguments: object) -> Call:
        return Call(checked(contract, f"the contract of {self.name}"), self.data(*arguments))

    def read(self, answer: bytes) -> tuple[object, ...]:
        """The answer's values, addresses checksummed."""
        if not answer:
            raise ValueError(f"{self.name} answered nothing: there is no contract that has {self.signature}")
        static = not any(mark in kind for kind in self.outputs for mark in _DYNAMIC)
        if static and len(answer) != WORD * len(self.outputs):
            raise ValueError(f"{self.name} answered {len(answer)} bytes, not {WORD * len(self.outputs)}")
        try:
            return decoded(self.outputs, answer) if static else decode(self.outputs, answer)
        except (DecodingError, ValueError, OverflowError) as error:
            raise ValueError(f"{self.name} answered 0x{answer[:96].hex()}: {error}") from error


def _method(selector: str, name: str, inputs: str = "", outputs: str = "") -> Method:
    return Method(name, bytes.fromhex(selector), tuple(inputs.split()), tuple(outputs.split()))


APPROVE = _method("095ea7b3", "approve", "address uint256", "bool")
ALLOWANCE = _method("dd62ed3e", "allowance", "address address", "uint256")
BALANCE_OF = _method("70a08231", "balanceOf", "address", "uint256")
DECIMALS = _method("313ce567", "decimals", "", "uint8")
SYMBOL = _method("95d89b41", "symbol", "", "string")

GET_PAIR = _method("e6a43905", "getPair", "address address", "address")
GET_RESERVES = _method("0902f1ac", "getReserves", "", "uint112 uint112 uint32")
TOKEN0 = _method("0dfe1681", "token0", "", "address")
TOKEN1 = _method("d21220a7", "token1", "", "address")
GET_AMOUNTS_OUT = _method("d06ca61f", "getAmountsOut", "uint256 address[]", "uint256[]")
_V2_SWAP = "uint256 uint256 address[] address uint256"
V2_SWAP = _method("38ed1739", "swapExactTokensForTokens", _V2_SWAP, "uint256[]")
V2_SWAP_TAXED = _method("5c11d795", "swapExactTokensForTokensSupportingFeeOnTransferTokens", _V2_SWAP)
_V2_PAYABLE = "uint256 address[] address uint256"
V2_PAYING = _method("7ff36ab5", "swapExactETHForTokens", _V2_PAYABLE, "uint256[]")
V2_PAYING_TAXED = _method("b6f9de95", "swapExactETHForTokensSupportingFeeOnTransferTokens", _V2_PAYABLE)
V2_GETTING = _method("18cbafe5", "swapExactTokensForETH", _V2_SWAP, "uint256[]")
V2_GETTING_TAXED = _method("791ac947", "swapExactTokensForETHSupportingFeeOnTransferTokens", _V2_SWAP)
V2_WRAPPED = _method("ad5c4648", "WETH", "", "address")

GET_POOL = _method("1698ee82", "getPool", "address address uint24", "address")
SLOT0 = _method("3850c7bd", "slot0", "", "uint160 int24 uint16 uint16 uint16 uint8 bool")
LIQUIDITY = _method("1a686502", "liquidity", "", "uint128")
FEE = _method("ddca3f43", "fee", "", "uint24")
TICKS = _method("f30dba93", "ticks", "int24", "uint128 int128 uint256 uint256 int56 uint160 uint32 bool")
TICK_BITMAP = _method("5339c296", "tickBitmap", "int16", "uint256")
QUOTE_SINGLE = _method(
    "c6a5026a",
    "quoteExactInputSingle",
    "(address,address,uint256,uint24,uint160)",
    "uint256 uint160 uint32 uint256",
)
QUOTE_PATH = _method("cdca1753", "quoteExactInput", "bytes uint256", "uint256 uint160[] uint32[] uint256")
V3_SWAP_SINGLE = _method(
    "04e45aaf", "exactInputSingle", "(address,address,uint24,address,uint256,uint256,uint160)", "uint256"
)
V3_SWAP_PATH = _method("b858183f", "exactInput", "(bytes,address,uint256,uint256)", "uint256")
L1_FEE = _method("49948e0e", "getL1Fee", "bytes", "uint256")
OPERATOR_FEE = _method("275aedd2", "getOperatorFee", "uint256", "uint256")
UNWRAP = _method("49404b7c", "unwrapWETH9", "uint256 address")
V3_WRAPPED = _method("4aa4a4fc", "WETH9", "", "address")
MULTICALL = _method("5ae401dc", "multicall", "uint256 bytes[]", "bytes[]")

METHODS = tuple(value for value in list(globals().values()) if isinstance(value, Method))


# -- answers that need more than their type ----------------------------------------------------------
def read_uint(method: Method, answer: bytes) -> int:
    """The answer of a method that gives one number."""
    (value,) = method.read(answer)
    assert isinstance(value, int), method.name
    return value


def read_address(method: Method, answer: bytes) -> str | None:
    """None is the zero address: no such pair or pool."""
    (value,) = method.read(answer)
    return None if value == ZERO_ADDRESS else str(value)


def read_decimals(answer: bytes) -> int:
    decimals = read_uint(DECIMALS, answer)
    if decimals > MOST_DECIMALS:
        raise ValueError(f"decimals answered {decimals}: more than {MOST_DECIMALS} can not be traded")
    return decimals


def read_symbol(answer: bytes) -> str:
    """Text, or (MKR and other early tokens) 32 bytes of it.  Whatever can not be printed is left out."""
    text = answer.rstrip(b"\0").decode(errors="replace") if len(answer) == WORD else SYMBOL.read(answer)[0]
    printable = "".join(letter for letter in str(text) if letter.isprintable())[:32]
    if not printable:
        raise ValueError(f"symbol answered 0x{answer[:96].hex()}: nothing that can be printed")
    return printable


def read_amounts(path: tuple[str, ...], answer: bytes) -> tuple[int, ...]:
    """Of getAmountsOut: what goes in, and what comes out of each hop."""
    (amounts,) = GET_AMOUNTS_OUT.read(answer)
    assert isinstance(amounts, tuple)
    if len(amounts) != len(path):
        raise ValueError(f"getAmountsOut answered {len(amounts)} amounts for a path of {len(path)} tokens")
    return amounts


# -- swaps -------------------------------------------------------------------------------------------
class Swap(Struct, frozen=True, kw_only=True):
    """An exact input for at least `min_amount_out`, paid out to the recipient until the deadline.

    An end of the path that is the native coin itself is named by its wrapped form: the router makes the one
    of the other, so nothing is approved for what is paid so.
    """

    path: tuple[str, ...]
    amount_in: int
    min_amount_out: int
    recipient: str
    deadline: int  # Seconds since 1970, on the chain's clock.
    pays_native: bool = False
    gets_native: bool = False

    @property
    def value(self) -> int:
        """What is sent with the call, to the unit: the router keeps what is too much."""
        return self.amount_in if self.pays_native else 0


def v2_swap(router: str, swap: Swap, taxed: bool) -> Call:
    """`taxed`: a token on the path keeps a part of every transfer; the plain form would revert."""
    _check(swap)
    terms = swap.min_amount_out, swap.path, swap.recipient, swap.deadline
    if swap.pays_native:
        made = (V2_PAYING_TAXED if taxed else V2_PAYING).on(router, *terms)
        return replace(made, value=swap.value)
    plain, other = (V2_GETTING, V2_GETTING_TAXED) if swap.gets_native else (V2_SWAP, V2_SWAP_TAXED)
    return (other if taxed else plain).on(router, swap.amount_in, *terms)


def v3_swap(router: str, swap: Swap, fees: tuple[int, ...]) -> Call:
    """Of SwapRouter02, whose swaps have no deadline of their own: it is that of the multicall around them.

    What is to be unwrapped goes to the router first, which then pays out all that it has.
    """
    _check(swap)
    recipient = ROUTER_ITSELF if swap.gets_native else swap.recipient
    paid = recipient, swap.amount_in, swap.min_amount_out
    if len(swap.path) == 2:
        inner = V3_SWAP_SINGLE.data((*swap.path, *fees, *paid, 0))
    else:
        inner = V3_SWAP_PATH.data((v3_path(swap.path, fees), *paid))
    unwrap = [UNWRAP.data(swap.min_amount_out, swap.recipient)] if swap.gets_native else []
    return replace(MULTICALL.on(router, swap.deadline, [inner, *unwrap]), value=swap.value)


def v3_path(path: tuple[str, ...], fees: tuple[int, ...]) -> bytes:
    """Token, fee, token, fee, ... token, without padding."""
    if len(fees) != len(path) - 1 or not fees:
        raise ValueError(f"a path of {len(path)} tokens needs {len(path) - 1} fee tiers, not {len(fees)}")
    tokens = [bytes.fromhex(checked(token, "path")[2:]) for token in path]
    hops = zip(fees, tokens[1:], strict=True)
    return tokens[0] + b"".join(fee.to_bytes(3) + token for fee, token in hops)


def v3_quote(quoter: str, path: tuple[str, ...], fees: tuple[int, ...], amount_in: int) -> Call:
    """Of QuoterV2; the first value of either answer is the amount out, the last one an estimate of gas."""
    if len(path) == 2:
        return QUOTE_SINGLE.on(quoter, (*path, amount_in, *fees, 0))
    return QUOTE_PATH.on(quoter, v3_path(path, fees), amount_in)


def nothing(wallet: str) -> Call:
    """A transfer of nothing to ourselves: it does no more than use up its nonce."""
    return Call(checked(wallet, "wallet"), b"")


def _check(swap: Swap) -> None:
    """SwapRouter02 reads an amount of 0 as "all that the router holds", address 1 as the caller."""
    if swap.amount_in <= 0:
        raise ValueError(f"amount_in is {swap.amount_in}: a swap pays more than nothing")
    if swap.min_amount_out <= 0:
        raise ValueError(f"min_amount_out is {swap.min_amount_out}: nothing at all would be a fill")
    if len(swap.path) < 2 or len(set(swap.path)) < len(swap.path):
        raise ValueError(f"path is {swap.path}: it needs two tokens or more, none of them twice")
    if swap.pays_native and swap.gets_native:
        raise ValueError("a swap of the native coin for itself is none")
    for token in swap.path:
        checked(token, "path")
    if int(checked(swap.recipient, "recipient"), 16) < 1 << 16:
        raise ValueError(f"recipient is {swap.recipient}: routers give such addresses a meaning of their own")
