"""How a long run tells a person where it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from goodfit.core.step import Callback, Event, Step


class Progress(Callback, Protocol):
    """Told of each stage, of what was inferred, and (as a callback) of the training's steps."""

    def stage(self, doing: str) -> None:
        """A new stage begins: 'reading views.csv', 'training', 'baseline: gradient boosting'."""

    def inferred(self, facts: Mapping[str, str]) -> None:
        """What was inferred, by short key, before the training starts."""


class Silent:
    """Progress for nobody: nothing is shown."""

    events: frozenset[Event] = frozenset()

    def stage(self, doing: str) -> None:
        """Nothing."""

    def inferred(self, facts: Mapping[str, str]) -> None:
        """Nothing."""

    def __call__(self, step: Step) -> None:
        """Nothing."""


class Inquiry(Protocol):
    """Told of each question of a diagnosis, and of what was found."""

    def asking(self, question: str) -> None:
        """A question is being asked: 'learning_rate_too_high: divide the learning rate by 10'."""

    def found(self, answer: str) -> None:
        """What the last question found."""


class Unheard:
    """Inquiry for nobody."""

    def asking(self, question: str) -> None:
        """Nothing."""

    def found(self, answer: str) -> None:
        """Nothing."""
