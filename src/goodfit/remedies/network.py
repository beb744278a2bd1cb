"""The network: its units, its weights at the start, its size, and how signals pass through it."""

from __future__ import annotations

from goodfit.causes import Change, Facts, changes
from goodfit.core.job import Coding
from goodfit.remedies.remedy import Remedy, own, together

PASSAGE = ("vanishing_gradient", "exploding_gradient", "dead_units", "bad_initialisation", "saddle_point")
"""Causes with which signals or gradients do not pass through the layers as they should."""


def activations(facts: Facts) -> tuple[Change, ...]:
    kinds = {"ReLU": "relu", "leaky ReLU": "leaky_relu", "GELU": "gelu", "ELU": "elu"}
    known = {each.kind for each in facts.model.anatomy.activations if not each.output}
    return tuple(
        changes.model(name, f"Use {name} in the hidden layers", activation=kind)
        for name, kind in kinds.items()
        if known != {kind}
    )


def normalisations(facts: Facts) -> tuple[Change, ...]:
    words = "Put a {} normalisation before every hidden activation"
    return tuple(
        changes.model(f"{kind} normalisation", words.format(kind), normalisation=kind) for kind in ("batch", "layer")
    )


def starts(facts: Facts) -> tuple[Change, ...]:
    words = "Restart from weights of variance 2 / inputs (He), without biases"
    return (changes.model("He initialisation", words, initialisation="he"),)


def skips(facts: Facts) -> tuple[Change, ...]:
    return (changes.model("skip connections", "Add each hidden block's input to its output", residual=True),)


def wider(facts: Facts) -> tuple[Change, ...]:
    found = [changes.model(f"{k} x width", f"Make the hidden layers {k} times as wide", width=k) for k in (2, 4, 8)]
    deeper = changes.model("deeper", "Add a hidden layer", depth=1)
    return (*found, deeper)


def standard(facts: Facts) -> tuple[Change, ...]:
    words = "Replace the network by the standard one for such data"
    return (changes.model("standard network", words, stand_in="auto"),)


def scaled(facts: Facts) -> tuple[Change, ...]:
    inputs = (changes.standardise(facts),) if facts.job.sample.is_floating_point() else ()
    return (*inputs, changes.standardise_targets()) if facts.job.coding is Coding.REAL else inputs


ACTIVATION = Remedy(
    name="activation",
    causes=PASSAGE,
    changes=together(own(*PASSAGE, touching="model.activation"), activations),
    reason="A unit with a slope wherever its inputs lie passes the gradient on.",
    source="Glorot et al. 2011; Maas et al. 2013; Hendrycks & Gimpel 2016",
    costs="Nothing.",
    harms="Without an upper bound activations may grow.",
)
NORMALISATION = Remedy(
    name="normalisation",
    causes=(*PASSAGE, "unnormalised_input", "batchnorm_misuse", "learning_rate_too_high"),
    changes=together(own(*PASSAGE, touching="model.normalisation"), normalisations),
    reason="Every layer gets signals of one scale, whatever the layers before it do.",
    source="Ioffe & Szegedy 2015; Ba et al. 2016; Hung-yi Lee, ML 2021, lecture 5",
    costs="A few per cent of the time.",
    harms="Batch normalisation needs batches that look like the data: no tiny ones, no sorted ones.",
)
INITIALISATION = Remedy(
    name="initialisation",
    causes=PASSAGE,
    changes=together(own("bad_initialisation", "saddle_point", "dead_units", touching="model.initialisation"), starts),
    reason="Weights of the right size, drawn at random, neither silence nor drown what passes through them.",
    source="Glorot & Bengio 2010; He et al. 2015; Mishkin & Matas 2016 for unit variance",
    costs="One pass of a batch.",
    harms="Pre-trained weights would be lost.",
)
SKIP_CONNECTIONS = Remedy(
    name="skip_connections",
    causes=("vanishing_gradient", "model_bias"),
    changes=together(own("vanishing_gradient", touching="model.residual"), skips),
    reason="The gradient has a way past every block.",
    source="He et al. 2016; Hung-yi Lee, ML 2021, lecture 2",
    costs="Nothing.",
    harms="Without normalisation the sum grows with depth.",
)
MORE_CAPACITY = Remedy(
    name="more_capacity",
    causes=("model_bias",),
    changes=together(own("model_bias", touching="model.width"), own("model_bias", touching="model.activation"), wider),
    reason="A function that the network cannot express cannot be learnt.",
    source="Hung-yi Lee, ML 2021, lecture 2: model bias",
    costs="Time and memory with the square of the width.",
    harms="With few rows the room is filled by learning them by heart: validation is read again.",
)
STANDARD_NETWORK = Remedy(
    name="standard_network",
    causes=("model_bias", *PASSAGE, "frozen_parameters", "missing_position"),
    changes=together(own("model_bias", touching="model.stand_in"), standard),
    reason="A network of the usual kind and size for such data, without whatever is wrong with this one.",
    source="goodfit's own models; docs/data.md names them",
    costs="Another network.",
    harms="What the network knew of the problem (its structure, its pre-trained weights) is lost.",
)
STANDARDISATION = Remedy(
    name="standardisation",
    causes=("unnormalised_input", "exploding_gradient", "learning_rate_too_low"),
    changes=together(own("unnormalised_input"), scaled),
    reason="Columns of one scale make the loss surface round: one rate suits all weights.",
    source="LeCun et al. 1998, Efficient backprop; Hung-yi Lee, ML 2021, lecture 5",
    costs="Nothing.",
    harms="With statistics of all rows, those of validation leak into training: take the training rows' own.",
)
