"""What a person may set, with bounds and one sentence each. ``None`` means: chosen to suit the data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class DataSettings(Section):
    path: str | None = Field(None, description="File or folder with the data.")
    kind: Literal["auto", "series", "table", "images", "sequences"] = Field(
        "auto", description="Kind of data; auto looks at the content."
    )
    target: str | None = Field(None, description="Column to predict (for token files its name or number).")
    objective: Literal["auto", "regression", "classification"] = Field(
        "auto", description="Table: take the target as numbers or as classes; auto looks at its values."
    )
    drop: tuple[str, ...] = Field((), description="Columns to leave out.")
    time_col: str | None = Field(None, description="Column of dates or times: train on the old, test on the newest.")
    group_col: str | None = Field(None, description="Column of groups that must not be torn apart by a split.")
    split_col: str | None = Field(None, description="Column that says train, validation or test for each row.")
    validation: float = Field(0.2, gt=0, lt=1, description="Share of the rows held back to choose the epoch.")
    test: float = Field(0.2, gt=0, lt=1, description="Share of the rows read once, at the end.")
    history: int | None = Field(None, ge=1, le=3650, description="Series: days the model looks back.")
    gaps: Literal["fill", "refuse"] = Field("fill", description="Series: interpolate missing days, or refuse.")
    size: int | None = Field(None, ge=4, le=1024, description="Images: height and width to resize to.")


class ModelSettings(Section):
    name: Literal["auto", "linear", "mlp", "cnn", "attention"] = Field("auto", description="Architecture.")
    width: int | None = Field(None, ge=1, le=65536, description="Units, channels or features of each layer.")
    depth: int | None = Field(None, ge=1, le=256, description="Hidden layers or blocks.")
    activation: Literal["relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"] | None = Field(
        None, description="Unit of the hidden layers."
    )
    normalisation: Literal["none", "batch", "layer"] | None = Field(None, description="Normalisation of each layer.")
    dropout: float | None = Field(None, ge=0, lt=1, description="Share of units left out in training.")
    residual: bool | None = Field(None, description="Skip connection around each block.")
    kernel: int | None = Field(None, ge=1, le=31, description="CNN: side of the filters.")
    stride: int | None = Field(None, ge=1, le=8, description="CNN: step of the filters.")
    padding: Literal["same", "valid"] | None = Field(None, description="CNN: keep the size, or let it shrink.")
    pooling: Literal["max", "average", "none"] | None = Field(None, description="CNN: subsampling between blocks.")
    heads: int | None = Field(None, ge=1, le=64, description="Attention: heads.")
    position: Literal["relative", "sinusoidal", "none"] | None = Field(
        None, description="Attention: how the order of the tokens is told."
    )


class TrainingSettings(Section):
    optimizer: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"] | None = Field(
        None, description="Optimiser."
    )
    rate: float | None = Field(None, gt=0, description="Learning rate.")
    momentum: float | None = Field(None, ge=0, lt=1, description="Momentum, where the optimiser has one.")
    weight_decay: float | None = Field(None, ge=0, description="Weight decay.")
    schedule: Literal["constant", "step", "cosine", "linear"] | None = Field(
        None, description="Course of the rate after warm-up."
    )
    warmup: float | None = Field(None, ge=0, le=1, description="Share of all updates over which the rate rises.")
    batch_size: int | None = Field(None, ge=1, description="Rows in a batch.")
    epochs: int | None = Field(None, ge=1, description="Most passes over the training rows.")
    shuffle: bool | None = Field(None, description="A new order of the training rows in each epoch.")
    clip: float | None = Field(None, gt=0, description="Largest norm of the whole gradient.")
    patience: int | None = Field(None, ge=1, description="Epochs without a better validation loss before stopping.")
    max_updates: int | None = Field(None, ge=1, description="Stop after so many updates.")
    loss: Literal["cross_entropy", "mean_square", "absolute"] | None = Field(None, description="Loss.")
    label_smoothing: float | None = Field(None, ge=0, lt=1, description="Share of each label spread over all classes.")
    augment: tuple[str, ...] | None = Field(
        None, description="Random changes of the training batches, such as flip, or rotate=5 with a strength."
    )


class Settings(Section):
    """Everything one run depends on; saved beside the run and enough to repeat it."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of the split, the weights and the order.")
    time: str | None = Field(None, description="Budget for the whole run, such as 90s, 5m or 1h.")
    diagnose: bool = Field(True, description="Put the verdict to the test by experiments.")
    treat: bool = Field(True, description="Mend what the experiments name, and hand back what proves to be better.")
    out: str = Field("goodfit_runs", description="Folder of the runs and their ledger.")
    deterministic: bool = Field(False, description="Only operators that give the same bits each time.")
    threads: int | None = Field(None, ge=1, description="Threads for training.")
