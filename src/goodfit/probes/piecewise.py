"""Is a network piecewise linear in each of its weights? Read off the graph of its forward pass, operation by operation.

Then a second derivative within one weight tensor is nowhere but in the loss: that block of the Hessian is the one of
the generalised Gauss-Newton matrix (Schraudolph 2002). Two tensors may well be multiplied with each other.
"""

from __future__ import annotations

import re
from collections.abc import Container

from torch import Tensor
from torch.autograd.graph import Node

from goodfit.probes.sites import walked

_LINEAR = """
    Abs Add Alias Clamp ClampMax ClampMin Clone Copy Embedding Hardtanh LeakyRelu MaskedFill Maximum Mean Minimum
    NativeDropout Neg Relu Rsub Sub Sum Threshold ToCopy Where
    Amax AdaptiveAvgPool2D AdaptiveMaxPool2D AvgPool2D AvgPool3D Max MaxPool2D MaxPool2DWithIndices
    MaxPool3DWithIndices MkldnnMaxPool2D UpsampleBilinear2D UpsampleNearest1D UpsampleNearest2D
    AsStrided Cat Chunk ConstantPadNd Expand Flatten Flip Gather Index IndexSelect Movedim Narrow Permute
    ReflectionPad1D ReflectionPad2D Repeat ReplicationPad1D ReplicationPad2D Reshape ReshapeAlias Roll Select
    Slice Split SplitWithSizes Squeeze Stack T Transpose Unbind Unflatten UnsafeSplit UnsafeSplitWithSizes UnsafeView
    Unsqueeze View
"""
LINEAR = frozenset(_LINEAR.split())
"""Operations that are piecewise linear in all that they are given."""

PRODUCT = {"Addmm": (1, 2), "Addmv": (1, 2), "Addbmm": (1, 2), "Baddbmm": (1, 2), "Linear": (0, 1)} | dict.fromkeys(
    ("Mm", "Bmm", "Mv", "Dot", "Mul", "Convolution"), (0, 1)
)
"""Operations that are linear in each of two of the things they are given; in the others they are linear."""

Weights = frozenset[int]


def bend(output: Tensor, weights: Container[int]) -> str | None:
    """The first operation that is not piecewise linear in a single weight, in words; None if there is none.

    ``weights`` holds the `id` of each.
    """
    reached: dict[Node, Weights] = {}
    for node in walked(output):
        below = [frozenset[int]() if each is None else reached[each] for each, _ in node.next_functions]
        reached[node] = frozenset[int]().union(*below)
        if hasattr(node, "variable"):
            reached[node] = frozenset((id(node.variable),)) if id(node.variable) in weights else frozenset()
        elif problem := _problem(_name(node), below):
            return problem
    return None


def _name(node: Node) -> str:
    return re.sub(r"Backward(AutogradNestedTensor)?\d*$", "", node.name().rpartition("::")[2])


def _problem(name: str, below: list[Weights]) -> str | None:
    if not any(below) or name in LINEAR:
        return None
    if name == "Div":
        return None if len(below) < 2 or not below[1] else "it divides by what depends on a weight"
    if name not in PRODUCT:
        return f"it is bent by {name}"
    first, second = (below[place] if place < len(below) else frozenset[int]() for place in PRODUCT[name])
    return "a weight is multiplied with what depends on it already" if first & second else None
