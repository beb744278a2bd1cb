"""Less to learn by heart with: simpler and narrower networks, shared weights, fewer columns."""

from __future__ import annotations

import warnings
from weakref import WeakKeyDictionary

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from goodfit.causes import Change, Facts, changes
from goodfit.core.coding import class_numbers
from goodfit.core.job import Coding, Job
from goodfit.core.task import Rows
from goodfit.data.questions.features import Floats, Ints, columns, sample
from goodfit.models.surgery import NotAskable
from goodfit.remedies import snippets
from goodfit.remedies.remedy import Remedy, own, together

DROPPED = (0.25, 0.5, 0.75)
"""Parts of the columns that are left out."""
FEWEST, MOST = 3, 200
"""Columns from which, and up to which, leaving some out is tried: each is shuffled and predicted anew."""
ASKED = 1_000
"""Training rows that are asked which columns matter."""
TREES, FOLDS, SHUFFLES = 50, 3, 2


def linear(facts: Facts) -> tuple[Change, ...]:
    return (changes.model("linear network", "Use a small standard network: a linear one", stand_in="linear"),)


def narrower(facts: Facts) -> tuple[Change, ...]:
    parts = ((0.5, "half"), (0.25, "a quarter"))
    words = "Make the hidden layers {} as wide"
    return tuple(changes.model(f"{part:g} x width", words.format(said), width=part) for part, said in parts)


def convolutions(facts: Facts) -> tuple[Change, ...]:
    """A small convolutional network for pictures that came to one without convolutions."""
    if facts.job.sample.dim() != 4 or any("conv" in each.kind for each in facts.model.anatomy.layers):
        return ()
    words = "Use a small convolutional network, which shares its weights over the picture"
    return (changes.model("small CNN", words, stand_in="cnn"),)


def fewer(facts: Facts) -> tuple[Change, ...]:
    """Without the columns that matter least to trees, by training rows that those have not seen."""
    return tuple(_without_least(share) for share in DROPPED) if facts.job.sample.dim() == 2 else ()


def _without_least(share: float) -> Change:
    def apply(job: Job) -> Job:
        order = informative(job)
        dropped = sorted(order[: max(1, min(len(order) - 1, round(share * len(order))))])
        return job.with_model(without=tuple(dropped))

    words = f"Leave out the {share:.0%} of the columns that matter least"
    return Change(f"{share:.0%} fewer columns", words, ("model.without",), apply, code=snippets.least(share))


_KNOWN: WeakKeyDictionary[Rows, tuple[int, ...]] = WeakKeyDictionary()


def informative(job: Job) -> tuple[int, ...]:
    """Numbers of all input columns, the one that matters least first, by the training rows alone.

    What trees lose on rows they have not seen when the column is shuffled among these (Breiman 2001, section 10), so
    that columns which matter only together count. NotAskable where the inputs are no table of a few columns.
    """
    rows = job.task.train
    if not isinstance(rows, Rows):
        raise NotAskable("the data are not held in memory")
    if rows.inputs.ndim != 2 or not rows.inputs.is_floating_point():
        raise NotAskable("the inputs are no table of numbers")
    if not FEWEST <= rows.inputs.shape[1] <= MOST:
        raise NotAskable(f"a table of {FEWEST} to {MOST} columns is needed, and this one has {rows.inputs.shape[1]}")
    if rows not in _KNOWN:
        order = np.argsort(_importances(rows, job.coding), kind="stable")
        _KNOWN[rows] = tuple(int(each) for each in order)
    return _KNOWN[rows]


def _importances(rows: Rows, coding: Coding) -> Floats:
    """(columns,): mean loss of score over folds and shuffles."""
    index = sample(len(rows), ASKED, 0)
    matrix = columns(rows.inputs[torch.from_numpy(index)])
    targets = _answers(rows.targets[torch.from_numpy(index)], coding)
    classified = targets.ndim == 1 and targets.dtype == np.int64
    kind = ExtraTreesClassifier if classified else ExtraTreesRegressor
    total = np.zeros(matrix.shape[1])
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are missing in a fold
        for known, held in KFold(FOLDS, shuffle=True, random_state=0).split(matrix):
            trees = kind(TREES, min_samples_leaf=2, random_state=0).fit(matrix[known], targets[known])
            total += permutation_importance(
                trees, matrix[held], targets[held], n_repeats=SHUFFLES, random_state=0
            ).importances_mean
    return total


def _answers(targets: torch.Tensor, coding: Coding) -> Floats | Ints:
    """Class numbers (rows,) as whole numbers, or columns of real numbers."""
    if coding in (Coding.REAL, Coding.MULTI_LABEL, Coding.TOKENS):
        return np.asarray(targets.double().reshape(len(targets), -1).numpy())
    return np.asarray(class_numbers(targets, coding).numpy(), dtype=np.int64)


SIMPLER_NETWORK = Remedy(
    name="simpler_network",
    causes=("overfitting",),
    changes=together(own("overfitting", touching="model.stand_in"), linear),
    reason="A network with fewer weights than rows cannot learn the rows by heart.",
    source="Hung-yi Lee, ML 2021, lecture 2: less parameters, sharing parameters",
    costs="Nothing.",
    harms="It cannot express what is not linear: the training error is read again.",
)
NARROWER_NETWORK = Remedy(
    name="narrower_network",
    causes=("overfitting",),
    changes=narrower,
    reason="Fewer units leave less room for single rows.",
    source="Hung-yi Lee, ML 2021, lecture 2: less parameters; Geman et al. 1992",
    costs="Less time than before.",
    harms="Too narrow, the rule itself no longer fits in; a good optimiser often does better with width and decay.",
)
SHARED_WEIGHTS = Remedy(
    name="shared_weights",
    causes=("overfitting", "model_bias"),
    changes=convolutions,
    reason="What is worth knowing at one place of a picture is worth knowing at all: one small filter serves all.",
    source="LeCun et al. 1989; Hung-yi Lee, ML 2021, lectures 2 and 3",
    costs="Convolutions take more time than their few weights suggest.",
    harms="Where the place itself tells the answer, pooling forgets it.",
)
FEWER_COLUMNS = Remedy(
    name="fewer_columns",
    causes=("overfitting",),
    changes=fewer,
    reason="A column that says nothing of the answer can still tell training rows apart.",
    source="Guyon & Elisseeff 2003; Breiman 2001, section 10, for the measure; Hung-yi Lee, ML 2021, lecture 2",
    costs="A forest for each fold, some seconds.",
    harms="Columns that say the same stand in for each other, so both may look worthless.",
)
