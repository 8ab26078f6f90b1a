"""What may be typed, and what it means."""

import pytest

from actors.commands.arguments import completed


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", "paper"),
        ("--speed max", "paper --speed max"),
        ("paper --speed max", "paper --speed max"),
        ("status --data-dir d", "status --data-dir d"),
        ("--help", "--help"),
        ("--recording a", "paper --recording a"),
        ("--recording a b --speed 5", "paper --recording a --recording b --speed 5"),
        ("--recording a --recording b c", "paper --recording a --recording b --recording c"),
        ("paper --speed 5 --recording a b", "paper --speed 5 --recording a --recording b"),
        ("backtest --strategy a b --recording c", "backtest --strategy a --strategy b --recording c"),
        ("sweep --over a=1 b=2 --top 3", "sweep --over a=1 --over b=2 --top 3"),
        ("--recording", "paper --recording"),
        ("--recording --speed 5", "paper --recording --speed 5"),
        ("peper", "peper"),
    ],
)
def test_what_is_typed_is_completed(typed, meant):
    assert completed(typed.split()) == meant.split()
