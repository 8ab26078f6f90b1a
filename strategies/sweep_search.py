"""A search that learns from what it has tried: a tree of Parzen estimators, seeded.

It asks for a round of sets at once and is told all of them before it asks again, so what it asks depends on
its seed and on scores alone, never on who was done first: a search that was cut off asks the same again.
"""

from collections.abc import Sequence

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial, TrialState

from strategies.sweep import Axis, Value, check_axes

ROUND = 8  # Sets; a constant, or the number of processors would be part of the answer.


class Bayes:
    def __init__(self, axes: Sequence[Axis], seed: int) -> None:
        check_axes(axes)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._axes = {axis.key: _distribution(axis) for axis in axes}
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._asked: list[Trial] = []

    def ask(self, count: int) -> tuple[dict[str, Value], ...]:
        self._asked = [self._study.ask(self._axes) for _ in range(count)]
        return tuple(dict(trial.params) for trial in self._asked)

    def tell(self, goals: Sequence[float | None]) -> None:
        """In the order in which they were asked; None for a set that makes no sense."""
        for trial, goal in zip(self._asked, goals, strict=True):
            if goal is None:
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._study.tell(trial, goal)


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.values:
        return CategoricalDistribution(axis.values)
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return IntDistribution(axis.low, axis.high)
    return FloatDistribution(float(axis.low), float(axis.high))
