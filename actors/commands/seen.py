"""Whether a model has been trained on what it is about to be tried on: then nothing is proven."""

from hashlib import blake2b
from pathlib import Path

from storage.config import Settings


def digest(path: Path) -> str:
    """Of a recording, as a model's card has it."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()


def seen_before(settings: Settings, strategies: list[str] | tuple[str, ...]) -> str:
    """A sentence, or nothing.  The model can be used: a backtest has looked."""
    from strategies import ai_model  # noqa: PLC0415  The compiler is for those that compute.

    if "ai" not in strategies:
        return ""
    known = {source.digest for source in ai_model.load(settings).card.data}
    paths = [Path(each) for each in settings.run.recordings]
    same = [path.name for path in paths if digest(path) in known]
    if not same:
        return ""
    return (
        f"The model of ai was trained on {', '.join(same)}: what ai earns there it has seen before, and it "
        f"proves nothing."
    )
