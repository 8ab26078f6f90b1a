"""The table [evm] of config.toml: one chain, its nodes, and what may be paid there."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from storage.config_kinds import ADDRESS, ADDRESSES, SYMBOL, Bps, Complaint, Depth, Positive, Seconds

NATIVE_DECIMALS = 18  # Of every chain's own coin, which pays for gas.


class Evm(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One EVM chain and the nodes that are asked about it; paper mode asks none but for feed = "chain".

    Empty texts and 0 leave what is known of the chain (chains/evm/networks.py) as it is.
    """

    chain: str = "ethereum"
    rpc_urls: tuple[str, ...] = ()  # The first is asked first; a second one confirms what matters.
    ws_url: str = ""  # "": new blocks are asked for instead of announced.
    pools: tuple[str, ...] = ()  # Of feed = "chain": addresses of Uniswap V2 or V3 pools.
    bar_seconds: Positive = 60  # Of the same.
    send: Literal["public", "private"] = "public"
    gas_cap_gwei: Positive = 50  # The most that a signed maxFeePerGas may be.
    fee_patience_seconds: Positive = 60
    connect_seconds: Seconds = 3.0
    answer_seconds: Seconds = 10.0
    silent_seconds: Positive = 60  # Without a new block for so long, the chain counts as silent.
    lag_blocks: Positive = 3
    requests_per_second: Annotated[int, Meta(gt=0, le=10_000)] = 10  # Of one host.
    chain_id: Annotated[int, Meta(ge=0, le=2**53)] = 0
    native: str = ""
    wrapped_native: str = ""
    native_as: Literal["", "token", "quote"] = ""  # Whether the coin itself is traded, and as what.
    stable: str = ""
    v2_router: str = ""
    v2_factory: str = ""
    v2_fee_pips: Annotated[int, Meta(ge=0, lt=1_000_000)] = 0
    v3_router: str = ""
    v3_factory: str = ""
    quoter: str = ""
    l1_fee_oracle: str = ""
    stable_decimals: Annotated[int, Meta(ge=0, le=36)] = 0
    max_fee: str = "0.02"  # Whole native coins that one order may pay for gas, approvals included.
    max_tax_bps: Bps = 0
    max_loss_bps: Bps = 300
    max_impact_bps: Bps = 100
    booked_depth: Depth = 0
    final_depth: Depth = 0
    block_seconds: Annotated[float, Meta(ge=0)] = 0.0
    private_send_url: str = ""


def bad_evm(evm: Evm) -> Iterator[Complaint]:
    """What a network lacks, and checksums, are complaints of chains/evm/networks.py."""
    urls = {
        "rpc_urls": evm.rpc_urls,
        "private_send_url": (evm.private_send_url,) if evm.private_send_url else (),
    }
    for key, given in urls.items():
        for url in given:
            if not url.startswith(("https://", "http://")):
                yield f"evm.{key}", url, "an address that starts with https:// is wanted"
    if len(set(evm.rpc_urls)) < len(evm.rpc_urls):
        yield "evm.rpc_urls", evm.rpc_urls, "one is named twice, and would confirm itself; keep one of them"
    if evm.ws_url and not evm.ws_url.startswith(("wss://", "ws://")):
        yield "evm.ws_url", evm.ws_url, 'an address that starts with wss:// is wanted, or "" for none'
    if not SYMBOL.fullmatch(evm.chain):
        yield "evm.chain", evm.chain, "a name of letters and digits is wanted, such as ethereum"
    for key in ADDRESSES:
        address = getattr(evm, key)
        if address and not ADDRESS.fullmatch(address):
            yield f"evm.{key}", address, "write 0x and 40 hexadecimal digits"
    if evm.final_depth and evm.booked_depth > evm.final_depth:
        yield "evm.booked_depth", evm.booked_depth, f"at most final_depth ({evm.final_depth})"
