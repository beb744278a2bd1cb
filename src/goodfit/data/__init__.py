"""From a person's files or frames to a `Task`: one module for each kind of data."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from goodfit.core.errors import SettingsError
from goodfit.core.settings import DataSettings
from goodfit.core.task import Task

KINDS = {
    "series": "goodfit.data.series",
    "table": "goodfit.data.table",
    "images": "goodfit.data.images",
    "sequences": "goodfit.data.sequences",
}
"""Each module offers ``load(source, settings, seed) -> Task``."""

ONLY_FOR = {"history": "series", "gaps": "series", "size": "images", "split_col": "table", "objective": "table"}
"""Settings that mean something for one kind of data; what else a kind cannot use, its own ``load`` refuses."""
NAMES = {"series": "a series", "table": "a table", "images": "pictures", "sequences": "sequences of tokens"}


def load(source: Any, settings: DataSettings, seed: int = 0) -> Task:
    """Read, check, split and encode data of any kind; ``settings.kind`` 'auto' goes by the content.

    ``source`` is a path, a frame or matrix, or what the kind's own ``load`` takes. DataError for data that
    cannot be used, naming the place and the repair.
    """
    if isinstance(source, str):
        source = Path(source)
    kind: str = settings.kind
    if kind == "auto":
        from goodfit.data.sniff import sniff

        kind = sniff(source, settings)
    _check_settings(settings, kind)
    # Imported here, because each kind brings heavy libraries of its own.
    task: Task = import_module(KINDS[kind]).load(source, settings, seed)
    return task


def _check_settings(settings: DataSettings, kind: str) -> None:
    for name, only in ONLY_FOR.items():
        if kind != only and getattr(settings, name) != DataSettings.model_fields[name].default:
            raise SettingsError(f"The 'data.{name}' setting does not apply to {NAMES[kind]}", "Leave it out.")
