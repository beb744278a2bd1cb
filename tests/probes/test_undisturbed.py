"""Every probe leaves the model as it found it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from goodfit import probes
from tests.probes.models import Tagger, mlp, padded, unchanged

PROBES: dict[str, Callable[[nn.Module, Tensor, Tensor], object]] = {
    "signals": lambda m, x, y: probes.signals(m, functional.cross_entropy, x, y),
    "signals in evaluation": lambda m, x, y: probes.signals(m, functional.cross_entropy, x, y, train=False),
    "order": lambda m, x, y: probes.order_blind(m, x),
    "padding": lambda m, x, y: probes.padding_reach(m, x),
    "padding in the loss": lambda m, x, y: probes.padding_in_loss(m, functional.cross_entropy, x, y),
    "coupling": lambda m, x, y: probes.batch_coupled(m, x),
    "gap": lambda m, x, y: probes.train_eval_gap(m, functional.cross_entropy, [(x, y)] * 2),
    "spectrum": lambda m, x, y: probes.extreme_eigenvalues(m, functional.cross_entropy, x, y, products=6, mode="train"),
    "critical": lambda m, x, y: probes.critical_point(m, functional.cross_entropy, x, y, products=6),
    "plane": lambda m, x, y: probes.slice_2d(m, functional.cross_entropy, [(x, y)], points=2, mode="recalculated"),
    "sharpness": lambda m, x, y: probes.sharpness(m, functional.cross_entropy, [(x, y)], steps=2, pairs=2),
    "responses": lambda m, x, y: probes.responses(m, x, classes=True),
    "escape": lambda m, x, y: probes.escape(
        m, functional.cross_entropy, x, y, torch.ones(sum(p.numel() for p in m.parameters())), (0.1, 1.0)
    ),
}


def job(kind: str) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    if kind == "sequence":
        model: nn.Module = Tagger(dropout=0.2)
        codes = padded(24)
        return model, codes, torch.where(codes > 0, codes % 3, -100)
    model = mlp(5, 8, 8, 3, norm=True, dropout=0.3)
    model[1].eval()  # one layer in another mode than the model
    return model, torch.randn(24, 5), torch.randint(0, 3, (24,))


@pytest.mark.parametrize("kind", ["sequence", "table"])
@pytest.mark.parametrize("name", PROBES)
def test_nothing_is_changed(name: str, kind: str) -> None:
    model, inputs, targets = job(kind)
    with unchanged(model, inputs, targets):
        PROBES[name](model, inputs, targets)


def test_weights_written_in_the_forward_pass_are_put_back() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 4, max_norm=0.1), nn.Flatten(), nn.Linear(8, 2))
    inputs, targets = torch.randint(0, 5, (6, 2)), torch.randint(0, 2, (6,))
    with unchanged(model, inputs):
        probes.signals(model, functional.cross_entropy, inputs, targets)


def test_inputs_changed_in_place_by_the_model_are_kept() -> None:
    class Scales(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs.div_(255))

    model, inputs, targets = Scales(3, 2), torch.randn(8, 3), torch.arange(8) % 2
    with unchanged(model, inputs):
        probes.signals(model, functional.cross_entropy, inputs, targets)
        probes.batch_coupled(model, inputs)


def test_a_model_that_fails_is_restored_too() -> None:
    model, inputs, targets = mlp(4, 3, 2, norm=True, dropout=0.5), torch.randn(8, 4), torch.full((8,), 9)
    with unchanged(model, inputs), pytest.raises(IndexError):
        probes.signals(model, functional.cross_entropy, inputs, targets)
