"""A person's own training, as a mapping of PyTorch objects, to a `Job`; whatever is wrong with it is said here."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, default_collate

from goodfit.core.coding import coding_of, metric_of, outputs_of
from goodfit.core.errors import DataError, GoodfitError, NotFoundError, SettingsError, did_you_mean
from goodfit.core.job import Job
from goodfit.core.recipe import Recipe
from goodfit.core.runtime import preserved_rng
from goodfit.core.task import Augmented, Batch, Objective, Rows, Signature, Task, count_of
from goodfit.models.surgery import rebuilt
from goodfit.training.optimizers import adjusted

REQUIRED = ("model", "loss", "optimizer", "train", "val", "batch_size", "epochs", "shuffle", "task")
OPTIONAL = ("test", "scheduler")
OBJECTIVES: tuple[Objective, ...] = ("classification", "regression", "sequence_labelling")
FUNCTIONS = ("job", "case")
"""Functions looked for in a job file, in this order, where none is named."""

SAMPLE = 64
"""Rows on which shapes are tried out."""
IN_MEMORY = 2_000_000_000
"""Bytes of inputs up to which a data set is read into memory; larger ones are read batch by batch."""


def read_job(given: Mapping[str, Any], *, name: str = "job") -> Job:
    """The job that ``given`` describes: the keys of `REQUIRED`, and perhaps those of `OPTIONAL`.

    Raises `DataError` or `SettingsError`, with the key, for anything that could not be trained.
    """
    _check_keys(given)
    augment = given["train"].augment if isinstance(given["train"], Augmented) else None
    given = {**given, "train": given["train"].rows} if augment is not None else given
    objective = _objective(given["task"])
    batch_size, epochs = (_whole(given, key) for key in ("batch_size", "epochs"))
    parts = {key: _rows(given[key], key) for key in ("train", "val", "test") if given.get(key) is not None}
    with preserved_rng():
        _check_model(given["model"])
        _check_optimizer(given["model"], given["optimizer"], given.get("scheduler"))
        inputs, targets = _first_rows(parts["train"], min(SAMPLE, max(batch_size, 2)))
        outputs = _check_passes(given, parts["train"], inputs, targets, batch_size)
    coding = coding_of(objective, parts["train"], outputs)
    task = Task(
        name=name,
        kind="custom",
        objective=objective,
        train=parts["train"],
        validation=parts["val"],
        test=parts.get("test"),
        signature=Signature(tuple(inputs.shape[1:]), outputs_of(outputs), tokens=objective == "sequence_labelling"),
        loss=given["loss"],
        metric=metric_of(coding),
    )
    recipe = Recipe(
        model=partial(rebuilt, given["model"], inputs),
        optimizer=partial(adjusted, given["optimizer"]),
        rate=None,
        schedule=given.get("scheduler") or "constant",
        batch_size=batch_size,
        epochs=epochs,
        shuffle=bool(given["shuffle"]),
        augment=augment,
    )
    return Job(task, recipe, coding, inputs)


def load_job(source: str) -> Mapping[str, Any]:
    """What the function of a file ``JOB.py[:function]`` returns."""
    path, _, function = source.partition(":") if not Path(source).exists() else (source, "", "")
    file = Path(path)
    if not file.is_file():
        raise NotFoundError(f"There is no file {path!r}", "Name a Python file: goodfit diagnose JOB.py.")
    with _no_bytecode():
        found = _function(_module(file), function, path)
        try:
            given = found()
        except GoodfitError:
            raise
        except (Exception, SystemExit) as error:
            line = _line_of(error, file)
            raise DataError(f"{found.__name__}() failed: {_said(error)}", "Mend the job first.", where=line) from error
    if not isinstance(given, Mapping):
        raise DataError(
            f"{found.__name__}() returned {type(given).__name__}", "Return a dict of the job's parts.", where=path
        )
    return given


def _module(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"goodfit_job_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise DataError("It is not a Python file", "Name a file that ends in .py.", where=str(file))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # it stays there, as for `python JOB.py`: a factory may import only when called
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise DataError(f"It cannot be run: {_said(error)}", "Mend it first.", where=_line_of(error, file)) from error
    return module


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """Import without leaving a ``__pycache__`` beside a person's files."""
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes


def _function(module: Any, name: str, path: str) -> Callable[[], Any]:
    names = [name] if name else list(FUNCTIONS)
    for each in names:
        if callable(found := getattr(module, each, None)):
            return found  # type: ignore[no-any-return]
    known = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
    problem = f"There is no function {names[0]!r}" if name else "There is no function 'job' or 'case'"
    raise DataError(problem, did_you_mean(names[0], known), where=path)


def _line_of(error: BaseException, file: Path) -> str:
    """The last line of the file on the way to an error; a syntax error names its own file."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{as_typed(error.filename)}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).absolute() == file.absolute()]
    return f"{file}, line {lines[-1]}" if lines else str(file)


def as_typed(file: str) -> str:
    """A path as a person would type it: from the current directory where it is below."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def _said(error: BaseException) -> str:
    """An exception's own words on one line."""
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__


def _check_keys(given: Mapping[str, Any]) -> None:
    for key in given:
        if key not in REQUIRED + OPTIONAL:
            raise SettingsError(f"A job has no part {key!r}", did_you_mean(str(key), REQUIRED + OPTIONAL))
    for key in REQUIRED:
        if given.get(key) is None:
            raise SettingsError(f"The job lacks {key!r}", f"A job needs {', '.join(REQUIRED)}.")
    for key in ("model", "loss", "optimizer", "scheduler"):
        if given.get(key) is not None and not callable(given[key]):
            raise SettingsError(
                f"The {key!r} of a job must be callable. Got {type(given[key]).__name__} instead", _CALLS[key]
            )
    if isinstance(given["model"], nn.Module):
        raise SettingsError("The 'model' of a job must make a fresh module. Got a module instead", _CALLS["model"])


_CALLS = {
    "model": "Pass a function that returns a fresh module, e.g. lambda: Net().",
    "loss": "Pass a function of outputs and targets, e.g. nn.CrossEntropyLoss().",
    "optimizer": "Pass a function of the parameters, e.g. lambda p: torch.optim.Adam(p).",
    "scheduler": "Pass a function of the optimiser.",
}


def _objective(given: Any) -> Objective:
    if given not in OBJECTIVES:
        raise SettingsError(
            f"The 'task' of a job must be one of {', '.join(OBJECTIVES)}. Got {given!r} instead",
            did_you_mean(str(given), OBJECTIVES),
        )
    return given  # type: ignore[no-any-return]


def _whole(given: Mapping[str, Any], key: str) -> int:
    value = given[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(f"The {key!r} of a job must be a whole number from 1. Got {value!r} instead")
    return value


def _rows(dataset: Any, key: str) -> Dataset[Batch]:
    """The data set in memory where it fits and gives the same row twice, else as it is."""
    if isinstance(dataset, DataLoader):
        problem, hint = "It is a DataLoader, and goodfit makes the batches itself", "Pass its data set: loader.dataset."
        raise DataError(problem, hint, where=f"the job's {key!r}")
    if not isinstance(dataset, Sized):
        raise DataError("It has no length", "Pass a map-style data set with __len__.", where=f"the job's {key!r}")
    if not len(dataset):
        raise DataError("It has no rows", "Pass a data set with rows.", where=f"the job's {key!r}")
    rows: Any = dataset
    first, again = _pair(rows[0], key), _pair(rows[0], key)
    same = all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    if not same or first[0].numel() * first[0].element_size() * len(dataset) > IN_MEMORY:
        return rows  # type: ignore[no-any-return]
    try:
        inputs, targets = default_collate([_pair(rows[i], key) for i in range(len(dataset))])
    except RuntimeError as error:
        problem = f"Its rows cannot be put into one batch: {_said(error)}"
        raise DataError(problem, "Pad the rows to one shape.", where=f"the job's {key!r}") from error
    _check_finite(inputs, key, "inputs")
    _check_finite(targets, key, "targets")
    return Rows(inputs, targets)


def _pair(row: Any, key: str) -> tuple[Tensor, Tensor]:
    if not isinstance(row, tuple | list) or len(row) != 2:
        raise DataError("Its rows are not (input, target) pairs", "Return (x, y).", where=f"the job's {key!r}")
    try:
        inputs, target = torch.as_tensor(row[0]).detach(), torch.as_tensor(row[1]).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        problem = f"A row holds what is not a tensor: {_said(error)}"
        raise DataError(problem, "Return tensors or arrays.", where=f"the job's {key!r}") from error
    return inputs, target.float() if target.dtype is torch.bool else target


def _check_finite(values: Tensor, key: str, what: str) -> None:
    if not values.is_floating_point():
        return
    wrong = ~torch.isfinite(values.reshape(len(values), -1)).all(dim=1)
    if count := int(wrong.sum()):
        first = int(wrong.nonzero()[0, 0])
        problem = f"{count} of {len(values)} rows have {what} that are not finite, the first is row {first}"
        raise DataError(problem, "Remove or fill them.", where=f"the job's {key!r}")


def _check_model(factory: Callable[[], Any]) -> None:
    first, second = _made(factory), _made(factory)
    shared = {id(p) for p in first.parameters()} & {id(p) for p in second.parameters()}
    if first is second or shared:
        problem = (
            "The 'model' factory returns the same module twice"
            if first is second
            else ("Two modules of the 'model' factory share parameters")
        )
        raise SettingsError(problem, "Build the module inside the function: every experiment needs fresh weights.")


def _made(factory: Callable[[], Any]) -> nn.Module:
    try:
        made = factory()
    except Exception as error:
        raise SettingsError(f"The 'model' factory failed: {_said(error)}", "It is called without arguments.") from error
    if not isinstance(made, nn.Module):
        raise SettingsError(f"The 'model' factory must return an nn.Module. Got {type(made).__name__} instead")
    return made


def _check_optimizer(
    factory: Callable[[], nn.Module], optimizer: Callable[[Any], Any], scheduler: Callable[[Any], Any] | None
) -> None:
    module = factory()
    try:
        made = optimizer(iter(list(module.parameters())))
    except Exception as error:
        raise SettingsError(f"The 'optimizer' function failed: {_said(error)}", _CALLS["optimizer"]) from error
    if not isinstance(made, torch.optim.Optimizer):
        raise SettingsError(
            f"The 'optimizer' function must return a torch optimiser. Got {type(made).__name__} instead"
        )
    own = {id(p) for p in module.parameters()}
    if not any(id(p) in own for group in made.param_groups for p in group["params"]):
        raise SettingsError(
            "The 'optimizer' function returns an optimiser of other parameters than those it is given",
            _CALLS["optimizer"],
        )
    _check_steps("optimizer", made, "without a closure")
    if scheduler is not None:
        _check_steps("scheduler", _scheduled(scheduler, made), "after each batch, without a loss")


def _scheduled(scheduler: Callable[[Any], Any], optimizer: torch.optim.Optimizer) -> Any:
    try:
        return scheduler(optimizer)
    except Exception as error:
        raise SettingsError(f"The 'scheduler' function failed: {_said(error)}", _CALLS["scheduler"]) from error


def _check_steps(key: str, made: Any, how: str) -> None:
    """Whether ``made.step()`` can be called: L-BFGS wants a closure, and reducing on a plateau a loss."""
    step = getattr(made, "step", None)
    if step is not None and not any(_required(each) for each in inspect.signature(step).parameters.values()):
        return
    problem = f"What the {key!r} function returns must have a step() that is called {how}"
    raise SettingsError(f"{problem}. Got {type(made).__name__} instead", _CALLS[key])


def _required(parameter: inspect.Parameter) -> bool:
    # A scheduler wraps the optimiser's own step so that its self shows.
    fixed = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return fixed and parameter.default is parameter.empty and parameter.name != "self"


def _first_rows(rows: Dataset[Batch], count: int) -> Batch:
    index = range(min(count, count_of(rows)))
    if isinstance(rows, Rows):
        spread = torch.linspace(0, len(rows) - 1, len(index)).long()  # sorted rows: the first ones are all alike
        return rows.batch(spread)
    inputs, targets = default_collate([rows[i] for i in index])
    return inputs, targets


def _check_passes(
    given: Mapping[str, Any], rows: Dataset[Batch], inputs: Tensor, targets: Tensor, batch_size: int
) -> Tensor:
    """One forward pass and loss for the full batch and for the sizes that a pass over the rows also makes."""
    module: nn.Module = given["model"]()
    sizes = {min(batch_size, len(inputs)), len(inputs)}
    if left := count_of(rows) % batch_size:
        sizes.add(min(left, len(inputs)))
    module.eval()
    outputs = torch.empty(0)
    for size in sorted(sizes):
        try:
            with torch.no_grad():
                outputs = module(inputs[:size])
        except Exception as error:
            others = "" if size == max(sizes) else " (other sizes may work: nothing may depend on the number of rows)"
            problem = f"The model fails on a batch of {size} rows{others}: {_said(error)}"
            raise SettingsError(problem, "Mend the model's forward.") from error
        if not isinstance(outputs, Tensor):
            raise SettingsError(f"The model must return a tensor. Got {type(outputs).__name__} instead")
        _check_loss(given["loss"], outputs, targets[:size])
    return outputs


def _check_loss(loss: Callable[[Tensor, Tensor], Any], outputs: Tensor, targets: Tensor) -> None:
    shapes = f"outputs {tuple(outputs.shape)}, targets {tuple(targets.shape)} of {str(targets.dtype)[6:]}"
    try:
        value = loss(outputs, targets)
    except Exception as error:
        problem = f"The loss does not fit the model's outputs and the targets ({shapes}): {_said(error)}"
        raise SettingsError(problem, "Make shapes and types agree.") from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise SettingsError(f"The loss must be one number, not one a row ({shapes})", "Use reduction='mean'.")
