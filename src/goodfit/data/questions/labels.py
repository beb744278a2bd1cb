"""Are the labels right? Random noise, no relation to the inputs, shifted rows, other codes, lost classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from goodfit.core.statistics import Estimate, unpaired_difference
from goodfit.core.task import IGNORED, Objective
from goodfit.data.questions.features import Floats, Ints, classes, features, numbers, same_rows
from goodfit.data.questions.mixture import asymptote, replaced
from goodfit.data.questions.quick import QuickFit

SHUFFLES = 199
MOST_KERNEL = 600
"""Rows of the kernel matrix that association is asked of."""
SHIFTS = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)
NONE = Estimate(0.0, 0.0, 0.0)
SPELLS = 4.0
"""Standard errors of a correlation between the doubts of neighbouring rows."""
LEAST = 0.08
"""Fewer labels than this that seem wrong at random may as well be a model that is too sure of itself."""


@dataclass(frozen=True)
class Noise:
    """Random errors among the training targets.

    ``rate`` is the share of wrong labels (or of replaced targets), its low end 0 unless errors are plain; ``by`` says
    what shows them: 'confident predictions' (rows the model is sure of, out of fold, are contradicted as often as all
    others), 'clean validation' (the same model does far better on validation rows) or 'nothing'. ``suspicious`` are
    training row numbers, the most doubtful first.
    """

    rate: Estimate
    suspicious: tuple[int, ...]
    by: str

    @property
    def found(self) -> bool:
        return self.rate.low > 0.04


@dataclass(frozen=True)
class Association:
    """Whether inputs say anything about targets: leave-one-out variance explained by ridge regression on a kernel.

    ``permuted`` is the mean for shuffled targets, ``p`` the share of shuffles that do as well.
    """

    score: float
    permuted: float
    p: float


@dataclass(frozen=True)
class Misaligned:
    """Targets fit the inputs after ``shift`` rows (target i belongs to input i - shift), or read backwards
    (``reversed``); ``score`` after and ``before`` that change.
    """

    shift: int
    reversed: bool
    score: float
    before: float


@dataclass(frozen=True)
class Recoded:
    """Validation targets are the training targets in another code.

    Classes: ``mapping`` from what training calls a class to what validation calls it. Numbers: validation =
    ``factor`` x training + ``offset`` in standard deviations of the training targets; ``mapping`` gives the order of
    the output columns. ``score`` after undoing it, ``before`` as found.
    """

    mapping: dict[int, int]
    factor: float
    offset: float
    score: float
    before: float


@dataclass(frozen=True)
class Collapsed:
    """How few different targets there are: ``largest`` is the share of the commonest one; ``lost`` classes are in
    validation but not in training, ``unasked`` the other way round (both empty for real numbers).
    """

    distinct: int
    largest: float
    lost: tuple[int, ...]
    unasked: tuple[int, ...]

    @property
    def found(self) -> bool:
        return self.distinct < 2 or self.largest > 0.995


def noise(quick: QuickFit, seed: int = 0) -> Noise:
    """Random errors among training labels, by confident learning on out-of-fold predictions (Northcutt 2021).

    Honest overlap of classes is confined to rows the model is unsure of; random flips are not: agreement then levels
    off below one however sure the model is (`mixture.asymptote`). Numbers: a mixture of good targets and targets
    that ignore the inputs (`mixture.replaced`). Where the same model does far better on validation rows than out of
    fold on training rows, only the training labels can be wrong.
    """
    if quick.probabilities is not None:
        own = _own_index(quick)
        rate = asymptote(quick.probabilities, own) if _continuous(quick) else NONE
        rate = rate if rate.low > LEAST else NONE
        doubt = quick.probabilities.max(1) - quick.probabilities[np.arange(len(own)), own]
    else:
        rate, doubt = replaced(quick.predictions[:, 0], quick.train.targets[:, 0])
        rate = NONE if _in_spells(doubt) else rate
    by = "confident predictions" if rate.low > 0.0 else "nothing"
    against = _against_validation(quick)
    if against.low > max(0.04, rate.low):
        rate, by = against, "clean validation"
    order = np.argsort(-doubt)[: round(rate.value * len(doubt))]
    return Noise(rate, tuple(int(quick.train.rows[i]) for i in order if doubt[i] > 0), by)


def association(
    inputs: Tensor, targets: Tensor, objective: Objective = "classification", seed: int = 0
) -> Association | None:
    """Permutation test of ridge regression on a linear and a Gaussian kernel (width: median distance), leave one out.

    None where there are no targets to vary, or fewer than 16 different rows.
    """
    found = _smoother(inputs, targets, objective, seed)
    if found is None:
        return None
    smoothers, wanted = found
    rng = np.random.default_rng(seed)
    score = _explained(smoothers, wanted)
    shuffled = np.array([_explained(smoothers, wanted[rng.permutation(len(wanted))]) for _ in range(SHUFFLES)])
    return Association(score, float(shuffled.mean()), (1 + int((shuffled >= score).sum())) / (1 + SHUFFLES))


def misaligned(inputs: Tensor, targets: Tensor, objective: Objective = "classification") -> Misaligned | None:
    """A shift of up to five rows, or reversal, after which targets fit inputs although they do not as they stand.

    Rows are taken in the order given, so it finds nothing after a random split.
    """
    found = _smoother(inputs, targets, objective, None)
    if found is None:
        return None
    smoothers, wanted = found
    rng = np.random.default_rng(0)
    shuffled = max(_explained(smoothers, wanted[rng.permutation(len(wanted))]) for _ in range(60))
    before = _explained(smoothers, wanted)
    tried = [(shift, False, _explained(smoothers, np.roll(wanted, -shift, axis=0))) for shift in SHIFTS]
    backwards = _smoother(inputs, targets.flip(0), objective, None)
    tried.append((0, True, _explained(smoothers, backwards[1]) if backwards else 0.0))
    shift, flipped, score = max(tried, key=lambda entry: entry[2])
    others = sorted(entry[2] for entry in tried)[-2]
    if score < shuffled + 0.1 or before > 0.3 * score or others > 0.6 * score:
        return None
    return Misaligned(shift, flipped, score, before)


def recoded(quick: QuickFit) -> Recoded | None:
    """Validation targets in another code than training targets, judged by what the training rows' model predicts.

    None unless undoing one renumbering of the classes (or one factor and offset, or another order of the outputs)
    brings the score back to what the model reaches out of fold, and that is far from what it is as found.
    """
    if len(quick.validation_predictions) < 8 or not quick.held_out.low > quick.constant_held_out.value:
        return None
    return _renumbered(quick) if quick.probabilities is not None else _rescaled(quick)


def collapsed(targets: Tensor, validation_targets: Tensor, objective: Objective = "classification") -> Collapsed:
    """Targets that are (nearly) all one value, and classes that only one part has."""
    parts = [_values(part, objective) for part in (targets, validation_targets)]
    _, counts = np.unique(parts[0], return_counts=True)
    largest = float(counts.max() / counts.sum()) if len(counts) else 0.0
    if objective == "regression":
        return Collapsed(len(counts), largest, (), ())
    lost, unasked = np.setdiff1d(parts[1], parts[0]), np.setdiff1d(parts[0], parts[1])
    return Collapsed(len(counts), largest, tuple(int(c) for c in lost), tuple(int(c) for c in unasked))


def _in_spells(doubt: Floats) -> bool:
    """Whether doubtful rows follow each other more than chance allows: wild weeks of a series are no wrong labels,
    which fall on any row. Rows in no order never do.
    """
    centred = doubt - doubt.mean()
    spread = float((centred**2).sum())
    return spread > 0 and float((centred[1:] * centred[:-1]).sum()) / spread * np.sqrt(len(doubt)) > SPELLS


def _own_index(quick: QuickFit) -> Ints:
    return np.searchsorted(np.array(quick.classes), quick.train.targets)


def _continuous(quick: QuickFit) -> bool:
    """Rows of a few kinds may honestly have several answers each: then errors level off without being wrong."""
    return bool(len(np.unique(quick.train.groups)) > 0.5 * len(quick.train.rows))


def _against_validation(quick: QuickFit) -> Estimate:
    """The share of wrong training labels that explains why validation rows are predicted so much better."""
    first, second = quick.balanced_held_out, quick.balanced_validation
    if quick.probabilities is None:
        first, second = quick.held_out, quick.validation
    enough = quick.unseen.sum() >= 20 and quick.unseen.mean() > 0.5
    if not enough or not np.isfinite([first.low, first.high, second.low, second.high]).all():
        return NONE
    gap = unpaired_difference(second, first)
    low = gap.value - 1.4 * (gap.value - gap.low)  # 2.7 standard errors: this is one of many questions
    known = max(2, len(quick.classes))
    room = max(second.value - (1 / known if quick.classes else 0.0), 1e-9)
    scale = (1 - 1 / known) / room if quick.classes else 1 / room
    if low <= 0.05 or second.value < 0.5:
        return NONE
    return Estimate(*(float(np.clip(value * scale, 0, 1)) for value in (gap.value, low, gap.high)))


def _smoother(
    inputs: Tensor, targets: Tensor, objective: Objective, seed: int | None
) -> tuple[list[tuple[Floats, Floats]], Floats] | None:
    """Leave-one-out ridge smoothers (matrix, diagonal) and the targets as centred columns; None if nothing varies.

    Without ``seed`` the first rows are taken in their order, copies and all.
    """
    if objective == "sequence_labelling" or len(inputs) < 16:
        return None
    if seed is None:
        kept = np.arange(min(len(inputs), MOST_KERNEL))
    else:
        drawn = np.random.default_rng(seed).permutation(len(inputs))[: 2 * MOST_KERNEL]
        distinct = np.unique(same_rows(features(inputs[drawn])), return_index=True)[1]
        kept = np.sort(drawn[distinct])[:MOST_KERNEL]
    labels = classes(targets[kept], objective)
    wanted = numbers(targets[kept]) if labels is None else (labels[:, None] == np.unique(labels)).astype(np.float64)
    wanted = wanted - wanted.mean(0)
    if len(kept) < 16 or not np.isfinite(wanted).all() or not wanted.any():
        return None
    matrix = features(inputs[kept])
    matrix = (matrix - matrix.mean(0)) / np.where(matrix.std(0) > 0, matrix.std(0), 1.0)
    return [_leave_one_out(kernel) for kernel in _kernels(matrix)], wanted


def _kernels(matrix: Floats) -> list[Floats]:
    squares = ((matrix**2).sum(1)[:, None] + (matrix**2).sum(1) - 2 * matrix @ matrix.T).clip(0)
    width = float(np.median(squares)) or 1.0
    return [matrix @ matrix.T / matrix.shape[1], np.exp(-squares / width), np.exp(-8 * squares / width)]


def _leave_one_out(kernel: Floats) -> tuple[Floats, Floats]:
    count = len(kernel)
    mean = np.eye(count) - 1 / count
    kernel = mean @ kernel @ mean
    hat = np.linalg.solve(kernel + 0.1 * np.trace(kernel) / count * np.eye(count), kernel).T + 1 / count
    return hat, np.diag(hat).clip(max=0.999)


def _explained(smoothers: list[tuple[Floats, Floats]], wanted: Floats) -> float:
    spread = (wanted**2).sum()
    errors = [(((wanted - hat @ wanted) / (1 - own)[:, None]) ** 2).sum() for hat, own in smoothers]
    return float(1 - min(errors) / spread)


def _renumbered(quick: QuickFit) -> Recoded | None:
    truth, found = quick.validation_part.targets, quick.validation_predictions
    known = np.union1d(truth, found)
    table = np.zeros((len(known), len(known)))
    np.add.at(table, (np.searchsorted(known, found), np.searchsorted(known, truth)), 1)
    rows, names = linear_sum_assignment(table + 1e-6 * np.eye(len(known)), maximize=True)
    score, before = float(table[rows, names].sum() / len(truth)), float(np.trace(table) / len(truth))
    moved = rows != names
    error = np.sqrt((score * (1 - score) + before * (1 - before)) / len(truth)) + 1 / len(truth)
    if not moved.any() or score - before < max(0.1, 4 * error) or score < 0.8 * quick.held_out.value:
        return None
    # Every moved class must be recognised clearly under its new name, not just a little better than before.
    clear = table[rows, names][moved].sum() > 0.5 * table[:, names[moved]].sum()
    if not clear or score < quick.constant_held_out.value + 0.1:
        return None
    mapping = {int(known[a]): int(known[b]) for a, b in zip(rows, names, strict=True) if a != b}
    return Recoded(mapping, 1.0, 0.0, score, before)


def _rescaled(quick: QuickFit) -> Recoded | None:
    truth, found = quick.validation_part.targets, quick.validation_predictions
    swapped = _swapped(truth, found)
    if swapped is not None:
        return swapped
    truth, found = truth[:, 0], found[:, 0]
    if truth.std() == 0 or found.std() == 0:
        return None
    correlation = float(np.corrcoef(truth, found)[0, 1])
    before = quick.validation.value
    # Total least squares slope: regression towards the mean alone must not look like a factor.
    reach = max(float(quick.predictions[:, 0].std()), 1e-9)
    factor = float(np.sign(correlation) * (truth.std() / found.std()) * reach)
    offset = float(truth.mean() - factor * found.mean())
    explained = correlation**2
    alike = 0.6 < factor < 1.6 and abs(offset) < 0.5
    if explained < 0.5 or alike or explained - max(before, -1.0) < 0.3 or explained < 0.7 * quick.held_out.value:
        return None
    return Recoded({}, factor, offset, explained, before)


def _swapped(truth: Floats, found: Floats) -> Recoded | None:
    """The outputs of validation in another order."""
    if truth.shape[1] < 2 or not (truth.std(0) > 0).all() or not (found.std(0) > 0).all():
        return None
    count = truth.shape[1]
    table = np.corrcoef(found.T, truth.T)[:count, count:]
    rows, names = linear_sum_assignment(table, maximize=True)
    moved = rows != names
    if not moved.any():
        return None
    score, before = float(table[rows, names][moved].mean()), float(np.diag(table)[moved].mean())
    if score < 0.6 or score - before < 0.4:
        return None
    mapping = {int(a): int(b) for a, b in zip(rows, names, strict=True) if a != b}
    return Recoded(mapping, 1.0, 0.0, score, before)


def _values(targets: Tensor, objective: Objective) -> Floats:
    if objective == "sequence_labelling":
        flat = targets.detach().flatten().numpy()
        return np.asarray(flat[flat != IGNORED])
    known = classes(targets, objective)
    return numbers(targets)[:, 0] if known is None else known.astype(np.float64)
