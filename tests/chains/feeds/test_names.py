"""What file names say."""

import pytest

from chains.feeds.names import PoolName, decimals_of, pool_name, token_name


@pytest.mark.parametrize(
    ("file", "pool"),
    [
        ("univ3_polygon_usdc_weth_005_minute_2022-07-19.csv.gz", PoolName("USDC", "WETH", 500)),
        ("univ3_polygon_usdc_weth_005_1m_bars.parquet", PoolName("USDC", "WETH", 500)),
        ("univ3_weth_usdt_030_minute.csv", PoolName("WETH", "USDT", 3_000)),
        ("univ3_base_cbbtc_usdc_001.csv", PoolName("CBBTC", "USDC", 100)),
        ("univ3_eth_usdc_weth_100.csv", PoolName("USDC", "WETH", 10_000)),
        ("univ3_eth_wbtc_weth_030.csv", None),  # No dollar in it.
        ("univ3_eth_usdc_usdt_001.csv", None),  # Nothing but dollars.
        ("BTCUSDT-PERP_1m_2025-05.parquet", None),
    ],
)
def test_a_pool_is_known_by_its_file(file, pool):
    assert pool_name(file) == pool


def test_the_quote_may_be_either_token():
    assert PoolName("USDC", "WETH", 500).quote_is_token0
    assert PoolName("WETH", "USDT", 500).quote == "USDT"
    assert PoolName("WETH", "USDT", 500).token == "WETH"


@pytest.mark.parametrize(
    ("file", "token"),
    [
        ("BTCUSDT-PERP_1m_2025-05.parquet", "BTC"),
        ("ETHUSDT_5m_2023.parquet", "ETH"),
        ("sol-usdc.csv", "SOL"),
        ("univ3_polygon_usdc_weth_005_1m_bars.parquet", "WETH"),
        ("mine.csv", "MINE"),
    ],
)
def test_the_token_is_what_stands_before_the_dollar(file, token):
    assert token_name(file) == token


def test_an_unknown_token_has_18_decimals():
    assert decimals_of("WBTC") == 8
    assert decimals_of("NEVERHEARDOF") == 18
