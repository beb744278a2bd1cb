"""Steps: their size, their number, what they are made of."""

from __future__ import annotations

from goodfit.causes import Change, Facts, changes
from goodfit.causes.snippets import course
from goodfit.core.job import Job
from goodfit.models.surgery import NotAskable
from goodfit.remedies.remedy import Remedy, own, together

SLOW = ("learning_rate_too_low", "too_few_epochs", "batch_too_large")
"""Causes with which a training does not get there."""
STARVED = ("vanishing_gradient", "exploding_gradient", "dead_units", "bad_initialisation")
"""Causes that leave the steps of a training unused: once they are mended, it may still have too few of them."""
UNSTEADY = ("learning_rate_too_high", "missing_warmup", "batch_too_small", "exploding_gradient")
"""Causes with which it is thrown off its way."""
ADAPTIVE_RATE = 1e-3
BATCHES = (8, 16, 32, 64, 128, 256)


def rates(facts: Facts) -> tuple[Change, ...]:
    """A short confirmation around the rate as it is by then."""
    return tuple(changes.rate(factor) for factor in (1 / 3, 3.0))


def longer(facts: Facts) -> tuple[Change, ...]:
    return tuple(changes.epochs(factor) for factor in (2, 4, 8))


def decayed(facts: Facts) -> tuple[Change, ...]:
    """A rate that rises at the start and falls to nothing at the end."""
    if callable(facts.job.recipe.schedule):
        return ()
    words = "Let the rate rise over the first 10% of the updates and fall to zero along a cosine"

    def apply(job: Job) -> Job:
        if job.recipe.schedule == "cosine" or job.recipe.warmup:
            raise NotAskable("the rate rises or falls in that way already")
        return job.with_recipe(schedule="cosine", warmup=0.1)

    code = course(0.1, then="0.5 * (1 + math.cos(math.pi * p))")
    return (Change("warm-up and decay", words, ("schedule", "warmup"), apply, code=code),)


def warmups(facts: Facts) -> tuple[Change, ...]:
    return () if callable(facts.job.recipe.schedule) else tuple(changes.warmup(share) for share in (0.1, 0.3))


def adaptive(facts: Facts) -> tuple[Change, ...]:
    if facts.model.optimizer.name.startswith("Adam"):
        return ()
    words = f"Use Adam with a rate of {ADAPTIVE_RATE:g}"
    return (changes.optimizer("Adam", words, adaptive=ADAPTIVE_RATE),)


def momenta(facts: Facts) -> tuple[Change, ...]:
    if facts.model.optimizer.name != "SGD" or facts.model.optimizer.momentum:
        return ()
    return (changes.optimizer("momentum", "Use a momentum of 0.9", momentum=0.9),)


def batches(facts: Facts) -> tuple[Change, ...]:
    """Other sizes at the same rate; where batches grow, epochs follow, so that updates are not lost."""
    size = facts.job.recipe.batch_size
    found = []
    for each in BATCHES:
        if each < min(size, facts.rows / 4):
            found.append(changes.smaller_batch(each))
        elif size < each <= facts.rows / 8:
            found.append(changes.larger_batch(each, each // size))
    return tuple(found)


def clips(facts: Facts) -> tuple[Change, ...]:
    return tuple(changes.clip(norm) for norm in (1.0, 0.1))


RATE = Remedy(
    name="rate",
    causes=("learning_rate_too_high", "learning_rate_too_low", "saddle_point", "batch_too_small", "batch_too_large"),
    changes=rates,
    reason="The rate decides more than any other number; a factor of three either way shows whether it is right.",
    source="Smith 2017, Cyclical learning rates, for the range test; Bengio 2012 for the factor of three",
    costs="A training for each rate that is tried.",
    harms="Larger rates kill rectified units, smaller ones need more epochs.",
)
LOWER_RATE = Remedy(
    name="lower_rate",
    causes=("learning_rate_too_high", "dead_units", "exploding_gradient"),
    changes=own("learning_rate_too_high"),
    reason="Steps that are longer than the valley is wide climb its walls; shorter ones go down.",
    source="LeCun et al. 1998, Efficient backprop: twice the inverse of the curvature is the limit",
    costs="Nothing.",
    harms="Far too low, the loss barely moves in the epochs given.",
)
HIGHER_RATE = Remedy(
    name="higher_rate",
    causes=("learning_rate_too_low",),
    changes=own("learning_rate_too_low"),
    reason="Longer steps get as far in fewer updates.",
    source="Smith 2017, Cyclical learning rates",
    costs="Nothing.",
    harms="Beyond twice the inverse of the curvature the loss swings or diverges.",
)
MORE_EPOCHS = Remedy(
    name="more_epochs",
    causes=(*SLOW, "over_regularised", "class_imbalance", *STARVED),
    changes=together(own("too_few_epochs"), longer),
    reason="The loss still falls when training stops.",
    source="Hung-yi Lee, ML 2021, lecture 5",
    costs="As many times the training.",
    harms="Past the best epoch the rows are learnt by heart: validation is read again.",
)
WARMUP_AND_DECAY = Remedy(
    name="warmup_and_decay",
    causes=(*SLOW[:2], *UNSTEADY),
    changes=decayed,
    reason="Large steps in the middle find the valley, small ones at the end settle in it.",
    source="Loshchilov & Hutter 2017; Goyal et al. 2017; Hung-yi Lee, ML 2021, lecture 5",
    costs="Nothing.",
    harms="The number of epochs must be known beforehand.",
)
WARMUP = Remedy(
    name="warmup",
    causes=("missing_warmup",),
    changes=together(own("missing_warmup"), warmups),
    reason="The first gradients are of random weights: their size says nothing of the steps that are safe.",
    source="Vaswani et al. 2017; Xiong et al. 2020",
    costs="Nothing.",
    harms="Too long, it leaves few updates at the full rate.",
)
ADAPTIVE_OPTIMISER = Remedy(
    name="adaptive_optimiser",
    causes=("learning_rate_too_low", "learning_rate_too_high", "missing_warmup", "saddle_point", *STARVED),
    changes=adaptive,
    reason="Each weight gets steps of its own size, so flat directions are walked as well as steep ones.",
    source="Kingma & Ba 2015; Hung-yi Lee, ML 2021, lecture 5",
    costs="Two numbers more per weight in memory.",
    harms="It may settle where plain descent with momentum would have gone on to a flatter place.",
)
MOMENTUM = Remedy(
    name="momentum",
    causes=("learning_rate_too_low", "too_few_epochs", "saddle_point"),
    changes=momenta,
    reason="Steps in the same direction add up, steps to and fro cancel.",
    source="Polyak 1964; Hung-yi Lee, ML 2021, lecture 5",
    costs="One number more per weight in memory.",
    harms="The effective rate is ten times as large: too much where it was right.",
)
BATCH_SIZE = Remedy(
    name="batch_size",
    causes=("batch_too_large", "batch_too_small"),
    changes=together(own("batch_too_small", "batch_too_large"), batches),
    reason="Small batches make many rough steps, large ones few exact ones.",
    source="McCandlish et al. 2018; Hung-yi Lee, ML 2021, lecture 5",
    costs="Small batches take longer per epoch.",
    harms="Very small ones keep the loss from settling and upset batch normalisation.",
)
CLIPPING = Remedy(
    name="clipping",
    causes=("exploding_gradient", "learning_rate_too_high"),
    changes=together(own("exploding_gradient", touching="clip"), clips),
    reason="A cliff of the loss throws the weights far away; a step of bounded length does not.",
    source="Pascanu et al. 2013",
    costs="Reading the gradient once more.",
    harms="It hides a rate that is too high.",
)
