"""What several trainings need to become one: comparable recipes, one structure, one loss, one optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn, optim
from torch.nn import functional

from goodfit.core.recipe import Recipe
from goodfit.core.run import Measurement
from goodfit.core.runtime import seed_everything
from goodfit.core.step import Callback
from goodfit.core.task import Rows, Task
from goodfit.training.optimizers import build_optimizer
from goodfit.training.stacked import NotStackable, Stack, State, stack_of
from goodfit.training.stopping import BestEpoch

LARGEST = 4_000_000
"""Weights times rows of a batch up to which networks are stacked: measured, see docs/probes/batched.md. Beyond, a step
is all products, which one network alone keeps in the cache. A size and not a time, so that runs repeat."""

FUSED = (optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad)
OPTIMIZERS = (*FUSED, optim.RMSprop, optim.NAdam, optim.RAdam, optim.Adamax, optim.Adadelta)
"""Optimisers that treat each weight by itself, and whose update is the rate times what does not depend on it."""

HEEDED = frozenset(
    {"model", "optimizer", "rate", "momentum", "weight_decay", "schedule", "warmup", "batch_size", "epochs", "shuffle"}
    | {"clip", "patience", "max_updates", "seed"}
)
"""Fields of a recipe that a stacked training follows as `fit` does; any other one must be unset."""

COMPARED = 8
"""Rows on which stack and modules are compared."""


class Member:
    """One of the networks: as `fit` makes it, and what is noted of it."""

    def __init__(self, recipe: Recipe, callbacks: Sequence[Callback]) -> None:
        seed_everything(recipe.seed)
        self.recipe, self.callbacks = recipe, callbacks
        self.module = recipe.model().train()
        self.optimizer = build_optimizer(recipe, self.module.parameters())
        self.random = Generator().set_state(torch.get_rng_state())
        self.order = Generator().manual_seed(recipe.seed)
        self.best = BestEpoch(recipe.patience)
        self.measurements: list[Measurement] = []
        self.losses: list[Tensor] = []
        self.norms: list[Tensor] = []


def check_comparable(task: Task, recipes: Sequence[Recipe]) -> None:
    parts = (task.train, task.validation)
    if not all(isinstance(part, Rows) and part.lengths is None and len(part) for part in parts):
        raise NotStackable("the rows are not in memory, or of different lengths")
    if task.objective == "sequence_labelling":
        raise NotStackable("it labels tokens")
    if torch.accelerator.is_available():
        raise NotStackable("there is a device that gains nothing by it")
    unheard = [each.name for each in fields(Recipe) if each.name not in HEEDED]
    if any(getattr(recipe, name) is not None for recipe in recipes for name in unheard):
        raise NotStackable(f"one of these is set, which only the loop knows: {', '.join(unheard)}")
    for recipe in recipes[1:]:
        differing = [name for name in recipes[0].diff(recipe) if name not in ("seed", "rate")]
        if any(not name.startswith("optimizer") for name in differing):
            raise NotStackable(f"the recipes differ in {differing[0]}")


def stack_for(first: Member, task: Task) -> Stack:
    numbers = sum(p.numel() for p in first.module.parameters()) * min(first.recipe.batch_size, len(task.train))  # type: ignore[arg-type]
    if numbers > LARGEST:
        raise NotStackable(f"{numbers:,} products of one batch keep the processor busy without it")
    return stack_of(first.module)


def learning_of(first: Member) -> dict[str, nn.Parameter]:
    """Parameters that the optimiser moves, by name."""
    held = {id(p) for group in first.optimizer.param_groups for p in group["params"]}
    learning = {name: p for name, p in first.module.named_parameters() if p.requires_grad}
    if first.recipe.clip is not None and any(id(p) not in held for p in learning.values()):
        raise NotStackable("parameters that the optimiser does not hold count in clipping")
    return {name: p for name, p in learning.items() if id(p) in held}


def agreement(
    task: Task, stack: Stack, state: State, members: Sequence[Member], learning: Mapping[str, nn.Parameter]
) -> tuple[Losses, list[str]]:
    """The loss of a stack, and the names of the parameters that it moves.

    Outputs, losses and gradients are compared with those of the modules on a few rows: what tracing cannot see (a part
    without gradient, numbers of their own) shows there.
    """
    rows: Rows = task.train  # type: ignore[assignment]
    inputs, targets = rows.batch(torch.arange(min(COMPARED, len(rows))))
    with torch.no_grad():
        for member in members:
            member.module.eval()
        own = torch.stack([member.module(inputs) for member in members])
    loss = task.loss(members[0].module(inputs), targets).reshape(())
    gradients = torch.autograd.grad(loss, list(learning.values()), allow_unused=True)
    for member in members:
        member.module.train()
    wanted = {name: g for name, g in zip(learning, gradients, strict=True) if g is not None}
    leaves = [state.values[name].requires_grad_() for name in wanted]
    state.training = False
    several = [each.expand(len(members), *each.shape) for each in (inputs, targets)]
    for losses in losses_for(task.loss, rows.targets):
        outputs = stack.forward(state, several[0])
        found = losses(outputs, several[1])
        moved = torch.autograd.grad(found[0], leaves, allow_unused=True) if leaves else ()
        firsts = [None if each is None else each[0] for each in moved]
        pairs = [(own, outputs), (loss, found[0]), *zip(wanted.values(), firsts, strict=True)]
        if leaves and all(_close(a, b) for a, b in pairs):
            return losses, list(wanted)
    raise NotStackable("stacked, it gives other numbers")


def _close(first: Tensor, second: Tensor | None) -> bool:
    if second is None or first.shape != second.shape:
        return False
    least = 1e-5 * float(first.detach().abs().max()) if first.numel() else 0.0
    return torch.allclose(first, second, rtol=1e-3, atol=least, equal_nan=True)


def optimizer_of(members: Sequence[Member], leaves: Mapping[int, Tensor]) -> optim.Optimizer:
    """The optimiser of the member with the highest rate, over the stacked leaves of its parameters."""
    first = max(members, key=lambda member: float(member.optimizer.param_groups[0]["lr"])).optimizer
    own = [id(p) for group in members[0].optimizer.param_groups for p in group["params"]]
    theirs = [id(p) for group in first.param_groups for p in group["params"]]
    same = dict(zip(theirs, own, strict=True))
    fused = {"fused": True, "foreach": False} if isinstance(first, FUSED) else {}
    groups = []
    for group in first.param_groups:
        held = [leaves[same[id(p)]] for p in group["params"] if same[id(p)] in leaves]
        if held:
            groups.append({**group, **fused, "params": held})
    make: Any = type(first)
    made: optim.Optimizer = make(groups)
    return made


def scale_of(members: Sequence[Member]) -> Tensor | None:
    """Each network's rate as a share of the highest, (networks,); None where all are equal."""
    first = members[0].optimizer
    if type(first) not in OPTIMIZERS or first._optimizer_step_pre_hooks or first._optimizer_step_post_hooks:
        raise NotStackable(f"{type(first).__name__} may not treat each weight by itself")
    rates = []
    for member in members:
        groups = member.optimizer.param_groups
        if type(member.optimizer) is not type(first) or [_settings(g) for g in groups] != [
            _settings(g) for g in first.param_groups
        ]:
            raise NotStackable("the optimisers differ in more than the rate")
        rates.append([float(group["lr"]) for group in groups])
    table = torch.tensor(rates, dtype=torch.double)
    if bool((table == table[0]).all()):
        return None
    shares = table / table.max(dim=0).values
    if not bool(torch.isclose(shares, shares[:, :1]).all()):
        raise NotStackable("the rates of its groups of parameters do not change together")
    if not isinstance(members[0].recipe.schedule, str):
        raise NotStackable("a schedule of its own may set rates of its own")
    return shares[:, 0].float()


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in group.items() if key not in ("lr", "params")}, "size": len(group["params"])}


Losses = Callable[[Tensor, Tensor], Tensor]
"""``(outputs, targets) -> (networks,)``, all with a leading axis of networks."""

_BY_NUMBER: Mapping[Any, Callable[..., Tensor]] = {
    functional.mse_loss: functional.mse_loss,
    functional.l1_loss: functional.l1_loss,
    functional.binary_cross_entropy: functional.binary_cross_entropy,
    functional.binary_cross_entropy_with_logits: functional.binary_cross_entropy_with_logits,
    nn.MSELoss: functional.mse_loss,
    nn.L1Loss: functional.l1_loss,
    nn.BCELoss: functional.binary_cross_entropy,
    nn.BCEWithLogitsLoss: functional.binary_cross_entropy_with_logits,
}
"""Losses that are a mean over numbers, by function and by module."""


def losses_for(loss: Any, targets: Tensor) -> list[Losses]:
    """Ways to give the mean loss of each network: the quick one first, where the loss is known."""

    def one_by_one(outputs: Tensor, targets: Tensor) -> Tensor:
        pairs = zip(outputs.unbind(), targets.unbind(), strict=True)
        return torch.stack([loss(output, target).reshape(()) for output, target in pairs])

    quick = _by_number(loss, one_by_one) or _by_class(loss, targets)
    return [one_by_one] if quick is None else [quick, one_by_one]


def _by_number(loss: Any, otherwise: Losses) -> Losses | None:
    plain = not isinstance(loss, nn.Module) or (
        getattr(loss, "reduction", "") == "mean"
        and getattr(loss, "weight", None) is None
        and getattr(loss, "pos_weight", None) is None
    )
    function = _BY_NUMBER.get(type(loss) if isinstance(loss, nn.Module) else loss) if plain else None
    if function is None:
        return None

    def apply(outputs: Tensor, targets: Tensor) -> Tensor:
        if outputs.shape != targets.shape:  # torch would compare each with each
            return otherwise(outputs, targets)
        return function(outputs, targets, reduction="none").flatten(1).mean(1)

    return apply


def _by_class(loss: Any, targets: Tensor) -> Losses | None:
    """Cross-entropy of class numbers, all of which count."""
    smoothing = 0.0
    if isinstance(loss, partial) and not loss.args and set(loss.keywords) <= {"label_smoothing"}:
        smoothing, loss = loss.keywords.get("label_smoothing", 0.0), loss.func
    if type(loss) is nn.CrossEntropyLoss and loss.reduction == "mean" and loss.weight is None:
        smoothing, loss = loss.label_smoothing, functional.cross_entropy
    if loss is not functional.cross_entropy or targets.dtype != torch.long or targets.ndim != 1 or targets.min() < 0:
        return None

    def apply(outputs: Tensor, targets: Tensor) -> Tensor:
        classes_first = outputs.transpose(1, 2).contiguous()  # many times quicker than rows of a few classes
        found = functional.cross_entropy(classes_first, targets, reduction="none", label_smoothing=smoothing)
        return found.mean(1)

    return apply
