"""More data from the data there are: random changes of training rows that leave the answer as it is.

Which of them do so hangs on the data (a mirrored digit is no digit, a mirrored shoe is a shoe), and only an experiment
can tell. What cannot be right for a kind of data is refused here, with the reason.

Sources: Shorten & Khoshgoftaar 2019 for pictures; Zhong et al. 2020, "Random Erasing"; Um et al. 2017 for jitter and
scaling of series; Bishop 1995, "Training with noise is equivalent to Tikhonov regularization"; Iyyer et al. 2015 for
word dropout. Kornia is imported when the first batch of pictures is changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from goodfit.core.errors import SettingsError, did_you_mean
from goodfit.core.runtime import preserved_rng
from goodfit.core.task import Batch, Task, count_of
from goodfit.data.sequences.features import UNKNOWN

Edit = Callable[[Tensor, Tensor], Batch]
"""``edit(inputs, targets) -> (inputs, targets)``: a batch of the same shapes."""

LEAST_SIDE = 4
"""A smaller side is no picture's."""
ERASED = 0.5
"""Share of the pictures that have a rectangle erased (Zhong et al. 2020)."""
ASKED_ROWS = 2_000
"""Rows from which the deviation of each feature is taken."""


@dataclass(frozen=True)
class Augmentation:
    """Edits of a training batch, one after the other, by name and strength. A recipe's ``augment``.

    Random numbers are torch's own, so that the seed of a training repeats them. Inputs are not changed in place.
    """

    named: tuple[tuple[str, float], ...]
    edits: tuple[Edit, ...] = field(compare=False, repr=False)

    @property
    def strengths(self) -> Mapping[str, float]:
        return dict(self.named)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Batch:
        for edit in self.edits:
            inputs, targets = edit(inputs, targets)
        return inputs, targets


@dataclass(frozen=True)
class Named:
    """One augmentation: what its strength is, the usual and the largest one, and how it is made for a task."""

    words: str
    strength: str
    usual: float
    most: float
    make: Callable[[Task, float], Edit]
    """`SettingsError` with the reason where it cannot be sound."""


def augmentation(task: Task, wanted: Mapping[str, float | None]) -> Augmentation:
    """The augmentations called ``wanted``, with a strength each or None for the usual one, for the rows of ``task``.

    They are applied in the order of `AUGMENTATIONS`. `SettingsError` for an unknown name, a strength out of bounds, and
    what is not sound for these data.
    """
    for name in wanted:
        if name not in AUGMENTATIONS:
            raise SettingsError(f"There is no augmentation {name!r}", did_you_mean(name, AUGMENTATIONS))
    found = {name: _strength(name, wanted[name]) for name in AUGMENTATIONS if name in wanted}
    edits = tuple(AUGMENTATIONS[name].make(task, strength) for name, strength in found.items())
    return Augmentation(tuple(found.items()), edits)


def suited(task: Task) -> tuple[str, ...]:
    """Names of all augmentations that are not refused for a task. Which of them help, only a training tells."""
    return tuple(name for name in AUGMENTATIONS if not refusal(task, name))


def refusal(task: Task, name: str) -> str:
    """Why an augmentation cannot be sound for a task; empty where it may be."""
    try:
        augmentation(task, {name: None})
    except SettingsError as error:
        return error.problem
    return ""


def read(texts: Sequence[str]) -> dict[str, float | None]:
    """Names with strengths in ``flip`` or ``rotate=5``. `SettingsError` for a strength that is no number."""
    found: dict[str, float | None] = {}
    for text in texts:
        name, equals, strength = (each.strip() for each in text.partition("="))
        try:
            found[name] = float(strength) if equals else None
        except ValueError:
            repair = "Write it as rotate=5."
            raise SettingsError(f"The strength of the augmentation {name!r} is no number: {text!r}", repair) from None
    return found


def written(augment: Augmentation | None) -> tuple[str, ...]:
    """What `read` and `augmentation` turn into an equal one."""
    return () if augment is None else tuple(f"{name}={strength:g}" for name, strength in augment.named)


def _strength(name: str, given: float | None) -> float:
    known = AUGMENTATIONS[name]
    strength = known.usual if given is None else float(given)
    if not 0 < strength <= known.most:
        must = f"greater than 0 and at most {known.most:g}"
        raise SettingsError(
            f"The strength of the augmentation {name!r} must be {must} ({known.strength}). Got {strength:g} instead"
        )
    return strength


def _row(task: Task) -> Batch:
    """The first training row; reading it may draw random numbers."""
    with preserved_rng():
        inputs, target = task.train[0]
    return torch.as_tensor(inputs), torch.as_tensor(target)


def _shape(inputs: Tensor) -> str:
    return f"({', '.join(map(str, inputs.shape))})"


# --- pictures


def _pictures(name: str, task: Task, strength: float) -> Edit:
    inputs, target = _row(task)
    if inputs.ndim == 3 and inputs.shape[-1] < LEAST_SIDE <= min(inputs.shape[:2]):
        raise SettingsError(f"{name!r} needs the channels first, and one row of these inputs is {_shape(inputs)}")
    if inputs.ndim != 3 or min(inputs.shape[1:]) < LEAST_SIDE:
        needed = "(channels, height, width)"
        raise SettingsError(f"{name!r} needs pictures {needed}, and one row of these inputs is {_shape(inputs)}")
    if not inputs.is_floating_point():
        raise SettingsError(f"{name!r} needs pictures of real numbers, and these are {str(inputs.dtype).split('.')[1]}")
    if target.ndim > 1:
        raise SettingsError(f"{name!r} would move the pictures and not their targets, which have places of their own")
    return partial(_picture_edit, name, strength)


def _picture_edit(name: str, strength: float, inputs: Tensor, targets: Tensor) -> Batch:
    """Pictures (rows, channels, height, width), on any scale."""
    change = _kornia(name, strength, inputs.shape[-2], inputs.shape[-1])
    if name != "erase":
        return change(inputs), targets
    # Kornia paints zeros, and on standardised pictures zero is only a fair grey when it is the batch's own mean.
    grey = inputs.mean(dim=(0, 2, 3), keepdim=True)
    return change(inputs - grey) + grey, targets


@cache
def _kornia(name: str, strength: float, height: int, width: int) -> Any:
    from kornia import augmentation as kornia

    # What comes in from outside repeats the border: black is no particular number on a standardised picture.
    affine = partial(kornia.RandomAffine, padding_mode="border", p=1.0)
    left = (1 - strength) ** 2
    make: dict[str, Callable[[], Any]] = {
        "flip": lambda: kornia.RandomHorizontalFlip(p=strength),
        "flip_vertical": lambda: kornia.RandomVerticalFlip(p=strength),
        "rotate": lambda: affine(degrees=strength),
        "scale": lambda: affine(degrees=0.0, scale=(1 - strength, 1 + strength)),
        "shift": lambda: affine(degrees=0.0, translate=(strength, strength)),
        "crop": lambda: kornia.RandomResizedCrop(
            (height, width), scale=(left, 1.0), ratio=(width / height,) * 2, cropping_mode="resample"
        ),
        "erase": lambda: kornia.RandomErasing(scale=(min(0.02, strength), strength), p=ERASED),
    }
    return make[name]()


# --- numbers


def _noise(task: Task, strength: float) -> Edit:
    inputs, _ = _row(task)
    if not inputs.is_floating_point():
        raise SettingsError("'noise' needs real numbers, and these inputs are whole numbers, which may be codes")
    rows = _some_rows(task)
    deviation = rows.std(dim=0, correction=0)
    if inputs.ndim < 2:
        deviation = torch.where(_amounts(rows), deviation, torch.zeros_like(deviation))
    deviation[..., inputs.shape[-1] - len(task.signature.categories) :] = 0.0  # the codes of categories stand last
    if not bool((deviation > 0).any()):
        raise SettingsError("'noise' needs columns of amounts, and all of these are constant, yes or no, or whole")
    return partial(_noise_edit, strength * deviation, inputs.ndim == 2)


def _noise_edit(deviation: Tensor, padded: bool, inputs: Tensor, targets: Tensor) -> Batch:
    noise = torch.randn_like(inputs) * deviation.to(inputs)
    # In a window an exact zero may be padding, by which a network tells where a row ends.
    return torch.where(inputs == 0, inputs, inputs + noise) if padded else inputs + noise, targets


def _some_rows(task: Task) -> Tensor:
    count = count_of(task.train)
    with preserved_rng():
        index = torch.linspace(0, count - 1, min(count, ASKED_ROWS)).long().tolist()
        return torch.stack([torch.as_tensor(task.train[i][0]) for i in index])


def _amounts(rows: Tensor) -> Tensor:
    """Which columns (rows, columns) are surely amounts: more than two values, and not whole numbers alone."""
    whole = (rows == rows.round()).all(dim=0)
    two = ((rows == rows.amin(dim=0)) | (rows == rows.amax(dim=0))).all(dim=0)
    return ~whole & ~two


def _amplitude(task: Task, strength: float) -> Edit:
    inputs, _ = _row(task)
    if task.kind == "series":
        if len(inputs) < 2:
            raise SettingsError("'amplitude' needs windows of several values, and these look back one step")
        return partial(_series_swings, strength)
    if inputs.ndim != 2 or not inputs.is_floating_point():
        raise SettingsError(f"'amplitude' needs windows of a series, and one row of these inputs is {_shape(inputs)}")
    if task.objective == "regression":
        raise SettingsError(
            "'amplitude' would change the windows and not their targets, which may be on the same scale"
        )
    return partial(_window_swings, strength)


def _series_swings(strength: float, inputs: Tensor, targets: Tensor) -> Batch:
    """Larger and smaller swings about the level of goodfit's own windows, in the past and in the value to come.

    `data.series.windows.Window` keeps the level in the last column and arcsinh of the distances from it in the others.
    """
    factor = _factors(strength, inputs)[:, None]
    swings = torch.asinh(torch.sinh(inputs[:, :-1]) * factor)
    return torch.cat([swings, inputs[:, -1:]], dim=1), targets * factor


def _window_swings(strength: float, inputs: Tensor, targets: Tensor) -> Batch:
    return inputs * _factors(strength, inputs)[:, None, None], targets


def _factors(strength: float, inputs: Tensor) -> Tensor:
    """(rows,) between 1 / (1 + strength) and 1 + strength, as often above 1 as below."""
    drawn = 2 * torch.rand(len(inputs), device=inputs.device, dtype=inputs.dtype) - 1
    return torch.exp(math.log1p(strength) * drawn)


# --- words


def _word_dropout(task: Task, strength: float) -> Edit:
    if task.kind != "sequences":
        raise SettingsError("'word_dropout' needs sequences of words whose code for an unknown word is known")
    return partial(_dropped_words, strength)


def _dropped_words(strength: float, inputs: Tensor, targets: Tensor) -> Batch:
    """Codes (rows, length, features): some tokens become unknown in all features; padding stays."""
    real = (inputs != 0).any(dim=-1)
    dropped = real & (torch.rand(real.shape, device=inputs.device) < strength)
    return torch.where(dropped[..., None], UNKNOWN, inputs), targets


def _picture(name: str, words: str, strength: str, usual: float, most: float) -> Named:
    return Named(words, strength, usual, most, partial(_pictures, name))


AUGMENTATIONS: Mapping[str, Named] = {
    "flip": _picture("flip", "Mirror pictures left to right", "share of the pictures", 0.5, 1.0),
    "flip_vertical": _picture("flip_vertical", "Turn pictures upside down", "share of the pictures", 0.5, 1.0),
    "rotate": _picture("rotate", "Rotate pictures", "degrees to either side", 10.0, 180.0),
    "scale": _picture("scale", "Enlarge and shrink pictures", "share of the size", 0.1, 0.9),
    "shift": _picture("shift", "Shift pictures", "share of the sides", 0.1, 0.9),
    "crop": _picture("crop", "Cut a part out of pictures and enlarge it", "share of the sides cut off", 0.2, 0.9),
    "erase": _picture("erase", "Erase a rectangle of pictures", "share of the area", 0.25, 0.9),
    "noise": Named("Add noise to the inputs", "share of each feature's deviation", 0.1, 3.0, _noise),
    "amplitude": Named("Stretch and flatten windows of a series", "share of the size", 0.2, 3.0, _amplitude),
    "word_dropout": Named("Make words unknown", "share of the words", 0.1, 0.9, _word_dropout),
}
"""By name, in the order in which they are applied."""
