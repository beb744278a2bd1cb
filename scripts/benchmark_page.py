"""Put the last figures of the benchmarks, as their ``--out`` files hold them, into docs/benchmarks.md.

./dev python -m bench.real --out real.json
./dev python -m bench.training --out training.json
./dev python -m bench.diagnosis --cases bench/jobs --out "diagnosis.own jobs.json"
./dev python scripts/benchmark_page.py real.json training.json "diagnosis.own jobs.json"

What stands behind the first dot of a file's name says what the script was run on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

The last figures of the scripts in `bench/`, run by hand and written here by `scripts/benchmark_page.py`. Every
script takes `--quick` (under a minute) and `--out FILE.json`. A figure against a peer is the median of ratios
measured in turns, A B A B, in one process; its interval is the range from quartile to quartile. Other intervals
are 95 % bootstrap intervals over test rows, and of shares of verdicts Wilson's. The thresholds of a diagnosis were
set while looking at the practice cases and at `bench/jobs`: on jobs that nobody here has seen, verdicts will be right
less often than in these tables. Lightning and skorch are measured where they are installed
(`./dev python -m pip install -c constraints.txt lightning skorch`). The machine is shared:
seconds vary by a factor of two, ratios by about a tenth.
"""


def title(stem: str) -> str:
    script, _, data = stem.partition(".")
    return f"`bench/{script}.py`" + (f", {data}" if data else "")


def section(name: str, found: dict[str, Any]) -> str:
    lines = [f"## {name}", "", f"{found['date']}; {found['machine']}.", ""]
    lines += ["| figure | value | interval | unit | goal | holds |", "|---|---|---|---|---|---|"]
    return "\n".join(lines + [row(each) for each in found["rows"]]) + "\n"


def row(each: dict[str, Any]) -> str:
    value = "not measured" if each["value"] is None else f"{each['value']:.4g}"
    interval = "{:.4g} to {:.4g}".format(*each["interval"]) if each["interval"] else ""
    holds = {True: "yes", False: "**no**", None: ""}[each["holds"]]
    return f"| {each['name']} | {value} | {interval} | {each['unit']} | {each['goal']} | {holds} |"


def main(paths: list[str]) -> None:
    sections = [section(title(Path(path).stem), json.loads(Path(path).read_text())) for path in paths]
    PAGE.write_text("\n".join([HEAD, *sections]))


if __name__ == "__main__":
    main(sys.argv[1:])
