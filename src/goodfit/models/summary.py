"""A network layer by layer: output shape, parameters, receptive field."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from goodfit.core.runtime import evaluating

Layer = dict[str, Any]


def layers(model: nn.Module, inputs: Tensor, fields: dict[str, int] | None = None) -> list[Layer]:
    """The leaf modules in the order they run on ``inputs`` (one row), as plain values.

    ``fields`` are receptive fields by module name, where they are known.
    """
    found: list[Layer] = []
    handles = [
        module.register_forward_hook(_note(found, name, fields or {}))
        for name, module in model.named_modules()
        if name and not list(module.children())
    ]
    try:
        with evaluating(model):
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def parameter_count(model: nn.Module) -> int:
    """Numbers that training may change."""
    return sum(each.numel() for each in model.parameters() if each.requires_grad)


def _note(found: list[Layer], name: str, fields: dict[str, int]) -> Any:
    def hook(module: nn.Module, _: Any, output: Any) -> None:
        found.append(
            {
                "name": name,
                "type": type(module).__name__,
                "output": list(output.shape[1:]) if isinstance(output, Tensor) else None,
                "parameters": parameter_count(module),
                "receptive_field": fields.get(name),
            }
        )

    return hook
