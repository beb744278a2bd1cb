"""What can go wrong, and what the person should do about it.

GoodfitError                 exit code 2 unless a subclass says otherwise
├── DataError                the data cannot be used as they are
├── SettingsError            an option, a key or a file of settings is wrong
├── NotFoundError            a run or a file that was asked for is not there
└── TrainingError            the training itself failed (exit code 3)

Every message is one sentence of place and problem and one of repair:
``views.csv, line 7: 'abc' in column 'count' is not a number. Correct it or choose another --target.``
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GoodfitError(Exception):
    """Anything goodfit can explain; shown without a traceback."""

    exit_code = 2

    def __init__(self, problem: str, repair: str = "", *, where: str = "") -> None:
        self.problem, self.repair, self.where = problem, repair, where
        place = f"{where}: " if where else ""
        sentence = f"{place}{problem.rstrip('.')}."
        super().__init__(f"{sentence} {repair}".strip())


class DataError(GoodfitError):
    """The data cannot be used as they are."""


class SettingsError(GoodfitError):
    """An option, a key or a file of settings is wrong."""


class NotFoundError(GoodfitError):
    """A run or a file that was asked for is not there."""


class TrainingError(GoodfitError):
    """The training itself failed."""

    exit_code = 3


class GoodfitWarning(UserWarning):
    """Something goodfit saw in a training that goes on; one sentence of what and where."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean 'views'?`` for the nearest known word, else the known words."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not near:
        near = [name for name in known if name.lower() == word.lower()][:1]
    if near:
        return f"Did you mean {near[0]!r}?"
    shown = ", ".join(repr(name) for name in known[:12])
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f"Known: {shown}{more}." if known else ""
