"""What a network is made of, found by one forward pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goodfit.models.held import every_module, every_tensor, unregistered
from goodfit.models.tracing import BLOCKS, DROPOUTS, Event, Trace, preserved, trace


@dataclass(frozen=True)
class Layer:
    """A layer with weights, as it stands."""

    name: str
    kind: str
    """``linear``, ``conv2d``, ``conv_transpose1d``, ``embedding``, ``lstm``, ``gru``, ``rnn``, ``attention``,
    ``bilinear``."""
    fan_in: int
    weight_std: float
    weight_mean: float
    bias_mean: float
    bias_largest: float
    """Largest absolute bias; 0 without biases."""
    expected_std: float
    """Standard deviation torch's default initialisation gives: 1/sqrt(3 fan_in), from a uniform distribution within
    1/sqrt(fan_in); 1 for embeddings; 1/sqrt(3 hidden) for recurrent layers; Glorot's for attention."""
    constant: bool
    """All weights are equal."""
    zero: bool
    twins: float
    """Share of units whose weights equal those of another unit of the layer."""
    trainable: bool
    """All its parameters require gradients and are reached by ``parameters()``."""


@dataclass(frozen=True)
class Activation:
    """An activation that ran; ``kind`` is a lower-case word, ``transformer`` for the one within torch's blocks."""

    name: str
    kind: str
    functional: bool
    output: bool
    """Its result is the network's output, up to a change of shape."""


@dataclass(frozen=True)
class Normalisation:
    """A normalisation: ``batch``, ``layer``, ``group``, ``instance`` or ``rms``. ``tracks``: has running statistics."""

    name: str
    kind: str
    momentum: float | None
    tracks: bool
    features: int
    eps: float = 1e-5


@dataclass(frozen=True)
class Dropout:
    """Values set to zero with probability ``p``: a module, or a setting of an attention or recurrent layer."""

    name: str
    p: float


@dataclass(frozen=True)
class Anatomy:
    """What a network is made of; layers and activations in the order they ran."""

    layers: tuple[Layer, ...]
    activations: tuple[Activation, ...]
    normalisations: tuple[Normalisation, ...]
    dropouts: tuple[Dropout, ...]
    unregistered: tuple[str, ...]
    """Modules and parameters in plain lists, tuples, dicts or objects, which ``parameters()`` does not reach, and
    layers that are made anew in each forward pass."""
    frozen: tuple[str, ...]
    straight: int
    """Pairs of linear or convolutional layers with no nonlinearity between them."""
    hidden: int
    """Activations before the output."""
    recurrent: bool
    attention: bool
    tokens: bool
    """The first layer is an embedding."""
    last: Layer | None
    """The layer that ran last."""
    softmax_axis: int | None
    """Axis of the output's softmax in the tensor it is applied to; 0 mixes the rows of a batch."""

    @property
    def output_activation(self) -> str | None:
        """Kind of the activation the network ends in."""
        return next((each.kind for each in reversed(self.activations) if each.output), None)


def anatomy(module: nn.Module, sample: Tensor) -> Anatomy:
    """What ``module`` is made of. ``sample`` holds a few rows of inputs, ``(rows, ...)``.

    Weights, buffers, random state, attributes and modes end as they began. Whatever ``module(sample)`` raises, passes.
    """
    found = trace(module, sample)
    with preserved(module):
        layers = _layers(module, found)
        last = next((event for event in reversed(found.of("layer"))), None)
        activations = tuple(_activations(found))
        return Anatomy(
            layers=tuple(layers.values()),
            activations=activations,
            normalisations=tuple(_normalisations(module)),
            dropouts=tuple(_dropouts(module, found)),
            unregistered=tuple(_unregistered(module, found)),
            frozen=tuple(
                name for name, p in module.named_parameters() if p.is_floating_point() and not p.requires_grad
            ),
            straight=len(found.straight),
            hidden=sum(not each.output for each in activations),
            recurrent=any(isinstance(each.module, nn.RNNBase | nn.RNNCellBase) for each in found.of("layer")),
            attention=found.attention,
            tokens=bool(found.of("layer")) and found.of("layer")[0].kind == "embedding",
            last=(layers.get(f"{last.name}.out_proj") or layers.get(last.name)) if last else None,
            softmax_axis=next((e.axis for e in found.activations if e.output and "softmax" in e.kind), None),
        )


def _activations(found: Trace) -> Iterator[Activation]:
    for event in found.events:
        if event.role == "block":
            yield Activation(f"{event.name}.activation".lstrip("."), event.kind, False, False)
        elif event.role == "activation" and not event.gate:
            yield Activation(event.name, event.kind, event.module is None, event.output)


def _unregistered(root: nn.Module, found: Trace) -> Iterator[str]:
    yield from (each.name for each in unregistered(root))
    known = every_tensor(root)
    yield from (each.name for each in found.of("layer") if each.module is None and each.name not in known)


@dataclass(frozen=True, eq=False)
class _Weights:
    """One layer's weights as matrices with a unit in each row."""

    rows: Sequence[Tensor]
    biases: Sequence[Tensor]
    fan_in: int
    expected: float


def _layers(root: nn.Module, found: Trace) -> dict[str, Layer]:
    reached = {id(each) for each in root.parameters()} | {name for name, _ in root.named_parameters()}
    layers: dict[str, Layer] = {}
    for event in found.of("layer"):
        if event.name in layers:
            continue
        layers[event.name] = _layer(event, event.name, reached)
        if isinstance(event.module, nn.MultiheadAttention):
            name = f"{event.name}.out_proj".lstrip(".")
            layers[name] = _layer(Event("layer", name, "linear", event.module.out_proj), name, reached)
    return layers


def _layer(event: Event, name: str, reached: set[int | str]) -> Layer:
    weights = _function_weights(event) if event.module is None else _module_weights(event.module)
    values = torch.cat([each.detach().flatten().float() for each in weights.rows])
    biases = torch.cat([torch.zeros(0), *(each.detach().flatten().float() for each in weights.biases)])
    own = [event.weight] if event.module is None else list(event.module.parameters())
    return Layer(
        name=name,
        kind=event.kind,
        fan_in=weights.fan_in,
        weight_std=float(values.std(correction=0)),
        weight_mean=float(values.mean()),
        bias_mean=float(biases.mean()) if len(biases) else 0.0,
        bias_largest=float(biases.abs().max()) if len(biases) else 0.0,
        expected_std=weights.expected,
        constant=len(values) > 1 and all(bool((each == each.flatten()[0]).all()) for each in weights.rows),
        zero=not bool(values.any()),
        twins=sum(_twins(each) for each in weights.rows) / len(weights.rows),
        trainable=all(p is not None and p.requires_grad for p in own)
        and (name in reached if event.module is None else all(id(p) in reached for p in own)),
    )


def _twins(rows: Tensor) -> float:
    _, counts = torch.unique(rows.detach(), dim=0, return_counts=True)
    return float(counts[counts > 1].sum()) / max(len(rows), 1)


def _uniform(fan_in: int) -> float:
    return 1 / math.sqrt(3 * max(fan_in, 1))


def _function_weights(event: Event) -> _Weights:
    weight = event.weight if event.weight is not None else torch.zeros(1, 1)
    if event.kind == "embedding":
        return _Weights([weight], [], weight.shape[0], 1.0)
    # A call of ``linear`` holds a unit in each row; ``x @ weight`` holds one in each column, as the shapes tell.
    columns = event.kind == "linear" and weight.shape[-1] == event.shape[-1] and weight.shape[0] != event.shape[-1]
    rows = (weight.mT if columns else weight).flatten(1)
    return _Weights([rows], [], rows.shape[1], _uniform(rows.shape[1]))


def _module_weights(module: nn.Module) -> _Weights:
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        named = list(module.named_parameters())
        weights = [each for name, each in named if name.startswith("weight")]
        recurrent = [each for name, each in named if name.startswith("bias")]
        return _Weights(weights, recurrent, module.input_size, _uniform(module.hidden_size))
    if isinstance(module, nn.MultiheadAttention):
        return _attention_weights(module)
    weight: Tensor = module.weight  # type: ignore[assignment]
    bias = getattr(module, "bias", None)
    biases: list[Tensor] = [bias] if isinstance(bias, Tensor) else []
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return _Weights([weight], [], module.num_embeddings, 1.0)
    # torch counts the fan-in of every kind along the second axis, that of transposed convolutions too.
    fan_in = weight.shape[1] * math.prod(weight.shape[2:])
    if isinstance(module, nn.Bilinear):
        return _Weights([weight.flatten(1)], biases, module.in1_features, _uniform(module.in1_features))
    transposed = isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)
    rows = (weight.transpose(0, 1) if transposed else weight).flatten(1)
    return _Weights([rows], biases, fan_in, _uniform(fan_in))


def _attention_weights(module: nn.MultiheadAttention) -> _Weights:
    parts = [module.in_proj_weight, module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    weights: list[Tensor] = [each for each in parts if each is not None]
    # Glorot's uniform initialisation of each weight as a whole.
    expected = sum(math.sqrt(2 / sum(each.shape)) for each in weights) / len(weights)
    biases = [module.in_proj_bias] if module.in_proj_bias is not None else []
    return _Weights(weights, biases, module.embed_dim, expected)


_BATCH = nn.modules.batchnorm._BatchNorm
_NORMS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.modules.instancenorm._InstanceNorm, "instance"),
    (_BATCH, "batch"),
    (nn.LayerNorm, "layer"),
    (nn.GroupNorm, "group"),
    (nn.RMSNorm, "rms"),
)


def _normalisations(root: nn.Module) -> Iterator[Normalisation]:
    for name, module in every_module(root).items():
        kind = next((kind for cls, kind in _NORMS if isinstance(module, cls)), None)
        if kind is None:
            continue
        eps = float(getattr(module, "eps", None) or torch.finfo(torch.float32).eps)
        if isinstance(module, nn.modules.batchnorm._NormBase):
            tracks = module.running_mean is not None
            yield Normalisation(name, kind, module.momentum, tracks, module.num_features, eps)
        elif isinstance(module, nn.GroupNorm):
            yield Normalisation(name, kind, None, False, module.num_channels, eps)
        elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
            yield Normalisation(name, kind, None, False, math.prod(module.normalized_shape), eps)


def _dropouts(root: nn.Module, found: Trace) -> Iterator[Dropout]:
    for name, module in every_module(root).items():
        if isinstance(module, DROPOUTS):
            yield Dropout(name, module.p)
        elif isinstance(module, nn.MultiheadAttention | nn.RNNBase) and module.dropout > 0:
            yield Dropout(name, float(module.dropout))
    for i, p in enumerate(found.dropouts):
        yield Dropout(f"dropout#{i}", p)


__all__ = ["BLOCKS", "Activation", "Anatomy", "Dropout", "Layer", "Normalisation", "anatomy"]
