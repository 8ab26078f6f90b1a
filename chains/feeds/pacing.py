"""When a server may be asked again: so many requests a minute, and a pause when it wants one."""

from msgspec import Struct
from msgspec.structs import replace

MINUTE_NS = 60 * 10**9
LONGEST_PAUSE_NS = 10 * MINUTE_NS
SECOND_NS = 10**9


class Pacing(Struct, frozen=True):
    """A bucket of requests that fills steadily, and what troubles did to it."""

    requests_per_minute: int
    first_pause_ns: int
    tokens: float  # Requests that may be made at once.
    filled_at_ns: int = 0
    troubles: int = 0  # In a row.
    closed_until_ns: int = 0


def new_pacing(requests_per_minute: int, first_pause_ns: int) -> Pacing:
    return Pacing(requests_per_minute, first_pause_ns, float(requests_per_minute))


def taken(pacing: Pacing, now_ns: int) -> tuple[Pacing, int]:
    """The pacing after one request; or, unchanged, with the moment from which it may be made."""
    if now_ns < pacing.closed_until_ns:
        return pacing, pacing.closed_until_ns
    passed = max(0, now_ns - pacing.filled_at_ns) / MINUTE_NS
    tokens = min(float(pacing.requests_per_minute), pacing.tokens + passed * pacing.requests_per_minute)
    if tokens < 1.0:
        return pacing, now_ns + int((1.0 - tokens) / pacing.requests_per_minute * MINUTE_NS) + 1
    return replace(pacing, tokens=tokens - 1.0, filled_at_ns=max(now_ns, pacing.filled_at_ns)), 0


def relieved(pacing: Pacing) -> Pacing:
    """After an answer."""
    return replace(pacing, troubles=0) if pacing.troubles else pacing


def troubled(pacing: Pacing, now_ns: int, retry_after_seconds: int | None = None) -> Pacing:
    """After a failure: the pause that the server asked for, else one that doubles each time."""
    pause_ns = pacing.first_pause_ns * 2 ** min(pacing.troubles, 20)
    if retry_after_seconds is not None:
        pause_ns = retry_after_seconds * SECOND_NS
    until_ns = now_ns + max(0, min(pause_ns, LONGEST_PAUSE_NS))
    return replace(
        pacing, troubles=pacing.troubles + 1, closed_until_ns=max(until_ns, pacing.closed_until_ns)
    )
