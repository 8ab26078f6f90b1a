"""Options that several commands take, and where they lead."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from storage.config import Settings, load

CONFIG = Path(__file__).parents[2] / "config.toml"

Config = Annotated[Path, typer.Option("--config", help="The settings.", show_default="config.toml")]
DataDir = Annotated[str | None, typer.Option("--data-dir", help="Where the log and the books live.")]
HaltScope = Annotated[
    str, typer.Option("--scope", help='"everything", "wallet"; or "key", as `status` says it.')
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]


class Options(Struct, frozen=True):
    """Of the command line, for a run; what is in config.toml as well is in `overrides`."""

    config: Path
    overrides: dict[str, object]
    summary: Path | None = None
    view: bool = True


def overrides(**given: object) -> dict[str, object]:
    """Whatever was typed, by its key in config.toml."""
    return {f"run.{name}": value for name, value in given.items() if value not in (None, [], False)}


def settings_of(config: Path, data_dir: str | None) -> Settings:
    return load(config, overrides(data_dir=data_dir))


def folder_of(config: Path, data_dir: str | None) -> Path:
    return Path(settings_of(config, data_dir).run.data_dir)
