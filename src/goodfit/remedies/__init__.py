"""What is done about each cause: remedies with their strengths, sources, costs and harms."""

from goodfit.remedies.augmentation import AUGMENTATION
from goodfit.remedies.imbalance import CLASS_WEIGHTS, LOGIT_ADJUSTMENT, OVERSAMPLING
from goodfit.remedies.labels import DOUBTFUL_ROWS, ONE_ENCODER, REALIGNMENT, RELABELLING
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
    HIGHER_RATE,
    LOWER_RATE,
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
from goodfit.remedies.regularisation import DROPOUT, EARLY_STOPPING, LABEL_SMOOTHING, LESS_RESTRAINT, WEIGHT_DECAY
from goodfit.remedies.remedy import Judged, Remedy
from goodfit.remedies.saddle import ESCAPE
from goodfit.remedies.setup import (
    ALL_LEARN,
    BATCH_STATISTICS,
    CUT_PADDING,
    MASKED_PADDING,
    POSITIONS,
    RAW_OUTPUTS,
    SHUFFLING,
    SUITED_LOSS,
    SUITED_OUTPUT,
)
from goodfit.remedies.smaller import FEWER_COLUMNS, NARROWER_NETWORK, SHARED_WEIGHTS, SIMPLER_NETWORK

REMEDIES: tuple[Remedy, ...] = (
    DEDUPLICATION,
    COLUMN_REMOVAL,
    TIME_SPLIT,
    MASKED_PADDING,
    ONE_ENCODER,
    REALIGNMENT,
    RELABELLING,
    DOUBTFUL_ROWS,
    SAME_PREPROCESSING,
    RESPLIT,
    IMPORTANCE,
    SHUFFLING,
    ALL_LEARN,
    SUITED_LOSS,
    RAW_OUTPUTS,
    SUITED_OUTPUT,
    CUT_PADDING,
    POSITIONS,
    BATCH_STATISTICS,
    LESS_RESTRAINT,
    CLASS_WEIGHTS,
    LOGIT_ADJUSTMENT,
    OVERSAMPLING,
    STANDARDISATION,
    RATE,
    LOWER_RATE,
    HIGHER_RATE,
    MORE_EPOCHS,
    WARMUP,
    WARMUP_AND_DECAY,
    ADAPTIVE_OPTIMISER,
    MOMENTUM,
    BATCH_SIZE,
    CLIPPING,
    INITIALISATION,
    ESCAPE,
    ACTIVATION,
    NORMALISATION,
    SKIP_CONNECTIONS,
    MORE_CAPACITY,
    STANDARD_NETWORK,
    EARLY_STOPPING,
    WEIGHT_DECAY,
    DROPOUT,
    LABEL_SMOOTHING,
    AUGMENTATION,
    SIMPLER_NETWORK,
    NARROWER_NETWORK,
    SHARED_WEIGHTS,
    FEWER_COLUMNS,
)
"""In the order in which they are offered: what the data need first, then what is cheap."""


def remedies_for(cause: str) -> tuple[Remedy, ...]:
    """Those that answer ``cause``, in the order in which they are offered."""
    return tuple(each for each in REMEDIES if cause in each.causes)


__all__ = ["REMEDIES", "Judged", "Remedy", "remedies_for"]
