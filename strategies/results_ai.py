"""The part of RESULTS.md that is about ai: what models of the first half of a recording can do in the second.

A model is trained on the inside alone, walking forward within it, purged and embargoed, by the functions of
`run.py train`; its card has the figures of what it had not seen.  The outside is played with that model by
the backtest, whatever the card says, for where a model is refused it should be seen what that has spared.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from actors.messages import Tick
from chains.feeds.recordings import open_recordings
from storage import models
from storage.config import Settings
from strategies import ai_model
from strategies.ai_card import files_of
from strategies.ai_samples import SampleError, samples_in
from strategies.ai_training import Rules, learned
from strategies.results_case import COSTS, Case, bold, halves, loaded, number, part
from strategies.sweep import Parameters, Score, equity_of, field_of, score_of, with_values
from strategies.walk_forward import outside_of

MINUTE_NS = 60 * 10**9
HEAD = (
    "recording", "bars, horizon", "rows", "IC", "t", "AUC", "Brier", "base rate's", "verdict",
    "outside, 7 bp: return", "Sharpe", "max drawdown", "trades", "35 bp: return", "trades",
)  # fmt: skip
EMPTY = ("-",) * (len(HEAD) - 3)


class Lesson(Struct, frozen=True):
    """What a model is trained on: minutes of a bar, and bars that it looks ahead."""

    minutes: int
    horizon: int


LESSONS = (Lesson(60, 24), Lesson(60, 4), Lesson(15, 16), Lesson(15, 24), Lesson(5, 24))

PROSE = """## ai

A model for each recording of three tokens or more, trained on the inside as `run.py train` does it, walking
forward in 5 folds with an embargo of 24 bars, seed 1, by the LightGBM that requirements.txt pins; and models
of the whole of one recording, played on a later one.

- **IC**, its **t**, **AUC** and **Brier**: out of sample within the inside, as the card has them; worthless
  are 0, below 2, 0.5, and the Brier score of the base rate.
- **verdict**: refused is a model that the program does not trade on, with the first reason.
- **outside**: what the model earned in the second half, or the later recording, of which it had seen nothing.
  In brackets: it was refused, and this is what it would have come to.

What to read out of it.  Not one of these models is fit to trade, and what they would have earned says that
their cards are right: whichever traded at 7 bp lost.  Half a recording is too little for bars of an hour.
"""


class Trial(Struct, frozen=True):
    """What is learned from, and what is played: the second half of the same, or a later recording."""

    learned: Case
    played: Case

    @property
    def title(self) -> str:
        if self.learned is self.played:
            return self.learned.title
        return f"learned from {self.learned.title}; played: {self.played.title}"


def trials_of(cases: Sequence[Case]) -> tuple[Trial, ...]:
    """Each by itself; and of those with enough tokens each with the next, which must be later."""
    enough = [case for case in cases if len(case.files) >= ai_model.LEAST_TOKENS]
    return (*(Trial(case, case) for case in cases), *(Trial(*pair) for pair in pairwise(enough)))


def lines_of(cases: Sequence[Case], data: Path) -> Iterator[str]:
    yield from (PROSE, f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD))
    for trial in trials_of(cases):
        enough = len(trial.learned.files) >= ai_model.LEAST_TOKENS
        for lesson in LESSONS if enough else LESSONS[:1]:
            yield row(trial, lesson, data)


def row(trial: Trial, lesson: Lesson, data: Path) -> str:
    """One line, whatever comes of it."""
    enough = len(trial.learned.files) >= ai_model.LEAST_TOKENS
    what = f"{lesson.minutes} min, {lesson.horizon}" if enough else "any"
    cells = [trial.title, what, *_cells(trial, lesson, data)]
    return f"| {' | '.join(cells)} |"


def _cells(trial: Trial, lesson: Lesson, data: Path) -> Iterator[str]:
    tokens = len(trial.learned.files)
    if tokens < ai_model.LEAST_TOKENS:
        reason = f"it ranks tokens against each other, {ai_model.LEAST_TOKENS} at least, not {tokens}"
        yield from (*EMPTY[:6], f"refused: {reason}", *EMPTY[6:])
        return
    with TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        try:
            card = _trained(trial, lesson, data, model)
        except SampleError as error:
            yield from (*EMPTY[:6], f"refused: {str(error).partition(';')[0]}", *EMPTY[6:])
            return
        weak = ai_model.weakness(card)
        yield from _evidence(card)
        yield f"refused: {weak}" if weak else "fit"
        yield from _earned(_outside(trial, lesson, data, model), bool(weak))


def _trained(trial: Trial, lesson: Lesson, data: Path, folder: Path) -> ai_model.Card:
    """On what ended with the inside."""
    files = trial.learned.files
    recorded = loaded(data, files, 7)
    ticks: Iterable[Tick] = _ticks(files, data)
    if trial.learned is trial.played:
        middle = halves(recorded).inside_ns[1]
        ticks = (tick for tick in ticks if tick.at_ns <= middle)
    tokens = tuple(sorted(each.token for each in recorded.instruments))
    frame_ns, rules = lesson.minutes * MINUTE_NS, Rules(horizon=lesson.horizon)
    samples = samples_in(ticks, tokens, frame_ns, lesson.horizon, ai_model.LEAST_TOKENS)
    texts, card = files_of(
        learned(samples, rules, lambda *_: None), rules, minutes=lesson.minutes, tokens=tokens, data=(),
        samples=len(samples.moment), trials=1, libraries={},
    )  # fmt: skip
    models.write(folder, texts)
    return card


@lru_cache(maxsize=1)
def _ticks(files: tuple[str, ...], data: Path) -> tuple[Tick, ...]:
    settings = Settings(recording=COSTS[7])
    feed = open_recordings([data / name for name in files], settings.paper, settings.recording)
    return feed.read(None, feed.total or 0)


def _evidence(card: ai_model.Card) -> Iterator[str]:
    found = card.out_of_sample
    yield f"{card.samples:,}"
    for value, digits in ((found.ic, 3), (found.ic_t, 1), (found.auc, 3)):
        yield "-" if value is None else f"{value:.{digits}f}"
    for value in (found.brier, found.brier_of_base_rate):
        yield "-" if value is None else f"{value:.3f}"


def _outside(trial: Trial, lesson: Lesson, data: Path, model: Path) -> Mapping[int, Score]:
    """By costs."""
    given: Parameters = {"ai.model": str(model), "ai.timeframe_minutes": lesson.minutes}
    found = {}
    for cost, recording in COSTS.items():
        settings = with_values(Settings(recording=recording), given)
        recorded = loaded(data, trial.played.files, cost)
        field = field_of(recorded, settings, ("ai",), trial.title)
        if trial.learned is trial.played:
            field = outside_of(field, halves(recorded))
        found[cost] = score_of(field, equity_of(field, settings))
    return found


def _earned(scores: Mapping[int, Score], refused: bool) -> Iterator[str]:
    cheap, dear = scores[7], scores[35]
    cells = (
        bold(cheap.total_return), number(cheap.sharpe), part(cheap.max_drawdown), str(cheap.trades),
        bold(dear.total_return), str(dear.trades),
    )  # fmt: skip
    yield from (f"({cell})" if refused else cell for cell in cells)
