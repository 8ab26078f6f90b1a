"""The card of a model: its figures as a struct for the program, and as a page for people."""

from collections.abc import Mapping, Sequence

import msgspec

from strategies import ai_features
from strategies.ai_model import FORMAT, Card, Evidence, Knots, Source, digest_of, weakness
from strategies.ai_training import Learned, Rules


def files_of(  # noqa: PLR0913
    learned: Learned, rules: Rules, *, minutes: int, tokens: tuple[str, ...], data: tuple[Source, ...],
    samples: int, trials: int, libraries: Mapping[str, str],
) -> tuple[dict[str, str], Card]:  # fmt: skip
    """Everything that lies in a model's folder, by its name."""
    knots = Knots(tuple(learned.calibration[0].tolist()), tuple(learned.calibration[1].tolist()))
    files = {
        "ranker.txt": learned.ranker,
        "gate.txt": learned.gate,
        "calibration.json": msgspec.json.encode(knots).decode(),
    }
    constant, fast, day, week = learned.volatility.tolist()
    card = Card(
        format=FORMAT, features=ai_features.NAMES, features_hash=ai_features.fingerprint(),
        timeframe_minutes=minutes, horizon_bars=rules.horizon, top=rules.top, embargo_bars=rules.embargo,
        seed=rules.seed, trials=trials, rounds=rules.rounds, tokens=tokens, data=data,
        data_hash=data_hash(data), samples=samples, volatility=(constant, fast, day, week),
        gain=learned.gain, loss=learned.loss,
        ic_floor=0.0, auc_floor=0.5, out_of_sample=learned.evidence, libraries=dict(libraries),
        digests={name: digest_of(text) for name, text in files.items()},
    )  # fmt: skip
    text = msgspec.json.format(msgspec.json.encode(card), indent=2).decode()
    return {**files, "card.json": text, "CARD.md": page(card)}, card


def data_hash(data: tuple[Source, ...]) -> str:
    return digest_of(" ".join(sorted(source.digest for source in data)))


def page(card: Card) -> str:
    found, weak = card.out_of_sample, weakness(card)
    verdict = f"**Not fit to trade: {weak}.**" if weak else "Fit to trade, as far as these figures go."
    said = [(str(each.count), f"{each.forecast:.3f}", f"{each.observed:.3f}") for each in found.reliability]
    folds = [
        (f"{each.learned:,}", f"{each.tried:,}", each.first, each.last, shown(each.ic), shown(each.auc))
        for each in found.folds
    ]
    data = [(each.name, f"{each.bars:,}", each.digest) for each in card.data]
    return "\n".join([
        "# A model of the ai strategy", "", verdict, "",
        f"Trained {card.trials} times on this data so far, kept or not: the best of many tries is luck",
        "until it is tried on data that none of them saw.  All figures are out of sample, purged and",
        "embargoed.", "",
        *_table(("figure", "value", "worthless is"), _figures(found)), "",
        "## Reliability of the gate", "", *_table(("forecasts", "said", "came true"), said), "",
        "## Fold by fold", "", *_table(("learned from", "tried on", "from", "to", "IC", "AUC"), folds), "",
        "## What it is made of", "", *_table(("", ""), _makings(card)), "",
        "## Data", "", *_table(("recording", "bars", "digest"), data), "",
    ])  # fmt: skip


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _figures(found: Evidence) -> list[tuple[str, str, str]]:
    return [
        ("rank IC", shown(found.ic), "0"),
        ("t of the IC, moments that do not overlap", shown(found.ic_t), "below 2"),
        ("AUC of the gate", shown(found.auc), "0.5"),
        (
            "Brier score of the gate",
            shown(found.brier),
            f"{shown(found.brier_of_base_rate)}, the base rate's",
        ),
        ("share that rose", shown(found.base_rate), "-"),
        (
            "R² of the volatility",
            shown(found.volatility_r2),
            f'{shown(found.volatility_r2_naive)}, "as today"',
        ),
    ]


def _makings(card: Card) -> list[tuple[str, str]]:
    return [
        ("bars", f"{card.timeframe_minutes} minutes"), ("horizon", f"{card.horizon_bars} bars"),
        ("embargo", f"{card.embargo_bars} bars"), ("the gate is asked from place", f"{card.top:g}"),
        ("trees of ranker and gate", f"{card.rounds[0]}, {card.rounds[1]}"), ("seed", str(card.seed)),
        ("rows", f"{card.samples:,}"), ("tokens", ", ".join(card.tokens)),
        ("mean gain and loss, in forecast volatilities", f"{card.gain:.3f}, {card.loss:.3f}"),
        ("switches itself off below", f"IC {card.ic_floor:g}, AUC {card.auc_floor:g}"),
        ("features", f"{len(card.features)}, {card.features_hash}"), ("data", card.data_hash),
        ("libraries", ", ".join(f"{name} {version}" for name, version in sorted(card.libraries.items()))),
    ]  # fmt: skip


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
