"""More data from the data there are: random changes of training rows that leave the answer as it is."""

from __future__ import annotations

from collections.abc import Mapping

from goodfit.causes import Change, Facts
from goodfit.core.errors import SettingsError
from goodfit.core.job import Job
from goodfit.data.augmentation import AUGMENTATIONS, augmentation, refusal
from goodfit.models.surgery import NotAskable
from goodfit.remedies import snippets
from goodfit.remedies.remedy import Remedy

TRIED = ("flip", "rotate", "scale", "shift", "crop", "erase", "noise", "amplitude", "word_dropout")
"""Not upside down: hardly any picture is as good that way."""
AT_ONCE = ("rotate", "scale", "shift")
"""Small motions of pictures, made together."""


def augmented(facts: Facts) -> tuple[Change, ...]:
    """All that may be sound for such data, and of what cannot be each reason once."""
    refused = {name: refusal(facts.job.task, name) for name in TRIED}
    reasons = {reason.replace(repr(name), ""): name for name, reason in reversed(refused.items()) if reason}
    told = set(reasons.values())
    single = tuple(_with((name,)) for name, reason in refused.items() if not reason or name in told)
    return single if any(refused[name] for name in AT_ONCE) else (*single, _with(AT_ONCE))


def _with(names: tuple[str, ...]) -> Change:
    def apply(job: Job) -> Job:
        before: Mapping[str, float] = {} if job.recipe.augment is None else job.recipe.augment.strengths
        if any(name in before for name in names):
            raise NotAskable("training rows are changed that way already")
        try:
            made = augmentation(job.task, {**dict.fromkeys(names), **before})
        except SettingsError as error:
            raise NotAskable(error.problem) from error
        return job.with_recipe(augment=made)

    said = [AUGMENTATIONS[name].words for name in names]
    words = ", ".join([said[0], *(each[:1].lower() + each[1:] for each in said[1:])]) + ", at random in training"
    strengths = {name: AUGMENTATIONS[name].usual for name in names}
    fields = tuple(f"augment.{name}" for name in names)
    return Change(" + ".join(names), words, fields, apply, code=snippets.augmentation(strengths))


AUGMENTATION = Remedy(
    name="augmentation",
    causes=("overfitting",),
    changes=augmented,
    reason="Rows that differ in what does not matter teach that it does not matter: it is as if there were more data.",
    source="Shorten & Khoshgoftaar 2019; Zhong et al. 2020; Um et al. 2017; Hung-yi Lee, ML 2021, lecture 2",
    costs="Time for each batch, and more epochs until the same training loss.",
    harms="A change that does alter the answer (a mirrored digit) teaches what is not so.",
)
