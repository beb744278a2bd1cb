"""The standard model of the kind, for the inputs and outputs of another one: what a plain good model would reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from goodfit.core.errors import SettingsError
from goodfit.core.task import Signature
from goodfit.models.anatomy import anatomy
from goodfit.models.attention import attention
from goodfit.models.cnn import cnn
from goodfit.models.entry import EmbedCategories
from goodfit.models.linear import linear
from goodfit.models.mlp import mlp
from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.layers import output_of
from goodfit.models.surgery.outputs import output

WIDTH = 64
DEPTH = 2

MOST_CODES = 1000
"""Whole numbers from here on are quantities, not codes, unless the model looks them up in a table."""

LEAST_CODES = 256
"""Vectors for each of several codes a token."""

OUTPUTS = {"sigmoid", "softmax", "log_softmax", "softplus", "tanh", "relu"}

LEAST_SIDE = 4
"""Smaller pictures are taken as rows of numbers."""


def stand_in(module: nn.Module, kind: str, sample: Tensor) -> nn.Module:
    """The standard model of a kind with the input and output shapes of ``module``, whatever is inside it.

    ``kind``: ``linear``, ``mlp`` (2 hidden layers of 64 ReLU units), ``cnn``, ``attention`` (whole-number codes),
    ``recurrent`` (rows of numbers in sequence), or ``auto``, the one of these that the inputs ask for. An output
    activation stays what it is.

    NotAskable where the kind does not fit the inputs.
    """
    outputs = output_of(module, sample)
    if sample.is_complex() or sample.dim() < 2 or outputs.dim() < 1 or len(outputs) != len(sample):
        raise NotAskable("there is no standard model for inputs or outputs of this shape")
    family = _family(module, sample)
    chosen = family[0] if kind == "auto" else kind
    if chosen not in family:
        raise NotAskable(f"the standard model {kind!r} does not fit the inputs")
    try:
        made = _BUILDERS[_entry(module, sample)](module, chosen, sample, outputs.shape)
    except SettingsError as error:
        raise NotAskable("the standard model does not fit the inputs") from error
    made = _ending_alike(module, made.to(sample.device), sample)
    if output_of(made, sample).shape != outputs.shape:
        raise NotAskable("there is no standard model for inputs or outputs of this shape")
    return made


def _ending_alike(module: nn.Module, made: nn.Module, sample: Tensor) -> nn.Module:
    """With the output activation of ``module``: the loss may not take any other values."""
    kind = anatomy(module, sample).output_activation
    return output(made, kind, sample) if kind in OUTPUTS else made


def _entry(module: nn.Module, sample: Tensor) -> str:
    """``codes`` (batch, length[, features]), ``steps`` (batch, length, features), ``pictures`` or ``rows``."""
    if not sample.is_floating_point() and sample.dim() in (2, 3) and _are_codes(module, sample):
        return "codes"
    if sample.dim() == 4 and min(sample.shape[2:]) >= LEAST_SIDE:
        return "pictures"
    return "steps" if sample.dim() == 3 else "rows"


def _family(module: nn.Module, sample: Tensor) -> tuple[str, ...]:
    return {
        "codes": ("attention", "mlp", "linear"),
        "pictures": ("cnn", "mlp", "linear"),
        "steps": ("recurrent", "mlp", "linear"),
        "rows": ("mlp", "linear"),
    }[_entry(module, sample)]


def _are_codes(module: nn.Module, sample: Tensor) -> bool:
    looked_up = any(isinstance(each, nn.Embedding | nn.EmbeddingBag) for each in module.modules())
    return int(sample.min()) >= 0 and (looked_up or int(sample.max()) < MOST_CODES)


def _of_rows(module: nn.Module, kind: str, sample: Tensor, shape: torch.Size) -> nn.Module:
    tables = next((each for each in module.modules() if isinstance(each, EmbedCategories)), None)
    sizes = () if tables is None or sample.dim() != 2 else tuple(each.num_embeddings for each in tables.tables)
    signature = Signature((sample[0].numel(),), shape[1:].numel(), sizes)
    body = linear(signature) if kind == "linear" else mlp(signature, width=WIDTH, depth=DEPTH)
    return nn.Sequential(_Floats(), nn.Flatten(), body, _Shaped(shape[1:]))


def _of_pictures(module: nn.Module, kind: str, sample: Tensor, shape: torch.Size) -> nn.Module:
    if kind != "cnn":
        return _of_rows(module, kind, sample, shape)
    signature = Signature(tuple(sample.shape[1:]), shape[1:].numel())
    return nn.Sequential(_Floats(), cnn(signature, width=WIDTH // 4, depth=DEPTH), _Shaped(shape[1:]))


def _of_steps(module: nn.Module, kind: str, sample: Tensor, shape: torch.Size) -> nn.Module:
    axis = _step_axis(sample, shape)
    if kind != "recurrent" and axis is None:
        return _of_rows(module, kind, sample, shape)
    features, outputs = sample.shape[-1], _per_step(shape, axis)
    bodies: Mapping[str, Callable[[], nn.Module]] = {
        "linear": lambda: nn.Linear(features, outputs),
        "mlp": lambda: mlp(Signature((features,), outputs), width=WIDTH, depth=DEPTH),
        "recurrent": lambda: _Recurrent(features, outputs),
    }
    return nn.Sequential(_Floats(), bodies[kind](), _ClassesSecond(), _Gathered(axis, shape[1:]))


def _of_codes(module: nn.Module, kind: str, sample: Tensor, shape: torch.Size) -> nn.Module:
    codes = sample if sample.dim() == 3 else sample.unsqueeze(-1)
    padded = _is_padded(codes)
    tables = [each.num_embeddings for each in module.modules() if isinstance(each, nn.Embedding)]
    size = max([int(sample.max()) + 1, *tables]) + (not padded)
    if codes.shape[2] > 1:  # as many vectors as the model has in all, or each of many codes would get a table of all
        size = max(LEAST_CODES, sum(tables) // codes.shape[2]) if tables else size
    axis = _step_axis(sample, shape)
    signature = Signature((codes.shape[2],), _per_step(shape, axis), (size,) * codes.shape[2], tokens=True)
    bodies: Mapping[str, Callable[[], nn.Module]] = {
        "linear": lambda: linear(signature, kernel=3),
        "mlp": lambda: mlp(signature, width=WIDTH, depth=DEPTH, kernel=3),
        "attention": lambda: attention(signature, width=WIDTH, depth=DEPTH, dropout=0.0, position="sinusoidal"),
    }
    return _Coded(bodies[kind](), size, padded, _Gathered(axis, shape[1:]))


def _is_padded(codes: Tensor) -> bool:
    """Whether code 0 stands at the ends of rows only, and at some."""
    empty = (codes == 0).all(dim=-1)
    return bool(empty.any()) and bool((empty.int().diff(dim=1) >= 0).all())


def _step_axis(sample: Tensor, shape: torch.Size) -> int | None:
    """The axis of the outputs that counts the steps of the inputs; the last where two would do."""
    if len(shape) == 3:
        return next((axis for axis in (2, 1) if shape[axis] == sample.shape[1]), None)
    return 1 if len(shape) == 2 and shape[1] == sample.shape[1] and sample.shape[1] > 1 else None


def _per_step(shape: torch.Size, axis: int | None) -> int:
    return shape[1:].numel() if axis is None else shape[1:].numel() // shape[axis]


_BUILDERS: Mapping[str, Callable[[nn.Module, str, Tensor, torch.Size], nn.Module]] = {
    "rows": _of_rows,
    "pictures": _of_pictures,
    "steps": _of_steps,
    "codes": _of_codes,
}


class _Floats(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.float()


class _Shaped(nn.Module):
    """(batch, n) to (batch, *shape)."""

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.reshape(len(outputs), *self.shape)


class _ClassesSecond(nn.Module):
    """(batch, length, classes) to (batch, classes, length)."""

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs.transpose(1, 2)


class _Recurrent(nn.Module):
    """A gated recurrent layer that reads both ways, and a linear layer at each step."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.read = nn.GRU(features, WIDTH, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * WIDTH, outputs)

    def forward(self, steps: Tensor) -> Tensor:
        states, _ = self.read(steps)
        outputs: Tensor = self.head(states)
        return outputs


class _Gathered(nn.Module):
    """Outputs at each step (batch, outputs, length), as they are asked for: mean over the real steps, or each."""

    def __init__(self, axis: int | None, shape: torch.Size) -> None:
        super().__init__()
        self.axis, self.shape = axis, shape

    def forward(self, outputs: Tensor, real: Tensor | None = None) -> Tensor:
        if self.axis is None:
            weights = torch.ones_like(outputs[:, 0]) if real is None else real.to(outputs.dtype)
            mean = (outputs * weights[:, None]).sum(dim=2) / weights.sum(dim=1).clamp(min=1)[:, None]
            return mean.reshape(len(mean), *self.shape)
        if len(self.shape) == 1:
            return outputs.squeeze(1)
        return outputs if self.axis == 2 else outputs.transpose(1, 2)


class _Coded(nn.Module):
    """A model of token codes in which 0 is padding; codes among which 0 is a word are moved up by one."""

    def __init__(self, body: nn.Module, size: int, padded: bool, gather: _Gathered) -> None:
        super().__init__()
        self.body, self.size, self.padded, self.gather = body, size, padded, gather

    def forward(self, codes: Tensor) -> Tensor:
        codes = codes if codes.dim() == 3 else codes.unsqueeze(-1)
        codes = codes.long() + (not self.padded)
        # Codes beyond the table share vectors (a hash needs no table of its own); 0 stays padding alone.
        codes = torch.where(codes < self.size, codes.clamp(min=0), 1 + (codes - 1) % (self.size - 1))
        outputs: Tensor = self.gather(self.body(codes), codes[..., 0] != 0)
        return outputs
