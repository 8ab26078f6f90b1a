"""What people read in place of addresses; never another token's name, never another amount."""

import pytest

from actors.commands.naming import brief, named, readable, shortened

ONE, OTHER, THIRD = (f"base:0x{digit * 40}" for digit in "123")


def test_a_symbol_stands_for_its_token_and_the_rest_have_short_addresses():
    symbols = {ONE: "ALFA", OTHER: "USDC"}
    assert [named(asset, symbols) for asset in (ONE, OTHER, THIRD, "paper:WETH", "")] == [
        "ALFA",
        "USDC",
        "base:0x3333…",
        "paper:WETH",
        "",
    ]


def test_tokens_that_claim_one_symbol_are_told_apart():
    symbols = {ONE: "USDC", OTHER: "usdc"}
    assert [named(asset, symbols) for asset in (ONE, OTHER)] == ["USDC 0x1111…", "usdc 0x2222…"]


def test_a_symbol_of_a_novel_is_cut():
    assert named(ONE, {ONE: "ALL YOUR BASE ARE BELONG"}) == "ALL YOUR BA…"


def test_an_orders_id_is_readable():
    assert (
        readable(f"momentum:{ONE}:17:buy of {THIRD}", {ONE: "ALFA"}) == "momentum:ALFA:17:buy of base:0x3333…"
    )
    assert shortened(f"0x{'f' * 64}") == f"0xffff…{'f' * 24}"


@pytest.mark.parametrize(
    ("units", "decimals", "words"),
    [
        (1, 18, "0.00000000000"),
        (123456789012345678 * 10**18 + 1, 18, "123456789012345678"),
        (15 * 10**17, 18, "1.5"),
        (29415472354217139547, 18, "29.4154723542"),
        (-29415472354217139547, 18, "-29.415472354"),
        (7, 0, "7"),
    ],
)
def test_an_amount_is_cut_behind_its_point_alone(units, decimals, words):
    assert brief(units, decimals) == words
