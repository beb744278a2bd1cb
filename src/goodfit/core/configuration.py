"""Settings from a file, the environment and the command line, merged and checked.

Later layers win: defaults < file (YAML or TOML, or a mapping from Python) < ``GOODFIT_*`` < flags. Every value
keeps the place it came from until it has been checked, so that an error can name it::

    goodfit.yaml, line 7: The 'training.rate' setting must be a number greater than 0. Got 'fast' instead.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import textwrap
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from goodfit.core.errors import SettingsError, did_you_mean
from goodfit.core.settings import Section, Settings

PREFIX = "GOODFIT_"
SYNONYMS = {
    "lr": "training.rate",
    "learning_rate": "training.rate",
    "optimiser": "training.optimizer",
    "batch": "training.batch_size",
    "normalization": "model.normalisation",
    "layers": "model.depth",
    "units": "model.width",
}
"""Other people's names for our settings, for 'did you mean'."""

_NULL = ("", "~", "null", "Null", "NULL")


class Plain(str):
    """Text a person wrote without quotes: the setting it is for decides whether it is text or a number."""

    __slots__ = ()


@dataclass(frozen=True)
class Given:
    """One value for one setting, and the place to name where it is wrong."""

    key: str
    value: Any
    where: str


@dataclass(frozen=True)
class Wanted:
    """What the value of a setting must be."""

    type: Literal["bool", "int", "float", "text", "texts"]
    choices: tuple[str, ...] = ()
    bounds: str = ""

    def __str__(self) -> str:
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        names = {"bool": "true or false", "int": "a whole number", "float": "a number"}
        return (names.get(self.type, "text" if self.type == "text" else "a list of texts") + " " + self.bounds).strip()


def wanted(field: FieldInfo) -> Wanted:
    """What the field's annotation and bounds ask for."""
    union = get_origin(field.annotation) in (Union, types.UnionType)
    options = get_args(field.annotation) if union else (field.annotation,)
    kind = next(option for option in options if option is not type(None))
    if get_origin(kind) is Literal:
        return Wanted("text", choices=get_args(kind))
    if get_origin(kind) is tuple:
        return Wanted("texts")
    names: dict[Any, Literal["bool", "int", "float", "text"]] = {bool: "bool", int: "int", float: "float", str: "text"}
    return Wanted(names[kind], bounds=_bounds(field))


def _fields(section: type[Section], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _bounds(field: FieldInfo) -> str:
    words = {"gt": "greater than", "ge": "of at least", "lt": "less than", "le": "at most"}
    found = {
        word: limit for each in field.metadata for word in words if (limit := getattr(each, word, None)) is not None
    }
    if found.keys() == {"ge", "le"}:
        return f"from {found['ge']} to {found['le']}"
    return " and ".join(f"{words[word]} {limit}" for word, limit in found.items())


FIELDS = dict(_fields(Settings, ""))
"""Every setting by its dotted key, in the order of the documentation."""
SECTIONS = tuple(dict.fromkeys(key.split(".")[0] for key in FIELDS if "." in key))


def from_file(path: str | Path) -> list[Given]:
    """The settings in a YAML file, or a TOML file where the name ends in ``.toml``."""
    name = os.fspath(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = "`goodfit init` writes one to start from."
        raise SettingsError("There is no such file of settings", hint, where=name) from None
    except (IsADirectoryError, UnicodeDecodeError, PermissionError) as error:
        problem = "The bytes are not UTF-8 text" if isinstance(error, UnicodeError) else str(error.strerror)
        raise SettingsError(problem, "Settings are read from a YAML or TOML file.", where=name) from None
    return from_toml(text, name) if name.endswith(".toml") else from_yaml(text, name)


def from_yaml(text: str, name: str = "settings") -> list[Given]:
    """The settings in a YAML text; numbers and truth values as in YAML 1.2, so ``3e-4`` is a number."""
    lines: dict[str, int] = {}
    values = _yaml(text, name, lines)
    if _empty(values):
        return []
    found = from_mapping(values, name)
    return [replace(each, where=f"{name}, line {lines[each.key]}") if each.key in lines else each for each in found]


def from_toml(text: str, name: str = "settings") -> list[Given]:
    """The settings in a TOML text."""
    try:
        return from_mapping(tomllib.loads(text), name)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"This is not TOML: {error}", where=name) from None


def from_mapping(values: Any, name: str = "settings") -> list[Given]:
    """The settings in a nested mapping; a key may also be dotted: ``{"training.rate": 3e-4}``."""
    if not isinstance(values, Mapping):
        raise SettingsError(f"Settings must be keys with values, such as 'seed: 3'. Got {_shown(values)}", where=name)
    found: list[Given] = []
    for key, value in values.items():
        if key in SECTIONS and isinstance(value, Mapping):
            found += [Given(f"{key}.{inner}", each, name) for inner, each in value.items()]
        elif key not in SECTIONS or not _empty(value):
            found.append(Given(str(key), value, name))
    return found


def from_environment(environ: Mapping[str, str]) -> list[Given]:
    """``GOODFIT_SEED=3``, ``GOODFIT_TRAINING__RATE=1e-3`` (two underscores stand for the dot); empty means not set."""
    names = sorted(name for name, value in environ.items() if name.startswith(PREFIX) and value.strip())
    return [Given(name[len(PREFIX) :].lower().replace("__", "."), Plain(environ[name]), name) for name in names]


def from_flag(text: str, flag: str = "--set") -> Given:
    """``training.rate=3e-4``, as given to ``--set``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"Expected KEY=VALUE, got {text!r}", "For example: --set training.rate=3e-4", where=flag)
    return Given(key.strip(), Plain(value), f"{flag} {text}")


def resolve(
    config: str | Path | Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    flags: Iterable[Given] = (),
) -> Settings:
    """Defaults < ``config`` < ``environ`` < ``flags``, checked.

    ``data.path`` and ``out`` are taken as they stand: a relative path starts at the current directory,
    not at the file's, as for a path typed on the command line.
    """
    if config is None:
        given: list[Given] = []
    else:
        given = from_mapping(config) if isinstance(config, Mapping) else from_file(config)
    return merge(given, from_environment(environ), flags)


def merge(*layers: Iterable[Given]) -> Settings:
    """The settings of all layers, the last one to name a key wins; a wrong value raises `SettingsError`."""
    chosen: dict[str, Given] = {}
    for layer in layers:
        chosen |= {given.key: _read(given) for given in layer}
    values: dict[str, Any] = {section: {} for section in SECTIONS}
    for key, given in chosen.items():
        section, _, name = key.rpartition(".")
        (values[section] if section else values)[name] = given.value
    try:
        return Settings.model_validate(values, strict=True)
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        key = next(key for n in range(len(place), 0, -1) if (key := ".".join(map(str, place[:n]))) in FIELDS)
        raise _wrong(chosen[key]) from None


def _read(given: Given) -> Given:
    """The value in the type its setting asks for, as far as that can be done without guessing."""
    if given.key not in FIELDS:
        raise _unknown(given)
    want = wanted(FIELDS[given.key])
    value = _converted(given.value, want, given.where)
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(replace(given, value=value))
    if given.key == "time" and isinstance(value, str):
        parse_duration(value, where=given.where)
    return replace(given, value=value)


def _converted(value: Any, want: Wanted, where: str) -> Any:
    if isinstance(value, Plain):
        value = _plain(value.strip(), want, where)
    if value is None:
        return None
    match want.type:
        case "texts":
            listed = [value] if isinstance(value, str) else value
            return tuple(_text(each) for each in listed) if isinstance(listed, list | tuple) else listed
        case "text":
            return _text(value)
        case "int" if isinstance(value, float) and value.is_integer():
            return int(value)
        case "bool" if isinstance(value, int) and value in (0, 1):
            return bool(value)
    return value


def _plain(text: str, want: Wanted, where: str) -> Any:
    """What unquoted text means for the setting it is given to."""
    if text in _NULL:
        return None
    if text[0] in "\"'" or (want.type == "texts" and text[0] == "["):
        return _yaml(text, where, {})
    return text if want.type in ("text", "texts") else _scalar(text)


def _scalar(text: str) -> bool | float | str:
    """A number or a truth value where the text is one."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return text


def _text(value: Any) -> Any:
    """Numbers and paths become text, as a column may be called 2019; anything else stays and is refused."""
    if isinstance(value, str | os.PathLike):
        return str(os.fspath(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, Plain) and value in _NULL)


def _yaml(text: str, name: str, lines: dict[str, int]) -> Any:
    """The values in a YAML text, unquoted scalars as `Plain`; ``lines`` is told where each key stands."""
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}, line {mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsError(f"This is not YAML: {problem}", "Each line is 'key: value'.", where=place) from None
    return None if node is None else _value(node, name, "", lines)


def _value(node: yaml.Node, name: str, key: str, lines: dict[str, int]) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return Plain(node.value) if node.style is None else node.value
    if key.count(".") > 3:  # an alias may point to itself
        raise SettingsError("The settings are nested too deeply", where=f"{name}, line {node.start_mark.line + 1}")
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, name, f"{key}.-", lines) for each in node.value]
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        inner = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        if inner in values:
            raise SettingsError(f"The key {inner!r} is given twice", "Keep one.", where=f"{name}, line {line}")
        whole = f"{key}.{inner}".lstrip(".")
        lines[whole] = line
        values[inner] = _value(value_node, name, whole, lines)
    return values


def _wrong(given: Given) -> SettingsError:
    want = wanted(FIELDS[given.key])
    hint = did_you_mean(given.value, want.choices) if isinstance(given.value, str) else ""
    problem = f"The {given.key!r} setting must be {want}. Got {_shown(given.value)} instead"
    return SettingsError(problem, hint if hint.startswith("Did") else "", where=given.where)


def _unknown(given: Given) -> SettingsError:
    if given.key in SECTIONS:
        keys = [key for key in FIELDS if key.startswith(given.key + ".")]
        problem = f"The {given.key!r} setting is a group of settings. Got {_shown(given.value)} instead"
        return SettingsError(problem, f"Set one of its keys, such as {keys[0]!r}.", where=given.where)
    return SettingsError(f"There is no setting {given.key!r}", _suggestion(given.key), where=given.where)


def _suggestion(key: str) -> str:
    """The setting that was meant: the same last word, another tool's word for it, or a near spelling."""
    group, _, last = key.lower().replace("-", "_").rpartition(".")
    by_last = {known.rpartition(".")[2]: known for known in FIELDS}
    words = {known.replace(".", "_"): known for known in (*FIELDS, *SECTIONS)} | SYNONYMS | by_last
    near = difflib.get_close_matches(last, words, n=1)
    meant = words.get(last) or (words[near[0]] if near else None)
    if meant:
        return f"Did you mean {meant!r}?"
    if group in SECTIONS:
        return f"Known: {', '.join(name for name, known in by_last.items() if known.startswith(group + '.'))}."
    return "`goodfit init` writes a file with every setting."


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a group of keys"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def dump_yaml(settings: Settings) -> str:
    """The settings as YAML that `from_yaml` reads back to an equal `Settings`; what is None is left out."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return _dumped({key: value for key, value in values.items() if value != {}}, flow=False)


def commented_yaml(settings: Settings) -> str:
    """A file of settings to start from: every setting with its meaning, those that are None commented out."""
    lines = [_HEAD]
    section = ""
    for key, field in FIELDS.items():
        group, _, name = key.rpartition(".")
        if group != section:
            lines.append(f"\n{group}:" if group else "")
            section = group
        indent = "  " if group else ""
        value = getattr(getattr(settings, group) if group else settings, name)
        lines += textwrap.wrap(_meaning(field), 100, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        lines.append(f"{indent}# {name}:" if value is None else f"{indent}{name}: {_inline(value)}")
    return "\n".join(lines) + "\n"


_HEAD = """\
# Settings for `goodfit run --config FILE`.
# A setting that is commented out is chosen to suit the data. What stands here is overridden by the
# environment (GOODFIT_TRAINING__RATE=1e-3) and by flags (--set training.rate=1e-3).
# Relative paths start at the current directory."""


def _meaning(field: FieldInfo) -> str:
    must = str(wanted(field))
    return f"{field.description} {must[0].upper()}{must[1:]}."


def _inline(value: Any) -> str:
    listed = list(value) if isinstance(value, tuple) else value
    return _dumped(listed, flow=True).removesuffix("...\n").strip()


def _dumped(value: Any, *, flow: bool) -> str:
    style: dict[str, Any] = {"sort_keys": False, "default_flow_style": flow, "width": math.inf}
    readable: str = yaml.safe_dump(value, allow_unicode=True, **style)
    # PyYAML writes some line separators as they are and reads them back as line ends.
    return readable if readable.replace("\n", "").isprintable() else str(yaml.safe_dump(value, **style))


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PIECE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)?\s*", re.I)


def parse_duration(text: str, *, where: str = "") -> float:
    """Seconds in ``90s``, ``5m``, ``1.5h``, ``1h30m`` or ``90`` (a number without a unit counts seconds)."""
    pieces, end = [], 0
    while match := _PIECE.match(text.strip(), end):
        pieces.append((float(match[1]), (match[2] or "")[:1].lower()))
        end = match.end()
    complete = end == len(text.strip()) and (len(pieces) == 1 or all(unit for _, unit in pieces))
    seconds = sum(number * _SECONDS[unit or "s"] for number, unit in pieces)
    if not complete or not 0 < seconds < math.inf:
        must = "a duration greater than 0, such as 90s, 5m or 1h30m"
        raise SettingsError(f"The 'time' setting must be {must}. Got {_shown(text)} instead", where=where)
    return seconds
