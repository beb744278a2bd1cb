"""From columns to one matrix of inputs; everything is learnt from the training rows alone.

Numbers are imputed by the median and standardised (heavy-tailed ones by rank), dates become days and calendar
parts, categories one-hot columns or, with many levels, codes for an embedding, which come last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    StandardScaler,
)

from goodfit.core.errors import DataError
from goodfit.data.columns import Reading, is_readable, reading_of

FEW_LEVELS = 24
"""Categories of at most so many levels (the hours of a day) are one-hot; those of more get an embedding."""

LEAST_ROWS = 2
"""A level seen on fewer training rows is not told from an unknown one."""

WILD = 15.0
"""Numbers further from the median than so many robust standard deviations make a column heavy-tailed: a normal
sample of a million rows stays below 5, an exponential one below 17. Held-out values beyond are cut to it."""

MISSING_LEVEL = "(missing)"
DAY = 86_400_000_000

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Fitted to training rows; called with any rows of the same columns it gives (rows, inputs) float32."""

    readings: Mapping[str, Reading]
    """The columns that are used, in the order of the file."""
    calendar: Mapping[str, tuple[str, ...]]
    """What is taken of each date: 'days', 'weekday', 'month', 'hour'."""
    transformer: ColumnTransformer
    categories: tuple[int, ...]
    """Sizes of the codes in the last columns; code 0 is a missing or unknown level."""
    left_out: Mapping[str, str]
    """Columns that are not used, and why."""
    words: str
    """What the inputs are made of."""

    def __call__(self, frame: pl.DataFrame) -> Floats:
        features = _features(frame, self.readings, self.calendar)
        return np.ascontiguousarray(self.transformer.transform(features), dtype=np.float32)


def fit_preprocessing(train: pl.DataFrame, rows: NDArray[np.int64], time_col: str | None = None) -> Preprocessing:
    """Find out what the columns are and fit their transformations.

    ``rows`` are the row numbers of the training rows in the file (they give away a running number). ``time_col``
    gives calendar parts only: the days since the first one lie outside the training range in all newer rows.
    DataError where no column can be used.
    """
    all_readings = {name: reading_of(train[name]) for name in train.columns if is_readable(train[name].dtype)}
    left_out = {name: "holds lists, objects or bytes" for name in train.columns if name not in all_readings}
    readings, calendar = {}, {}
    for name, reading in all_readings.items():
        values = reading(train[name])
        why = useless(values, name, rows)
        if reading.kind == "date" and not why:
            calendar[name] = _calendar_parts(values, with_days=name != time_col)
            why = "" if calendar[name] else "too short a time for calendar parts"
        if why:
            left_out[name] = why
        else:
            readings[name] = reading
    if not readings:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items()) or "there is none beside the target"
        raise DataError(f"no column is left to learn from ({reasons})", "Add columns that say something of the target.")
    calendar = {name: parts for name, parts in calendar.items() if parts}
    return _fit(_features(train, readings, calendar), readings, calendar, left_out)


def useless(values: pl.Series, name: str, rows: NDArray[np.int64]) -> str:
    """Why a column, read as numbers, dates or categories, cannot help; empty where it can."""
    known = values.drop_nulls()
    if known.is_empty():
        return "no value in the training rows"
    if known.n_unique() == 1 and len(known) == len(values):
        return f"always {known[0]:g}" if values.dtype == pl.Float64 else f"always {known[0]}"
    if len(known) < 3 or known.n_unique() < len(known):
        return ""
    if values.dtype == pl.String:
        return "a different text on every row"
    if values.dtype == pl.Float64 and len(known) == len(values):
        numbers = values.to_numpy()
        running = np.ptp(numbers - rows) == 0
        named = name.lower() in ("id", "index") or name.lower().endswith(("_id", " id", "-id")) or name.endswith("Id")
        if running or (named and (numbers == np.floor(numbers)).all()):
            return "numbers the rows"
    return ""


def _calendar_parts(dates: pl.Series, *, with_days: bool) -> tuple[str, ...]:
    """The parts whose whole cycle the training rows have seen."""
    days = (dates.max() - dates.min()).total_seconds() / 86_400  # type: ignore[operator,union-attr]
    wanted = {
        "days": with_days,
        "weekday": days >= 14,
        "month": days >= 365,
        "hour": dates.dt.hour().n_unique() > 1,
    }
    return tuple(name for name, on in wanted.items() if on)


def _features(frame: pl.DataFrame, readings: Mapping[str, Reading], calendar: Mapping[str, Any]) -> pl.DataFrame:
    """Numbers as Float64 with null for missing, categories as String with a level of their own for missing."""
    columns: dict[str, pl.Series] = {}
    for name, reading in readings.items():
        values = reading(frame[name])
        for part in calendar.get(name, ()):
            columns[f"{name}: {part}"] = _calendar_part(values, part)
        if reading.kind != "date":
            columns[name] = values
    table = pl.DataFrame(columns)
    return table.with_columns(pl.col(pl.String).fill_null(MISSING_LEVEL))


def _calendar_part(dates: pl.Series, part: str) -> pl.Series:
    if part == "days":
        return dates.cast(pl.Int64) / DAY
    numbers = {"weekday": dates.dt.weekday, "month": dates.dt.month, "hour": dates.dt.hour}[part]()
    return numbers.cast(pl.String)


def _fit(
    features: pl.DataFrame,
    readings: Mapping[str, Reading],
    calendar: Mapping[str, tuple[str, ...]],
    left_out: Mapping[str, str],
) -> Preprocessing:
    numbers = [name for name in features.columns if features[name].dtype == pl.Float64]
    wild = [name for name in numbers if _is_wild(features[name].drop_nulls().to_numpy())]
    gappy = [name for name in numbers if features[name].null_count()]
    levels = {name: _levels(features[name]) for name in features.columns if name not in numbers}
    many = [name for name in levels if features[name].n_unique() > FEW_LEVELS]
    few = [name for name in levels if name not in many]
    transformer = ColumnTransformer(
        [
            ("numbers", _tame_pipeline(), [name for name in numbers if name not in wild]),
            ("wild", _wild_pipeline(features.height), wild),
            ("missing", MissingIndicator(features="all"), gappy),
            ("few", _one_hot(), few),
            ("many", _codes([levels[name] for name in many]), many),
        ]
    ).fit(features)
    inputs = transformer.transform(features.head(1)).shape[1]
    words = _in_words(readings, wild, gappy, {name: len(levels[name]) for name in many}, inputs)
    sizes = tuple(len(levels[name]) + 1 for name in many)
    return Preprocessing(readings, calendar, transformer, sizes, left_out, words)


def _is_wild(values: NDArray[np.float64]) -> bool:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    # The quartiles of a normal distribution are 1.349 standard deviations apart.
    spread = (high - low) / 1.349 or values.std()
    return bool(np.abs(values - middle).max() > WILD * spread)


def _levels(values: pl.Series) -> list[str]:
    counts = values.value_counts()
    often = counts.filter((pl.col("count") >= LEAST_ROWS) & (pl.col(values.name) != MISSING_LEVEL))
    return often[values.name].sort().to_list()


def _tame_pipeline() -> Any:
    cut = FunctionTransformer(np.clip, kw_args={"a_min": -WILD, "a_max": WILD})
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), cut)


def _wild_pipeline(rows: int) -> Any:
    ranks = QuantileTransformer(n_quantiles=min(1000, rows), output_distribution="normal", random_state=0)
    return make_pipeline(SimpleImputer(strategy="median"), ranks)


def _one_hot() -> Any:
    # Rare levels share a column, and levels that are new go there too; without rare ones they are all zeros.
    return OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=LEAST_ROWS, sparse_output=False)


def _codes(levels: list[list[str]]) -> Any:
    encoder = OrdinalEncoder(categories=levels, handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(encoder, FunctionTransformer(_next))


def _next(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    return codes + 1


def _in_words(
    readings: Mapping[str, Reading], wild: list[str], gappy: list[str], many: Mapping[str, int], inputs: int
) -> str:
    kinds = [reading.kind for reading in readings.values()]
    named = (("number", "numbers"), ("category", "categories"), ("date", "dates"))
    counts = [
        f"{kinds.count(one)} {one if kinds.count(one) == 1 else several}" for one, several in named if one in kinds
    ]
    notes = [f"{name!r} with {size:,} levels embedded" for name, size in many.items()]
    notes += [f"heavy-tailed, by rank: {', '.join(wild[:5])}{' ...' if len(wild) > 5 else ''}"] if wild else []
    notes += (
        [f"missing values filled by the median and marked: {', '.join(gappy[:5])}{' ...' if len(gappy) > 5 else ''}"]
        if gappy
        else []
    )
    return "; ".join([f"{', '.join(counts)} -> {inputs:,} inputs", *notes])
