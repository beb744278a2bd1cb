"""The guide as data: it can be printed, drawn and tested without training anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One fork. ``branches`` maps each answer to the next question's name, or to a leaf (no further question)."""

    name: str
    asks: str
    judged_by: str
    branches: Mapping[str, str]


TREE: tuple[Question, ...] = (
    Question(
        "training loss",
        "Is the training loss large?",
        "against the best constant, and against simple models that also do better on the validation rows",
        {"large": "model bias or optimisation", "small": "validation loss"},
    ),
    Question(
        "validation loss",
        "Is the validation loss large?",
        "against the training loss, both as shares of the error of a reference that learns nothing",
        {"large": "overfitting or mismatch", "small": "fits"},
    ),
)
"""The two top questions of the lecture's guide, in the order they are asked."""

LEAVES: Mapping[str, str] = {
    "model bias or optimisation": "The network does not fit its own training data: the model cannot express the "
    "answer, or the optimiser did not find it.",
    "overfitting or mismatch": "The network fits its training data but not the validation data: it memorised, "
    "or the two differ.",
    "fits": "The network fits the training data, and the validation data about as well.",
}
"""What each leaf means."""
