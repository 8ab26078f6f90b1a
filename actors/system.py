"""The wiring: which actors there are, and which class plays which role."""

from actors.base import Actor
from actors.executor import Executor
from actors.market import Market
from actors.messages import Role
from actors.portfolio import Portfolio
from actors.positions import Positions
from actors.recorder import Recorder
from actors.strategist import Strategist
from actors.wal import Wal

# In the order in which they start; they end in the opposite order.
CAST: dict[Role, type[Actor]] = {
    Role("wal"): Wal,
    Role("recorder"): Recorder,
    Role("portfolio"): Portfolio,
    Role("executor"): Executor,
    Role("positions"): Positions,
    Role("strategist:momentum"): Strategist,
    Role("market"): Market,
}
