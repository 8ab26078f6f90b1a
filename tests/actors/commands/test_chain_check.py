"""Whether books and chain agree at the end of a live run: what was not compared is not kept."""

import pytest
from msgspec.structs import replace

from actors.commands import chain_check
from actors.commands.chain_check import Compared, compared, told
from actors.messages import KEY, Append, Deposited
from chains.venue import Met, Unanswered
from storage.books import Books
from storage.config import Settings
from storage.trades import halting, local, opening
from tests.deals import GAS, UNIT, WETH, Desk, order


def test_what_a_stranger_has_done_does_not_agree():
    met = Met(1, {}, "", "0x1", 7, "the wallet's next nonce is 7, and in the log 5")
    assert told(met) == Compared(strange="the wallet's next nonce is 7, and in the log 5")
    assert told(replace(met, foreign="", strange="less")) == Compared(strange="less")
    assert told(replace(met, foreign="")) == Compared()
    assert told(Unanswered("down")) == Compared(unknown="down")


def quarantined():
    desk = Desk(1_000 * UNIT)
    desk.append(halting("stranger", KEY, "somebody else uses it", 1))
    return desk.books


def between_two_legs():
    """Its approval has landed, and no bytes of its swap exist."""
    desk = Desk(1_000 * UNIT)
    desk.append(Append("gas", (local("gas", Deposited(GAS, 1_000), 0),)))
    desk.append(opening(order("o1", 100, 10, WETH, fee_asset=GAS)))
    desk.allow("o1")
    return desk.books


@pytest.mark.parametrize(
    ("books", "why"),
    [
        (Books, "empty"),
        (quarantined, "quarantined: somebody else"),
        (between_two_legs, "1 orders are not final"),
    ],
)
def test_what_nobody_can_compare_is_unknown(books, why, monkeypatch):
    monkeypatch.setattr(chain_check, "answered_apart", None)  # Nobody is asked.
    assert why in compared(Settings(), books()).unknown
