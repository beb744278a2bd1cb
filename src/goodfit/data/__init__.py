"""From a person's files or frames to a `Task`: one module for each kind of data."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from goodfit.core.settings import DataSettings
from goodfit.core.task import Task

KINDS = {
    "series": "goodfit.data.series",
    "table": "goodfit.data.table",
    "images": "goodfit.data.images",
    "sequences": "goodfit.data.sequences",
}
"""Each module offers ``load(source, settings, seed) -> Task``."""


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
    # Imported here, because each kind brings heavy libraries of its own.
    task: Task = import_module(KINDS[kind]).load(source, settings, seed)
    return task
