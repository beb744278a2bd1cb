"""Samples a second of the training loop against a bare PyTorch loop, a DataLoader loop, Lightning and skorch.

MLP 64-256-256-10 on scikit-learn's digits, batch 64, one thread. "goodfit" counts the time of its training passes,
as the others do, which only train; "goodfit, whole fit" counts set-up, validation after each epoch and copies of
the best weights as well.
"""

from __future__ import annotations

import importlib.util
import logging
import time
import warnings
from collections.abc import Callable
from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from bench.common import Row, in_turns, parser, ratios, report
from goodfit.core.recipe import Recipe
from goodfit.core.task import ACCURACY, Rows, Signature, Task
from goodfit.models import mlp
from goodfit.training import fit

BATCH = 64
SIGNATURE = Signature((64,), 10)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def bare(inputs: torch.Tensor, targets: torch.Tensor, epochs: int) -> float:
    """The loop people write: in-memory batches, torch's default Adam."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    began = time.perf_counter()
    for _ in range(epochs):
        for index in torch.randperm(len(inputs)).split(BATCH):
            loss = functional.cross_entropy(model(inputs[index]), targets[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return epochs * len(inputs) / (time.perf_counter() - began)


def with_dataloader(inputs: torch.Tensor, targets: torch.Tensor, epochs: int) -> float:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(inputs, targets), BATCH, shuffle=True)
    began = time.perf_counter()
    for _ in range(epochs):
        for x, y in loader:
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return epochs * len(inputs) / (time.perf_counter() - began)


def with_goodfit(inputs: torch.Tensor, targets: torch.Tensor, epochs: int, whole: bool = False) -> float:
    train = Rows(inputs, targets)
    held = Rows(inputs[:BATCH], targets[:BATCH])
    task = Task("digits", "table", "classification", train, held, held, SIGNATURE, functional.cross_entropy, ACCURACY)
    recipe = Recipe(
        partial(mlp, SIGNATURE, width=256, depth=2),
        optimizer="adam",
        schedule="constant",
        batch_size=BATCH,
        epochs=epochs,
    )
    began = time.perf_counter()
    run = fit(task, recipe)
    passes = sum(each.seconds for each in run.measurements if each.quantity == "train_loss")
    return epochs * len(inputs) / (time.perf_counter() - began if whole else passes)


def with_lightning(inputs: torch.Tensor, targets: torch.Tensor, epochs: int) -> float:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
            return functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module, loader = Module(), DataLoader(TensorDataset(inputs, targets), BATCH, shuffle=True)
    began = time.perf_counter()
    trainer.fit(module, loader)
    return epochs * len(inputs) / (time.perf_counter() - began)


def with_skorch(inputs: torch.Tensor, targets: torch.Tensor, epochs: int) -> float:
    import skorch

    net = skorch.NeuralNetClassifier(
        network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=BATCH,
        max_epochs=epochs,
        train_split=None,
        verbose=0,
        iterator_train__shuffle=True,
    )
    began = time.perf_counter()
    net.fit(inputs.numpy(), targets.numpy())
    return epochs * len(inputs) / (time.perf_counter() - began)


PEERS: dict[str, Callable[[torch.Tensor, torch.Tensor, int], float]] = {
    "DataLoader": with_dataloader,
    "lightning": with_lightning,
    "skorch": with_skorch,
}


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    digits = load_digits()
    inputs = torch.as_tensor(digits.data, dtype=torch.float32) / 16
    targets = torch.as_tensor(digits.target)
    epochs, rounds = (5, 5) if options.quick else (10, 15)
    there = {name: run for name, run in PEERS.items() if name == "DataLoader" or importlib.util.find_spec(name)}
    whole = partial(with_goodfit, whole=True)
    runs = {"bare": bare, "goodfit": with_goodfit, "goodfit, whole fit": whole, "bare again": bare, **there}
    found = in_turns({name: partial(run, inputs, targets, epochs) for name, run in runs.items()}, rounds)
    rows = []
    for name in ("goodfit", "goodfit, whole fit", "bare again", *PEERS):
        goal = ">= 1.25" if name == "goodfit" else ""
        if name not in found:
            rows.append(Row(f"{name} (not installed)", None))
            continue
        value, interval = ratios(found, name, "bare")
        rows.append(Row(name, value, interval, "samples/s against bare", goal, value >= 1.25 if goal else None))
    report("Training throughput", rows, options.out)


if __name__ == "__main__":
    main()
