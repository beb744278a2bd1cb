"""Causes of signals through depth: vanishing, exploding, dead units, bad initial weights, saddle points."""

from __future__ import annotations

import math

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.rate import burst
from goodfit.causes.scale import either, log_ramp, ramp
from goodfit.models.anatomy import Layer
from goodfit.probes import Signals

SQUASHING = frozenset({"sigmoid", "tanh", "hardsigmoid", "hardtanh", "softsign"})
RECTIFIERS = frozenset({"relu", "relu6", "hardshrink", "softshrink", "threshold", "clamp"})


def matrices(facts: Facts) -> tuple[Layer, ...]:
    """Layers that multiply: their initial size decides what passes through."""
    return tuple(each for each in facts.model.anatomy.layers if each.kind != "embedding")


def size_fault(facts: Facts) -> tuple[float, str]:
    """How far initial weights are from any customary rule: constant, or far too small or large."""
    worst, words = 0.0, ""
    embeddings = 0
    for layer in facts.model.anatomy.layers:
        ratio = layer.weight_std / layer.expected_std if layer.expected_std else 1.0
        if layer.kind == "embedding":
            embeddings += 1
            score = 0.5 * max(log_ramp(ratio, 0.01, 0.001), log_ramp(ratio, 10.0, 100.0))
        elif layer.constant and not layer.zero and layer.fan_in < 2:
            score = 0.0  # a single weight is always constant
        elif layer.fan_in < 2 and not layer.constant:
            score = 0.6 * max(log_ramp(ratio, 0.05, 0.005), log_ramp(ratio, 10.0, 60.0))
        elif layer.constant:
            score = 0.95
        else:
            score = 0.9 * max(log_ramp(ratio, 0.4, 0.12), log_ramp(ratio, 3.2, 7.0))
        biased = 0.85 * log_ramp(layer.bias_largest, 2.5, 6.0) if layer.fan_in > 1 else 0.0
        mean = abs(layer.weight_mean) * math.sqrt(max(1, layer.fan_in)) / max(layer.expected_std, 1e-12)
        skewed = 0.8 * log_ramp(mean, 6.0, 20.0) if not layer.constant else 0.0
        for value, said in (
            (score, "constant weights" if layer.constant else f"weights {ratio:.2g} times the customary size"),
            (biased, f"biases of up to {layer.bias_largest:.2g}"),
            (skewed, "weights of one sign"),
        ):
            if value > worst:
                worst, words = value, f"{layer.name or layer.kind} starts with {said}"
    return worst, words


def bad_initialisation(facts: Facts) -> Symptom:
    score, words = size_fault(facts)
    if all(layer.zero for layer in matrices(facts)) and matrices(facts):
        score, words = 0.8, "all weights start at zero"
    return Symptom(score, words) if score > 0.05 else NONE


def init_changes(facts: Facts) -> tuple[Change, ...]:
    words = "Restart from customary random weights"
    first = changes.model("default initialisation", words, initialisation="default")
    words = "Restart from weights of unit variance"
    return (first, changes.model("unit variance", words, initialisation="unit_variance"))


def vanishing(facts: Facts) -> Symptom:
    start, end = facts.model.start, facts.end.signals
    depth = len(start.hidden)
    if depth < 3 and not facts.model.anatomy.recurrent:
        return _saturating(facts)
    shrinking = [_shrinking(each) for each in (start, end) if each is not None]
    silent = _silent(start)
    score = either(0.85 * max(shrinking), 0.7 * silent, 0.5 * _saturating(facts).score)
    ratio = min(
        (s.gradient_ratio for s in (start, end) if s is not None and s.gradient_ratio == s.gradient_ratio),
        default=math.nan,
    )
    words = f"{depth} hidden layers, the first one's gradient is {ratio:.2g} of the last one's"
    if silent > 0.5:
        words += ", the output hardly depends on the row"
    return Symptom(score, words) if score > 0.05 else NONE


def _shrinking(signals: Signals) -> float:
    return max(log_ramp(signals.gradient_ratio, 0.05, 0.001), 0.8 * ramp(-signals.gradient_slope * -1, -0.3, -1.0))


def _silent(start: Signals) -> float:
    """The signal dies on the way forward: rows are no longer told apart, or all is nearly zero."""
    spreads = [each.row_spread for each in start.hidden if each.row_spread == each.row_spread]
    sizes = [each.output_std for each in start.hidden if each.output_std == each.output_std]
    if len(sizes) < 3:
        return 0.0
    lost = log_ramp(spreads[-1] / spreads[0], 0.1, 0.005) if spreads and spreads[0] else 0.0
    faded = log_ramp(sizes[-1] / sizes[0], 0.02, 1e-4) if sizes[0] else 0.0
    return max(lost, faded)


def _saturating(facts: Facts) -> Symptom:
    share = facts.model.start.saturated_share
    end = facts.end.signals
    late = end.saturated_share if end is not None else math.nan
    score = 0.6 * max(ramp(share, 0.3, 0.8), 0.6 * ramp(late, 0.4, 0.9))
    return Symptom(score, f"{share:.0%} of the units start saturated") if score > 0.05 else NONE


def vanishing_changes(facts: Facts) -> tuple[Change, ...]:
    norm = "layer" if facts.model.anatomy.attention or facts.model.anatomy.recurrent else "batch"
    words = "Put a normalisation before every hidden activation"
    found = [changes.model(f"{norm} normalisation", words, normalisation=norm)]
    if any(each.kind in SQUASHING and not each.output for each in facts.model.anatomy.activations):
        swap = changes.model("ReLU", "Use ReLU in the hidden layers", activation="relu")
        found.insert(0, swap) if len(facts.model.start.hidden) < 5 else found.append(swap)
    found.append(changes.model("skip connections", "Add each hidden block's input to its output", residual=True))
    return tuple(found)


def exploding(facts: Facts) -> Symptom:
    start = facts.model.start
    growth = 0.8 * ramp(start.activation_slope, 0.3, 1.0)
    born = 0.95 if not start.finite else 0.0
    steps = facts.control.steps
    large = 0.6 * log_ramp(
        max((s for s in steps if math.isfinite(s)), default=0.0) / max(1.0, abs(start.loss)), 30.0, 3000.0
    )
    late = 0.5 * log_ramp(burst(facts), 10.0, 1e4) if facts.model.anatomy.recurrent or len(start.hidden) > 3 else 0.0
    wide = 0.5 * log_ramp(start.outputs.std, 30.0, 3000.0) if start.outputs.std == start.outputs.std else 0.0
    score = either(growth, born, large, late, wide)
    if facts.data.scales is not None and facts.data.scales.peak > 50:
        score *= 0.5  # large inputs make all signals large
    words = "the first pass is not finite" if born else f"gradient norm {start.gradient_norm:.3g} at the start"
    return Symptom(score, words) if score > 0.05 else NONE


def exploding_changes(facts: Facts) -> tuple[Change, ...]:
    found = [changes.clip()]
    known = {each.kind for each in facts.model.anatomy.activations if not each.output}
    if known - SQUASHING - {"relu", "leaky_relu", "gelu", "silu", "elu", "selu", "softmax", "transformer"}:
        found.insert(0, changes.model("ReLU", "Use an activation of bounded growth", activation="relu"))
    norm = "layer" if facts.model.anatomy.attention or facts.model.anatomy.recurrent else "batch"
    words = "Put a normalisation before every hidden activation"
    found.append(changes.model(f"{norm} normalisation", words, normalisation=norm))
    return tuple(found)


def dead(facts: Facts) -> Symptom:
    start, end = facts.model.start, facts.end.signals
    late = max(end.dead_share, 0.8 * end.worst_dead) if end is not None else math.nan
    early = max(start.dead_share, 0.9 * start.worst_dead)
    born, died = ramp(early, 0.5, 0.9), ramp(late, 0.5, 0.95)
    score = either(0.85 * born, 0.45 * died)
    if any(layer.constant for layer in matrices(facts)):
        score *= 0.3  # constant weights silence units, or make them all alike: these are no units that died
    words = f"{start.dead_share:.0%} of the rectified units are dead at the start"
    if end is not None:
        words += f", {end.dead_share:.0%} at the end"
    return Symptom(score, words) if score > 0.05 else NONE


def dead_changes(facts: Facts) -> tuple[Change, ...]:
    return (
        changes.model(
            "leaky ReLU", "Use a leaky ReLU, which passes a little of what is negative", activation="leaky_relu"
        ),
        changes.model("ELU", "Use a unit with a slope on both sides", activation="elu"),
        changes.model("default initialisation", "Restart from customary random weights", initialisation="default"),
    )


def saddle(facts: Facts) -> Symptom:
    start, end = facts.model.start, facts.end
    layers = matrices(facts)
    zero = bool(layers) and sum(layer.zero for layer in layers) >= max(1, len(layers) - 1)
    sizes = [
        layer.weight_std / layer.expected_std
        for layer in facts.model.anatomy.layers
        if layer.expected_std and (layer.zero or not layer.constant)
    ]
    tiny = bool(sizes) and max(sizes) < 0.05
    flat = facts.control.train_losses[:1] and facts.end.critical is not None and facts.end.critical.kind == "saddle"
    out = end.escape.gain if flat and end.escape is not None else 0.0
    unreached = len(start.unreached) >= 2
    stuck = 0.7 * log_ramp(out, 0.01, 0.2)
    symmetric = 0.9 if zero and (unreached or start.gradient_norm < 1e-3) else 0.6 if zero else 0.0
    near = 0.85 if tiny and len(start.hidden) <= 4 else 0.0
    score = either(stuck, max(symmetric, near))
    words = "all weights start at (or near) zero: a stationary point" if symmetric or near else ""
    if stuck:
        words += f"{'; ' if words else ''}it ended at a saddle, whose negative direction takes {out:.0%} off the loss"
    return Symptom(score, words) if score > 0.05 else NONE


VANISHING_GRADIENT = Cause(
    label="vanishing_gradient",
    branch=Branch.OPTIMISATION,
    meaning="Gradients shrink to nothing on the way to the first layers.",
    prediction="With normalisation, an open activation or skip connections the errors fall.",
    symptom=vanishing,
    changes=vanishing_changes,
    remedy="Normalise between layers, use ReLU, or add skip connections.",
)
EXPLODING_GRADIENT = Cause(
    label="exploding_gradient",
    branch=Branch.OPTIMISATION,
    meaning="Activations or gradients grow without bound, often to infinity.",
    prediction="With clipping, normalisation or an activation of bounded growth the errors fall.",
    symptom=exploding,
    changes=exploding_changes,
    remedy="Clip the gradient, normalise between layers, or use an activation of bounded growth.",
)
DEAD_UNITS = Cause(
    label="dead_units",
    branch=Branch.OPTIMISATION,
    meaning="Units (typically ReLU) are inactive for every input and so never learn.",
    prediction="With a unit that passes a little of what is negative the errors fall.",
    symptom=dead,
    changes=dead_changes,
    remedy="Use a leaky ReLU, start biases at zero, or lower the rate that killed the units.",
)
BAD_INITIALISATION = Cause(
    label="bad_initialisation",
    branch=Branch.OPTIMISATION,
    meaning="Initial weights or biases have a wrong size, or no randomness.",
    prediction="From customary random weights the errors fall.",
    symptom=bad_initialisation,
    changes=init_changes,
    remedy="Start from torch's own initial weights.",
)
SADDLE_POINT = Cause(
    label="saddle_point",
    branch=Branch.OPTIMISATION,
    meaning="The run sits on a stationary point or plateau that is no minimum.",
    prediction="From weights that break the symmetry the errors fall.",
    symptom=saddle,
    changes=init_changes,
    remedy="Start from random weights of customary size; escape along the negative direction.",
)
