"""What values in config.toml can be, and the form of a complaint about one."""

import re
from typing import Annotated

from msgspec import Meta

from actors.messages import BPS

MOST = 10**9  # Seconds, minutes or trades: more is a slip of the keyboard.
Positive = Annotated[int, Meta(gt=0, le=MOST)]
NotNegative = Annotated[int, Meta(ge=0, le=MOST)]
Bars = Annotated[int, Meta(gt=0, le=10_000)]  # Each is a few bytes of a strategist's memory.
Bps = Annotated[int, Meta(ge=0, le=BPS)]
Seconds = Annotated[float, Meta(gt=0)]
Depth = Annotated[int, Meta(ge=0, le=10_000)]  # Blocks.

# Key, value and what to do: whatever no single value shows.
Complaint = tuple[str, object, str]

SYMBOL = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
POOL = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9]+", re.ASCII)
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
ADDRESSES = (
    "wrapped_native", "stable", "v2_router", "v2_factory", "v3_router", "v3_factory", "quoter",
    "l1_fee_oracle",
)  # fmt: skip
