"""goodfit finds out why a neural network does not fit, and makes it fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from goodfit.api import run as run
    from goodfit.core.evidence import Diagnosis as Diagnosis
    from goodfit.core.treatment import Treatment as Treatment
    from goodfit.diagnosing import diagnose as diagnose
    from goodfit.estimator import GoodFitClassifier as GoodFitClassifier
    from goodfit.estimator import GoodFitRegressor as GoodFitRegressor
    from goodfit.measuring import CriticalPoint as CriticalPoint
    from goodfit.measuring import critical_point as critical_point
    from goodfit.result import Result as Result
    from goodfit.treating import treat as treat
    from goodfit.watching import Watch as Watch
    from goodfit.watching import watch as watch

_WHERE = {
    "run": "goodfit.api",
    "Result": "goodfit.result",
    "diagnose": "goodfit.diagnosing",
    "Diagnosis": "goodfit.core.evidence",
    "GoodFitClassifier": "goodfit.estimator",
    "GoodFitRegressor": "goodfit.estimator",
    "critical_point": "goodfit.measuring",
    "CriticalPoint": "goodfit.measuring",
    "treat": "goodfit.treating",
    "Treatment": "goodfit.core.treatment",
    "watch": "goodfit.watching",
    "Watch": "goodfit.watching",
}

__all__ = [
    "CriticalPoint",
    "Diagnosis",
    "GoodFitClassifier",
    "GoodFitRegressor",
    "Result",
    "Treatment",
    "Watch",
    "__version__",
    "critical_point",
    "diagnose",
    "run",
    "treat",
    "watch",
]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import; `goodfit --help` must not wait for it.
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'goodfit' has no attribute {name!r}")
