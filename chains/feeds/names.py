"""What the name of a recording says about its pool: univ3_polygon_usdc_weth_005_minute, BTCUSDT-PERP_1m."""

import re

from msgspec import Struct

DOLLARS = ("USDC", "USDT", "BUSD", "FDUSD", "DAI", "USD")  # All count as the paper venue's quote.
_DECIMALS = {"WBTC": 8, "BTC": 8, "CBBTC": 8, "SOL": 9, "SUI": 9, "XRP": 6, "USDC": 6, "USDT": 6}
_USUAL_DECIMALS = 18
_POOL = re.compile(r"univ3_(?:[a-z]+_)*?([a-z]{2,10})_([a-z]{2,10})_(\d{2,3})(?=_|\.|$)", re.IGNORECASE)
_PAIR = re.compile(rf"^([A-Z0-9]{{2,12}}?)[-_/]?({'|'.join(DOLLARS)})(?=[-_.]|$)", re.IGNORECASE)


class PoolName(Struct, frozen=True):
    """Token 0 and token 1 of a Uniswap pool, in the chain's order."""

    token0: str
    token1: str
    fee_pips: int

    @property
    def quote_is_token0(self) -> bool:
        return self.token0 in DOLLARS

    @property
    def token(self) -> str:
        return self.token1 if self.quote_is_token0 else self.token0

    @property
    def quote(self) -> str:
        return self.token0 if self.quote_is_token0 else self.token1


def decimals_of(symbol: str) -> int:
    """As the usual contract of that symbol has it; 18 for one that is not known."""
    return _DECIMALS.get(symbol, _USUAL_DECIMALS)


def pool_name(file: str) -> PoolName | None:
    """None if the name does not tell a dollar pool's two tokens and its fee (005 is 0.05 %)."""
    found = _POOL.search(file)
    if found is None:
        return None
    token0, token1, fee = found[1].upper(), found[2].upper(), found[3]
    if (token0 in DOLLARS) == (token1 in DOLLARS):
        return None
    return PoolName(token0, token1, int(fee) * 10_000 // 10 ** (len(fee) - 1))


def token_name(file: str) -> str:
    """The token of a bars file: what stands before a dollar's symbol, else the whole name."""
    if pool := pool_name(file):
        return pool.token
    found = _PAIR.match(file)
    return (found[1] if found else file.split(".", maxsplit=1)[0]).upper()
