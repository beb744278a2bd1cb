"""Other tools on the same problems: curvlinops with scipy's eigsh, PyHessian, hessian-eigenthings.

Each is imported only when asked for and present (bench/peers.txt). A peer is a function of a problem that returns how
many products it made and the eigenvalues it found, ascending.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from bench.curvature_problems import Problem

Quantity = Literal["largest", "smallest", "both ends", "top five", "density"]


@dataclass(frozen=True)
class Answer:
    """``products`` with the Hessian, and what was found of the eigenvalues."""

    products: int
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Peer:
    tool: str
    module: str
    quantity: Quantity
    ask: Callable[[Problem], Answer]

    @property
    def present(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


class Counted:
    """Calls of a function."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call, self.times = call, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.times += 1
        return self.call(*given, **named)


def with_eigsh(which: str, count: int) -> Callable[[Problem], Answer]:
    def ask(given: Problem) -> Answer:
        operator, counted = _curvlinops(given)
        found = eigsh(operator, k=count, which=which, tol=1e-2, return_eigenvectors=False)
        return Answer(counted.times, tuple(sorted(map(float, found))))

    return ask


def _curvlinops(given: Problem) -> tuple[LinearOperator, Counted]:
    from curvlinops import HessianLinearOperator

    parameters = list(given.model.parameters())
    loss = torch.nn.CrossEntropyLoss()
    made = HessianLinearOperator(given.model, loss, parameters, given.batches, check_deterministic=False).to_scipy()
    counted = Counted(made.matvec)
    return LinearOperator(made.shape, matvec=counted, dtype=np.float32), counted


def with_pyhessian(count: int) -> Callable[[Problem], Answer]:
    def ask(given: Problem) -> Answer:
        from pyhessian import hessian as tool

        module = importlib.import_module("pyhessian.hessian")
        counted, before = Counted(module.hessian_vector_product), module.hessian_vector_product
        module.hessian_vector_product = counted
        try:
            made = tool(given.model, given.loss, data=(given.inputs, given.targets), cuda=False)
            values, _ = made.eigenvalues(top_n=count)
        finally:
            module.hessian_vector_product = before
            given.model.zero_grad()
        return Answer(counted.times, tuple(sorted(values)))

    return ask


def with_eigenthings(which: str, count: int, steps: int) -> Callable[[Problem], Answer]:
    def ask(given: Problem) -> Answer:
        from hessian_eigenthings import lanczos

        found = lanczos(_eigenthings(given), k=count, which=which, max_iter=steps, seed=0)
        return Answer(int(found.iterations), tuple(sorted(found.eigenvalues.tolist())))

    return ask


def density_by_eigenthings(given: Problem) -> Answer:
    from hessian_eigenthings import spectral_density

    spectral_density(_eigenthings(given), num_runs=2, lanczos_steps=40, seed=0)
    return Answer(80)


def _eigenthings(given: Problem) -> Any:
    from hessian_eigenthings import HessianOperator, supervised_loss

    return HessianOperator(given.model, given.batches, supervised_loss(given.loss))


PEERS = (
    Peer("curvlinops + eigsh", "curvlinops", "largest", with_eigsh("LA", 1)),
    Peer("curvlinops + eigsh", "curvlinops", "both ends", with_eigsh("BE", 2)),
    Peer("curvlinops + eigsh", "curvlinops", "top five", with_eigsh("LA", 5)),
    Peer("PyHessian", "pyhessian", "largest", with_pyhessian(1)),
    Peer("PyHessian", "pyhessian", "top five", with_pyhessian(5)),
    Peer("hessian-eigenthings, 20 steps", "hessian_eigenthings", "largest", with_eigenthings("LA", 1, 20)),
    Peer("hessian-eigenthings, 50 steps", "hessian_eigenthings", "smallest", with_eigenthings("SA", 1, 50)),
    Peer("hessian-eigenthings, 2 x 40", "hessian_eigenthings", "density", density_by_eigenthings),
)
