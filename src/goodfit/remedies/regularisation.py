"""Restraint: what keeps a network from learning its training rows by heart."""

from __future__ import annotations

from goodfit.causes import Change, Facts, changes
from goodfit.core.errors import SettingsError
from goodfit.core.job import Job
from goodfit.models.surgery import NotAskable
from goodfit.remedies import snippets
from goodfit.remedies.remedy import Remedy, own, together
from goodfit.training.losses import smoothed

STOPS = (0.7, 1.0, 1.5)
"""Where training stops, in parts of the epoch that was best on the validation rows."""
LITTLE = 0.1
"""Dropout, or smoothing of labels, up to here keeps no network from fitting its rows."""


def stops(facts: Facts) -> tuple[Change, ...]:
    """Fewer epochs, around the best of those whose validation error was read."""
    scores, planned = facts.control.validation_errors, facts.job.recipe.epochs
    if not scores or planned < 4:
        return ()
    best = min(scores, key=lambda epoch: scores[epoch])
    ends = sorted({max(1, round(part * best)) for part in STOPS if round(part * best) < planned})
    return tuple(changes.stop_after(each, planned) for each in ends)


def decays(facts: Facts) -> tuple[Change, ...]:
    strengths = (0.03, 0.1, 0.3, 1.0) if facts.model.optimizer.decoupled else (1e-3, 3e-3, 1e-2, 3e-2)
    return tuple(changes.weight_decay(each) for each in strengths if each > facts.model.optimizer.weight_decay)


def dropouts(facts: Facts) -> tuple[Change, ...]:
    rates = _dropout_rates(facts)
    return tuple(changes.dropout(p) for p in (0.2, 0.5) if p > max(rates, default=0.0))


def _dropout_rates(facts: Facts) -> list[float]:
    return [each.p for each in facts.model.anatomy.dropouts]


def smoothings(facts: Facts) -> tuple[Change, ...]:
    return tuple(_smoothing(amount) for amount in (0.05, 0.1, 0.2))


def _smoothing(amount: float) -> Change:
    def apply(job: Job) -> Job:
        try:
            return job.with_task(loss=smoothed(job.task.loss, job.coding, amount))
        except SettingsError as error:
            raise NotAskable(error.problem[:1].lower() + error.problem[1:]) from error

    words = f"Spread {amount:.0%} of each label over all classes" if amount else "Drop the label smoothing"
    return Change(f"smoothing {amount:g}", words, ("task.loss",), apply, code=snippets.smoothing(amount))


def weaker(facts: Facts) -> tuple[Change, ...]:
    """A tenth of the decay, half of the dropout, no smoothing of labels."""
    found = []
    if decay := facts.model.optimizer.weight_decay:
        found.append(changes.weight_decay(decay / 10))
    if (highest := max(_dropout_rates(facts), default=0.0)) > LITTLE:
        p = highest / 2
        found.append(changes.model(f"dropout {p:g}", f"Lower the dropout to {p:g}", dropout=p))
    if getattr(facts.job.task.loss, "label_smoothing", 0.0) > LITTLE:
        found.append(_smoothing(0.0))
    return tuple(found)


EARLY_STOPPING = Remedy(
    name="early_stopping",
    causes=("overfitting", "label_noise"),
    changes=together(own("overfitting", touching="epochs"), stops),
    reason="Networks learn what holds for many rows first, and single rows later.",
    source="Prechelt 1998, Early stopping - but when?",
    costs="Less than one training.",
    harms="Stopped too early, a network is biased; where the validation error falls twice, the first dip misleads.",
)
WEIGHT_DECAY = Remedy(
    name="weight_decay",
    causes=("overfitting", "label_noise"),
    changes=together(own("overfitting", touching="optimizer.weight_decay"), decays),
    reason="Small weights make smooth functions, which cannot follow single rows.",
    source="Krogh & Hertz 1992; Loshchilov & Hutter 2019 for the decoupled form",
    costs="Nothing.",
    harms="Too strong, the training rows are no longer fitted; in Adam's gradient it acts unevenly.",
)
DROPOUT = Remedy(
    name="dropout",
    causes=("overfitting", "label_noise"),
    changes=together(own("overfitting", touching="model.dropout"), dropouts),
    reason="No unit can rely on another one, so what is learnt is spread over many.",
    source="Srivastava et al. 2014",
    costs="More epochs until the same training loss.",
    harms="With few units, before batch normalisation, or in regression it adds noise that nothing averages out.",
)
LABEL_SMOOTHING = Remedy(
    name="label_smoothing",
    causes=("overfitting", "label_noise"),
    changes=smoothings,
    reason="A network that may never be quite sure has no reason to grow its weights for single rows.",
    source="Szegedy et al. 2016, section 7; Lukasik et al. 2020 for wrong labels",
    costs="Nothing.",
    harms="Probabilities are drawn towards equal ones, and which wrong class comes close is forgotten.",
)
LESS_RESTRAINT = Remedy(
    name="less_restraint",
    causes=("over_regularised", "model_bias"),
    changes=together(own("over_regularised"), weaker),
    reason="A penalty that outweighs the loss keeps the network from fitting even the rows it is shown.",
    source="Hung-yi Lee, ML 2021, lecture 2: a constrained model is a biased one",
    costs="Nothing.",
    harms="The gap to validation may open: both errors are read again.",
)
