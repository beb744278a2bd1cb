"""The first two stages of a diagnosis: what needs no training, and what needs one pass of the network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from goodfit.causes.facts import DataFacts, EndFacts, ModelFacts, OptimizerFacts
from goodfit.core.coding import class_numbers
from goodfit.core.job import Coding, Job
from goodfit.core.runtime import preserved_rng, seed_everything
from goodfit.core.task import Batch, count_of
from goodfit.core.trial import Trial
from goodfit.data.questions import drift, labels, leaks, quick, scales, windows
from goodfit.guide.trials import judge
from goodfit.guide.views import drawn, taken, view
from goodfit.models.anatomy import Anatomy, anatomy
from goodfit.probes import (
    Signals,
    batch_coupled,
    critical_point,
    escape,
    order_blind,
    output_range,
    padding_in_loss,
    padding_reach,
    signals,
    train_eval_gap,
)
from goodfit.probes.losses import loss_shape, rightwards
from goodfit.training.batches import batch_count
from goodfit.training.optimizers import build_optimizer
from goodfit.training.schedules import build_schedule

Found = TypeVar("Found")
NotRun = dict[str, str]

WATCHED = 256
"""Rows of the batch on which a network is watched."""
LONGEST_COURSE = 20_000
"""Updates over which a person's schedule is walked at most."""
RADII = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Lengths of the steps along a direction of negative curvature, in units of the weights' own root mean square norm."""


UNSEEN = Anatomy((), (), (), (), (), (), 0, 0, False, False, False, None, None)
"""Of a network that cannot be taken apart: it shows no symptom of its own."""
NAN = float("nan")


def ask(name: str, question: Callable[[], Found], not_run: NotRun) -> Found | None:
    """The answer, or None with the reason noted: a question that fails must not end the diagnosis."""
    try:
        with preserved_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return question()
    except Exception as error:  # a person's own modules may raise anything
        lines = str(error).strip().splitlines()
        not_run[name] = f"{type(error).__name__}: {lines[0] if lines else ''}"
        return None


def inspect_data(job: Job, seed: int) -> tuple[DataFacts, NotRun]:
    """Ask the data; nothing is trained but simple models of a second or so."""
    not_run: NotRun = {}
    objective = job.task.objective
    seen = view(job, seed)
    (x, y), (_, later) = seen.train, seen.validation
    numbers, more = seen.numbers
    tokens = objective == "sequence_labelling"
    simple = (seen.train, seen.validation) if tokens else ((numbers, y), (more, later))
    questions: dict[str, Callable[[], Any]] = {
        "quick": lambda: quick.quick_fit(*simple, objective, seed),
        "drift": lambda: drift.two_sample(numbers, more, seed),
        "shares": lambda: drift.class_shares(y, later, objective, seed),
        "duplicates": lambda: leaks.duplicates(*seen.many, seed),
        "telling": lambda: leaks.telling_columns(x, y, objective, seen.test, seed),
        "sorted_split": lambda: leaks.sorted_split(seen.train, seen.validation, objective),
        "interleaved": lambda: windows.interleaved_in_time(seen.many[0][0], seen.many[1][0]),
        "association": lambda: labels.association(*seen.labelled[0], seen.objective),
        "association_validation": lambda: labels.association(*seen.labelled[1], seen.objective),
        "misaligned": lambda: labels.misaligned(*seen.first, objective),
        "collapsed": lambda: labels.collapsed(y, later, objective),
        "scales": lambda: scales.scales(seen.amounts),
        "target_scale": lambda: scales.target_scale(y) if job.coding is Coding.REAL else None,
        "order": lambda: scales.order(y, x, objective),
        "padding": lambda: None if seen.amounts is not x else scales.padding(x, y),
    }
    with threadpool_limits(1):  # on small matrices a second thread costs far more than it brings
        found = {name: ask(name, question, not_run) for name, question in questions.items()}
        if found["quick"] is not None:
            found["quick"] = fitted = numbered(found["quick"], drawn(job.task.train, seed))
            found["noise"] = ask("noise", lambda: labels.noise(fitted, seed), not_run)
            found["recoded"] = ask("recoded", lambda: labels.recoded(fitted), not_run)
    return DataFacts(**found), not_run


def numbered(fitted: quick.QuickFit, read: Tensor) -> quick.QuickFit:
    """Its training rows by their numbers in the task, of which only the rows ``read`` were shown to it."""
    return replace(fitted, train=replace(fitted.train, rows=read.numpy()[fitted.train.rows]))


def inspect_model(job: Job, seed: int) -> tuple[ModelFacts, NotRun]:
    """Ask a freshly made network, with one forward and one backward pass."""
    not_run: NotRun = {}
    inputs, targets = watched(job)
    with preserved_rng():
        seed_everything(seed)
        model = job.recipe.model()
        optimizer = optimizer_facts(job, model)
    outputs = _outputs(model, inputs)
    start = ask("signals at the start", lambda: signals(model, job.task.loss, inputs, targets), not_run)
    in_loss = partial(padding_in_loss, model, job.task.loss, inputs, targets)
    return ModelFacts(
        anatomy=ask("anatomy", lambda: anatomy(model, inputs), not_run) or UNSEEN,
        start=start or Signals(NAN, True, (), NAN, output_range(outputs), (), None),
        loss=loss_shape(job.task.loss, outputs, targets, _wanted(job, outputs, targets)),
        optimizer=optimizer,
        blind=ask("order", lambda: order_blind(model, inputs), not_run),
        padding_reach=ask("padding", lambda: padding_reach(model, inputs), not_run),
        padding_in_loss=_number(ask("padding in the loss", in_loss, not_run)),
        coupled=_number(ask("rows apart", lambda: batch_coupled(model, inputs), not_run)),
    ), not_run


def inspect_end(job: Job, trial: Trial, seed: int) -> tuple[EndFacts, NotRun]:
    """Ask the network that the control ended with."""
    not_run: NotRun = {}
    inputs, targets = watched(job)
    tested = job.task.test
    with preserved_rng():
        seed_everything(trial.seed)
        model = job.recipe.model()
        before = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(dict(trial.weights))
    loss = job.task.loss
    parameters = {name for name, _ in model.named_parameters()}
    moved = [name for name in parameters if not torch.equal(before[name], trial.weights[name])]
    batches = _batches(job)
    critical = ask("critical point", lambda: critical_point(model, loss, inputs, targets, seed=seed), not_run)
    out = None
    if critical is not None and critical.kind == "saddle" and critical.spectrum is not None:
        vector, size = critical.spectrum.vector_smallest, _size(model)
        radii = [radius * size for radius in RADII]
        out = ask("escape", lambda: escape(model, loss, inputs, targets, vector, radii), not_run)
    return EndFacts(
        signals=ask("signals", lambda: signals(model, loss, inputs, targets), not_run),
        unmoved=tuple(sorted(parameters - set(moved))),
        travel=_travel(before, trial.weights),
        gap=ask("train and eval", lambda: train_eval_gap(model, loss, batches), not_run),
        critical=critical,
        escape=out,
        test=None if tested is None else ask("test", partial(judge, model, job, tested), not_run),
    ), not_run


def watched(job: Job) -> Batch:
    """A batch spread evenly over the training rows, so that sorted rows are all represented."""
    return taken(job.task.train, _spread(count_of(job.task.train), WATCHED))


def _spread(count: int, most: int) -> Tensor:
    """At most ``most`` row numbers from the first to the last; in single precision the last would be rounded up."""
    return torch.linspace(0, count - 1, min(most, count), dtype=torch.float64).round().long()


def optimizer_facts(job: Job, model: nn.Module) -> OptimizerFacts:
    optimizer = build_optimizer(job.recipe, model.parameters())
    held = {id(each) for group in optimizer.param_groups for each in group["params"]}
    groups = optimizer.param_groups
    name = type(optimizer).__name__
    return OptimizerFacts(
        name=name,
        rates=tuple(float(group["lr"]) for group in groups),
        weight_decay=max(float(group.get("weight_decay", 0.0)) for group in groups),
        decoupled=name == "AdamW" or bool(groups[0].get("decoupled_weight_decay", False)),
        momentum=float(groups[0].get("momentum", 0.0)),
        course=_course(job, optimizer),
        missing=tuple(n for n, p in model.named_parameters() if id(p) not in held and p.requires_grad),
    )


def _course(job: Job, optimizer: torch.optim.Optimizer) -> float:
    """Mean of the rate over the training, as a share of its largest; the schedule is walked without training."""
    planned = job.recipe.epochs * batch_count(job.task.train, job.recipe.batch_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = build_schedule(job.recipe, optimizer, planned)
        rates = []
        for _ in range(min(planned, LONGEST_COURSE)):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            schedule.step()
    return float(np.mean(rates)) / max(rates) if max(rates) else 0.0


def _travel(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> float:
    """Median over weight matrices of the distance gone, relative to the length at the start."""
    gone = [
        float((after[name] - value).norm() / value.norm().clamp_min(1e-12))
        for name, value in before.items()
        if value.ndim > 1 and value.is_floating_point() and bool(torch.isfinite(after[name]).all())
    ]
    return float(np.median(gone)) if gone else float("nan")


def _outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        found: Tensor = model(inputs)
    model.train()
    return found


def _wanted(job: Job, outputs: Tensor, targets: Tensor) -> Tensor | None:
    if job.coding in (Coding.REAL, Coding.NUMBERED):
        return None
    if job.coding is Coding.ONE_HOT:
        return rightwards(outputs, class_numbers(targets, job.coding))
    return rightwards(outputs, targets)


def _batches(job: Job) -> list[Batch]:
    """Batches as the loop makes them, of at most 20 in all."""
    rows, size = job.task.train, job.recipe.batch_size
    order = torch.randperm(count_of(rows), generator=torch.Generator().manual_seed(0))
    if not job.recipe.shuffle:
        order = torch.arange(count_of(rows))
    pieces = [piece for piece in torch.split(order, size) if len(piece) > 1]
    return [taken(rows, piece) for piece in pieces[:: max(1, len(pieces) // 20)]]


def _size(model: nn.Module) -> float:
    flat = [p.detach().double().norm() for p in model.parameters() if p.requires_grad]
    return max(1.0, float(torch.stack(flat).norm()))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
