"""The changes that causes make, each of one named field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from goodfit.causes import snippets
from goodfit.causes.cause import Change
from goodfit.causes.facts import Facts
from goodfit.core.coding import class_numbers
from goodfit.core.job import Coding, Job
from goodfit.core.task import IGNORED, PARTS, Loss, Rows, together
from goodfit.data.questions.features import is_bytes
from goodfit.data.questions.windows import Interleaved, parted_in_time
from goodfit.models.surgery import NotAskable
from goodfit.probes.invariance import before_padding


def rate(factor: float) -> Change:
    """Multiply the learning rate, as it is by then; the number of updates stays."""

    def apply(job: Job) -> Job:
        made = job.recipe.optimizer
        before = made.keywords.get("rate_factor", 1.0) if isinstance(made, partial) else 1.0
        return job.with_optimizer(rate_factor=factor * before)

    verb, times = ("Multiply", factor) if factor > 1 else ("Divide", 1 / factor)
    words = f"{verb} the learning rate by {times:g}"
    code = snippets.of_optimizer({"rate_factor": factor})
    return Change(f"rate x {factor:g}", words, ("optimizer.rate_factor",), apply, code=code)


def constant_rate() -> Change:
    return _recipe("constant rate", "Keep the learning rate constant (drop the schedule)", schedule="constant")


def epochs(factor: int) -> Change:
    def apply(job: Job) -> Job:
        return job.with_recipe(epochs=job.recipe.epochs * factor)

    words = f"Train {factor} times as long"
    return Change(f"epochs x {factor}", words, ("epochs",), apply, cost=factor, code=f"epochs *= {factor}")


def stop_after(last: int, planned: int) -> Change:
    """Fewer epochs than ``planned``."""
    return Change(
        f"stop after {last}",
        f"Stop after {last} epochs",
        ("epochs",),
        lambda job: job.with_recipe(epochs=last),
        cost=last / planned,
        code=snippets.of_recipe({"epochs": last}),
    )


def smaller_batch(size: int) -> Change:
    return _recipe(f"batch {size}", f"Use batches of {size} rows", batch_size=size)


def larger_batch(size: int, factor: int) -> Change:
    """A larger batch; epochs follow, so that not all of the updates are lost."""

    def apply(job: Job) -> Job:
        return job.with_recipe(batch_size=size, epochs=job.recipe.epochs * factor)

    fields = ("batch_size", "epochs") if factor > 1 else ("batch_size",)
    code = f"batch_size = {size}" + (f"\nepochs *= {factor}" if factor > 1 else "")
    return Change(f"batch {size}", f"Use batches of {size} rows", fields, apply, cost=factor, code=code)


def warmup(share: float = 0.3) -> Change:
    name = "warm-up" if share == 0.3 else f"warm-up {share:.0%}"
    return _recipe(name, f"Let the rate rise over the first {share:.0%} of the updates", warmup=share)


def clip(norm: float = 1.0) -> Change:
    return _recipe(f"clip {norm:g}", f"Clip the gradient's norm at {norm:g}", clip=norm)


def shuffle() -> Change:
    return _recipe("shuffle", "Shuffle the training rows every epoch", shuffle=True)


def weight_decay(value: float) -> Change:
    words = f"Use a weight decay of {value:g}" if value else "Drop the weight decay"
    return optimizer(f"weight decay {value:g}", words, weight_decay=value)


def dropout(p: float) -> Change:
    return model(f"dropout {p:g}", f"Add dropout of {p:g} to the hidden layers", dropout=p)


def complete() -> Change:
    return optimizer("all parameters", "Hand all parameters to the optimiser", complete=True)


def model(name: str, words: str, cost: float = 1.0, **edit: Any) -> Change:
    """An edit of the network, by the names of `goodfit.models.surgery.EDITS`."""
    fields = tuple(f"model.{key}" for key in edit)
    return Change(name, words, fields, lambda job: job.with_model(**edit), cost, snippets.of_model(edit))


def standardise(facts: Facts) -> Change:
    """Standardise the inputs with the training rows' own mean and deviation (a channel's, for pictures and windows)."""

    def apply(job: Job) -> Job:
        inputs = _inputs(job)
        axes = [0, *range(2, inputs.ndim)] if inputs.ndim > 3 else [0, 1] if inputs.ndim == 3 else [0]
        mean, std = inputs.mean(axes, keepdim=True)[0], inputs.std(axes, keepdim=True)[0]
        if codes := len(job.task.signature.categories):  # codes of categories stand last, and have no size
            mean[-codes:], std[-codes:] = 0.0, 1.0
        std = torch.where(std > 1e-6 * inputs.abs().max().clamp_min(1e-12), std, torch.ones_like(std))
        return job.with_model(standardise=(mean, std))

    words, code = "Standardise the inputs (mean 0, deviation 1)", snippets.of_model({"standardise": None})
    return Change("standardise", words, ("model.standardise",), apply, code=code)


def standardise_targets() -> Change:
    def apply(job: Job) -> Job:
        if not isinstance(job.task.train, Rows) or not isinstance(job.task.validation, Rows):
            raise NotAskable("the data are not held in memory")
        known = job.task.train.targets
        mean, std = known.mean(dim=0), known.std(dim=0).clamp_min(1e-12)
        # The test part follows, or it would be read in other units than those the network then learns.
        parts = {
            name: Rows(rows.inputs, ((rows.targets - mean) / std).to(known.dtype), rows.lengths)
            for name in PARTS
            if isinstance(rows := job.task.part(name), Rows)
        }
        return job.with_task(**parts)

    words = "Standardise the targets (mean 0, deviation 1)"
    fields = ("task.train", "task.validation")
    return Change("standardise targets", words, fields, apply, code=snippets.STANDARDISED_TARGETS)


def both(first: Change, second: Change) -> Change:
    """Two changes at once, where neither can show while the other is missing."""
    words = f"{first.words}, and {second.words[:1].lower()}{second.words[1:]}"
    fields = tuple(dict.fromkeys((*first.fields, *second.fields)))
    apply: Callable[[Job], Job] = lambda job: second.apply(first.apply(job))  # noqa: E731
    code = f"{first.code}\n{second.code}"
    return Change(f"{first.name} + {second.name}", words, fields, apply, first.cost * second.cost, code)


def suited_loss(strip: bool) -> Change:
    """The loss that fits the targets, on raw outputs: cross-entropy, binary cross-entropy or mean square."""

    def apply(job: Job) -> Job:
        changed = job.with_task(loss=suited(job.coding))
        return changed.with_model(output="none") if strip else changed

    fields = ("model.output", "task.loss") if strip else ("task.loss",)
    words, code = "Use the loss that fits the targets, on raw outputs", snippets.suited_loss(strip)
    return Change("suited loss", words, fields, apply, code=code)


def balanced_loss(power: float = 1.0) -> Change:
    """Weight each class by the inverse of its share (King & Zeng 2001), or by a ``power`` of it."""

    def apply(job: Job) -> Job:
        if job.coding in (Coding.MULTI_LABEL, Coding.NUMBERED, Coding.REAL):
            raise NotAskable("the classes cannot be weighted in this coding of the targets")
        targets = class_numbers(_targets(job), job.coding)
        known = targets[targets != IGNORED]
        classes = max(job.task.signature.outputs, int(known.max()) + 1)
        counts = torch.bincount(known, minlength=classes).float()
        weights = torch.where(counts > 0, counts.sum() / (counts.clamp_min(1) * (counts > 0).sum()), 0.0) ** power
        return job.with_task(loss=_weighted(job, weights))

    full = power == 1.0
    name = "class weights" if full else f"class weights ** {power:g}"
    words = "Weight the classes by the inverse of their shares" + ("" if full else f", to the power of {power:g}")
    return Change(name, words, ("task.loss",), apply, code=snippets.class_weights(power))


def resplit(seed: int = 0) -> Change:
    """Mix training and validation rows and split them again at random, at the same sizes."""

    def apply(job: Job) -> Job:
        train, validation = job.task.train, job.task.validation
        if not isinstance(train, Rows) or not isinstance(validation, Rows):
            raise NotAskable("the data are not held in memory")
        rows = together(train, validation)
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        parts = [rows.taken(index) for index in (order[: len(train)], order[len(train) :])]
        return job.with_task(train=parts[0], validation=parts[1])

    words = "Split training and validation rows at random"
    return Change("split at random", words, ("task.train", "task.validation"), apply, code=snippets.RESPLIT)


def split_in_time(found: Interleaved) -> Change:
    """Windows of the same series: the last ones of each for validation, and none in training that reach into them."""

    def apply(job: Job) -> Job:
        train, validation = job.task.train, job.task.validation
        if not isinstance(train, Rows) or not isinstance(validation, Rows):
            raise NotAskable("the data are not held in memory")
        rows = together(train, validation)
        parts = parted_in_time(rows.inputs, found, len(validation) / len(rows))
        if not all(len(part) for part in parts):
            raise NotAskable("there are too few windows for two parts")
        first, second = (rows.taken(torch.from_numpy(part)) for part in parts)
        return job.with_task(train=first, validation=second)

    words = "Split by time: validate on the end of each series, and leave out the windows that reach into it"
    return Change("split in time", words, ("task.train", "task.validation"), apply, code=snippets.SPLIT_IN_TIME)


def masked_padding(value: float, axis: int = 1) -> Change:
    """Targets at padding positions no longer count."""

    def apply(job: Job) -> Job:
        if not isinstance(job.task.train, Rows) or not isinstance(job.task.validation, Rows):
            raise NotAskable("the data are not held in memory")
        # The test part follows: what a network gives at padding it was not taught is no error of its own.
        parts = {
            name: Rows(rows.inputs, _ignored_at_padding(rows, value, axis), rows.lengths)
            for name in PARTS
            if isinstance(rows := job.task.part(name), Rows)
        }
        if parts["train"].targets.equal(job.task.train.targets):
            raise NotAskable("no target stands at padding")
        return job.with_task(**parts)

    words = f"Give padding the target {IGNORED}, so that it does not count"
    fields, code = ("task.train", "task.validation"), snippets.masked_padding(value, axis)
    return Change("mask padding", words, fields, apply, code=code)


def suited(coding: Coding) -> Loss:
    """The loss that maximum likelihood gives for targets of this coding, on raw outputs."""
    if coding in (Coding.CLASSES, Coding.TOKENS, Coding.ONE_HOT):
        return functional.cross_entropy
    return _mean_square if coding in (Coding.REAL, Coding.NUMBERED) else _binary


def _binary(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, (targets > 0).to(outputs.dtype).reshape(outputs.shape))


def _mean_square(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs, targets.to(outputs.dtype).reshape(outputs.shape))


def _weighted(job: Job, weights: Tensor) -> Loss:
    """The job's own loss of each row, weighted by its class."""
    loss = job.task.loss
    if isinstance(loss, torch.nn.CrossEntropyLoss) or loss is functional.cross_entropy:
        return partial(functional.cross_entropy, weight=weights, label_smoothing=getattr(loss, "label_smoothing", 0.0))

    def by_class(outputs: Tensor, targets: Tensor) -> Tensor:
        classes = class_numbers(targets, job.coding)
        total = outputs.new_zeros(())
        for each in classes.unique():
            rows = classes == each
            total = total + weights[each] * rows.float().mean() * loss(outputs[rows], targets[rows])
        return total

    return by_class


def _ignored_at_padding(rows: Rows, value: float, axis: int) -> Tensor:
    real = before_padding(rows.inputs.movedim(axis, 1), value)
    return torch.where(real, rows.targets, torch.full_like(rows.targets, IGNORED))


def _inputs(job: Job) -> Tensor:
    inputs = job.task.train.inputs if isinstance(job.task.train, Rows) else job.sample
    if not inputs.is_floating_point() and not is_bytes(inputs):
        raise NotAskable("the inputs are tokens, not numbers")
    return inputs.float()


def _targets(job: Job) -> Tensor:
    if not isinstance(job.task.train, Rows):
        raise NotAskable("the data are not held in memory")
    return job.task.train.targets


def _recipe(name: str, words: str, **changes: Any) -> Change:
    code = snippets.of_recipe(changes)
    return Change(name, words, tuple(changes), lambda job: job.with_recipe(**changes), code=code)


def optimizer(name: str, words: str, **edit: Any) -> Change:
    """An edit of the optimiser, by the names of `goodfit.training.optimizers.adjusted`."""
    fields = tuple(f"optimizer.{key}" for key in edit)
    apply: Callable[[Job], Job] = lambda job: job.with_optimizer(**edit)  # noqa: E731
    return Change(name, words, fields, apply, code=snippets.of_optimizer(edit))
