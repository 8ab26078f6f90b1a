"""Which market a run trades on, found out before anything is started or written."""

import asyncio

from msgspec.structs import replace

from actors.commands.apart import answered_apart
from actors.commands.refused import CannotRunError
from chains.feeds.choice import open_feed
from chains.venue import Unanswered
from storage.config import Run, Settings


def chosen(settings: Settings, run: Run) -> tuple[Run, str]:
    """The run with its market decided, and a sentence about it; CannotRunError if it can not be used."""
    match run.feed:
        case "recording" | "simulated":
            return run, f"Market: {answered_apart(lambda: open_feed(settings, run).name)}."
        case "chain":
            return run, answered_apart(lambda: asyncio.run(_look_at_chain(settings)))
        case "live":
            reached = live_is_reachable(settings)
            return run, "Market: live prices from GeckoTerminal." if reached else _waiting(settings)
        case "auto":
            if live_is_reachable(settings):
                return replace(
                    run, feed="live"
                ), "Market: live prices from GeckoTerminal (they can be reached)."
            simulated = replace(run, feed="simulated")
            name = answered_apart(lambda: open_feed(settings, simulated).name)
            seconds = settings.live.connect_seconds
            return (
                simulated,
                f"Market: live prices can not be reached within {seconds:g} s, so it is the {name}.",
            )


def live_is_reachable(settings: Settings) -> bool:
    return answered_apart(lambda: asyncio.run(_ask(settings))) == "yes"


async def _ask(settings: Settings) -> str:
    # An HTTP client is 30 MB that a launcher has no use for afterwards.
    from chains.feeds.geckoterminal import GeckoTerminal  # noqa: PLC0415

    server = GeckoTerminal(settings.live, settings.paper)
    try:
        return "yes" if await server.reachable() else "no"
    finally:
        await server.close()


async def _look_at_chain(settings: Settings) -> str:
    """Whatever can be refused now is: nothing has been started yet."""
    from chains.evm.feed import ChainFeed  # noqa: PLC0415  As above.
    from chains.evm.values import Declined  # noqa: PLC0415

    feed = ChainFeed(settings.evm)
    try:
        found = await feed.introduce()
        if isinstance(found, Declined):
            raise CannotRunError(found.sentence)
        if isinstance(found, Unanswered):
            return (
                f"Market: pools on {settings.evm.chain}, of which no node tells ({found.sentence}); waiting."
            )
        return f"Market: {feed.name}."
    finally:
        await feed.close()


def _waiting(settings: Settings) -> str:
    seconds = settings.live.connect_seconds
    return f"Market: live prices, which can not be reached within {seconds:g} s; waiting for them."
