"""What an EVM venue is told once: the chain, the wallet, what it may spend; and how assets are named there.

An asset is the chain's name and a contract's checksummed address ("base:0x8335…"); the native coin has its
symbol in place of one.  Where evm.native_as says so, what pools know as its wrapped form is the coin.
"""

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Asset, Caps, Order, Units
from chains.evm.evidence import Chain
from chains.evm.networks import Network, native_of, network_of
from chains.evm.routes import Version
from storage.amounts import to_units
from storage.config import Settings
from storage.config_evm import NATIVE_DECIMALS
from storage.evidence import Channel
from storage.holdings import ends_of

GWEI = 10**9


class Desk(Struct, frozen=True, kw_only=True):
    network: Network
    wallet: str
    channel: Channel = Channel.PUBLIC
    gas_cap: int = 50 * GWEI  # Wei, of a signed maxFeePerGas.
    gas_margin_bps: int = 2_500  # On what the node estimates.
    patience_ns: int = 60 * 10**9
    slippage_bps: int = 50
    max_tax_bps: int = 0  # What a token may keep of a transfer; more is not bought.
    max_loss_bps: int = 300  # Of buying and selling at once: two pool fees, and taxes.
    max_impact_bps: int = 100
    position_cap: Units | None = None
    capital_cap: Units | None = None

    @property
    def native(self) -> Asset:
        return native_of(self.network)

    @property
    def quote(self) -> Asset:
        return self.asset(self.quote_token)

    @property
    def quote_token(self) -> str:
        """What pools know it as."""
        network = self.network
        return network.wrapped_native if network.native_as == "quote" else network.stable

    @property
    def quote_decimals(self) -> int:
        return NATIVE_DECIMALS if self.quote == self.native else self.network.stable_decimals

    @property
    def depths(self) -> Chain:
        return Chain(self.network.booked_depth, self.network.final_depth, self.patience_ns)

    @property
    def routers(self) -> dict[Version, str]:
        """Of the versions that this chain has."""
        both = {Version.V2: self.network.v2_router, Version.V3: self.network.v3_router}
        return {version: router for version, router in both.items() if router}

    @property
    def v2_fee_pips(self) -> int | None:
        return self.network.v2_fee_pips if self.network.v2_router else None

    @property
    def middles(self) -> tuple[str, ...]:
        return (self.network.wrapped_native, self.network.stable)

    def asset(self, address: str) -> Asset:
        if self.network.native_as and address == self.network.wrapped_native:
            return self.native
        return Asset(f"{self.network.name}:{address}")

    def address(self, asset: Asset) -> str:
        """Of the contract; the native coin is traded as its ERC-20."""
        return self.network.wrapped_native if asset == self.native else asset.rpartition(":")[2]

    def ends(self, order: Order) -> tuple[str, str]:
        """The tokens that are paid and bought."""
        paid, bought = ends_of(order)
        return self.address(paid), self.address(bought)

    def native_ends(self, order: Order) -> tuple[bool, bool]:
        """Whether what is paid is the native coin itself, and whether what is bought is."""
        paid, bought = ends_of(order)
        return paid == self.native, bought == self.native

    def caps(self) -> Caps:
        """What the signer allows, whatever an order says."""
        routers = self.routers
        return Caps(
            chain_id=self.network.chain_id,
            wallet=self.wallet,
            native=self.native,
            wrapped=self.network.wrapped_native,
            v2_routers=tuple(routers[version] for version in routers if version is Version.V2),
            v3_routers=tuple(routers[version] for version in routers if version is Version.V3),
            intermediates=self.middles,
            slippage_bps=self.slippage_bps,
            max_fee_per_gas=self.gas_cap,
            position_cap=self.position_cap,
            capital_cap=self.capital_cap,
        )


def desk_of(settings: Settings) -> Desk:
    """What config.toml allows its wallet; ConfigError names the key and the fix."""
    evm, live, network = settings.evm, settings.live, network_of(settings.evm)
    desk = Desk(
        network=network,
        wallet=live.wallet,
        channel=Channel(evm.send),
        gas_cap=evm.gas_cap_gwei * GWEI,
        patience_ns=evm.fee_patience_seconds * 10**9,
        slippage_bps=settings.limits.slippage_bps,
        max_tax_bps=evm.max_tax_bps,
        max_loss_bps=evm.max_loss_bps,
        max_impact_bps=evm.max_impact_bps,
    )
    decimals = desk.quote_decimals
    return replace(
        desk,
        position_cap=Units(to_units(live.position_cap, decimals)) if live.position_cap else None,
        capital_cap=Units(to_units(live.capital_cap, decimals)) if live.capital_cap else None,
    )
