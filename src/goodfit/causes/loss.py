"""Causes at the output: the loss, the last activation, and a softmax applied twice."""

from __future__ import annotations

from goodfit.causes import changes
from goodfit.causes.cause import NONE, Branch, Cause, Change, Symptom
from goodfit.causes.facts import Facts
from goodfit.core.job import CATEGORICAL, Coding
from goodfit.core.task import Rows

RANGES = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "relu": (0.0, float("inf")),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, float("inf")),
    "exp": (0.0, float("inf")),
    "logsigmoid": (float("-inf"), 0.0),
    "log_softmax": (float("-inf"), 0.0),
}
"""What an activation can produce."""
ASTRAY = 0.4
"""Cosine between a loss's slope and the right direction below which it hardly leads there. Cross-entropies have 1,
squares of one-hot codes 0.9, absolute errors of ten one-hot codes 0.3, pairs stretched over each other 0."""


def _normalised(facts: Facts) -> bool:
    return facts.model.start.outputs.rows_sum_to_one and facts.model.anatomy.output_activation != "log_softmax"


def double_softmax(facts: Facts) -> Symptom:
    kind = facts.model.anatomy.output_activation
    if facts.model.loss.shift_invariant and (_normalised(facts) or kind == "softmax"):
        return Symptom(0.95, "outputs sum to one, and the loss applies a softmax of its own")
    if facts.model.loss.logistic and kind == "sigmoid":
        return Symptom(0.9, "outputs come from a sigmoid, and the loss applies another one")
    return NONE


def output_activation(facts: Facts) -> Symptom:
    kind, coding = facts.model.anatomy.output_activation, facts.job.coding
    loss = facts.model.loss
    if coding is Coding.REAL:
        return _out_of_range(facts, kind)
    if kind in ("softmax", "log_softmax"):
        if facts.model.anatomy.softmax_axis == 0 or facts.model.coupled > 0.01:
            return Symptom(0.95, "the softmax runs over the rows of the batch")
        if facts.job.task.signature.outputs == 1:
            return Symptom(0.95, "a softmax over one output is always 1")
        if coding is Coding.MULTI_LABEL:
            return Symptom(0.9, "a softmax lets only one label be true, the targets have several")
    if kind in ("relu", "relu6", "softplus") and coding is not Coding.NUMBERED:
        return Symptom(0.8, f"outputs come from {kind} and are never negative")
    if kind in ("sigmoid", "tanh") and loss.shift_invariant:
        return Symptom(0.8, f"outputs come from {kind}: the softmax of the loss can never be sure")
    if kind == "tanh" and coding is not Coding.NUMBERED:
        return Symptom(0.7, "outputs come from tanh, the targets are 0 and 1")
    if loss.refuses and kind is None and not _normalised(facts):
        return Symptom(0.9, "the loss wants probabilities, the outputs are raw numbers")
    if loss.unbounded and kind is None and coding in CATEGORICAL:
        return Symptom(0.6, "the loss wants log-probabilities, the outputs are raw numbers")
    if coding is Coding.NUMBERED:
        return _out_of_range(facts, kind)
    return NONE


def _out_of_range(facts: Facts, kind: str | None) -> Symptom:
    rows = facts.job.task.train
    if kind not in RANGES or not isinstance(rows, Rows):
        return NONE
    low, high = RANGES[kind]
    targets = rows.targets.float()
    outside = float(((targets < low - 1e-6) | (targets > high + 1e-6)).float().mean())
    if outside < 0.02:
        return NONE
    return Symptom(0.95, f"{outside:.0%} of the targets lie outside of what {kind} can produce")


def output_changes(facts: Facts) -> tuple[Change, ...]:
    kind, coding, loss = facts.model.anatomy.output_activation, facts.job.coding, facts.model.loss
    if kind is None:
        name = "log_softmax" if loss.unbounded else "softmax" if coding in CATEGORICAL else "sigmoid"
        return (changes.model(f"output {name}", f"End the network in a {name}", output=name),)
    strip = changes.model("no output activation", f"Drop the {kind} at the end", output="none")
    if coding is Coding.REAL or loss.shift_invariant or loss.logistic:
        return (strip,)
    if loss.refuses:
        right = "softmax" if coding in CATEGORICAL else "sigmoid"
        return (changes.model(f"output {right}", f"End the network in a {right}", output=right),)
    sigmoid = changes.model("output sigmoid", "End the network in a sigmoid", output="sigmoid")
    first = (sigmoid,) if coding in (Coding.BINARY, Coding.MULTI_LABEL) else (strip,)
    return (*first, changes.suited_loss(strip=True))


def wrong_loss(facts: Facts) -> Symptom:
    loss, coding, kind = facts.model.loss, facts.job.coding, facts.model.anatomy.output_activation
    if loss.broadcast:
        return Symptom(0.95, "outputs and targets have different shapes, which the loss stretches over each other")
    if coding is Coding.REAL:
        return NONE
    if coding is Coding.NUMBERED:
        return Symptom(0.85, "class numbers are fitted as if they were amounts")
    if facts.job.task.signature.outputs == 1 and coding is Coding.CLASSES:
        return Symptom(0.95, "one output for several classes")
    if loss.alignment == loss.alignment and loss.alignment < ASTRAY:
        sees = "leads away from" if loss.alignment < 0 else "hardly leads to"
        return Symptom(0.9, f"the loss {sees} right answers (cosine {loss.alignment:.2f})")
    if loss.unbounded and kind != "log_softmax":
        return Symptom(0.8, "the loss falls without end as outputs grow: it wants log-probabilities")
    if coding in (Coding.MULTI_LABEL,) and loss.shift_invariant:
        return Symptom(0.8, "cross-entropy over classes for targets with several labels")
    if not (loss.shift_invariant or loss.logistic or loss.refuses or kind == "log_softmax"):
        return Symptom(0.55, "the loss is none of the likelihoods of such targets")
    return NONE


def loss_changes(facts: Facts) -> tuple[Change, ...]:
    return (changes.suited_loss(strip=facts.model.anatomy.output_activation is not None),)


DOUBLE_SOFTMAX = Cause(
    label="double_softmax",
    branch=Branch.SETUP,
    meaning="A softmax stands before a loss that applies it again.",
    prediction="Without the network's own softmax the errors fall.",
    symptom=double_softmax,
    changes=lambda facts: (changes.model("no output activation", "Drop the softmax at the end", output="none"),),
    remedy="Return logits.",
)
WRONG_OUTPUT_ACTIVATION = Cause(
    label="wrong_output_activation",
    branch=Branch.SETUP,
    meaning="The last activation cannot produce the targets, or does not fit the loss.",
    prediction="With an output that reaches the targets the errors fall.",
    symptom=output_activation,
    changes=output_changes,
    remedy="Use the output that the targets and the loss need.",
)
WRONG_LOSS = Cause(
    label="wrong_loss",
    branch=Branch.SETUP,
    meaning="The loss does not fit the task or the shapes.",
    prediction="With the loss that maximum likelihood gives for such targets the errors fall.",
    symptom=wrong_loss,
    changes=loss_changes,
    remedy="Use cross-entropy for classes, binary cross-entropy for 0/1, mean square for numbers; equal shapes.",
)
