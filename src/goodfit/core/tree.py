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


SOUND, TRAINING, BIAS, CRITICAL, VALIDATION, GAP = (
    "sound",
    "training loss",
    "model bias or optimisation",
    "critical point",
    "validation loss",
    "overfitting or mismatch",
)

TREE: tuple[Question, ...] = (
    Question(
        SOUND,
        "Is the job sound?",
        "questions to the data and the set-up that need no training, or one step of it",
        {"yes": TRAINING, "no, set-up": "set-up", "no, data": "data"},
    ),
    Question(
        TRAINING,
        "Is the training loss large?",
        "the best constant, simple models that also do better on the validation rows, and treated runs",
        {"large": BIAS, "small": VALIDATION},
    ),
    Question(
        BIAS,
        "Can the network not express the answer, or did the optimiser not find it?",
        "a more flexible network that alone fits the training rows is model bias; a cheaper change, optimisation",
        {"model bias": "model bias", "optimisation": CRITICAL},
    ),
    Question(
        CRITICAL,
        "Does the run sit at a critical point that is no minimum?",
        "a gradient near zero, the sign of the curvature, and a step along it",
        {"yes": "saddle or plateau", "no": "optimisation"},
    ),
    Question(
        VALIDATION,
        "Is the validation loss large?",
        "the training loss, both as shares of the error of a reference that learns nothing",
        {"large": GAP, "small": "fits"},
    ),
    Question(
        GAP,
        "Did the network memorise, or do the two parts differ?",
        "a test whether training and validation rows can be told apart, and what restraint or cleaner labels bring",
        {"overfitting": "overfitting", "mismatch": "mismatch"},
    ),
)
"""The questions of the lecture's guide, in the order they are asked."""

LEAVES: Mapping[str, str] = {
    "set-up": "The training is put together in a way that cannot work well.",
    "data": "The data do not hold what the training takes for granted.",
    "model bias": "The network or its inputs cannot express the answer.",
    "saddle or plateau": "The run sits where the gradient is nearly zero, and that is no minimum.",
    "optimisation": "A lower training loss is within the network's reach, and the optimiser did not find it.",
    "overfitting": "The network memorised its training data.",
    "mismatch": "The training and the validation data differ.",
    "fits": "The network fits the training data, and the validation data about as well.",
}
"""What each leaf means."""

BRANCHES: Mapping[str, str] = {
    BIAS: "The network does not fit its own training data: the model cannot express the answer, or the optimiser did "
    "not find it.",
    GAP: "The network fits its training data but not the validation data: it memorised, or the two differ.",
}
"""What is known where one of these questions is still open."""

CAUSES_AT: Mapping[str, tuple[str, ...]] = {
    "set-up": (
        "unshuffled_data",
        "frozen_parameters",
        "wrong_loss",
        "double_softmax",
        "wrong_output_activation",
        "padding_leak",
        "unnormalised_input",
        "batchnorm_misuse",
    ),
    "data": ("data_leak", "bad_labels", "class_imbalance"),
    "model bias": ("model_bias", "missing_position"),
    "saddle or plateau": ("saddle_point",),
    "optimisation": (
        "bad_initialisation",
        "over_regularised",
        "exploding_gradient",
        "vanishing_gradient",
        "missing_warmup",
        "learning_rate_too_high",
        "batch_too_small",
        "dead_units",
        "batch_too_large",
        "learning_rate_too_low",
        "too_few_epochs",
    ),
    "overfitting": ("overfitting", "label_noise"),
    "mismatch": ("mismatch",),
}
"""The causes that are asked at each leaf, in causal order."""


def question(name: str) -> Question:
    return next(each for each in TREE if each.name == name)


def leaf_of(label: str) -> str:
    """The leaf that names a cause; 'fits' for a healthy run."""
    return next((leaf for leaf, labels in CAUSES_AT.items() if label in labels), "fits")


def route(leaf: str) -> tuple[tuple[Question, str], ...]:
    """The questions from the first one to ``leaf``, each with the answer that leads on."""
    steps: list[tuple[Question, str]] = []
    place = leaf
    while place != SOUND:
        step = next((each, answer) for each in TREE for answer, to in each.branches.items() if to == place)
        steps.append(step)
        place = step[0].name
    return tuple(reversed(steps))
