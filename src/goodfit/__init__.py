"""goodfit finds out why a neural network does not fit, and makes it fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from goodfit.api import Result as Result
    from goodfit.api import run as run
    from goodfit.core.evidence import Diagnosis as Diagnosis
    from goodfit.diagnosing import diagnose as diagnose
    from goodfit.estimator import GoodFitClassifier as GoodFitClassifier
    from goodfit.estimator import GoodFitRegressor as GoodFitRegressor

_WHERE = {
    "run": "goodfit.api",
    "Result": "goodfit.api",
    "diagnose": "goodfit.diagnosing",
    "Diagnosis": "goodfit.core.evidence",
    "GoodFitClassifier": "goodfit.estimator",
    "GoodFitRegressor": "goodfit.estimator",
}

__all__ = ["Diagnosis", "GoodFitClassifier", "GoodFitRegressor", "Result", "__version__", "diagnose", "run"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import; `goodfit --help` must not wait for it.
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'goodfit' has no attribute {name!r}")
