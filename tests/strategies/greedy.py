"""Two strategies of which one wants to sell whatever is held, in the bot and in a backtest; prints both.

A process of its own, as Python: to compile the loop for a strategy of the test's own takes half a minute.
"""

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from chains.feeds.recordings import open_recordings
from strategies import backtest, scalping, steps
from strategies.kernel.loop import turns
from tests.strategies.replay import Bot, fills_of, orders_of
from tests.strategies.test_backtest import BUSY, market, recorded_of

NAMES = ["momentum", "scalping"]


def greedy(kind, state, params, bar):
    return 0.0 if kind == steps.SCALPING else steps.step(kind, state, params, bar)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = market(folder, 5, 600, 2)
        feed = open_recordings(paths, BUSY.paper, BUSY.recording)
        bot = Bot(folder, BUSY, feed, NAMES)
        own = {name: getattr(scalping, name) for name in ("params_of", "new_state")}
        bot.traders[1]._rules = SimpleNamespace(**own, step=lambda *_: 0.0)
        bot.play()
        tape = recorded_of(paths, BUSY)
        result = backtest.run(tape, BUSY, NAMES, play=lambda tape, desk: turns(greedy, tape, desk))
        alone = backtest.run(tape, BUSY, ["momentum"])
    refused = {str(reason): count for (name, reason), count in bot.refusals.items() if name == "scalping"}
    told = {
        "bot": orders_of(bot.records), "backtest": fills_of(result), "momentum alone": fills_of(alone),
        "refused by the bot": refused, "refused by the backtest": result.refused["scalping"],
    }  # fmt: skip
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
