"""The guide as data, from `goodfit.core.tree`: it lies there because pages draw it that ask nothing themselves."""

from goodfit.core.tree import (
    BIAS,
    BRANCHES,
    CAUSES_AT,
    CRITICAL,
    GAP,
    LEAVES,
    SOUND,
    TRAINING,
    TREE,
    VALIDATION,
    Question,
    leaf_of,
    question,
    route,
)

__all__ = [
    "BIAS",
    "BRANCHES",
    "CAUSES_AT",
    "CRITICAL",
    "GAP",
    "LEAVES",
    "SOUND",
    "TRAINING",
    "TREE",
    "VALIDATION",
    "Question",
    "leaf_of",
    "question",
    "route",
]
