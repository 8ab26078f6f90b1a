"""The EVM chains that are known by name, and what the configuration makes of them.

Contracts: Uniswap's own lists of deployments (docs.uniswap.org, V2 and V3); USDC: Circle's list, on bsc the
token that Binance issues (18 decimals).  Depths are a choice, not a fact: a full node keeps the state of 128
blocks, and the count of a wallet at the final block must be among them; 64 blocks are two of Ethereum's
epochs.  A sequencer's blocks (optimism, base, arbitrum) could be undone later than that, and never were.
"""

from eth_utils.address import is_checksum_address, to_checksum_address
from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Asset, Units
from chains.evm.evidence import Chain
from storage.amounts import to_units
from storage.config_evm import NATIVE_DECIMALS, Evm
from storage.config_kinds import ADDRESSES
from storage.strict_toml import refusal

SECOND_NS = 10**9
PLACE = "configuration"
USUAL_ROUTER = "0x68b3465833fb72A70ecDF485E0e4C7bD8665Fc45"
USUAL_FACTORY = "0x1F98431c8aD98523631AE4a59f267346ea31F984"
USUAL_QUOTER = "0x61fFE014bA17989E743c5F6cB21bF9697530B21e"
OPTIMISTIC_ETHER = "0x4200000000000000000000000000000000000006"
OPTIMISTIC_ORACLE = "0x420000000000000000000000000000000000000F"


class Network(Struct, frozen=True, kw_only=True):
    """One chain; an address that is "" means that the chain has no such contract."""

    name: str
    chain_id: int
    native: str  # Symbol of what pays for gas.
    wrapped_native: str
    native_as: str = ""  # What pools know as the wrapped coin is traded as the coin: "token", or "quote".
    stable: str
    stable_decimals: int = 6
    v2_router: str = ""
    v2_factory: str = ""
    v2_fee_pips: int = 3_000  # Millionths that its pairs keep: forks have others (PancakeSwap 2500).
    v3_router: str = ""  # SwapRouter02.
    v3_factory: str = ""
    quoter: str = ""  # QuoterV2.
    l1_fee_oracle: str = ""  # The OP Stack's GasPriceOracle; such a chain charges for L1 beside the gas.
    booked_depth: int  # Blocks, the newest is 1: chains/evm/evidence.py.
    final_depth: int
    block_seconds: float
    private_send_url: str = ""


KNOWN = {
    network.name: network
    for network in (
        Network(
            name="ethereum",
            chain_id=1,
            native="ETH",
            wrapped_native="0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
            stable="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
            v2_router="0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D",
            v2_factory="0x5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f",
            v3_router=USUAL_ROUTER,
            v3_factory=USUAL_FACTORY,
            quoter=USUAL_QUOTER,
            booked_depth=2,
            final_depth=64,
            block_seconds=12.0,
            private_send_url="https://rpc.flashbots.net/fast",
        ),
        Network(
            name="optimism",
            chain_id=10,
            native="ETH",
            wrapped_native=OPTIMISTIC_ETHER,
            stable="0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85",
            v2_router="0x4A7b5Da61326A6379179b40d00F57E5bbDC962c2",
            v2_factory="0x0c3c1c532F1e39EdF36BE9Fe0bE1410313E074Bf",
            v3_router=USUAL_ROUTER,
            v3_factory=USUAL_FACTORY,
            quoter=USUAL_QUOTER,
            l1_fee_oracle=OPTIMISTIC_ORACLE,
            booked_depth=3,
            final_depth=120,
            block_seconds=2.0,
        ),
        Network(
            name="bsc",
            chain_id=56,
            native="BNB",
            wrapped_native="0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c",
            stable="0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d",
            stable_decimals=18,
            v2_router="0x4752ba5DBc23f44D87826276BF6Fd6b1C372aD24",
            v2_factory="0x8909Dc15e40173Ff4699343b6eB8132c65e18eC6",
            v3_router="0xB971eF87ede563556b2ED4b1C0b0019111Dd85d2",
            v3_factory="0xdB1d10011AD0Ff90774D0C6Bb92e5C5c8b4461F7",
            quoter="0x78D78E420Da98ad378D7799bE8f4AF69033EB077",
            booked_depth=3,
            final_depth=30,
            block_seconds=0.75,
            private_send_url="https://bsc.rpc.blxrbdn.com",
        ),
        Network(
            name="polygon",
            chain_id=137,
            native="POL",
            wrapped_native="0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270",
            stable="0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
            v2_router="0xedf6066a2b290C185783862C7F4776A2C8077AD1",
            v2_factory="0x9e5A52f57b3038F1B8EeE45F28b3C1967e22799C",
            v3_router=USUAL_ROUTER,
            v3_factory=USUAL_FACTORY,
            quoter=USUAL_QUOTER,
            booked_depth=5,
            final_depth=120,
            block_seconds=2.0,
        ),
        Network(
            name="base",
            chain_id=8453,
            native="ETH",
            wrapped_native=OPTIMISTIC_ETHER,
            stable="0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
            v2_router="0x4752ba5DBc23f44D87826276BF6Fd6b1C372aD24",
            v2_factory="0x8909Dc15e40173Ff4699343b6eB8132c65e18eC6",
            v3_router="0x2626664c2603336E57B271c5C0b26F421741e481",
            v3_factory="0x33128a8fC17869897dcE68Ed026d694621f6FDfD",
            quoter="0x3d4e44Eb1374240CE5F1B871ab261CD16335B76a",
            l1_fee_oracle=OPTIMISTIC_ORACLE,
            booked_depth=3,
            final_depth=120,
            block_seconds=2.0,
        ),
        Network(
            name="arbitrum",
            chain_id=42161,
            native="ETH",
            wrapped_native="0x82aF49447D8a07e3bd95BD0d56f35241523fBab1",
            stable="0xaf88d065e77c8cC2239327C5EDb3A432268e5831",
            v2_router="0x4752ba5DBc23f44D87826276BF6Fd6b1C372aD24",
            v2_factory="0xf1D7CC64Fb4452F05c498126312eBE29f30Fbcf9",
            v3_router=USUAL_ROUTER,
            v3_factory=USUAL_FACTORY,
            quoter=USUAL_QUOTER,
            booked_depth=4,
            final_depth=120,
            block_seconds=0.25,
        ),
    )
}
NEEDED = ("chain_id", "native", "wrapped_native", "stable", "booked_depth", "final_depth", "block_seconds")
TOGETHER = (("v2_router", "v2_factory"), ("v3_router", "v3_factory", "quoter"))


def network_of(evm: Evm, place: str = PLACE) -> Network:
    """The chain that [evm] describes; ConfigError names the key and the fix.

    What is written replaces what is known; a chain that is not known must be described whole.
    """
    fields = [name for name in Network.__struct_fields__ if name != "name"]
    given = {name: getattr(evm, name) for name in fields if getattr(evm, name)}
    for key in ADDRESSES:
        check_address(key, given.get(key, ""), place)
    known = KNOWN.get(evm.chain)
    if known is None:
        for key in NEEDED:
            if key not in given:
                raise refusal(place, f"evm.{key}", getattr(evm, key), _lacking(evm.chain))
        network = Network(name=evm.chain, **given)
    else:
        network = replace(known, **given)
    return _sound(network, evm, place)


def rules_of(network: Network, evm: Evm) -> Chain:
    """What the evidence on an order is measured by."""
    return Chain(network.booked_depth, network.final_depth, evm.fee_patience_seconds * SECOND_NS)


def _lacking(chain: str) -> str:
    return f"no chain {chain} is known, so write this; or choose one of {', '.join(KNOWN)}"


def check_address(key: str, address: str, place: str = PLACE) -> None:
    """ConfigError if it is not written with its checksum; "" is none."""
    if not address or is_checksum_address(address):
        return
    right = to_checksum_address(address)
    digits = address[2:]
    if digits in {digits.lower(), digits.upper()}:
        raise refusal(place, f"evm.{key}", address, f"write it with its checksum, {right}, and compare both")
    raise refusal(place, f"evm.{key}", address, "its checksum is wrong, so a digit may be; copy it again")


def _sound(network: Network, evm: Evm, place: str) -> Network:
    known = KNOWN.get(network.name)
    if known is not None and known.chain_id != network.chain_id:
        fix = f"{network.name} is chain {known.chain_id}; give another chain another name"
        raise refusal(place, "evm.chain_id", network.chain_id, fix)
    for keys in TOGETHER:
        missing = [key for key in keys if not getattr(network, key)]
        if 0 < len(missing) < len(keys):
            others = " and ".join(key for key in keys if key not in missing)
            raise refusal(
                place, f"evm.{missing[0]}", "", f"it belongs to {others}; write it, or remove those"
            )
    if network.native_as == "token" and network.stable == network.wrapped_native:
        fix = 'evm.stable is the wrapped coin, which would be paid for itself; "quote" pays with the coin'
        raise refusal(place, "evm.native_as", network.native_as, fix)
    if not (network.v2_router or network.v3_router):
        raise refusal(place, "evm.v2_router", "", "nothing can be traded without a router; write one")
    if network.booked_depth > network.final_depth:
        fix = f"at most final_depth ({network.final_depth})"
        raise refusal(place, "evm.booked_depth", network.booked_depth, fix)
    if evm.send == "private" and not network.private_send_url:
        fix = 'no private_send_url is known for this chain; write one, or send = "public"'
        raise refusal(place, "evm.send", evm.send, fix)
    return network


def gas_of(evm: Evm) -> tuple[Asset, Units]:
    """What this chain's fees are paid in, and the most that one order may pay."""
    network = network_of(evm)
    return native_of(network), Units(to_units(evm.max_fee, NATIVE_DECIMALS))


def native_of(network: Network) -> Asset:
    return Asset(f"{network.name}:{network.native}")
