"""How OddToken misbehaves, as its owner switches it."""

from enum import IntEnum

from msgspec import Struct

from chains.devnet.abi import call_data


class Approval(IntEnum):
    """What `approve` does; the numbers are the contract's."""

    ORDINARY = 0
    RETURNS_FALSE = 1  # And changes nothing.
    RETURNS_NOTHING = 2  # The allowance is set.
    REVERTS = 3
    RESET_FIRST = 4  # From one non-zero allowance to another it reverts.


class Behaviour(Struct, frozen=True, kw_only=True):
    """All of it; what is not named is ordinary."""

    approval: Approval = Approval.ORDINARY
    transfer_fee_bps: int = 0  # Of every transfer.
    sell_fee_bps: int = 0  # On top of it, of a transfer to a pool.
    sells_blocked: bool = False  # Reverts with the custom error SellsAreBlocked.
    paused: bool = False
    returns_nothing: bool = False  # transfer and transferFrom.


def behave(wanted: Behaviour) -> str:
    """The call that switches it."""
    values = (
        int(wanted.approval), wanted.transfer_fee_bps, wanted.sell_fee_bps,
        wanted.sells_blocked, wanted.paused, wanted.returns_nothing,
    )  # fmt: skip
    return call_data("behave((uint8,uint16,uint16,bool,bool,bool))", values)
