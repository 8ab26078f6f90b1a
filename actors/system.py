"""The wiring: which actors there are, and which class plays which role."""

from actors.base import Actor
from actors.executor import Executor
from actors.market import Market
from actors.messages import Role
from actors.mixer import Mixer
from actors.portfolio import Portfolio
from actors.positions import Positions
from actors.recorder import Recorder
from actors.strategist import Strategist
from actors.wal import Wal
from storage.config import Run, Settings
from storage.consent import LIVE

SIGNER = Role("signer")

# In the order in which they start; they end in the opposite order.
CAST: dict[Role, type[Actor]] = {
    Role("wal"): Wal,
    Role("recorder"): Recorder,
    Role("portfolio"): Portfolio,
    Role("executor"): Executor,
    Role("positions"): Positions,
    Role("strategist:momentum"): Strategist,
    Role("strategist:scalping"): Strategist,
    Role("strategist:ai"): Strategist,
    Role("mixer"): Mixer,
    Role("market"): Market,
}


def cast_of(run: Run, settings: Settings) -> dict[Role, type[Actor]]:
    """Those of the cast that the settings do not switch off.

    live-by-consent: nobody who could sign is there unless the run is live.
    """
    switched = {
        "strategist:scalping": settings.scalping.enabled,
        "strategist:ai": settings.ai.enabled,
        "mixer": settings.mix.enabled,
    }
    off = {Role(name) for name, on in switched.items() if not on}
    cast = {role: kind for role, kind in CAST.items() if role not in off}
    if run.mode != LIVE:
        return cast
    from actors.signer import Signer  # noqa: PLC0415  Paper mode does not even load it.

    first, last = list(cast.items())[:2], list(cast.items())[2:]
    return dict([*first, (SIGNER, Signer), *last])
