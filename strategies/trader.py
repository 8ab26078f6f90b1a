"""One strategy over all tokens: small bars in, targets out.  Pure; the actor around it only sends and saves.

What it does depends on nothing but the ticks and on what it is told that is really held, so the same ticks
give the same wishes, however they are batched and whoever died in between.
"""

import math
from collections.abc import Iterable
from hashlib import blake2b

import msgspec
import numpy as np
from msgspec import Struct

from actors.messages import BPS, Asset, Bar, Close, CloseReason, Id, Instrument, Propose, Tick
from storage.config import Settings
from strategies.bars import Growing, after_tick
from strategies.layout import Floats, floats_of

VERSION = 1  # Of the layout of states; a save of another one is not read.
_MINUTE_NS = 60 * 10**9


class Saved(Struct, frozen=True):
    """The whole of a trader: states are the bytes of their arrays."""

    rules: str
    through_ns: int
    growing: Growing
    states: dict[Asset, bytes]


class Trader:
    """Mutable, for speed; `saved` and `restore` copy it."""

    def __init__(self, name: str, settings: Settings) -> None:
        # numpy and machine code, half a second and fifty megabytes, are for those that step.
        from strategies import steps  # noqa: PLC0415

        self.name, self._settings = name, settings
        self._rules, self._hold = steps.MODULES[name], steps.hold
        self._chooses, self._width = name in steps.COMPARE, steps.SCRATCH
        self.timeframe_ns = steps.timeframe_minutes(name, settings) * _MINUTE_NS
        self.rules = _fingerprint(name, settings, self._rules.identity(settings) if self._chooses else "")
        self.params: dict[Asset, Floats] = {}
        self.through_ns = 0
        self.growing: Growing = {}
        self.states: dict[Asset, Floats] = {}

    def refusal(self, tokens: int) -> str:
        """Why this strategy may not trade so many tokens: one sentence, or nothing."""
        return str(self._rules.refusal(self._settings, tokens)) if self._chooses else ""

    def meet(self, instruments: Iterable[Instrument]) -> None:
        """What there is to trade: the costs of a pool are part of a strategy's parameters."""
        for each in instruments:
            self.params[each.token] = self._rules.params_of(self._settings, each)

    def after(self, tick: Tick) -> list[Propose | Close]:
        """What the strategy wants after a tick; a tick that is not new is ignored."""
        if tick.at_ns <= self.through_ns:
            return []
        self.through_ns = tick.at_ns
        self.growing, ended = after_tick(self.growing, tick, self.timeframe_ns)
        wishes = [self._step(bar, tick.at_ns) for big in ended for bar in big.bars]
        if ended and self._chooses:
            wishes += self._choose({bar.token: bar for big in ended for bar in big.bars}, tick.at_ns)
        return sorted((wish for wish in wishes if wish), key=lambda wish: wish.id)

    def held(self, token: Asset, held: bool) -> None:
        """What is really held, where that is not what was wished for."""
        if token in self.states:
            self._hold(self.states[token], held)

    def _step(self, bar: Bar, at_ns: int) -> Propose | Close | None:
        params, state = self.params[bar.token], self.states.get(bar.token)
        if state is None:
            state = self.states[bar.token] = self._rules.new_state(params)
        return self._wish(self._rules.step(state, params, floats_of(bar)), bar, at_ns)

    def _choose(self, bars: dict[Asset, Bar], at_ns: int) -> list[Propose | Close | None]:
        """Of a strategy that compares tokens: once all of a tick's bars have been looked at."""
        tokens = sorted(self.states, key="{}:".format)  # As the backtest orders its rows, by ids of wishes.
        states, targets = np.array([self.states[token] for token in tokens]), np.zeros(len(tokens))
        params, scratch = (
            np.array([self.params[token] for token in tokens]),
            np.zeros((len(tokens), self._width)),
        )
        self._rules.choose(states, params, targets, scratch)
        self.states.update(zip(tokens, states, strict=True))
        chosen = zip(tokens, targets.tolist(), strict=True)
        return [self._wish(target, bars[token], at_ns) for token, target in chosen if token in bars]

    def note(self) -> str:
        """What a strategy has to say of itself, for the operator."""
        if not self._chooses or not self.states:
            return ""
        noted = np.array([self.states[token] for token in sorted(self.states, key="{}:".format)])
        return str(self._rules.note(noted))

    def _wish(self, target: float, bar: Bar, at_ns: int) -> Propose | Close | None:
        if math.isnan(target):  # No change.
            return None
        if target <= 0.0:
            id = Id(f"{self.name}:{bar.token}:{at_ns}:sell")
            return Close(id, bar.token, at_ns, CloseReason.SIGNAL, strategy=self.name)
        id = Id(f"{self.name}:{bar.token}:{at_ns}:buy")
        return Propose(id, self.name, bar.token, at_ns, max(1, int(target * BPS)), bar.close)

    def saved(self) -> Saved:
        states = {token: state.tobytes() for token, state in self.states.items()}
        return Saved(self.rules, self.through_ns, self.growing, states)

    def restore(self, saved: Saved) -> bool:
        """Whether it is a save of these rules; if not, nothing changes, and the market is read anew."""
        if saved.rules != self.rules:
            return False
        self.through_ns, self.growing = saved.through_ns, saved.growing
        self.states = {token: np.frombuffer(kept).copy() for token, kept in saved.states.items()}
        return True


def _fingerprint(name: str, settings: Settings, model: str) -> str:
    """Of all that decides what a state means."""
    rules = msgspec.json.encode([VERSION, name, getattr(settings, name), model])
    return blake2b(rules, digest_size=8).hexdigest()


def encoded(saved: Saved) -> str:
    """The bytes of states become base64, so that a log of text can hold them."""
    return msgspec.json.encode(saved).decode()


def decoded(text: str) -> Saved | None:
    """None for what an earlier version of the program saved, or none ever did: the market is read anew."""
    try:
        return msgspec.json.decode(text, type=Saved)
    except msgspec.DecodeError:
        return None
