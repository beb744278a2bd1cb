"""`goodfit init`: a commented file of settings to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.console import say
from goodfit.core.configuration import commented_yaml
from goodfit.core.errors import SettingsError
from goodfit.core.settings import Settings
from goodfit.ledger import write_atomically

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")]
Force = Annotated[bool, typer.Option("--force", metavar="", help="Write over a file that is there.")]


def init(file: File = Path("goodfit.yaml"), force: Force = False) -> None:
    """Write a file of settings, each with its meaning, to edit and pass to --config."""
    if file.suffix == ".toml":
        raise SettingsError("The file is written as YAML", "Name it .yaml.", where=str(file))
    if file.exists() and not force:
        raise SettingsError(
            "The file is there already", "Name another, or write over it with --force.", where=str(file)
        )
    write_atomically(file, commented_yaml(Settings()))
    say(f"wrote {file}; use it with: goodfit run DATA --config {file}")
