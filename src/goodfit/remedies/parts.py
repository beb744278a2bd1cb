"""Parts that are alike, and that share no rows."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from goodfit.causes import Change, Facts, changes
from goodfit.causes.generalisation import later
from goodfit.causes.snippets import of_model
from goodfit.core.job import Job
from goodfit.core.task import PARTS, Rows
from goodfit.data.questions.features import columns, pair
from goodfit.models.surgery import NotAskable
from goodfit.remedies import snippets
from goodfit.remedies.remedy import Judged, Remedy, own, together
from goodfit.remedies.rows import Edit, of_rows, with_inputs

MOST_WEIGHT = 10.0
"""A training row counts at most so many times the mean: few rows with huge weights would be all that is learnt."""
NEAR = 0.05
"""A validation row nearer to a training row than this part of the usual distance between training rows is a copy."""


def without_copies(facts: Facts) -> tuple[Change, ...]:
    copies = facts.data.duplicates
    if copies is None or not copies.found:
        return ()
    words = "Drop validation rows that training holds"
    return (of_rows("without copies", words, ("validation",), _fresh, snippets.WITHOUT_COPIES),)


def _fresh(job: Job, train: Rows, validation: Rows) -> tuple[Rows, Rows]:
    first, second = (torch.from_numpy(columns(each.inputs)).float() for each in (train, validation))
    middle, spread = first.mean(0), first.std(0).clamp_min(1e-9)
    first, second = (first - middle) / spread, (second - middle) / spread
    nearest = torch.cat([torch.cdist(some, first).min(1).values for some in second.split(256)])
    sampled = first[torch.randperm(len(first), generator=torch.Generator().manual_seed(0))[:512]]
    usual = torch.cdist(sampled, first).kthvalue(min(2, len(first)), 1).values.median()
    kept = (nearest > max(NEAR * float(usual), 1e-6)).nonzero().flatten()
    if len(kept) < 8 or len(kept) == len(validation):
        raise NotAskable("hardly any validation row would be left" if len(kept) < 8 else "no row is a copy")
    return train, validation.taken(kept)


def without_columns(facts: Facts) -> tuple[Change, ...]:
    told = [each.column for each in facts.data.telling or ()]
    if not told:
        return ()
    name = ", ".join(str(each) for each in told)

    def apply(job: Job) -> Job:
        changed = {}
        for part in PARTS:  # the test part too: a network that learns without the column cannot be read on rows with it
            rows = job.task.part(part)
            if isinstance(rows, Rows):
                changed[part] = with_inputs(rows, _blank(rows.inputs, told))
            elif rows is not None:
                raise NotAskable("the data are not held in memory")
        return job.with_task(**changed)

    words = f"Drop input column {name} (here: 0 in every row)"
    fields, code = ("task.train", "task.validation"), of_model({"without": told})
    return (Change(f"without column {name}", words, fields, apply, code=code),)


def _blank(inputs: Tensor, blanked: list[int]) -> Tensor:
    flat = inputs.clone().reshape(len(inputs), -1)
    flat[:, blanked] = 0
    return flat.reshape(inputs.shape)


def alignments(facts: Facts) -> tuple[Change, ...]:
    """Validation inputs brought to the training inputs' means and deviations, upright or inverted."""
    drift = facts.data.drift
    if drift is None or not drift.found or not facts.job.sample.is_floating_point():
        return ()
    words = "Preprocess validation inputs as the training inputs were: bring them to the same mean and deviation"
    return tuple(
        of_rows(name, words + more, ("validation",), _aligned(sign), snippets.aligned(sign))
        for name, more, sign in (("align", "", 1.0), ("align inverted", ", with the sign inverted", -1.0))
    )


def _aligned(sign: float) -> Edit:
    def edit(job: Job, train: Rows, validation: Rows) -> tuple[Rows, Rows]:
        whole = train.inputs.ndim > 2  # of pictures and windows all values share one scale
        axes = [0] if not whole else list(range(train.inputs.ndim))
        (mean, std), (other, spread) = (
            (each.inputs.mean(axes, keepdim=True), each.inputs.std(axes, keepdim=True).clamp_min(1e-9))
            for each in (train, validation)
        )
        return train, with_inputs(validation, sign * (validation.inputs - other) / spread * std + mean)

    return edit


def mixed_again(facts: Facts) -> tuple[Change, ...]:
    drift = facts.data.drift
    return (changes.resplit(),) if drift is not None and drift.found else ()


def weighted(facts: Facts) -> tuple[Change, ...]:
    drift = facts.data.drift
    if drift is None or not drift.found:
        return ()
    words = "Draw training rows as often as validation holds rows like them (importance weighting)"
    return (of_rows("importance", words, ("train",), _as_in_validation, snippets.IMPORTANCE),)


def _as_in_validation(job: Job, train: Rows, validation: Rows) -> tuple[Rows, Rows]:
    matrices = pair(train.inputs, validation.inputs)
    labels = np.repeat([0, 1], [len(each) for each in matrices])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    model.fit(np.concatenate(matrices), labels)
    chance = model.predict_proba(matrices[0])[:, 1].clip(1e-6, 1 - 1e-6)
    weights = torch.from_numpy(chance / (1 - chance))
    weights = (weights / weights.mean()).clamp_max(MOST_WEIGHT)
    drawn = torch.multinomial(weights, len(train), replacement=True, generator=torch.Generator().manual_seed(0))
    return train.taken(drawn.sort().values), validation


DEDUPLICATION = Remedy(
    name="deduplication",
    causes=("data_leak",),
    changes=without_copies,
    reason="Rows that were trained on say nothing of new ones.",
    source="Barz & Denzler 2020, Do we train on test data?",
    costs="Validation rows.",
    harms="Where real data repeat themselves, copies are honest: split by what repeats instead.",
    judged=Judged.FINDING,
)
COLUMN_REMOVAL = Remedy(
    name="column_removal",
    causes=("data_leak",),
    changes=without_columns,
    reason="A column that was made from the target is not known when a prediction is asked for.",
    source="Kaufman et al. 2012, Leakage in data mining",
    costs="What the column honestly knew.",
    harms="An honest column that is simply very good would be lost: ask where it comes from.",
    judged=Judged.FINDING,
)
TIME_SPLIT = Remedy(
    name="time_split",
    causes=("data_leak",),
    changes=later,
    reason="Windows that share steps with training windows are no new data.",
    source="Hyndman & Athanasopoulos, Forecasting: principles and practice, section 5.8",
    costs="The windows between the parts.",
    harms="The last part of a series may be of another kind than the rest: then it is a mismatch.",
    judged=Judged.FINDING,
)
SAME_PREPROCESSING = Remedy(
    name="same_preprocessing",
    causes=("mismatch",),
    changes=alignments,
    reason="A network knows nothing of inputs in another scale, or inverted.",
    source="Sun et al. 2016, CORAL, for the simplest case of it",
    costs="Nothing.",
    harms="It hides a real difference of the world behind equal means: mend the code that prepares the data.",
    judged=Judged.VALIDATION,
)
RESPLIT = Remedy(
    name="resplit",
    causes=("mismatch", "unshuffled_data"),
    changes=together(own("mismatch", "unshuffled_data", touching="task.train"), mixed_again),
    reason="Both parts then come from one distribution.",
    source="Hung-yi Lee, ML 2021, lecture 2: mismatch",
    costs="Nothing.",
    harms="Where the network will meet what validation shows, mixing only hides it: the score flatters.",
    judged=Judged.VALIDATION,
)
IMPORTANCE = Remedy(
    name="importance_weighting",
    causes=("mismatch",),
    changes=weighted,
    reason="Rows that look like validation count for more.",
    source="Shimodaira 2000; Sugiyama et al. 2012, by a classifier's odds",
    costs="Effective rows.",
    harms="Where no training row looks like validation, a few rows carry all weight.",
    judged=Judged.VALIDATION,
)
