"""Changes as lines of PyTorch for a person's own script.

``model``, ``optimizer`` and ``scheduler`` are the objects as built, ``loss`` the function, ``train`` and ``val`` data
sets of (input, target), ``batch_size`` and ``epochs`` numbers, as in a job; ``torch`` and ``nn`` are imported. What
changes the network stands before the line that makes the optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

SOME_ROWS = "x = torch.stack([train[i][0] for i in range(min(64, len(train)))])"
INPUTS = "inputs, targets = (torch.stack([torch.as_tensor(row[i]) for row in train]) for i in (0, 1))"
"""The training rows as two tensors."""
PAIRED = "train = torch.utils.data.TensorDataset(inputs, targets)"
UNITS = {"relu": "nn.ReLU", "leaky_relu": "nn.LeakyReLU", "gelu": "nn.GELU", "elu": "nn.ELU", "silu": "nn.SiLU"}
HIDDEN = "(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid)"
NORMS = "(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)"
ENDS = {"softmax": "nn.Softmax(dim=1)", "log_softmax": "nn.LogSoftmax(dim=1)", "sigmoid": "nn.Sigmoid()"}


def of_model(edits: Mapping[str, Any]) -> str:
    """Lines for edits by the names of `goodfit.models.surgery.EDITS`."""
    return "\n".join(MODEL[name](value) if name in MODEL else _as_built(name, value) for name, value in edits.items())


def of_optimizer(edits: Mapping[str, Any]) -> str:
    """Lines for edits by the names of `goodfit.training.optimizers.adjusted`."""
    return "\n".join(OPTIMIZER[name](value) for name, value in edits.items())


def of_recipe(edits: Mapping[str, Any]) -> str:
    """Lines for fields of `goodfit.core.recipe.Recipe`."""
    return "\n".join(RECIPE[name](value) for name, value in edits.items() if name in RECIPE)


def course(share: float, then: str = "1.0") -> str:
    """A rate that rises over a ``share`` of the updates; ``then`` is its factor by the progress ``p`` from there."""
    return f"""import math

updates = epochs * math.ceil(len(train) / batch_size)
rising = max(1, round({share:g} * updates))


def factor(update):
    p = min(1.0, (update - rising) / max(1, updates - rising))
    return (update + 1) / rising if update < rising else {then}


scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)  # scheduler.step() after each optimizer.step()"""


# --- the network


def _as_built(name: str, value: Any) -> str:
    """goodfit's own edit of a network as built, for what is best written into the network itself."""
    return f"""# {WRITTEN[name]};
# the same edit of a network as it is built:
from goodfit.models.surgery import rebuilt

{SOME_ROWS}
built = model
model = rebuilt(lambda: built, x, {name}={value!r})"""


WRITTEN = {
    "width": "write other numbers of units into the layers",
    "depth": "write one more layer of the same width behind the first hidden one",
    "residual": "in forward, add the input of each hidden block to its output: x = x + block(x)",
    "stand_in": "write a plain network of the usual kind for such data",
    "attached": "take detach(), .data and torch.no_grad() out of forward",
    "unpadded": "cut rows at their true lengths, or mask the padding in means and states",
    "position": "add a learnt vector for each place to the embedded inputs: x = embed(x) + place[: x.shape[1]]",
    "start": "load the weights that the training ended with, moved along the direction of negative curvature",
}


def _swapped(kinds: str, new: str, said: str) -> str:
    """Every module of some kinds for another, which may be made from ``child``."""
    return f"""for parent in list(model.modules()):  # {said}
    for name, child in list(parent.named_children()):
        if isinstance(child, {kinds}):
            setattr(parent, name, {new})"""


def _activation(kind: str) -> str:
    unit = UNITS.get(kind, "nn.ReLU")
    return _swapped(HIDDEN, f"{unit}()", f"hidden ones only; where forward calls a function, write {unit}() there")


def _dropout(p: float) -> str:
    if not p:
        return _swapped("nn.Dropout", "nn.Identity()", "and dropout=0 where a layer takes it")
    dropped = f"nn.Sequential(child, nn.Dropout({p:g}))"
    return _swapped(HIDDEN, dropped, "after hidden activations; or set p where there is dropout already")


def _normalisation(kind: str) -> str:
    if kind == "momentum":
        return _swapped(NORMS, "type(child)(child.num_features)", "torch's momentum, epsilon and running statistics")
    if kind == "none":
        return _swapped(NORMS, "nn.Identity()", "no batch normalisation")
    flat, picture = {
        "batch": ("nn.BatchNorm1d({})", "nn.BatchNorm2d({})"),
        "layer": ("nn.LayerNorm({})", "nn.GroupNorm(1, {})"),
        "group": ("nn.GroupNorm(1, {})", "nn.GroupNorm(8, {})"),
    }[kind]
    return f"""*hidden, last = [each for each in model.modules() if isinstance(each, (nn.Linear, nn.Conv2d))]
for parent in list(model.modules()):  # in place of batch normalisation, where there is one already
    for name, child in list(parent.named_children()):
        if child in hidden and isinstance(child, nn.Conv2d):
            setattr(parent, name, nn.Sequential(child, {picture.format("child.out_channels")}))
        elif child in hidden:
            setattr(parent, name, nn.Sequential(child, {flat.format("child.out_features")}))"""


def _output(kind: str) -> str:
    if kind == "none":
        return "model[-1] = nn.Identity()  # or let forward return what its last linear layer gives"
    return f"model = nn.Sequential(model, {ENDS.get(kind, 'nn.Identity()')})  # in place of any other activation there"


def _initialisation(how: str) -> str:
    if how == "default":
        return """for layer in model.modules():
    if hasattr(layer, "reset_parameters"):
        layer.reset_parameters()"""
    if how == "he":
        return """for layer in model.modules():
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)"""
    return f"""# orthogonal weights, each layer's divided by the deviation of what it gives for a batch (LSUV)
from goodfit.models.surgery import rebuilt

{SOME_ROWS}
built = model
model = rebuilt(lambda: built, x, initialisation={how!r})"""


def _trainable(which: str) -> str:
    return """for parameter in model.parameters():
    parameter.requires_grad_(True)
# layers in a plain list or dict: put them into nn.ModuleList or nn.ModuleDict, so that parameters() reaches them"""


def _standardised(statistics: Any) -> str:
    return f"""{INPUTS}
axes = [0, *range(2, inputs.ndim)] if inputs.ndim > 3 else [0, 1] if inputs.ndim == 3 else [0]
mean, deviation = inputs.mean(axes, keepdim=True)[0], inputs.std(axes, keepdim=True)[0].clamp_min(1e-9)
train, val = ([((row - mean) / deviation, target) for row, target in part] for part in (train, val))"""


def _without(columns: tuple[int, ...]) -> str:
    return f"""def without(row, columns=({", ".join(map(str, columns))},)):
    row = row.clone()
    row[..., list(columns)] = 0
    return row


train, val = ([(without(row), target) for row, target in part] for part in (train, val))"""


MODEL: Mapping[str, Callable[[Any], str]] = {
    "activation": _activation,
    "dropout": _dropout,
    "normalisation": _normalisation,
    "output": _output,
    "initialisation": _initialisation,
    "trainable": _trainable,
    "standardise": _standardised,
    "without": _without,
}


# --- the optimiser


def _in_groups(assignment: str) -> str:
    return f"for group in optimizer.param_groups:\n    {assignment}"


def _rate(factor: float) -> str:
    exact = float(f"{factor:g}") == factor
    return _in_groups(f'group["lr"] *= {factor:g}' if exact else f'group["lr"] /= {1 / factor:g}')


def _complete(value: bool) -> str:
    return """held = {id(each) for group in optimizer.param_groups for each in group["params"]}
missing = [each for each in model.parameters() if id(each) not in held]
settings = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
optimizer.add_param_group({**settings, "params": missing})  # or make it of model.parameters() in the first place"""


OPTIMIZER: Mapping[str, Callable[[Any], str]] = {
    "rate_factor": _rate,
    "weight_decay": lambda value: _in_groups(f'group["weight_decay"] = {value:g}'),
    "momentum": lambda value: _in_groups(f'group["momentum"] = {value:g}'),
    "complete": _complete,
    "adaptive": lambda rate: f"optimizer = torch.optim.Adam(model.parameters(), lr={rate:g})",
}


# --- the training

RECIPE: Mapping[str, Callable[[Any], str]] = {
    "batch_size": lambda size: f"batch_size = {size}",
    "epochs": lambda count: f"epochs = {count}",
    "clip": lambda norm: (
        f"nn.utils.clip_grad_norm_(model.parameters(), {norm:g})  # between loss.backward() and optimizer.step()"
    ),
    "shuffle": lambda value: (
        f"loader = torch.utils.data.DataLoader(train, batch_size=batch_size, shuffle={bool(value)})"
    ),
    "schedule": lambda name: "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: 1.0)",
    "warmup": course,
}


# --- targets, losses and parts

STANDARDISED_TARGETS = """targets = torch.stack([torch.as_tensor(target) for _, target in train])
mean, deviation = targets.mean(0), targets.std(0).clamp_min(1e-12)
train, val = ([(row, (target - mean) / deviation) for row, target in part] for part in (train, val))
# a prediction in the old unit: model(row) * deviation + mean"""
RESPLIT = """rows = torch.utils.data.ConcatDataset([train, val])
train, val = torch.utils.data.random_split(rows, [len(train), len(val)], torch.Generator().manual_seed(0))"""
SPLIT_IN_TIME = """rows = [*train, *val]  # in the order of time
cut, reach = len(train), rows[0][0].shape[0]  # a window reaches over so many steps
train, val = rows[: cut - reach], rows[cut:]"""
SHIFTED = """# {said}
targets = [target for _, target in train]
train = [(row, {target}) for i, (row, _) in enumerate(train)]"""


def suited_loss(strip: bool) -> str:
    ends = _output("none") + "\n" if strip else ""
    return f"""{ends}loss = nn.CrossEntropyLoss()  # for class numbers
# nn.BCEWithLogitsLoss() for 0 and 1, nn.MSELoss() for real numbers: outputs and targets in one shape"""


def class_weights(power: float) -> str:
    of = "" if power == 1 else f" ** {power:g}"
    return f"""targets = torch.stack([torch.as_tensor(target) for _, target in train])
counts = torch.bincount(targets.flatten()).clamp_min(1)
loss = nn.CrossEntropyLoss(weight=(counts.sum() / (counts * len(counts))){of})"""


def masked_padding(value: float, axis: int) -> str:
    inner = "row if row.ndim == 1 else row.flip(0)" if axis == 2 else "row"
    return f"""def masked(row, target):
    padding = ({inner} == {value:g}).reshape(len(target), -1).all(1)
    return row, target.masked_fill(padding, -100)


train, val = ([masked(row, target) for row, target in part] for part in (train, val))"""


def realigned(shift: int, backwards: bool) -> str:
    """Targets ``shift`` rows further down than the inputs they belong to, or in the opposite order."""
    if backwards:
        return SHIFTED.format(said="targets stand in the opposite order", target="targets[-1 - i]")
    target = f"targets[(i + {shift}) % len(targets)]"
    return SHIFTED.format(said="find the line that shifts one of the two against the other", target=target)


def left_out(rows: Sequence[int]) -> str:
    """Without the rows of these numbers."""
    return f"""doubtful = set({list(rows)})
train = torch.utils.data.Subset(train, [i for i in range(len(train)) if i not in doubtful])"""
