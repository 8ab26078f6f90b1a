"""The chains that are known by name, and what [evm] makes of them."""

import pytest
from eth_utils.address import is_checksum_address

from chains.evm.evidence import Chain
from chains.evm.networks import KNOWN, Network, network_of, rules_of
from storage.config_evm import Evm
from storage.config_kinds import ADDRESSES
from storage.strict_toml import ConfigError

WETH, USDC = KNOWN["ethereum"].wrapped_native, KNOWN["ethereum"].stable
OWN = Evm(
    chain="devnet",
    chain_id=31337,
    native="ETH",
    wrapped_native=WETH,
    stable=USDC,
    v2_router=WETH,
    v2_factory=USDC,
    booked_depth=1,
    final_depth=3,
    block_seconds=1.0,
)


def changed(evm, **fields):
    given = {name: getattr(evm, name) for name in Evm.__struct_fields__}
    return Evm(**{**given, **fields})


def refused(evm):
    with pytest.raises(ConfigError) as caught:
        network_of(evm)
    return str(caught.value)


@pytest.mark.parametrize("network", KNOWN.values(), ids=KNOWN)
def test_every_address_of_a_known_chain_is_there_and_carries_its_checksum(network):
    for key in ADDRESSES:
        there = key != "l1_fee_oracle" or network.name in {"optimism", "base"}
        assert is_checksum_address(getattr(network, key)) == there, key


@pytest.mark.parametrize("network", KNOWN.values(), ids=KNOWN)
def test_a_known_chain_is_final_within_the_state_that_a_full_node_keeps(network):
    assert 1 <= network.booked_depth < network.final_depth <= 128
    assert network.block_seconds > 0


def test_the_six_chains_have_the_ids_that_signatures_are_bound_to():
    ids = {name: network.chain_id for name, network in KNOWN.items()}
    expected = {"ethereum": 1, "optimism": 10, "bsc": 56, "polygon": 137, "base": 8453, "arbitrum": 42161}
    assert ids == expected


def test_a_known_chain_needs_nothing_but_its_name():
    assert network_of(Evm(chain="base")) == KNOWN["base"]


def test_orders_are_measured_by_the_chains_depths_and_the_operators_patience():
    evm = Evm(chain="bsc", fee_patience_seconds=5)
    assert rules_of(network_of(evm), evm) == Chain(3, 30, 5 * 10**9)


def test_what_is_written_replaces_what_is_known_and_nothing_else():
    network = network_of(Evm(chain="ethereum", final_depth=32, stable=WETH))
    assert (network.final_depth, network.stable) == (32, WETH)
    assert network.v2_router == KNOWN["ethereum"].v2_router


def test_a_chain_of_ones_own_is_described_whole():
    network = network_of(OWN)
    assert network == Network(
        name="devnet", chain_id=31337, native="ETH", wrapped_native=WETH, stable=USDC,
        v2_router=WETH, v2_factory=USDC, booked_depth=1, final_depth=3, block_seconds=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("evm", "sentence"),
    [
        (Evm(chain="devnet"), "evm.chain_id = 0: no chain devnet is known, so write this; or choose one of "),
        (changed(OWN, stable=""), 'evm.stable = "": no chain devnet is known'),
        (changed(OWN, v2_factory=""), 'evm.v2_factory = "": it belongs to v2_router; write it'),
        (changed(OWN, v3_router=WETH), 'evm.v3_factory = "": it belongs to v3_router; write it'),
        (changed(OWN, v2_factory="", v2_router=""), "nothing can be traded without a router"),
        (Evm(stable=USDC.lower()), f"write it with its checksum, {USDC}, and compare both."),
        (Evm(stable=USDC[:-1] + "7"), "its checksum is wrong, so a digit may be; copy it again."),
        (Evm(chain_id=5), "evm.chain_id = 5: ethereum is chain 1; give another chain another name."),
        (Evm(booked_depth=100), "evm.booked_depth = 100: at most final_depth (64)."),
        (Evm(chain="base", send="private"), "no private_send_url is known for this chain"),
        (Evm(stable=WETH, native_as="token"), 'evm.native_as = "token": evm.stable is the wrapped coin'),
        (changed(OWN, native_as="quote", wrapped_native=""), 'evm.wrapped_native = "": no chain devnet is'),
    ],
)
def test_what_can_not_be_a_chain_is_refused_with_the_key_and_the_fix(evm, sentence):
    assert sentence in refused(evm)
