"""What a StatusReport's facts hold, role by role.  What is not reported is unknown: None, not 0 or empty."""

from typing import Any, TypeVar

from msgspec import Struct, convert

from actors.commands.naming import readable
from actors.messages import Asset, Price, Role, StatusReport, Units

T = TypeVar("T", bound=Struct)


class MarketFacts(Struct, frozen=True):
    feed: str = ""
    bars: int = 0
    total: int | None = None
    at_ns: int = 0
    prices: dict[Asset, Price] = {}
    first_prices: dict[Asset, Price] = {}
    token_decimals: dict[Asset, int] = {}
    stale: tuple[Asset, ...] = ()
    symbols: dict[Asset, str] = {}  # To show.


class PortfolioFacts(Struct, frozen=True):
    """Amounts of the quote asset, but for fees; `equity_cost` counts positions at what they cost."""

    quote: Asset | None = None
    quote_decimals: int = 0
    free: Units | None = None
    reserved: Units | None = None
    cost: Units | None = None
    realised: Units | None = None
    fees: Units | None = None
    equity_cost: Units | None = None
    fee_asset: Asset | None = None  # Of `fees` and `free_for_fees`.
    free_for_fees: Units | None = None
    refusals: dict[str, int] = {}
    orders: int | None = None
    fills: int | None = None
    open_orders: tuple[Any, ...] | None = None
    unsettled: Units | None = None
    halts: dict[str, str] | None = None
    budgets: dict[str, int] = {}  # Basis points, where there is a mix.
    rebalanced_ns: int | None = None

    @property
    def coin(self) -> str:
        """The symbol of what fees are paid in."""
        return (self.fee_asset or "").rpartition(":")[2]


class OpenPosition(Struct, frozen=True):
    token: Asset
    quantity: Units
    cost: Units
    entry_price: Price | None = None
    last_price: Price | None = None
    unrealised: Units | None = None


class PositionsFacts(Struct, frozen=True):
    open: tuple[OpenPosition, ...] | None = None


class ShadowFacts(Struct, frozen=True):
    """What a strategy would have come to alone, in millionths of its budget."""

    trades: int = 0
    result_ppm: int = 0


class MixerFacts(Struct, frozen=True):
    shadows: dict[str, ShadowFacts] = {}


class ExecutorFacts(Struct, frozen=True):
    in_flight: tuple[Any, ...] | None = None
    unknown: int = 0
    left_over: dict[Asset, str] = {}  # Base units that a router may still take, and no order pays.
    put_off: dict[str, str] = {}  # Why an order has no bytes yet.
    short_of_gas: dict[str, str] = {}  # By order: what has happened and can not be booked, and what to do.


class WalFacts(Struct, frozen=True):
    lsn: int = 0
    head: str = ""


class Facts(Struct, frozen=True):
    """Of the whole run, as last reported."""

    market: MarketFacts = MarketFacts()
    portfolio: PortfolioFacts = PortfolioFacts()
    positions: PositionsFacts = PositionsFacts()
    executor: ExecutorFacts = ExecutorFacts()
    wal: WalFacts = WalFacts()
    mixer: MixerFacts = MixerFacts()
    notes: dict[str, str] = {}  # What a strategy has to say of itself.


def facts_of(report: StatusReport) -> Facts:
    return Facts(
        market=_of(report, "market", MarketFacts),
        portfolio=_of(report, "portfolio", PortfolioFacts),
        positions=_of(report, "positions", PositionsFacts),
        executor=_of(report, "executor", ExecutorFacts),
        wal=_of(report, "wal", WalFacts),
        mixer=_of(report, "mixer", MixerFacts),
        notes={
            str(facts["strategy"]): str(facts["note"]) for facts in report.facts.values() if facts.get("note")
        },
    )


def _of(report: StatusReport, role: str, type: type[T]) -> T:
    return convert(report.facts.get(Role(role), {}), type)


def going_on(report: StatusReport) -> str:
    """What a stop still waits for, in words."""
    facts = facts_of(report)
    symbols, orders = facts.market.symbols, facts.executor.in_flight or facts.portfolio.open_orders
    if orders is None:
        return f"{report.state.value}; what is open is not known yet"
    waits = [f"order {readable(_id_of(order), symbols)}" for order in orders]
    if facts.executor.unknown:
        waits.append(f"{facts.executor.unknown} orders whose outcome the venue has not told yet")
    return f"{report.state.value}; open: {', '.join(waits) if waits else 'nothing'}"


def _id_of(order: Any) -> str:
    return str(order.get("id", order)) if isinstance(order, dict) else str(order)
