"""The optimiser of a recipe, fused where torch has a fused kernel for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn, optim

from goodfit.core.recipe import OptimizerFactory, Recipe

Settings = dict[str, Any]


def _plain(recipe: Recipe) -> Settings:
    return {"weight_decay": recipe.weight_decay}


def _with_momentum(recipe: Recipe) -> Settings:
    return {"weight_decay": recipe.weight_decay, "momentum": recipe.momentum}


OPTIMIZERS: Mapping[str, tuple[Callable[..., optim.Optimizer], Callable[[Recipe], Settings]]] = {
    "sgd": (optim.SGD, lambda recipe: {**_plain(recipe), "fused": True}),
    "momentum": (optim.SGD, lambda recipe: {**_with_momentum(recipe), "fused": True}),
    "nesterov": (optim.SGD, lambda recipe: {**_with_momentum(recipe), "nesterov": True, "fused": True}),
    "adagrad": (optim.Adagrad, lambda recipe: {**_plain(recipe), "fused": True}),
    "rmsprop": (optim.RMSprop, lambda recipe: {**_plain(recipe), "alpha": 0.99, "foreach": True}),
    "adam": (optim.Adam, lambda recipe: {**_plain(recipe), "betas": (recipe.momentum, 0.999), "fused": True}),
    "adamw": (optim.AdamW, lambda recipe: {**_plain(recipe), "betas": (recipe.momentum, 0.999), "fused": True}),
}
"""Constructor and keywords by name. For Adam the momentum is the first beta."""


def build_optimizer(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """The recipe's optimiser over ``parameters``; a person's own factory keeps its rate unless one is set."""
    if isinstance(recipe.optimizer, str):
        make, keywords = OPTIMIZERS[recipe.optimizer]
        return make(parameters, lr=recipe.rate, **keywords(recipe))
    optimizer = recipe.optimizer(parameters)
    if recipe.rate is not None:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate
    return optimizer


def adjusted(
    factory: OptimizerFactory,
    parameters: Iterable[nn.Parameter],
    *,
    rate_factor: float = 1.0,
    weight_decay: float | None = None,
    momentum: float | None = None,
    complete: bool = False,
    adaptive: float | None = None,
) -> optim.Optimizer:
    """A person's own optimiser with one thing changed: ``functools.partial(adjusted, factory, rate_factor=0.1)``.

    ``complete`` adds the parameters that the factory left out to its first group. ``adaptive`` is the rate of an Adam
    over the same parameters instead of the person's optimiser.
    """
    given = list(parameters)
    optimizer = factory(iter(given))
    if complete:
        held = {id(each) for group in optimizer.param_groups for each in group["params"]}
        missing = [each for each in given if id(each) not in held]
        rest = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
        if missing:
            optimizer.add_param_group({**rest, "params": missing})
    if adaptive is not None:
        held_by_it = [each for group in optimizer.param_groups for each in group["params"]]
        optimizer = optim.Adam(held_by_it, lr=adaptive)
    for group in optimizer.param_groups:
        group["lr"] *= rate_factor
        if momentum is not None:
            group["momentum"] = momentum
        if weight_decay is not None:
            group["weight_decay"] = weight_decay
    return optimizer
