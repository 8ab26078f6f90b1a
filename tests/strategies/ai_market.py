"""A market in which something can be learned, and a model that has learned it."""

import json
import math
from pathlib import Path

from chains.chance import below
from chains.feeds.recordings import open_recordings
from storage import models
from storage.config import Ai, Paper, Settings
from strategies.ai_model import digest_of
from strategies.recorded import recorded

CALM = Paper(revert_bps=0, timeout_bps=0, drop_bps=0, unanswered_bps=0)
START = 1_700_000_000 // 3_600 * 3_600
HOUR = 3_600


def market(folder: Path, rows: int = 900, tokens: int = 6, seed: int = 1, drift: float = 0.004) -> list[Path]:
    """Hourly candles; each token rises for about two days, and then falls, in its own turns."""
    paths = []
    for number in range(tokens):
        lines, price, rising = ["timestamp,open,high,low,close,volume"], 10.0 * (number + 1), number % 2
        for row in range(rows):
            drawn = [below(2_001, seed, number, row, name) / 1_000 - 1 for name in ("move", "gap", "wide")]
            rising ^= below(48, seed, number, row, "turn") == 0
            start = price * (1 + drawn[1] * 0.0005)
            price = start * math.exp((drift if rising else -drift) + drawn[0] * 0.006)
            high = max(start, price) * (1 + abs(drawn[2]) * 0.002)
            low = min(start, price) * (1 - abs(drawn[2]) * 0.002)
            cells = (
                START + HOUR * row,
                start,
                high,
                low,
                price,
                500 + below(9_000, seed, number, row, "volume"),
            )
            lines.append(",".join(map(str, cells)))
        paths.append(folder / f"{'ABCDEFGH'[number]}X-USDC.csv")
        paths[-1].write_text("\n".join(lines))
    return paths


def settings_with(model: Path, **ai) -> Settings:
    """Nothing goes wrong, and the strategy does not give up soon."""
    given = {"model": str(model), "edge_multiple": 1.0, "decay_bars": 10_000, **ai}
    return Settings(paper=CALM, ai=Ai(**given))


def feed_of(paths, settings):
    return open_recordings(paths, settings.paper, settings.recording)


def tape_of(paths, settings):
    feed = feed_of(paths, settings)
    return recorded(feed, feed.in_order())


def changed(folder: Path, tmp_path: Path, files=None, **fields) -> Path:
    """A copy of a model whose card says something else; `files`: other texts, for which the card vouches."""
    found = {path.name: path.read_text() for path in folder.iterdir()} | (files or {})
    card = json.loads(found["card.json"])
    card["digests"] = {name: digest_of(found[name]) for name in card["digests"]}
    card.update(fields)
    other = tmp_path / f"model{len(list(tmp_path.iterdir()))}"
    models.write(other, {**found, "card.json": json.dumps(card)})
    return other
