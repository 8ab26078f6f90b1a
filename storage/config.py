"""config.toml as frozen structs.  Unknown keys and impossible values are refused, with the fix."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, convert

from actors.messages import BPS
from storage import strict_toml
from storage.amounts import to_units
from storage.config_evm import NATIVE_DECIMALS, Evm, bad_evm
from storage.config_kinds import ADDRESS, POOL, SYMBOL, Bps, Complaint, NotNegative, Positive, Seconds
from storage.config_strategies import Ai, Mix, Momentum, Scalping, bad_mix, bad_strategies
from storage.consent import Consent, unconsented
from storage.strict_toml import refusal


class Run(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """This run's choices: from [run], overridden by the command line."""

    mode: Literal["paper", "live"] = "paper"
    feed: Literal["auto", "live", "chain", "simulated", "recording"] = "auto"
    recordings: tuple[str, ...] = ()
    speed: str = "7200"  # Market seconds per second, or "max".
    until_end: bool = False
    data_dir: str = "data"
    seed: NotNegative = 1
    close_on_stop: bool = False
    drain_seconds: Positive = 30


class Paper(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The paper venue: what the wallet holds at first, and how often things go wrong."""

    quote: str = "USDC"
    quote_decimals: Annotated[int, Meta(ge=0, le=36)] = 6
    capital: str = "10000"  # Whole quote tokens, a decimal.
    gas: str = "0.02"  # Whole quote tokens a transaction.
    latency_seconds: NotNegative = 2
    revert_bps: Bps = 200
    timeout_bps: Bps = 200  # No answer to the broadcast; it lands late.
    drop_bps: Bps = 200  # Accepted, and never seen again.
    unanswered_bps: Bps = 200  # A question to the venue that gets no answer.
    valid_seconds: Positive = 300


class Limits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the Portfolio allows.  Shares are of the deposits, at cost, pending orders counted."""

    position_bps: Bps = 2_000
    total_exposure_bps: Bps = 8_000
    chain_exposure_bps: Bps = 8_000
    strategy_budget_bps: Bps = 5_000
    max_positions: Positive = 5
    min_order: str = "5"  # Whole quote tokens.
    daily_loss_bps: Bps = 1_000
    loss_streak: Positive = 6
    loss_streak_pause_minutes: NotNegative = 120
    cooldown_minutes: NotNegative = 30
    slippage_bps: Bps = 50
    deadline_seconds: Positive = 120


class Exits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a position is sold whatever its strategy thinks; 0 switches a rule off."""

    stop_bps: Bps = 1_000
    take_profit_bps: NotNegative = 2_400
    take_profit_portion_bps: Bps = 5_000  # Sold at the first take profit; the rest trails.
    trailing_bps: Bps = 600  # Below the high, once the position is ahead by as much.
    max_hold_minutes: NotNegative = 0


class Simulated(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The built-in market: seeded, several tokens, changing regimes."""

    tokens: tuple[str, ...] = ("ALFA", "BRAVO", "CHARLIE", "DELTA")
    bar_seconds: Positive = 60
    bars: NotNegative = 0  # 0: endless.


class Recording(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bars file does not say about its pool."""

    fee_pips: NotNegative = 500
    pool_depth: str = "2000000"  # Whole quote tokens in the pool where the file gives no liquidity.


class Live(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Public prices (GeckoTerminal, no key), and what run.mode = "live" must have said to it."""

    i_understand: bool = False
    capital_cap: str = ""  # Whole quote tokens in all positions and open buys.
    position_cap: str = ""  # Whole quote tokens of one buy.
    keystore: str = "keystore.json"
    wallet: str = ""  # "": the address that the keystore names.
    password_file: str = ""
    url: str = "https://api.geckoterminal.com/api/v2"
    pools: tuple[str, ...] = (
        "polygon_pos/0x45dda9cb7c25131df268515131f647d726f50608",
        "eth/0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640",
    )
    poll_seconds: Positive = 10
    requests_per_minute: Positive = 25
    stale_seconds: Positive = 180
    connect_seconds: Seconds = 3.0


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    run: Run = Run()
    paper: Paper = Paper()
    limits: Limits = Limits()
    exits: Exits = Exits()
    momentum: Momentum = Momentum()
    scalping: Scalping = Scalping()
    ai: Ai = Ai()
    mix: Mix = Mix()
    simulated: Simulated = Simulated()
    recording: Recording = Recording()
    live: Live = Live()
    evm: Evm = Evm()


# -- reading -----------------------------------------------------------------------------------------
def settings_in(message: Any) -> Settings:
    """As a message carries them: whole, or as the tables that JSON has made of them."""
    return convert(message, Settings, from_attributes=True)


def run_in(message: Any) -> Run:
    return convert(message, Run, from_attributes=True)


COMMAND_LINE = "command line"


def load(path: Path, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of a file, then those of the command line ("run.seed": 7) in their place.

    ConfigError: one sentence with file, key, value and fix.
    """
    overrides = overrides or {}
    tables = strict_toml.read(path)
    strict_toml.decode(tables, Settings, str(path))  # So that the file is blamed for its own mistakes only.
    given: dict[str, dict[str, object]] = {}
    for key, value in overrides.items():
        table, _, name = key.partition(".")
        given.setdefault(table, {})[name] = value
    strict_toml.decode(given, Settings, COMMAND_LINE)
    merged = {**tables, **{table: {**tables.get(table, {}), **values} for table, values in given.items()}}
    settings = strict_toml.decode(merged, Settings, str(path))
    for key, value, fix in complaints(settings):
        raise refusal(COMMAND_LINE if key in overrides else str(path), key, value, fix)
    return settings


def complaints(settings: Settings) -> Iterator[Complaint]:
    """What makes no sense although each value may stand by itself; the first is the one to mend first."""
    decimals = quote_decimals(settings)
    amounts = tuple(bad_amounts(settings, decimals))
    if amounts:
        yield from amounts
        return
    yield from _bad_names(settings)
    yield from _bad_run(settings.run, settings.simulated)
    yield from unconsented(consent_of(settings))
    yield from _bad_limits(settings.limits, settings.paper, decimals)
    yield from _bad_exits(settings.exits)
    yield from bad_evm(settings.evm)
    yield from _bad_chain_feed(settings)
    yield from bad_strategies(settings.momentum, settings.ai)
    yield from bad_mix(
        settings.mix, settings.ai.model, settings.limits.strategy_budget_bps, _least_bps(settings)
    )


def quote_decimals(settings: Settings) -> int:
    """Of what is paid with, as far as the configuration says it: an ERC-20 has its own word for it."""
    coin = settings.run.feed == "chain" and settings.evm.native_as == "quote"
    return NATIVE_DECIMALS if coin else settings.paper.quote_decimals


def consent_of(settings: Settings) -> Consent:
    live, decimals = settings.live, quote_decimals(settings)
    return Consent(settings.run.mode, live.i_understand, live.capital_cap, live.position_cap, decimals)


def bad_amounts(settings: Settings, quote_decimals: int) -> Iterator[Complaint]:
    """Amounts that the quote asset can not have: a chain says only later how many decimals that is."""
    paper, limits = settings.paper, settings.limits
    amounts = {
        "paper.capital": (paper.capital, True),
        "paper.gas": (paper.gas, False),
        "limits.min_order": (limits.min_order, True),
        "recording.pool_depth": (settings.recording.pool_depth, True),
    }
    for key, (text, above_zero) in amounts.items():
        try:
            units = to_units(text, quote_decimals)
        except ValueError as error:
            yield key, text, str(error)
        else:
            if above_zero and not units:
                yield key, text, "an amount above 0 is wanted"


def _bad_names(settings: Settings) -> Iterator[Complaint]:
    symbol = "a symbol of letters and digits is wanted, such as USDC"
    tokens, live = settings.simulated.tokens, settings.live
    if not SYMBOL.fullmatch(settings.paper.quote):
        yield "paper.quote", settings.paper.quote, symbol
    if not tokens or len(set(tokens)) < len(tokens):
        yield "simulated.tokens", tokens, "name at least one token, and none of them twice"
    for token in tokens:
        if not SYMBOL.fullmatch(token):
            yield "simulated.tokens", token, symbol
        if token == settings.paper.quote:
            yield "simulated.tokens", token, "this is the quote asset (paper.quote); trade another token"
    if not live.url.startswith(("https://", "http://")):
        yield "live.url", live.url, "an address that starts with https:// is wanted"
    if not live.pools:
        yield "live.pools", live.pools, "name at least one pool"
    for pool in live.pools:
        if not POOL.fullmatch(pool):
            yield "live.pools", pool, "write network/address, such as eth/0x88e6a0c2…"
    yield from _too_seldom(live)


def _too_seldom(live: Live) -> Iterator[Complaint]:
    """Pools whose turn never comes have no prices, so nothing of theirs would ever be sold."""
    count, rate = len(live.pools), live.requests_per_minute
    if count > (most := max(1, 2 * rate // 5)):  # Their history takes two requests each, at once.
        fix = f"name at most {most}: live.requests_per_minute ({rate}) is not enough for more"
        yield "live.pools", f"{count} pools", fix
    elif count * 60 > live.poll_seconds * rate:
        fix = f"at least {-(-count * 60 // rate)}, for {count} pools and {rate} live.requests_per_minute"
        yield "live.poll_seconds", live.poll_seconds, fix


def _bad_run(run: Run, simulated: Simulated) -> Iterator[Complaint]:
    if run.speed != "max" and not _above_zero(run.speed):
        yield "run.speed", run.speed, 'write "max", or how many times faster than real time, such as "60"'
    if run.feed == "recording" and not run.recordings:
        yield "run.feed", run.feed, "name a recording with run.recordings or --recording"
    if run.recordings and run.feed != "recording":
        yield "run.feed", run.feed, 'run.recordings is set: write feed = "recording", or remove them'
    if run.until_end and not (run.feed == "recording" or (run.feed == "simulated" and simulated.bars)):
        yield (
            "run.until_end",
            True,
            "this market has no end; use a recording, or feed simulated with simulated.bars",
        )
    if not run.data_dir.strip():
        yield "run.data_dir", run.data_dir, 'name a folder, such as "data"'


def _above_zero(text: str) -> bool:
    try:
        return to_units(text, 60) > 0
    except ValueError:
        return False


def _bad_limits(limits: Limits, paper: Paper, decimals: int) -> Iterator[Complaint]:
    """Each of these would leave a bot that runs, and silently never trades or always loses."""
    amounts = (paper.capital, paper.gas, limits.min_order)
    capital, gas, smallest = (to_units(text, decimals) for text in amounts)
    for name in ("position_bps", "total_exposure_bps", "chain_exposure_bps", "strategy_budget_bps"):
        share = getattr(limits, name)
        if smallest > capital * share // BPS:
            yield (
                f"limits.{name}",
                share,
                f"not even limits.min_order ({limits.min_order}) fits into it; raise it",
            )
    if gas >= smallest:
        yield "paper.gas", paper.gas, f"it costs as much as the smallest order, {limits.min_order}; lower it"
    if limits.slippage_bps == BPS:
        yield "limits.slippage_bps", BPS, "this would accept nothing at all for a swap; 50 is usual"
    if limits.deadline_seconds <= paper.latency_seconds:
        yield "limits.deadline_seconds", limits.deadline_seconds, "raise it above paper.latency_seconds"
    if paper.revert_bps + paper.timeout_bps + paper.drop_bps > BPS:
        yield "paper.drop_bps", paper.drop_bps, "with revert_bps and timeout_bps it is more than all (10000)"


def _least_bps(settings: Settings) -> int:
    """limits.min_order as a share of the capital, rounded up."""
    decimals = quote_decimals(settings)
    capital, least = to_units(settings.paper.capital, decimals), to_units(settings.limits.min_order, decimals)
    return -(-least * BPS // capital)


def _bad_exits(exits: Exits) -> Iterator[Complaint]:
    if exits.take_profit_bps and not exits.take_profit_portion_bps:
        yield "exits.take_profit_portion_bps", 0, "this sells nothing; raise it, or set take_profit_bps = 0"
    if exits.stop_bps == BPS:
        yield (
            "exits.stop_bps",
            BPS,
            "this stops at a price of 0, which is never; lower it, or write 0 for no stop",
        )


def _bad_chain_feed(settings: Settings) -> Iterator[Complaint]:
    """Checksums are a complaint of chains/evm/networks.py; what a pool is, of chains/evm/feed_pools.py."""
    evm, wanted = settings.evm, settings.run.feed == "chain"
    for key in ("rpc_urls", "pools"):
        if wanted and not getattr(evm, key):
            yield f"evm.{key}", getattr(evm, key), 'name at least one, for feed = "chain" reads it'
    for at, pool in enumerate(evm.pools):
        if not ADDRESS.fullmatch(pool):
            yield "evm.pools", pool, "write 0x and 40 hexadecimal digits"
        if pool.lower() in {other.lower() for other in evm.pools[:at]}:
            yield "evm.pools", pool, "it is named twice; remove one of them"
