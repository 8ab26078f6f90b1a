"""The contracts as files: both shapes, and whether they are what they must be."""

from hashlib import sha256

import pytest
from eth_utils import keccak
from msgspec import json

from chains.devnet.artifacts import FOLDER, Contract, NotInstalledError, artifact, load

SHAPES = [
    {"abi": [], "bytecode": "6001"},
    {"abi": [], "bytecode": "0x6001"},
    {"abi": [], "bytecode": {"object": "6001"}},
    {"abi": [], "evm": {"bytecode": {"object": "0x6001"}}},
]


@pytest.mark.parametrize("file", SHAPES)
def test_every_shape_of_file_gives_the_same_code(file):
    assert artifact(file, "X").bytecode == "0x6001"


@pytest.mark.parametrize("code", ["0x", "", "0x60__$0123456789$__01"])
def test_code_that_can_not_be_deployed_is_refused_by_name(code):
    with pytest.raises(ValueError, match="NFTDescriptor holds no code that can be deployed"):
        artifact({"abi": [], "bytecode": code}, "NFTDescriptor")


def test_a_missing_package_is_a_sentence_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("chains.devnet.artifacts.MODULES", tmp_path / "node_modules")
    monkeypatch.setattr("chains.devnet.artifacts.FOLDER", tmp_path)
    with pytest.raises(NotInstalledError, match=r"WETH9\.json is not here: apt install nodejs npm"):
        load(Contract.WETH9)


@pytest.mark.parametrize("contract", Contract)
def test_each_contract_loads(installed, contract):
    assert load(contract).abi


@pytest.mark.parametrize(
    ("made", "makers"),
    [
        (Contract.V2_PAIR, [Contract.V2_ROUTER, Contract.V3_ROUTER]),
        (Contract.V3_POOL, [Contract.V3_POSITIONS, Contract.V3_ROUTER, Contract.QUOTER]),
    ],
)
def test_pools_have_the_code_whose_hash_their_users_compute_addresses_from(installed, made, makers):
    hash = keccak(hexstr=load(made).bytecode).hex()
    for maker in makers:
        assert hash in load(maker).bytecode, maker


OURS = [FOLDER / f"contracts/{name}.json" for name in ("Coin", "OddToken")]
OURS.append(FOLDER.parent / "evm/contracts/Sequence.json")


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.stem)
def test_our_contracts_are_compiled_from_the_sources_beside_them(file):
    made = json.decode(file.read_bytes())
    sources = {path.name: path.read_bytes() for path in file.parent.glob("*.sol")}
    assert made["sha256"] == {name: sha256(text).hexdigest() for name, text in sources.items()}
    assert made["compiler"].startswith("0.8.37+")
    assert all(b"pragma solidity 0.8.37;" in text for text in sources.values())


@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "contracts"])
def test_a_lock_pins_every_package_by_hash_and_names_no_registry(folder):
    lock = json.decode((folder / "package-lock.json").read_bytes())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
    wanted = json.decode((folder / "package.json").read_bytes())["dependencies"]
    assert all(packages[f"node_modules/{name}"]["version"] == version for name, version in wanted.items())
