"""Remedies as lines of PyTorch for a person's own script, in the names of `goodfit.causes.snippets`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from goodfit.causes import snippets


def relabelled(right: Mapping[int, int]) -> str:
    """Class numbers for the rows whose labels are to be corrected."""
    return f"""right = {dict(right)}
train = [(row, torch.as_tensor(right[i]) if i in right else target) for i, (row, target) in enumerate(train)]"""


def recoded(mapping: Mapping[int, int], factor: float, offset: float) -> str:
    """``mapping`` tells what validation calls a class of training; else validation is factor x training + offset."""
    if mapping:
        code = {theirs: mine for mine, theirs in mapping.items()}
        return f"""code = {code}  # better: one encoder, fitted on the training part, for both
val = [(row, torch.as_tensor(code.get(int(target), int(target)))) for row, target in val]"""
    return f"""targets = torch.stack([torch.as_tensor(target) for _, target in train])
mean, deviation = targets.mean(0), targets.std(0)
val = [(row, ((target - mean) / deviation - {offset:.6g}) / {factor:.6g} * deviation + mean) for row, target in val]"""


def smoothing(amount: float) -> str:
    return f"loss = nn.CrossEntropyLoss(label_smoothing={amount:g})"


def oversampling(power: float) -> str:
    return f"""targets = torch.stack([torch.as_tensor(target) for _, target in train]).flatten()
counts = torch.bincount(targets).double()
times = ((counts.max() / counts.clamp_min(1)) ** {power:g})[targets].round().long()
train = torch.utils.data.Subset(train, torch.arange(len(train)).repeat_interleave(times).tolist())"""


LOGIT_ADJUSTMENT = """targets = torch.stack([torch.as_tensor(target) for _, target in train])
counts = torch.bincount(targets.flatten()).clamp_min(1)
before, shares = loss, (counts / counts.sum()).log()
loss = lambda outputs, targets: before(outputs + shares, targets)"""


def least(share: float) -> str:
    return f"""from sklearn.ensemble import ExtraTreesClassifier  # or ExtraTreesRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

{snippets.INPUTS}
x, held, y, truth = train_test_split(inputs.numpy(), targets.numpy(), random_state=0)
found = permutation_importance(ExtraTreesClassifier().fit(x, y), held, truth, random_state=0).importances_mean
dropped = found.argsort()[: round({share:g} * len(found))].tolist()
kept = torch.tensor([float(i not in dropped) for i in range(len(found))])
train, val = ([(row * kept, target) for row, target in part] for part in (train, val))"""


def augmentation(strengths: Mapping[str, float]) -> str:
    """Random changes of a training batch, by the names of `goodfit.data.augmentation.AUGMENTATIONS`."""
    pictures = [PICTURES[name](strength) for name, strength in strengths.items() if name in PICTURES]
    if pictures:
        made = "".join(f"    {each},\n" for each in pictures)
        return f"""import kornia.augmentation as K

augment = nn.Sequential(
{made})  # in each training step: outputs = model(augment(inputs))"""
    body = "\n".join(f"    {NUMBERS[name].format(strength)}" for name, strength in strengths.items())
    return f"""def augment(inputs):  # in each training step: outputs = model(augment(inputs))
{body}
    return inputs"""


_AFFINE = 'K.RandomAffine({}, padding_mode="border", p=1.0)'
PICTURES: Mapping[str, Callable[[float], str]] = {
    "flip": lambda share: f"K.RandomHorizontalFlip(p={share:g})",
    "flip_vertical": lambda share: f"K.RandomVerticalFlip(p={share:g})",
    "rotate": lambda degrees: _AFFINE.format(f"degrees={degrees:g}"),
    "scale": lambda share: _AFFINE.format(f"degrees=0.0, scale=({1 - share:g}, {1 + share:g})"),
    "shift": lambda share: _AFFINE.format(f"degrees=0.0, translate=({share:g}, {share:g})"),
    "crop": lambda share: f"K.RandomResizedCrop(tuple(train[0][0].shape[-2:]), scale=({(1 - share) ** 2:g}, 1.0))",
    "erase": lambda share: f"K.RandomErasing(scale=(0.02, {share:g}), p=0.5)",
}
NUMBERS = {
    "noise": "inputs = inputs + {:g} * inputs.std(0) * torch.randn_like(inputs)",
    "amplitude": "inputs = inputs * (1 + {:g}) ** (2 * torch.rand(len(inputs), *[1] * (inputs.ndim - 1)) - 1)",
    "word_dropout": "inputs = inputs.masked_fill((inputs != 0) & (torch.rand(inputs.shape) < {:g}), 1)  # 1: unknown",
}

ESCAPE = """from goodfit import critical_point

x, y = (torch.stack([torch.as_tensor(train[i][j]) for i in range(len(train))]) for j in (0, 1))
point = critical_point(model, loss, x, y)  # of the trained model
if point.direction is not None and point.escape is not None:
    learnt = [each for each in model.parameters() if each.requires_grad]
    with torch.no_grad():
        for each, way in zip(learnt, point.direction.split([each.numel() for each in learnt])):
            each += point.escape.step * way.view_as(each)
# then train on from here, with a new optimiser"""

WITHOUT_COPIES = """known = {row.numpy().tobytes() for row, _ in train}
val = [(row, target) for row, target in val if row.numpy().tobytes() not in known]  # near copies are to go as well"""
IMPORTANCE = """from sklearn.linear_model import LogisticRegression

a, b = (torch.stack([row.flatten() for row, _ in part]).numpy() for part in (train, val))
labels = [0] * len(a) + [1] * len(b)
chance = LogisticRegression(C=0.1, max_iter=500).fit([*a, *b], labels).predict_proba(a)[:, 1]
weights = torch.as_tensor(chance / (1 - chance))
sampler = torch.utils.data.WeightedRandomSampler((weights / weights.mean()).clamp(max=10), len(train))
loader = torch.utils.data.DataLoader(train, batch_size=batch_size, sampler=sampler)"""


def aligned(sign: float) -> str:
    factor = "" if sign > 0 else "-"
    return f"""# better: one preprocessing for both
a, b = (torch.stack([row for row, _ in part]) for part in (train, val))
mean, deviation, other, spread = a.mean(0), a.std(0), b.mean(0), b.std(0).clamp_min(1e-9)
val = [({factor}(row - other) / spread * deviation + mean, target) for row, target in val]"""
