"""The life of an operation: which status may follow which, as a table.  The docs' picture is printed from it.

A trade goes through all of it, one durable record at a time.  An operation inside our own books (a balance, a
position) is born completed: its single record is written in one atomic append with everything it belongs to,
so it has no state in which it could be found half done.
"""

from actors.messages import Operation, Status

NEW = None  # Before its first record.
TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.ROLLED_BACK})

# (from, the body that was journalled) -> to
TRADE: dict[tuple[Status | None, str], Status] = {
    (NEW, "OrderOpened"): Status.PENDING,
    (Status.PENDING, "Signed"): Status.IN_PROGRESS,
    (Status.IN_PROGRESS, "Signed"): Status.IN_PROGRESS,  # A replacement: only one of the two can land.
    (Status.IN_PROGRESS, "Allowed"): Status.IN_PROGRESS,  # Its approval has landed; its swap comes next.
    (Status.PENDING, "RolledBack"): Status.ROLLED_BACK,
    (Status.IN_PROGRESS, "RolledBack"): Status.ROLLED_BACK,  # Between two legs alone, when nothing can land.
    (Status.IN_PROGRESS, "Landed"): Status.COMPLETED,
    (Status.IN_PROGRESS, "Reverted"): Status.FAILED,
    (Status.IN_PROGRESS, "Dead"): Status.FAILED,
    (Status.COMPLETED, "Finalized"): Status.COMPLETED,
    (Status.COMPLETED, "Reversed"): Status.IN_PROGRESS,  # By a reorg, before it was final.
}

# The body of a record inside our own books -> the operation that it is, born completed.
LOCAL: dict[str, Operation] = {
    "Deposited": Operation.BALANCE_ADD,
    "Adopted": Operation.BALANCE_ADD,
    "Withdrawn": Operation.BALANCE_DEDUCT,
    "Reserved": Operation.BALANCE_DEDUCT,
    "Returned": Operation.BALANCE_ADD,
    "PositionOpened": Operation.POSITION_OPEN,
    "PositionReduced": Operation.POSITION_UPDATE,
    "PositionClosed": Operation.POSITION_CLOSE,
    "PositionReversed": Operation.POSITION_UPDATE,
    "Halted": Operation.POSITION_UPDATE,
    "Lifted": Operation.POSITION_UPDATE,
    "Rebalanced": Operation.POSITION_UPDATE,
    "StateSaved": Operation.POSITION_UPDATE,
}


def after(status: Status | None, kind: str) -> Status | None:
    """The status after this record, or None if the life-cycle does not allow it."""
    return TRADE.get((status, kind))


def diagram() -> str:
    """The life-cycle as a mermaid state diagram; the README carries it, and a test compares the two."""
    arrows: dict[tuple[Status | None, Status], list[str]] = {}
    for (before, kind), then in TRADE.items():
        arrows.setdefault((before, then), []).append(kind)
    lines = ["stateDiagram-v2"]
    lines += [f"    {was or '[*]'} --> {then}: {', '.join(kinds)}" for (was, then), kinds in arrows.items()]
    lines += [f"    {status} --> [*]" for status in Status if status in TERMINAL]
    return "\n".join(lines)
