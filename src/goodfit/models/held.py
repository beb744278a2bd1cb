"""Everything a network consists of, also what stands in plain lists and dicts, where ``parameters()`` does not look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

_OWN = frozenset(vars(nn.Module()))
_DEPTH = 4
"""How deep lists within lists are searched."""


@dataclass(frozen=True, eq=False)
class Held:
    """A module or trained tensor in a plain place: ``holder[key]`` or the attribute ``key`` of ``holder``."""

    name: str
    owner: nn.Module
    path: str
    """The place as ``owner`` would write it, without ``self.``: ``layers[0]``."""
    value: nn.Module | Tensor
    holder: Any
    key: Any

    def replace(self, new: nn.Module | Tensor) -> bool:
        """Put ``new`` in its place; False where the holder cannot be changed."""
        if isinstance(self.holder, list | dict):
            self.holder[self.key] = new
        elif isinstance(self.holder, tuple | set | frozenset):
            return False
        elif isinstance(self.holder, nn.Module):
            vars(self.holder)[self.key] = new  # setattr would register it
        else:
            setattr(self.holder, self.key, new)
        return True


def held(root: nn.Module) -> list[Held]:
    """Modules and trained leaf tensors held in plain attributes, lists, tuples, dicts and objects, in any submodule."""
    found: list[Held] = []
    seen, queue = set[int](), [("", root)]
    while queue:
        prefix, top = queue.pop(0)
        for name, module in top.named_modules(prefix=prefix):
            if id(module) in seen:
                continue
            seen.add(id(module))
            new = [each for attribute in _plain(module) for each in _search(module, name, *attribute)]
            found += new
            queue += [(each.name, each.value) for each in new if isinstance(each.value, nn.Module)]
    return found


def unregistered(root: nn.Module) -> list[Held]:
    """What `held` finds and ``parameters()`` does not reach: modules with parameters, and trained tensors."""
    reached = {id(each) for each in root.parameters()}
    found: dict[int, Held] = {}
    for each in held(root):
        own = list(each.value.parameters()) if isinstance(each.value, nn.Module) else [each.value]
        if any(id(parameter) not in reached for parameter in own):
            found.setdefault(id(each.value), each)
        reached |= {id(parameter) for parameter in own}
    return list(found.values())


def every_module(root: nn.Module) -> dict[str, nn.Module]:
    """All modules by name, each once, those in plain lists too: ``layers[0]``."""
    found: dict[int, tuple[str, nn.Module]] = {id(module): (name, module) for name, module in root.named_modules()}
    for each in held(root):
        if isinstance(each.value, nn.Module):
            for name, module in each.value.named_modules(prefix=each.name):
                found.setdefault(id(module), (name, module))
    return dict(found.values())


def every_tensor(root: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers by name, each once, of all modules, and trained tensors in plain places."""
    found: dict[int, tuple[str, Tensor]] = {}
    for prefix, module in every_module(root).items():
        own = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
        for name, tensor in own.items():
            found.setdefault(id(tensor), (f"{prefix}.{name}" if prefix else name, tensor))
    for each in held(root):
        if isinstance(each.value, Tensor):
            found.setdefault(id(each.value), (each.name, each.value))
    return dict(found.values())


def _plain(module: nn.Module) -> list[tuple[str, Any, Any, Any]]:
    return [(name, value, module, name) for name, value in vars(module).items() if name not in _OWN]


def _search(
    owner: nn.Module, prefix: str, path: str, value: Any, holder: Any, key: Any, depth: int = 0
) -> Iterator[Held]:
    if isinstance(value, nn.Module) or (isinstance(value, Tensor) and value.requires_grad and value.is_leaf):
        yield Held(f"{prefix}.{path}" if prefix else path, owner, path, value, holder, key)
    elif depth < _DEPTH:
        for place, each, inner in _inside(value):
            yield from _search(owner, prefix, path + place, each, value, inner, depth + 1)


def _inside(value: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(value, list | tuple):
        return [(f"[{i}]", each, i) for i, each in enumerate(value)]
    if isinstance(value, dict):
        return [(f"[{key!r}]", each, key) for key, each in value.items()]
    if isinstance(value, type | FunctionType | MethodType | ModuleType | Tensor) or not hasattr(value, "__dict__"):
        return []
    library = type(value).__module__.split(".")[0] in {"torch", "numpy", "builtins", "functools", "collections"}
    return [] if library else [(f".{name}", each, name) for name, each in vars(value).items()]
