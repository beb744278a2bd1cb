"""Trains the jobs beside this file and writes what was measured into their JSON files.

    python -m bench.jobs.measure [NAME...]

Every job is trained as found and as mended, for seeds 0 and 1, with a plain loop. `faulty` and `fixed` hold losses and
scores after the last epoch, `mechanism` what the gradients and the rectified units of the faulty run did (seed 0) and
`holds` whether the criterion was met on every seed: the mended run beats the faulty one by `gain` (in validation score;
in mean recall over the classes for `kind: balanced`; in the distance of validation to test for `kind: gap`), or a
healthy run reaches `min` with no more than `MOST_OVERFITTING` between training and validation.
"""

from __future__ import annotations

import importlib.util
import json
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset

Job = dict[str, Any]
HERE = Path(__file__).parent
SEEDS = (0, 1)
MOST_OVERFITTING = 0.1
LOGIT_LOSSES = (nn.BCEWithLogitsLoss, nn.MultiLabelSoftMarginLoss)
EARLY_STEPS = 20


def load(path: Path) -> Any:
    """The job's module, loaded by path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def whole(data: Dataset[Any]) -> tuple[Tensor, Tensor]:
    """All rows of a data set as one batch."""
    x, y = next(iter(DataLoader(data, batch_size=len(data))))  # type: ignore[arg-type]
    return x, y


def train(job: Job, seed: int, watch: Callable[[nn.Module, float], None] = lambda model, loss: None) -> nn.Module:
    """Train one seed with the plain loop; `watch` sees the model after every backward pass."""
    torch.manual_seed(seed)
    model: nn.Module = job["model"]()
    optimiser = job["optimizer"](model.parameters())
    scheduler = job["scheduler"](optimiser) if "scheduler" in job else None
    order = torch.Generator().manual_seed(seed)
    rows = DataLoader(job["train"], batch_size=job["batch_size"], shuffle=job["shuffle"], generator=order)
    model.train()
    for _ in range(job["epochs"]):
        for x, y in rows:
            optimiser.zero_grad()
            loss = job["loss"](model(x), y)
            loss.backward()
            watch(model, loss.item())
            optimiser.step()
            if scheduler is not None:
                scheduler.step()
    return model.eval()


def is_onehot(y: Tensor) -> bool:
    return y.ndim == 2 and y.shape[1] > 1 and bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())


def answers(job: Job, outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Given and right answers: of the positions that count, of rows, or of the elements of 0/1 targets."""
    if job["task"] == "sequence_labelling":
        return outputs.argmax(1)[y != -100], y[y != -100]
    if not y.is_floating_point():
        return outputs.argmax(1), y
    if is_onehot(y):
        return outputs.argmax(1), y.argmax(1)
    threshold = 0.0 if isinstance(job["loss"], LOGIT_LOSSES) else 0.5
    return (outputs.reshape(y.shape) > threshold).long(), (y > 0.5).long()


def score(job: Job, outputs: Tensor, y: Tensor) -> float:
    """Accuracy, or R2 = 1 - squared error / spread about the column means for regression."""
    if job["task"] != "regression":
        given, right = answers(job, outputs, y)
        return (given == right).float().mean().item()
    error = (outputs.reshape(y.shape) - y).square().sum()
    return (1 - error / (y - y.mean(0)).square().sum()).item()


def balanced(job: Job, outputs: Tensor, y: Tensor) -> float:
    """Mean recall over the classes (0 and 1 for 0/1 targets)."""
    given, right = answers(job, outputs, y)
    return torch.stack([(given == k)[right == k].float().mean() for k in right.unique()]).mean().item()


def rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


@torch.no_grad()
def evaluate(job: Job, model: nn.Module) -> dict[str, float | None]:
    figures = {}
    for part in ("train", "val", "test"):
        if part not in job:
            continue
        x, y = whole(job[part])
        outputs = model(x)
        figures[f"{part}_loss"] = rounded(job["loss"](outputs, y).item())
        figures[f"{part}_score"] = rounded(score(job, outputs, y))
        if job["task"] != "regression":
            figures[f"{part}_balanced"] = rounded(balanced(job, outputs, y))
    return figures


def measure(job: Job) -> dict[str, Any]:
    """Losses and scores after the last epoch, one number a seed, and the CPU time of one run."""
    start = time.process_time()
    figures = [evaluate(job, train(job, seed)) for seed in SEEDS]
    spent = (time.process_time() - start) / len(SEEDS)
    return {name: [row[name] for row in figures] for name in figures[0]} | {"seconds": rounded(spent)}


class RectifierOutputs(TorchDispatchMode):
    """Collects what every rectifier returns, be it a module or a function."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.outputs: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten.relu.default, torch.ops.aten.relu_.default):
            self.outputs.append(result)
        return result


def dead_shares(job: Job, model: nn.Module) -> list[float]:
    """Share of units that are inactive on all training rows, one a rectifier; channels count as units in images."""
    with torch.no_grad(), RectifierOutputs() as seen:
        model(whole(job["train"])[0])
    units = (o.movedim(1, -1) if o.ndim == 4 else o for o in seen.outputs)
    return [(o.reshape(-1, o.shape[-1]) <= 0).all(0).float().mean().item() for o in units]


def gradient_sizes(model: nn.Module) -> list[float]:
    """Root mean square of the gradient, one a weight of at least two dimensions, in order of registration."""
    weights = (p for p in model.parameters() if p.ndim > 1)
    return [0.0 if p.grad is None else p.grad.square().mean().sqrt().item() for p in weights]


def mechanism(job: Job) -> dict[str, float | int | None]:
    """What gradients and rectifiers of one run did, seed 0."""
    sizes: list[list[float]] = []
    losses: list[float] = []

    def watch(model: nn.Module, loss: float) -> None:
        sizes.append(gradient_sizes(model))
        losses.append(loss)

    dead = dead_shares(job, train(job, 0, watch))
    ratios = [row[0] / row[-1] for row in sizes[:EARLY_STEPS] if row and row[-1] > 0 and math.isfinite(sum(row))]
    broken = [step for step, loss in enumerate(losses) if not math.isfinite(loss)]
    return {
        "first_to_last_gradient": rounded(statistics.median(ratios)) if ratios else None,
        "largest_gradient_rms": rounded(max((max(row, default=0.0) for row in sizes), default=0.0)),
        "final_first_layer_gradient_rms": rounded(sizes[-1][0]) if sizes[-1] else None,
        "non_finite_from_step": broken[0] if broken else None,
        "dead_share": rounded(statistics.mean(dead)) if dead else None,
        "dead_worst_layer": rounded(max(dead)) if dead else None,
    }


def goodness(run: dict[str, Any], kind: str) -> list[float | None]:
    """What the mended run must raise, one number a seed."""
    if kind == "gap":
        return [-abs(v - t) for v, t in zip(run["val_score"], run["test_score"], strict=True)]
    return list(run["val_balanced" if kind == "balanced" else "val_score"])


def holds(criterion: dict[str, Any], faulty: dict[str, Any], fixed: dict[str, Any] | None) -> bool:
    """Whether the criterion was met; a score that is no number counts as beaten."""
    if fixed is None:
        rows = zip(faulty["train_score"], faulty["val_score"], strict=True)
        return all(v >= criterion["min"] and t - v <= MOST_OVERFITTING for t, v in rows)
    kind = criterion.get("kind", "gain")
    pairs = zip(goodness(fixed, kind), goodness(faulty, kind), strict=True)
    return all(good is not None and (bad is None or good - bad >= criterion["gain"]) for good, bad in pairs)


def record(path: Path) -> dict[str, Any]:
    """Train the job at `path` and put the figures into the JSON file beside it."""
    module, sheet = load(path), path.with_suffix(".json")
    notes = json.loads(sheet.read_text())
    healthy = notes["truth"] == ["healthy"]
    notes["faulty"] = measure(module.case())
    notes["fixed"] = None if healthy else measure(module.fixed())
    notes["mechanism"] = mechanism(module.case())
    notes["holds"] = notes["criterion"]["holds"] = holds(notes["criterion"], notes["faulty"], notes["fixed"])
    sheet.write_text(json.dumps(notes, indent=1) + "\n")
    return dict(notes)


def line(name: str, notes: dict[str, Any]) -> str:
    def row(run: dict[str, Any] | None) -> str:
        return "-" if run is None else f"{run['train_score']} {run['val_score']} {run['seconds']} s"

    return f"{name} {notes['truth']} holds={notes['holds']}\n  {row(notes['faulty'])}\n  {row(notes['fixed'])}"


def main(names: list[str]) -> int:
    """Measure the named jobs, or all; 1 when one of them does not hold."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # a broadcast loss is the fault of a job, not of this script
    paths = [HERE / f"{name}.py" for name in names] or sorted(HERE.glob("job_*.py"))
    kept = []
    for path in paths:
        notes = record(path)
        kept.append(notes["holds"])
        print(line(path.stem, notes), "\n ", notes["mechanism"], flush=True)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
