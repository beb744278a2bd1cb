"""Is the Hessian right? Networks of every kind, each small enough for its matrix to be written out in float64.

Of the operator of each: symmetric (u'Hv = v'Hu); the same bits for the same vector, twice from one operator and from
one that is made anew; equal to the matrix found in another way (bench/hessian_models.py); and the model afterwards what
it was before: weights, buffers, gradients, modes, random numbers. ``--peers`` puts other tools to the same questions.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.common import Row, parser, report
from bench.hessian_models import NAMES, SEED, Case, case, oracle
from goodfit.probes.hessian import hessian

ROUNDING = 1e-10
"""Relative difference of what is the same in float64."""
QUICK = (
    "CNN",
    "BatchNorm, train",
    "dropout, train",
    "F.scaled_dot_product_attention",
    "nn.TransformerEncoder, train",
    "nn.TransformerEncoder, dropout",
    "GRU",
)

Product = Callable[[Tensor], Tensor]
Maker = Callable[[Case], Product]


@dataclass(frozen=True)
class Checked:
    """Relative differences; nan where the tool could not say, ``problem`` is then its own words."""

    asymmetry: float
    error: float
    deterministic: bool
    changed: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True)
class Tool:
    name: str
    module: str
    make: Maker

    @property
    def present(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


def ours(given: Case) -> Product:
    return hessian(given.model, given.loss, given.batches, mode=given.mode, seed=SEED)


def with_curvlinops(given: Case) -> Product:
    """It takes losses as modules of torch."""
    from curvlinops import HessianLinearOperator

    parameters = [each for each in given.model.parameters() if each.requires_grad]
    made = HessianLinearOperator(given.model, _module(given), parameters, given.batches)
    return lambda vector: made @ vector


def with_pyhessian(given: Case) -> Product:
    from pyhessian import hessian as tool
    from pyhessian.utils import hessian_vector_product

    given.model.zero_grad()  # it adds its own to what is there
    made = tool(given.model, given.loss, data=(given.inputs, given.targets), cuda=False)
    sizes = [each.numel() for each in made.params]

    def product(vector: Tensor) -> Tensor:
        parts = [part.view_as(each) for part, each in zip(vector.split(sizes), made.params, strict=True)]
        found = hessian_vector_product(made.gradsH, made.params, parts)
        return torch.cat([each.detach().flatten() for each in found])

    return product


def with_eigenthings(given: Case) -> Product:
    from hessian_eigenthings import HessianOperator, supervised_loss

    made = HessianOperator(given.model, given.batches, supervised_loss(given.loss))
    return lambda vector: made.matvec(vector)


PEERS = (
    Tool("curvlinops", "curvlinops", with_curvlinops),
    Tool("PyHessian", "pyhessian", with_pyhessian),
    Tool("hessian-eigenthings", "hessian_eigenthings", with_eigenthings),
)


def _module(given: Case) -> nn.Module:
    known: dict[Any, nn.Module] = {
        nn.functional.cross_entropy: nn.CrossEntropyLoss(),
        nn.functional.mse_loss: nn.MSELoss(),
    }
    return known.get(given.loss) or nn.CrossEntropyLoss(reduction="sum")


def checked(given: Case, make: Maker) -> Checked:
    """All questions to one tool about one network, in the mode that was asked for."""
    matrix = oracle(given)
    first, second = torch.randn(2, len(matrix), generator=torch.Generator().manual_seed(1), dtype=matrix.dtype)
    model = _with_gradients(given)
    before = _state(model)
    try:
        product = make(given)
        image, other, again = product(first), product(second), product(first)
        anew = make(given)(first)
    except Exception as error:  # whatever a tool may raise
        nan = float("nan")
        return Checked(nan, nan, False, _changed(before, _state(model)), f"{type(error).__name__}: {error}"[:60])
    scale = float(torch.linalg.vector_norm(second) * torch.linalg.vector_norm(image))
    off = max(float((found - matrix @ vector).abs().max()) for vector, found in ((first, image), (second, other)))
    return Checked(
        asymmetry=abs(float(second @ image - first @ other)) / scale,
        error=off / float((matrix @ first).abs().max()),
        deterministic=torch.equal(image, again) and torch.equal(image, anew),
        changed=_changed(before, _state(model)),
    )


def _with_gradients(given: Case) -> nn.Module:
    """The model in its mode, with gradients that must be there afterwards, and a random state that is known."""
    torch.manual_seed(SEED)
    model = given.model.train(given.mode == "train")
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    return model


def _state(model: nn.Module) -> dict[str, list[Tensor | None]]:
    """All that a measurement must leave alone, as copies, by what it is."""
    return {
        "weights": [each.detach().clone() for each in model.parameters()],
        "buffers": [each.detach().clone() for each in model.buffers()],
        "gradients": [None if each.grad is None else each.grad.detach().clone() for each in model.parameters()],
        "modes": [torch.tensor([each.training for each in model.modules()])],
        "random numbers": [torch.get_rng_state(), torch.from_numpy(np.asarray(np.random.get_state()[1]).copy())],
    }


def _changed(before: dict[str, list[Tensor | None]], after: dict[str, list[Tensor | None]]) -> tuple[str, ...]:
    """Of what any bit is another."""
    return tuple(kind for kind in before if not all(map(_same, before[kind], after[kind])))


def _same(first: Tensor | None, second: Tensor | None) -> bool:
    return first is second if first is None or second is None else torch.equal(first, second)


def rows(names: Sequence[str], tool: str, make: Maker, *, goals: bool) -> list[Row]:
    """Four figures a network; peers have no goals, but it is told whether they hold."""
    found = []
    for name in names:
        result = checked(case(name), make)
        start = f"{name}{tool and f', {tool}'}"
        if result.problem:
            found += [Row(f"{start}: fails", None, unit=result.problem, holds=False)]
        else:
            small = f"<= {ROUNDING:g}" if goals else ""
            found += [
                Row(f"{start}: u'Hv - v'Hu", result.asymmetry, None, "relative", small, result.asymmetry <= ROUNDING),
                Row(f"{start}: error", result.error, None, "relative", small, result.error <= ROUNDING),
                Row(f"{start}: same bits", float(result.deterministic), holds=result.deterministic),
            ]
        left = not result.changed
        found.append(Row(f"{start}: state restored", float(left), unit=", ".join(result.changed), holds=left))
    return found


def main(given: Sequence[str] | None = None) -> None:
    arguments = parser(__doc__ or "")
    arguments.add_argument("--peers", action="store_true", help="the tools of bench/peers.txt that are installed")
    options = arguments.parse_args(given)
    torch.set_num_threads(1)
    names = QUICK if options.quick else NAMES
    found = rows(names, "", ours, goals=True)
    for peer in PEERS if options.peers else ():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found += (
                rows(names, peer.name, peer.make, goals=False)
                if peer.present
                else [Row(f"{peer.name} (not installed)", None)]
            )
    report("The Hessian of every kind of network", found, options.out)


if __name__ == "__main__":
    main()
