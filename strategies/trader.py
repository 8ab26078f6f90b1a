"""One strategy over all tokens: small bars in, targets out.  Pure; the actor around it only sends and saves.

What it does depends on nothing but the ticks and on what it is told that is really held, so the same ticks
give the same wishes, however they are batched and whoever died in between.
"""

import base64
import math

import msgspec
from msgspec import Struct

from actors.messages import BPS, Asset, Bar, Close, CloseReason, Id, Propose, Tick
from storage.config import Momentum
from strategies import momentum
from strategies.bars import Growing, after_tick

NAME = "momentum"
_MINUTE_NS = 60 * 10**9


class Saved(Struct, frozen=True):
    """The whole of a trader, as text."""

    through_ns: int
    growing: Growing
    states: dict[Asset, str]
    closes: dict[Asset, float]


class Trader:
    """Mutable, for speed; `saved` and `restored` copy it."""

    def __init__(self, settings: Momentum) -> None:
        self.params = momentum.params_of(settings)
        self.timeframe_ns = settings.timeframe_minutes * _MINUTE_NS
        self.through_ns = 0
        self.growing: Growing = {}
        self.states: dict[Asset, momentum.Floats] = {}
        self.closes: dict[Asset, float] = {}

    def after(self, tick: Tick) -> list[Propose | Close]:
        """What the strategy wants after a tick; a tick that is not new is ignored."""
        if tick.at_ns <= self.through_ns:
            return []
        self.through_ns = tick.at_ns
        self.growing, ended = after_tick(self.growing, tick, self.timeframe_ns)
        wishes = [self._step(bar, tick.at_ns) for big in ended for bar in big.bars]
        return sorted((wish for wish in wishes if wish), key=lambda wish: wish.id)

    def held(self, token: Asset, held: bool) -> None:
        """What is really held, where that is not what was wished for."""
        if token in self.states:
            momentum.hold(self.states[token], held, self.closes[token])

    def _step(self, bar: Bar, at_ns: int) -> Propose | Close | None:
        state = self.states.get(bar.token)
        if state is None:
            state = self.states[bar.token] = momentum.new_state(self.params)
        floats = momentum.floats_of(bar)
        self.closes[bar.token] = floats[3]
        target = momentum.step(state, self.params, floats)
        if math.isnan(target):  # No change.
            return None
        if target <= 0.0:
            id = Id(f"{NAME}:{bar.token}:{at_ns}:sell")
            return Close(id, bar.token, at_ns, CloseReason.SIGNAL)
        id = Id(f"{NAME}:{bar.token}:{at_ns}:buy")
        return Propose(id, NAME, bar.token, at_ns, max(1, int(target * BPS)), bar.close)

    def saved(self) -> Saved:
        states = {token: base64.b64encode(state.tobytes()).decode() for token, state in self.states.items()}
        return Saved(self.through_ns, self.growing, states, dict(self.closes))

    def restore(self, saved: Saved) -> None:
        """ValueError if it was saved under other settings."""
        self.through_ns, self.growing = saved.through_ns, saved.growing
        self.closes = dict(saved.closes)
        self.states = {
            token: momentum.restored(self.params, base64.b64decode(text))
            for token, text in saved.states.items()
        }


def encoded(saved: Saved) -> str:
    return msgspec.json.encode(saved).decode()


def decoded(text: str) -> Saved:
    return msgspec.json.decode(text, type=Saved)
