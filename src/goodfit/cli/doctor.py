"""`goodfit doctor`: whether this machine can do the work, and what to do where it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Literal

import psutil
import typer

from goodfit import __version__
from goodfit.cli.console import SCHEMA, line, out, write_json
from goodfit.cli.options import AsJson, Out
from goodfit.cli.show import folder
from goodfit.core.errors import GoodfitError
from goodfit.ledger import FILE, Ledger
from goodfit.report.words import count

State = Literal["ok", "warning", "problem"]
GIGABYTE = 1e9
LEAST_DISK, LEAST_MEMORY = 1 * GIGABYTE, 1 * GIGABYTE


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    value: str
    state: State = "ok"
    advice: str = ""


def doctor(directory: Out = None, as_json: AsJson = False) -> None:
    """Report on the environment: Python, torch, device, memory, disk, versions, known traps."""
    checks = list(examine(folder(directory)))
    healthy = all(check.state != "problem" for check in checks)
    if as_json:
        write_json({"schema": SCHEMA, "ok": healthy, "checks": [asdict(check) for check in checks]})
    else:
        _print(checks)
    if not healthy:
        raise typer.Exit(2)


def examine(out_folder: Path) -> Iterator[Check]:
    """All checks, in the order they are shown."""
    yield Check("goodfit", __version__)
    yield Check("python", f"{platform.python_version()} ({sys.executable})")
    yield Check("platform", platform.platform())
    yield from _torch()
    yield _torchvision()
    yield from _machine()
    yield _folder(out_folder)
    yield _disk(out_folder)
    yield _ledger(out_folder)
    yield from _dependencies()


def _torch() -> Iterator[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check(
            "torch", f"cannot be loaded: {error}", "problem", "Install it again: pip install --force-reinstall torch."
        )
        return
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    yield Check("torch", f"{torch.__version__} ({build} build)")
    cuda = torch.cuda.is_available()
    if torch.version.cuda and not cuda:
        yield Check(
            "device", "cpu", "warning", "torch was built for CUDA but finds no device; training uses the processor."
        )
    else:
        yield Check("device", torch.cuda.get_device_name() if cuda else "cpu")
    yield _threads(torch.get_num_threads())


def _threads(threads: int) -> Check:
    allowed = _cores()
    named = os.environ.get("OMP_NUM_THREADS")
    said = f"{threads}" + (f" (OMP_NUM_THREADS={named})" if named else "")
    if threads > allowed:
        advice = f"More threads than the {allowed} cores this process may use slow training down; set threads."
        return Check("threads", said, "warning", advice)
    return Check("threads", said)


def _torchvision() -> Check:
    """PyPI's torchvision cannot load beside another build of torch, and breaks packages that import it."""
    if util.find_spec("torchvision") is None:
        return Check("torchvision", "absent (not needed)")
    version = metadata.version("torchvision")
    try:
        import_module("torchvision")
    except Exception as error:  # it fails in many ways, and every one of them is the finding
        advice = "It belongs to another build of torch, and goodfit does not need it: pip uninstall torchvision."
        return Check("torchvision", f"{version} cannot be loaded: {error}", "warning", advice)
    return Check("torchvision", f"{version} (not needed)")


def _machine() -> Iterator[Check]:
    yield Check("cores", f"{_cores()} of {os.cpu_count()}")
    memory = psutil.virtual_memory()
    said = f"{memory.available / GIGABYTE:.1f} of {memory.total / GIGABYTE:.1f} GB free"
    if memory.available < LEAST_MEMORY:
        yield Check("memory", said, "warning", "Training may be stopped by the system; close other programs.")
    else:
        yield Check("memory", said)


def _folder(out_folder: Path) -> Check:
    place = _existing(out_folder)
    said = str(out_folder.absolute())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Check("folder of the runs", said, "problem", f"{place} cannot be written; choose another with --out.")
    return Check("folder of the runs", said)


def _disk(out_folder: Path) -> Check:
    free = shutil.disk_usage(_existing(out_folder)).free
    said = f"{free / GIGABYTE:.1f} GB free"
    if free < LEAST_DISK:
        return Check("disk", said, "warning", "Free some space, or choose another folder with --out.")
    return Check("disk", said)


def _ledger(out_folder: Path) -> Check:
    if not (out_folder / FILE).exists():
        return Check("ledger", "none yet")
    try:
        with Ledger(out_folder, readonly=True) as ledger:
            return Check("ledger", count(len(ledger.runs()), "run"))
    except GoodfitError as error:
        return Check("ledger", error.problem, "problem", error.repair)


def _dependencies() -> Iterator[Check]:
    """The version of every package goodfit needs."""
    for requirement in metadata.requires("goodfit") or ():
        if "extra ==" in requirement:
            continue
        name = requirement.split(";")[0].split(">")[0].split("[")[0].strip()
        if name == "torch":
            continue
        try:
            yield Check(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name, "missing", "problem", f"Install it: pip install {name}.")


def _existing(path: Path) -> Path:
    """The path itself, or the nearest parent that is there."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _print(checks: list[Check]) -> None:
    console = out()
    width = max(len(check.name) for check in checks) + 2
    styles = {"ok": "", "warning": "yellow", "problem": "bold red"}
    for check in checks:
        mark = "" if check.state == "ok" else f"{check.state}: "
        console.print(line(f"{check.name:<{width}}{mark}{check.value}", styles[check.state]), soft_wrap=True)
        if check.advice:
            console.print(line(f"{'':<{width}}{check.advice}"), soft_wrap=True)
    found = [check.state for check in checks if check.state != "ok"]
    console.print(f"\n{len(found)} to look at." if found else "\nAll is well.")
