"""`Result`: what a run gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from goodfit.core.errors import DataError
from goodfit.core.evidence import Diagnosis
from goodfit.core.repair import Repair
from goodfit.core.run import Run
from goodfit.core.runtime import evaluating, threads
from goodfit.core.score import Scorecard
from goodfit.core.settings import Settings
from goodfit.core.task import Task
from goodfit.core.treatment import Treatment
from goodfit.training.evaluation import BATCH


@dataclass(frozen=True, eq=False)
class Result:
    """What a run gives back: the fitted model, its honest scores, the verdict, and where the evidence lies."""

    task: Task
    settings: Settings
    run: Run
    model: nn.Module
    scorecard: Scorecard
    baselines: Mapping[str, Scorecard]
    diagnosis: Diagnosis
    document: Mapping[str, Any]
    directory: Path
    repair: Repair | None = None
    """What a treatment came to, also where the run stayed as it was; None where there was nothing to treat."""

    @property
    def verdict(self) -> str:
        return self.diagnosis.sentence

    @property
    def treatment(self) -> Treatment | None:
        """What was changed and why, where ``model`` is a mended one; None where nothing was changed."""
        return self.repair.treatment if self.repair is not None and self.repair.kept else None

    @property
    def report(self) -> Path:
        return self.directory / "report.html"

    def predict(self, rows: Any) -> NDArray[Any]:
        """Predictions for new data of the same kind: numbers in the target's unit, or class names.

        For token sequences a list of lists of words gives an object array of lists of labels.
        """
        inputs, outputs = self._outputs(rows)
        guess = self.task.decode(outputs, inputs).numpy()
        if self.task.objective == "regression":
            return np.asarray(guess)
        names = np.asarray(self.task.classes)
        if self.task.objective == "classification":
            return np.asarray(names[guess])
        found = np.empty(len(guess), dtype=object)
        found[:] = [names[labels[: len(words)]].tolist() for labels, words in zip(guess, rows, strict=True)]
        return found

    def predict_proba(self, rows: Any) -> NDArray[np.float64]:
        """Probabilities (rows, classes), columns in the order of ``task.classes``; classification only."""
        if self.task.objective != "classification":
            raise DataError("Probabilities exist for classification only", "Call predict instead.")
        return functional.softmax(self._outputs(rows)[1].double(), dim=1).numpy()

    def _outputs(self, rows: Any) -> tuple[Tensor, Tensor]:
        """Inputs and the model's outputs, batch by batch: hidden layers of all rows at once may not fit in memory."""
        inputs = _encoded(self.task, rows)
        size = BATCH // 8 if self.task.signature.tokens else BATCH
        with threads(self.settings.threads or 1), evaluating(self.model):
            return inputs, torch.cat([self.model(batch) for batch in inputs.split(size)])

    def __repr__(self) -> str:
        card = self.scorecard
        scores = ", ".join(f"{part} {card.value(part):.4g}" for part in card.estimates)
        return f"<goodfit run {self.document['run']}: {card.metric.name} {scores}. {self.verdict}>"


def _encoded(task: Task, rows: Any) -> Tensor:
    if task.encode is None:
        raise DataError(f"This task ({task.kind}) cannot read new data")
    return task.encode(rows)
