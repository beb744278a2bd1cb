"""What a probe is: it says what it needs, when it is due and what it costs; a host shows it one `Sight`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class Need(Enum):
    """What a host has to gather before a probe can measure."""

    GRADIENTS = "the gradients, and their norms"
    PARAMETERS = "the norms of the parameters before the update"
    UPDATES = "the norms of what the update added to the parameters"
    PREVIOUS_GRADIENTS = "the gradients of the update before"
    ACTIVATIONS = "what goes into and comes out of each layer: the probe is shown one layer at a time"
    LOSS = "the loss of the batch"
    MICROBATCHES = "inputs and targets of the batch, to be gone through again in parts"


class Cost(Enum):
    """What one measurement costs, in units that any training knows."""

    FREE = "nothing that is not there already"
    CHEAP = "each number is read once more"
    GRADIENT = "one more gradient"
    GRADIENTS = "several gradients"


@dataclass(frozen=True)
class Schedule:
    """Due at most at every ``every``-th update, the first included, and at each of the ``first`` ones."""

    every: int = 1
    first: int = 0

    def due(self, update: int, stride: int = 1) -> bool:
        """Whether update number ``update`` (from 1) is due under a host that looks at every ``stride``-th."""
        return update <= self.first or (update - 1) % self.period(stride) == 0

    def period(self, stride: int) -> int:
        """``every``, rounded up to what a host meets that looks at every ``stride``-th update."""
        return -(-self.every // stride) * stride


@dataclass(frozen=True, eq=False)
class Activation:
    """One layer in its first call of an update."""

    layer: str
    module: nn.Module
    output: Tensor
    """Of any shape, with units along ``axis``. It may still belong to the graph: measure, do not keep."""
    axis: int
    weighted: bool
    """Whether the layer multiplies by weights; a normalisation does not."""
    fed: Tensor | None = None
    """The floating-point input; units along ``axis``."""
    function: str = ""
    """The activation function that made ``fed``: relu, tanh, sigmoid, or nothing that is known."""
    before: str = ""
    """The weight layer called last before this one."""


@dataclass(frozen=True, eq=False)
class Sight:
    """One update as a probe sees it; what no due probe needs is None or empty. P parameters got a gradient."""

    update: int
    model: nn.Module
    """Of an activation: the layer."""
    parameters: tuple[str, ...] = ()
    """Names of the P parameters."""
    gradients: Sequence[Tensor] = ()
    """As the optimiser was given them."""
    previous: Sequence[Tensor] | None = None
    """The gradients of the update before, where the same P parameters had one."""
    gradient_norms: Tensor | None = None
    """(P,), when the gradients had just been computed"""
    weight_norms: Tensor | None = None
    """(P,), before the update"""
    update_norms: Tensor | None = None
    """(P,), of the exact difference after - before"""
    activation: Activation | None = None
    inputs: Any = None
    targets: Any = None
    loss: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Reading:
    """Values of one quantity at one update: one a layer, or one for all under the name ``""``."""

    layers: tuple[str, ...]
    values: Tensor
    """(layers,), on the device where they were computed"""
    standard_errors: Tensor | None = None
    """(layers,)"""


class Probe(Protocol):
    """Measures one quantity. It looks and changes nothing; unless its cost is a gradient it waits for no device."""

    @property
    def name(self) -> str:
        """The quantity."""
        ...

    @property
    def unit(self) -> str: ...

    @property
    def needs(self) -> frozenset[Need]: ...

    @property
    def schedule(self) -> Schedule: ...

    @property
    def cost(self) -> Cost: ...

    def measure(self, sight: Sight) -> Reading | None:
        """None where the quantity does not exist."""
        ...


@dataclass(frozen=True, eq=False)
class Quantity:
    """A pure function made a `Probe`."""

    name: str
    needs: frozenset[Need]
    of: Callable[[Sight], Reading | None]
    unit: str = ""
    schedule: Schedule = Schedule()
    cost: Cost = Cost.CHEAP

    def measure(self, sight: Sight) -> Reading | None:
        return self.of(sight)
