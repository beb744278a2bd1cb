"""The options `goodfit run` and `goodfit demo` share, and the settings they stand for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from goodfit.cli.failures import Command
from goodfit.core.configuration import FIELDS, Given, from_flag, wanted

SETTING = {
    "target": "data.target",
    "kind": "data.kind",
    "drop": "data.drop",
    "time_col": "data.time_col",
    "group_col": "data.group_col",
    "split_col": "data.split_col",
    "history": "data.history",
    "size": "data.size",
    "seed": "seed",
    "time": "time",
    "out": "out",
    "deterministic": "deterministic",
}
"""The setting each option stands for."""


def _setting(name: str, metavar: str, panel: str) -> Any:
    """The option for a setting, with the setting's own description."""
    field = FIELDS[SETTING[name]]
    choices = ", ".join(wanted(field).choices)
    text = f"{field.description} ({choices})" if choices else field.description
    return typer.Option("--" + name.replace("_", "-"), metavar=metavar, help=text, rich_help_panel=panel)


def _option(*flags: str, text: str, panel: str, metavar: str = "") -> Any:
    return typer.Option(*flags, metavar=metavar, help=text, rich_help_panel=panel)


JSON_HELP = "Print one JSON document instead of text."
Out = Annotated[str | None, typer.Option("--out", metavar="DIR", help=FIELDS["out"].description)]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help=JSON_HELP)]


@dataclass(frozen=True)
class RunOptions:
    """What can be said on the command line beside the data."""

    target: Annotated[str | None, _setting("target", "COL", "Data")] = None
    kind: Annotated[str | None, _setting("kind", "KIND", "Data")] = None
    drop: Annotated[list[str] | None, _setting("drop", "COL", "Data")] = None
    time_col: Annotated[str | None, _setting("time_col", "COL", "Data")] = None
    group_col: Annotated[str | None, _setting("group_col", "COL", "Data")] = None
    split_col: Annotated[str | None, _setting("split_col", "COL", "Data")] = None
    history: Annotated[int | None, _setting("history", "DAYS", "Data")] = None
    size: Annotated[int | None, _setting("size", "PIXELS", "Data")] = None
    config: Annotated[
        Path | None, _option("--config", metavar="FILE", text="Settings in a YAML or TOML file.", panel="Settings")
    ] = None
    sets: Annotated[
        list[str] | None,
        _option("--set", metavar="KEY=VALUE", text="Any setting, such as training.rate=3e-4.", panel="Settings"),
    ] = None
    print_config: Annotated[
        bool, _option("--print-config", text="Print the merged settings and stop.", panel="Settings")
    ] = False
    seed: Annotated[int | None, _setting("seed", "N", "Settings")] = None
    time: Annotated[str | None, _setting("time", "TIME", "Settings")] = None
    deterministic: Annotated[bool, _setting("deterministic", "", "Settings")] = False
    no_diagnose: Annotated[
        bool, _option("--no-diagnose", text="No experiments: the verdict comes from scores alone.", panel="Settings")
    ] = False
    no_treat: Annotated[bool, _option("--no-treat", text="Name what is wrong, and mend nothing.", panel="Settings")] = (
        False
    )
    out: Annotated[str | None, _setting("out", "DIR", "Output")] = None
    table: Annotated[
        bool, _option("--table", text="Series: errors by history and model, instead of one run.", panel="Output")
    ] = False
    live: Annotated[bool, _option("--live", text="Show the run in a browser while it goes on.", panel="Output")] = False
    as_json: Annotated[bool, _option("--json", text=JSON_HELP, panel="Output")] = False
    quiet: Annotated[bool, _option("--quiet", "-q", text="No progress.", panel="Output")] = False
    verbose: Annotated[
        bool, _option("--verbose", "-v", text="Every stage and epoch; warnings and tracebacks.", panel="Output")
    ] = False

    def given(self) -> Iterator[Given]:
        """The settings these options stand for; an option of its own wins over --set."""
        yield from (from_flag(text) for text in self.sets or ())
        for name, key in SETTING.items():
            value = getattr(self, name)
            if value is not None and value is not False and value != []:
                yield Given(key, value, "--" + name.replace("_", "-"))
        if self.no_diagnose:
            yield Given("diagnose", False, "--no-diagnose")
        if self.no_treat:
            yield Given("treat", False, "--no-treat")


def with_run_options(command: Callable[[Any, RunOptions], None]) -> Command:
    """A command that takes `RunOptions`, as typer has to see it: with one parameter for each of them."""
    first = next(iter(inspect.signature(command, eval_str=True).parameters.values()))
    hints = get_type_hints(RunOptions, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = [
        inspect.Parameter(f.name, keyword, default=f.default, annotation=hints[f.name]) for f in fields(RunOptions)
    ]

    def flat(**values: Any) -> None:
        command(values.pop(first.name), RunOptions(**values))

    flat.__name__, flat.__doc__ = command.__name__, command.__doc__
    flat.__annotations__ = {first.name: first.annotation, **{each.name: each.annotation for each in options}}
    flat.__signature__ = inspect.Signature([first, *options])  # type: ignore[attr-defined]
    return flat
