"""The causes, in causal order: what comes first can bring about what comes later, and not the other way round."""

from goodfit.causes.batch import BATCH_TOO_LARGE, BATCH_TOO_SMALL, UNSHUFFLED_DATA
from goodfit.causes.capacity import MODEL_BIAS
from goodfit.causes.cause import Branch, Cause, Change, Finding, Symptom
from goodfit.causes.facts import Facts
from goodfit.causes.generalisation import DATA_LEAK, MISMATCH
from goodfit.causes.gradients import (
    BAD_INITIALISATION,
    DEAD_UNITS,
    EXPLODING_GRADIENT,
    SADDLE_POINT,
    VANISHING_GRADIENT,
)
from goodfit.causes.labels import BAD_LABELS, CLASS_IMBALANCE, LABEL_NOISE
from goodfit.causes.loss import DOUBLE_SOFTMAX, WRONG_LOSS, WRONG_OUTPUT_ACTIVATION
from goodfit.causes.normalisation import BATCHNORM_MISUSE, UNNORMALISED_INPUT
from goodfit.causes.rate import LEARNING_RATE_TOO_HIGH, LEARNING_RATE_TOO_LOW, MISSING_WARMUP, TOO_FEW_EPOCHS
from goodfit.causes.regularisation import OVER_REGULARISED, OVERFITTING
from goodfit.causes.sequence import MISSING_POSITION, PADDING_LEAK
from goodfit.causes.setup import FROZEN_PARAMETERS

CAUSES: tuple[Cause, ...] = (
    DATA_LEAK,
    BAD_LABELS,
    UNSHUFFLED_DATA,
    FROZEN_PARAMETERS,
    WRONG_LOSS,
    DOUBLE_SOFTMAX,
    WRONG_OUTPUT_ACTIVATION,
    PADDING_LEAK,
    MISSING_POSITION,
    UNNORMALISED_INPUT,
    SADDLE_POINT,
    BAD_INITIALISATION,
    BATCHNORM_MISUSE,
    OVER_REGULARISED,
    EXPLODING_GRADIENT,
    VANISHING_GRADIENT,
    MISSING_WARMUP,
    LEARNING_RATE_TOO_HIGH,
    BATCH_TOO_SMALL,
    DEAD_UNITS,
    BATCH_TOO_LARGE,
    LEARNING_RATE_TOO_LOW,
    TOO_FEW_EPOCHS,
    MODEL_BIAS,
    CLASS_IMBALANCE,
    LABEL_NOISE,
    MISMATCH,
    OVERFITTING,
)

__all__ = ["CAUSES", "Branch", "Cause", "Change", "Facts", "Finding", "Symptom"]
