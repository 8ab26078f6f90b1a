"""What a transaction offers for its place in a block (EIP-1559), within the cap on what is signed.

The cap holds for the signed `maxFeePerGas` itself, in wei: whatever happens to the base fee, no more is paid.
"""

from msgspec import Struct

from actors.messages import BPS, Units
from chains.evm.evidence import raised
from chains.evm.values import Declined

GWEI = 10**9
CAP = 50 * GWEI
# What a storage slot that is zero costs more to set than one that is not (EIP-3529: 20000 instead of 2900).
# An estimate sees the allowance of this moment, and the swap before may have spent it when it is ours.
FRESH_SLOT_GAS = 17_100


class Fees(Struct, frozen=True):
    """Wei per unit of gas."""

    max_fee_per_gas: int
    tip: int  # maxPriorityFeePerGas


def offer(base_fee: int, tip: int, cap: int = CAP) -> Fees | Declined:
    """Room for the base fee to double, as far as the cap goes."""
    _check(base_fee, tip, cap)
    if base_fee + tip > cap:
        return Declined(
            f"the base fee of {base_fee} wei and the tip of {tip} wei are over the cap of {cap} wei"
        )
    return Fees(min(cap, 2 * base_fee + tip), tip)


def replacement(old: Fees, base_fee: int, tip: int, cap: int = CAP) -> Fees | Declined:
    """At least an eighth more in both fields, or every node refuses it; more if the market asks for more."""
    _check(base_fee, tip, cap)
    fees = Fees(
        max(_more(old.max_fee_per_gas), min(cap, 2 * base_fee + tip)),
        max(_more(old.tip), min(tip, cap)),
    )
    if max(fees.max_fee_per_gas, base_fee, fees.tip) > cap:
        return Declined(
            f"a replacement must offer {fees.max_fee_per_gas} wei (base fee {base_fee}, tip {fees.tip}): "
            f"that is over the cap of {cap} wei"
        )
    return Fees(max(fees.max_fee_per_gas, fees.tip), fees.tip)


def gas_limit(estimate: int, margin_bps: int) -> int:
    """The node's estimate and a margin: between estimate and block the pool's path may grow."""
    if estimate < 21_000:
        raise ValueError(f"the estimate of gas is {estimate}: no transaction takes less than 21000")
    return -(-estimate * (BPS + margin_bps) // BPS)


def most(limit: int, fees: Fees, l1_fee: int = 0) -> Units:
    """Native units that a transaction can cost at most; a rollup adds the fee of its data on L1."""
    return Units(limit * fees.max_fee_per_gas + l1_fee)


def _more(fee: int) -> int:
    return max(raised(fee), fee + 1)


def _check(base_fee: int, tip: int, cap: int) -> None:
    for name, value in (("base_fee", base_fee), ("tip", tip), ("cap", cap)):
        if value < 0:
            raise ValueError(f"{name} is {value} wei: a fee is not negative")
