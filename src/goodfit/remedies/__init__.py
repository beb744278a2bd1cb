"""What is done about each cause: remedies with their strengths, sources, costs and harms."""

from goodfit.remedies.labels import DOUBTFUL_ROWS, ONE_ENCODER, OVERSAMPLING, REALIGNMENT, RELABELLING
from goodfit.remedies.network import (
    ACTIVATION,
    INITIALISATION,
    MORE_CAPACITY,
    NORMALISATION,
    SKIP_CONNECTIONS,
    STANDARD_NETWORK,
    STANDARDISATION,
)
from goodfit.remedies.optimisation import (
    ADAPTIVE_OPTIMISER,
    BATCH_SIZE,
    CLIPPING,
    MOMENTUM,
    MORE_EPOCHS,
    RATE,
    WARMUP,
    WARMUP_AND_DECAY,
)
from goodfit.remedies.parts import (
    COLUMN_REMOVAL,
    DEDUPLICATION,
    IMPORTANCE,
    RESPLIT,
    SAME_PREPROCESSING,
    TIME_SPLIT,
)
from goodfit.remedies.regularisation import DROPOUT, EARLY_STOPPING, SIMPLER_NETWORK, WEIGHT_DECAY
from goodfit.remedies.remedy import Judged, Remedy

REMEDIES: tuple[Remedy, ...] = (
    DEDUPLICATION,
    COLUMN_REMOVAL,
    TIME_SPLIT,
    ONE_ENCODER,
    REALIGNMENT,
    RELABELLING,
    DOUBTFUL_ROWS,
    SAME_PREPROCESSING,
    RESPLIT,
    IMPORTANCE,
    OVERSAMPLING,
    STANDARDISATION,
    RATE,
    MORE_EPOCHS,
    WARMUP,
    WARMUP_AND_DECAY,
    ADAPTIVE_OPTIMISER,
    MOMENTUM,
    BATCH_SIZE,
    CLIPPING,
    INITIALISATION,
    ACTIVATION,
    NORMALISATION,
    SKIP_CONNECTIONS,
    MORE_CAPACITY,
    STANDARD_NETWORK,
    EARLY_STOPPING,
    WEIGHT_DECAY,
    DROPOUT,
    SIMPLER_NETWORK,
)
"""In the order in which they are offered: what the data need first, then what is cheap."""


def remedies_for(cause: str) -> tuple[Remedy, ...]:
    """Those that answer ``cause``, in the order in which they are offered."""
    return tuple(each for each in REMEDIES if cause in each.causes)


__all__ = ["REMEDIES", "Judged", "Remedy", "remedies_for"]
