"""A trained model's folder, read and written whole; strategies/ai_model.py says what its files mean."""

from collections.abc import Mapping
from pathlib import Path

FILES = ("card.json", "ranker.txt", "gate.txt", "calibration.json")  # Beside them lies CARD.md, for people.
LARGEST = 50_000_000  # Bytes of a file.


class ModelFolderError(ValueError):
    """A model's folder can not be read or written; the sentence says why and what to do."""


def read(folder: Path) -> dict[str, str]:
    """The files by their names."""
    found = {}
    for name in FILES:
        path = folder / name
        try:
            if path.stat().st_size > LARGEST:
                raise ModelFolderError(f"{path} has more than {LARGEST:,} bytes, so it is no model")
            found[name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise ModelFolderError(
                f"{path} can not be read ({why.lower()}); set ai.model to a folder that `run.py train` made"
            ) from error
    return found


def refuse_taken(folder: Path) -> None:
    """A model that was traded on is never written over."""
    if folder.exists():
        raise ModelFolderError(f"{folder} is there already, and models are kept; name another folder")


def write(folder: Path, files: Mapping[str, str]) -> None:
    """All files or none: they are written beside, and the folder gets its name last."""
    refuse_taken(folder)
    beside = folder.with_name(f".{folder.name}.new")
    try:
        beside.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (beside / name).write_text(text, encoding="utf-8")
        beside.rename(folder)
    except OSError as error:
        raise ModelFolderError(
            f"{folder} can not be written ({error.strerror}); name another folder"
        ) from error


def note_trial(folder: Path, line: str) -> None:
    """Every training beside this folder, kept or not: whoever tries often enough finds something."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "trials.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def trials(folder: Path) -> list[str]:
    path = folder.parent / "trials.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
