"""Changes of what goes into a model and of how gradients come back: wrappers around it, nothing global."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from goodfit.core.runtime import preserved_rng
from goodfit.models.surgery.errors import NotAskable
from goodfit.models.surgery.layers import BATCH_NORMALISATIONS, output_of, run


class Standardised(nn.Module):
    """``module((x - mean) / std)``."""

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.module = module
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, inputs: Tensor) -> Any:
        return self.module((inputs - self.mean) / self.std)


def standardise(module: nn.Module, value: tuple[Tensor, Tensor], sample: Tensor) -> nn.Module:
    """A wrapper that subtracts ``value[0]`` from the inputs and divides by ``value[1]``, both of one row's shape
    or one that broadcasts to it. Where the standard deviation is 0 it counts as 1. NotAskable for codes; bytes of
    pictures become numbers.
    """
    if not sample.is_floating_point() and (sample.dtype is not torch.uint8 or sample.dim() < 3):
        raise NotAskable("the inputs are whole numbers")
    kind = sample.dtype if sample.is_floating_point() else torch.get_default_dtype()
    mean, std = (torch.as_tensor(each, dtype=kind, device=sample.device) for each in value)
    wrapped = Standardised(module, mean.clone(), torch.where(std > 0, std, torch.ones_like(std)))
    try:
        fits = ((sample - wrapped.mean) / wrapped.std).shape == sample.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise NotAskable("mean and standard deviation do not have the inputs' shape")
    return wrapped


class _Uncut(TorchFunctionMode):
    """``detach`` and ``.data`` give the tensor itself, and gradients cannot be turned off.

    torch lifts the mode while it answers a call, so nothing inside torch's own functions is touched.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _DETACHING or func == _DATA:
            return args[0]
        if func is torch._C._set_grad_enabled and not args[0]:
            return None
        return func(*args, **(kwargs or {}))


_DETACHING = (torch.Tensor.detach, torch.Tensor.detach_, torch.detach, torch.detach_)
_DATA = torch.Tensor.data.__get__  # type: ignore[attr-defined]


class Attached(nn.Module):
    """``module``, with every gradient that its forward cuts let through. Where gradients are off they stay off."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any) -> Any:
        learning = torch.is_grad_enabled()
        with torch.set_grad_enabled(learning), _Uncut() if learning else nullcontext():
            return self.module(*inputs)


def attached(module: nn.Module, value: object, sample: Tensor) -> nn.Module:
    """A wrapper in which ``detach``, ``.data`` and ``no_grad`` of the forward cut nothing off.

    NotAskable where they do not occur or change no gradient, and where the forward relies on them.
    """
    output_of(module, sample)
    trial = Attached(copy.deepcopy(module))
    try:
        with preserved_rng():
            before, after = _gradients(copy.deepcopy(module), sample), _gradients(trial, sample)
            _gradients(trial, sample)  # a second step shows whether something of the first was kept
    except Exception as error:  # a person's forward may raise anything
        raise NotAskable("the model's forward relies on cutting gradients off") from error
    if all(torch.equal(old.nan_to_num(), new.nan_to_num()) for old, new in zip(before, after, strict=True)):
        raise NotAskable("nothing in the model's forward cuts a gradient off")
    return Attached(module)


def _gradients(module: nn.Module, sample: Tensor) -> list[Tensor]:
    """Of the sum of squared outputs on the sample, in training mode, zero where there is none."""
    module.train()
    torch.manual_seed(0)
    with torch.enable_grad():
        output: Tensor = module(sample)
        parameters = list(module.parameters())
        if not output.requires_grad:
            return [torch.zeros_like(each) for each in parameters]
        learning = [each for each in parameters if each.requires_grad]
        found = iter(torch.autograd.grad(output.square().sum(), learning, allow_unused=True))
    gradients = [next(found) if each.requires_grad else None for each in parameters]
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]


class Unpadded(nn.Module):
    """``module`` on rows of one length at a time, each without the ``padding`` at its end.

    ``axis`` is the axis of the outputs that counts the steps, if one does; it is filled up with zeros.
    """

    def __init__(self, module: nn.Module, padding: float, axis: int | None) -> None:
        super().__init__()
        self.module, self.padding, self.axis = module, padding, axis

    def forward(self, inputs: Tensor) -> Tensor:
        lengths = true_lengths(inputs, self.padding)
        rows = [(lengths == length).nonzero().squeeze(1) for length in lengths.unique()]
        outputs = [self._group(inputs, index, int(lengths[index[0]])) for index in rows]
        return torch.cat(outputs)[torch.cat(rows).argsort()]

    def _group(self, inputs: Tensor, index: Tensor, length: int) -> Tensor:
        outputs: Tensor = self.module(inputs[index, :length])
        if self.axis is None:
            return outputs
        shape = list(outputs.shape)
        shape[self.axis] = inputs.shape[1] - length
        return torch.cat([outputs, outputs.new_zeros(shape)], dim=self.axis)


class Turned(nn.Module):
    """``module`` of (batch, features, length) for inputs (batch, length, features), and the other way round."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.module(inputs.transpose(1, 2))
        return found


def true_lengths(inputs: Tensor, padding: float) -> Tensor:
    """Last step that differs from the padding, counted from 1 and at least 1, of (batch, length[, features])."""
    real = inputs != padding
    real = real.any(dim=-1) if inputs.dim() == 3 else real
    places = torch.arange(1, inputs.shape[1] + 1, device=inputs.device)
    return (real * places).amax(dim=1).clamp(min=1)


def _missing_inside(inputs: Tensor, padding: float, lengths: Tensor) -> int:
    """Steps before the ends of the rows that equal the padding."""
    missing = inputs == padding
    missing = missing.all(dim=-1) if inputs.dim() == 3 else missing
    return int((missing & (torch.arange(inputs.shape[1], device=inputs.device) < lengths[:, None])).sum())


def unpadded(module: nn.Module, value: float, sample: Tensor) -> nn.Module:
    """A wrapper that shows the model no padding: steps equal to ``value`` at the ends of rows are cut off.

    Steps are those of axis 1, or of axis 2 where it alone ends in padding.

    NotAskable where there is no padding, where the model needs its full length, or where it normalises over the
    batch, whose statistics would then be those of the rows of one length.
    """
    if sample.dim() not in (2, 3):
        raise NotAskable("the inputs are no sequences")
    lengths = true_lengths(sample, value)
    if bool((lengths == sample.shape[1]).all()):
        if sample.dim() == 2 or bool((true_lengths(sample.transpose(1, 2), value) == sample.shape[2]).all()):
            raise NotAskable("no sequence ends in padding")
        return Turned(unpadded(Turned(module), value, sample.transpose(1, 2)))
    if _missing_inside(sample, value, lengths) > int((sample.shape[1] - lengths).sum()):
        raise NotAskable("the value of padding stands inside of sequences more often than at their ends")
    if any(isinstance(each, BATCH_NORMALISATIONS) for each in module.modules()):
        raise NotAskable("batch normalisation would see the rows of one length at a time")
    whole = output_of(module, sample).shape
    shorter = int(lengths.min())
    part = _asked(lambda: output_of(module, sample[lengths == shorter][:, :shorter])).shape
    wrapped = Unpadded(module, value, _steps_axis(whole, part, sample.shape[1], shorter))
    if _asked(lambda: run(wrapped, sample)).shape != whole:
        raise NotAskable(_FIXED)
    return wrapped


_FIXED = "the model takes sequences of one length only"


def _asked(compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except NotAskable as error:
        raise NotAskable(_FIXED) from error


def _steps_axis(whole: torch.Size, part: torch.Size, length: int, shorter: int) -> int | None:
    """The axis along which outputs follow the length of the inputs."""
    if whole[1:] == part[1:]:
        return None
    axes = [i for i in range(1, min(len(whole), len(part))) if (whole[i], part[i]) == (length, shorter)]
    if len(whole) != len(part) or len(axes) != 1:
        raise NotAskable(_FIXED)
    return axes[0]
