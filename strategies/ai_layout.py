"""Where what is in the arrays of the ai strategy, beyond what all strategies and its features have."""

from strategies.ai_features import END
from strategies.scalping import FIXED_COST, GAS, NOTIONAL

# Where what is in `params`.  The model follows: its places stand in RANKER, GATE and CALIBRATION.
HORIZON, TOP, EDGE_MULTIPLE, KELLY, MOST, TARGET_DEVIATION, DECAY_BARS = range(7)
assert (FIXED_COST, GAS, NOTIONAL) == (7, 8, 9), "the costs are where round_trip_cost looks for them"
GAIN, LOSS, VOLATILITY = 10, 11, 12  # Of VOLATILITY four: a constant, and a weight for each span.
IC_FLOOR, AUC_FLOOR, RANKER, GATE, CALIBRATION = range(16, 21)
MODEL = 21

# Where what is in `state`: whether it is off (and why), how many forecasts of each kind were judged, the
# rolling sums of the ranks' products, and by the probability that was forecast how much was won and lost.
OFF, JUDGED, GATED, PRODUCTS, FORECASTS, OUTCOMES = range(END, END + 6)
BINS = 40
WON = END + 6
LOST = WON + BINS
# What falls due with this bar: the forecasts of a horizon ago, as they are kept (0: none), and what came.
DUE_PLACE, DUE_CHANCE, CAME, POOL = range(LOST + BINS, LOST + BINS + 4)
RINGS = LOST + BINS + 4  # Three of horizon + 1: opens, places, chances; the latter two plus 1.

NOT_OFF, BY_CORRELATION, BY_AUC = range(3)
