"""How often `goodfit.watch` finds something where nothing is wrong.

    python -m bench.watch_findings [--quick] [--out FILE.json]

Trains the healthy runs of `bench.healthy` under the default watch with a plain loop, and reads the findings after 5, 20
and 100 updates and at the end. A run counts once for each kind of finding that it shows at any of these moments.
The threshold of the first updates was chosen on the runs of seed 0, so those of seed 1 are judged.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader

from bench.common import Row, parser, report
from bench.healthy import Job, healthy_jobs
from goodfit import watch

MOMENTS = (5, 20, 100)
LONGEST = 400
"""Updates of a run; what has not come up by then is not waited for."""
KINDS = {
    "dead units": "are dead",
    "saturated activations": "are saturated",
    "large updates": "by",
    "vanishing gradient": "vanishes",
    "no gradient": "gets no gradient",
    "not given to the optimiser": "never moves",
    "not finite": "update",
}
"""A kind of finding by words that only its sentence has; looked for in this order."""


def kind(sentence: str) -> str:
    return next(name for name, words in KINDS.items() if words in sentence)


def batches(run: Job) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    order = torch.Generator().manual_seed(0)
    rows = DataLoader(run["train"], batch_size=run["batch_size"], shuffle=run["shuffle"], generator=order)
    for _ in range(run["epochs"]):
        yield from rows


def findings(run: Job, longest: int = LONGEST) -> set[str]:
    """All that is found in one training at any of the moments."""
    torch.manual_seed(0)
    model = run["model"]().train()
    optimiser = run["optimizer"](model.parameters())
    found: set[str] = set()
    with warnings.catch_warnings(action="ignore"), watch(model, optimiser) as w:
        for update, (x, y) in enumerate(batches(run), 1):
            optimiser.zero_grad()
            run["loss"](model(x), y).backward()
            optimiser.step()
            if update in MOMENTS:
                found |= set(w.findings)
            if update == longest:
                break
    return found | set(w.findings)


def main() -> None:
    options = parser(__doc__).parse_args()
    torch.set_num_threads(1)
    count = 20 if options.quick else 120
    seen: Counter[str] = Counter()
    for name, run in healthy_jobs(count, seed=1):
        found = findings(run)
        seen.update({kind(each) for each in found} | ({"any"} if found else set()))
        for each in sorted(found):
            print(f"{name}: {each}", flush=True)
    rows = [Row(f"runs with {each}", seen[each] / count, unit="share") for each in KINDS]
    rows.append(
        Row("runs with any finding", seen["any"] / count, None, "share", "<= 0.02", seen["any"] <= 0.02 * count)
    )
    report(f"Findings on {count} healthy runs", rows, options.out)


if __name__ == "__main__":
    main()
