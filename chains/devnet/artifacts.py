"""The contracts as their makers published them, out of the npm packages, and our own tokens beside them."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct, json

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules"

_V2_CORE, _V2 = "@uniswap/v2-core/build", "@uniswap/v2-periphery/build"
_V3_CORE, _V3 = "@uniswap/v3-core/artifacts/contracts", "@uniswap/v3-periphery/artifacts/contracts"
_ROUTERS = "@uniswap/swap-router-contracts/artifacts/contracts"


class Contract(StrEnum):
    """Where the artifact is: below node_modules, or below this folder."""

    WETH9 = f"{_V2}/WETH9.json"
    V2_FACTORY = f"{_V2_CORE}/UniswapV2Factory.json"
    V2_PAIR = f"{_V2_CORE}/UniswapV2Pair.json"
    V2_ROUTER = f"{_V2}/UniswapV2Router02.json"
    V3_FACTORY = f"{_V3_CORE}/UniswapV3Factory.sol/UniswapV3Factory.json"
    V3_POOL = f"{_V3_CORE}/UniswapV3Pool.sol/UniswapV3Pool.json"
    V3_POSITIONS = f"{_V3}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json"
    V3_ROUTER = f"{_ROUTERS}/SwapRouter02.sol/SwapRouter02.json"
    QUOTER = f"{_ROUTERS}/lens/QuoterV2.sol/QuoterV2.json"
    COIN = "contracts/Coin.json"
    ODD = "contracts/OddToken.json"


class Artifact(Struct, frozen=True):
    abi: list[dict[str, Any]]
    bytecode: str  # Of the deployment; 0x-prefixed hex.


class NotInstalledError(Exception):
    """A package or the node is not here: a sentence with what to do."""


def load(contract: Contract) -> Artifact:
    """NotInstalledError if its package is not here."""
    path = FOLDER / contract if contract.startswith("contracts/") else MODULES / contract
    if not path.exists():
        raise NotInstalledError(
            f"{path.relative_to(FOLDER)} is not here: apt install nodejs npm, then make devnet"
        )
    return artifact(json.decode(path.read_bytes()), contract)


def artifact(file: dict[str, Any], name: str) -> Artifact:
    """Of both shapes: hardhat's (`bytecode`) and Solidity's own (`evm.bytecode.object`).

    ValueError if it is the code of a contract that still has to be linked to a library.
    """
    code = file.get("bytecode") or file.get("evm", {}).get("bytecode", {})
    text = code.get("object", "") if isinstance(code, dict) else code
    text = text if text.startswith("0x") else f"0x{text}"
    if "__" in text or len(text) <= 2:
        raise ValueError(
            f"{name} holds no code that can be deployed as it is: use a linked, concrete contract"
        )
    return Artifact(file["abi"], text)
