"""Restraint: what keeps a network from learning its training rows by heart."""

from __future__ import annotations

from goodfit.causes import Change, Facts, changes
from goodfit.remedies.remedy import Remedy

STOPS = (0.7, 1.0, 1.5)
"""Where training stops, in parts of the epoch that was best on the validation rows."""


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
    rates = [each.p for each in facts.model.anatomy.dropouts]
    return tuple(changes.dropout(p) for p in (0.2, 0.5) if p > max(rates, default=0.0))


def simpler(facts: Facts) -> tuple[Change, ...]:
    words = "Use a small standard network: a linear one"
    return (changes.model("linear network", words, stand_in="linear"),)


EARLY_STOPPING = Remedy(
    name="early_stopping",
    causes=("overfitting", "label_noise"),
    changes=stops,
    reason="Networks learn what holds for many rows first, and single rows later.",
    source="Prechelt 1998, Early stopping - but when?",
    costs="Less than one training.",
    harms="Stopped too early, a network is biased; where the validation error falls twice, the first dip misleads.",
)
WEIGHT_DECAY = Remedy(
    name="weight_decay",
    causes=("overfitting", "label_noise"),
    changes=decays,
    reason="Small weights make smooth functions, which cannot follow single rows.",
    source="Krogh & Hertz 1992; Loshchilov & Hutter 2019 for the decoupled form",
    costs="Nothing.",
    harms="Too strong, the training rows are no longer fitted; in Adam's gradient it acts unevenly.",
)
DROPOUT = Remedy(
    name="dropout",
    causes=("overfitting", "label_noise"),
    changes=dropouts,
    reason="No unit can rely on another one, so what is learnt is spread over many.",
    source="Srivastava et al. 2014",
    costs="More epochs until the same training loss.",
    harms="With few units, before batch normalisation, or in regression it adds noise that nothing averages out.",
)
SIMPLER_NETWORK = Remedy(
    name="simpler_network",
    causes=("overfitting",),
    changes=simpler,
    reason="A network with fewer weights than rows cannot learn the rows by heart.",
    source="Hung-yi Lee, ML 2021, lecture 2: less parameters, sharing parameters",
    costs="Nothing.",
    harms="It cannot express what is not linear: the training error is read again.",
)
