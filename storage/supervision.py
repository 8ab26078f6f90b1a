"""How often and how soon a dead actor is replaced.  Pure."""

from msgspec import Struct

from actors.messages import Role

MOST = 10  # In WINDOW: more than that is no accident.
WINDOW_NS = 60 * 10**9
BACK_OFF_SECONDS = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)


class Restarts(Struct, frozen=True):
    counts: dict[Role, int] = {}
    recent: dict[Role, tuple[int, ...]] = {}  # When, within the window.


def allowed(restarts: Restarts, role: Role, now_ns: int) -> tuple[Restarts, float | None]:
    """The restarts with this one, and the seconds to wait before it; None if it is one too many."""
    recent = (*[at for at in restarts.recent.get(role, ()) if at > now_ns - WINDOW_NS], now_ns)
    after = Restarts(
        {**restarts.counts, role: restarts.counts.get(role, 0) + 1}, {**restarts.recent, role: recent}
    )
    if len(recent) > MOST:
        return after, None
    return after, BACK_OFF_SECONDS[min(len(recent), len(BACK_OFF_SECONDS)) - 1]
