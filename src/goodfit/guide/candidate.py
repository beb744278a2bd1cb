"""A cause in one round of questions, the thresholds it is judged by, and how causes are ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import norm

from goodfit.causes import Cause, Change, Symptom
from goodfit.core.evidence import Evidence, Reading
from goodfit.core.statistics import Estimate
from goodfit.guide.experiments import Effect, Z

SMALL = 0.06
"""A training error below this share of the constant's leaves nothing to be mended in training."""
MATTERS = 0.05
DOUBTFUL = 0.05
"""A change matters if it takes `MATTERS` of the constant's error off the validation rows, and up to `DOUBTFUL` more
where the cause shows no symptom: on healthy runs small gains always exist (bench/false_alarms.py measures how
often the rule is wrong)."""
SHARE = 0.2
"""It must also close this part of the distance to what is known to be reachable."""
MOSTLY_GAP = 4.0
"""A validation error so many times the training error is asked for restraint before causes without a plain symptom."""
PRIOR = 0.35
"""What an effect counts without any symptom; with the full symptom it counts one."""
FAINT = 0.1
"""Symptoms below this are not worth a training."""
HINT = 0.3
"""Symptoms from here on take part in pairs."""
LARGE = 0.15
"""An error so far above what a simple model reaches is unexplained, not healthy."""
LEVEL = 0.05
"""Family-wise error of the changes tried in one round without a plain symptom."""
PLAIN = 0.6
"""A symptom from here on is worth further seeds where one leaves the effect undecided."""
PLAINEST = 0.85
"""A symptom that is a direct measurement of the fault."""
TIE = 0.9
"""A change that reaches this part of the largest gain did as well as the best."""
DATA_CAUSES = frozenset({"data_leak", "bad_labels", "mismatch", "label_noise"})
CHEAPER = ("learning_rate_too_low", "learning_rate_too_high", "too_few_epochs")
"""Causes whose change is cheaper than another network: the guide asks them before it blames the model."""
SHORT_RUNS_MISLEAD = frozenset(
    {"too_few_epochs", "batch_too_large", "learning_rate_too_low", "model_bias", "overfitting"}
)
"""A share of the rows makes fewer updates and is easier to memorise: in short runs their changes always help."""
UNTRUSTED = frozenset({"bad_labels", "mismatch"})
"""With these, validation errors say nothing of training: gains are read on the training rows."""

NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class Candidate:
    """A cause in one round, with what is known of it so far."""

    cause: Cause
    symptom: Symptom
    change: Change | None = None
    effect: Effect | None = None
    gain: Estimate = NOTHING
    value: float = 0.0
    reading: Reading = Reading.INCONCLUSIVE
    reason: str = ""
    partner: str = ""
    """A second cause whose change had to be made along with this one's."""
    confirmed: bool = False
    """Judged with a second seed, or after short runs at full length."""

    @property
    def potential(self) -> float:
        return PRIOR + (1 - PRIOR) * self.symptom.score

    @property
    def p(self) -> float:
        """One-sided probability of such a gain without an effect (normal approximation to its interval)."""
        error = (self.gain.value - self.gain.low) / Z
        return float(norm.sf(self.gain.value / error)) if error > 0 else 1.0

    def evidence(self) -> Evidence:
        return Evidence(
            cause=self.cause.label,
            prediction=self.cause.prediction,
            runs=tuple(f"{t.change}, seed {t.seed}" for t in self.effect.trials) if self.effect else (),
            effect=self.gain,
            reading=self.reading,
            reason=self.reason,
            symptom=round(self.symptom.score, 3),
            seen=self.symptom.sentence,
            change=self.change.words if self.change else "",
            fields=self.change.fields if self.change else (),
            value=round(self.value, 4),
        )


def told(candidate: Candidate) -> str:
    gain = candidate.gain
    return f"{candidate.reading.value}: error {-gain.value:+.0%} [{-gain.high:+.0%}, {-gain.low:+.0%}]"


def ranked(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """For the report: by value, then by what the experiment said, then by symptom."""
    order = {Reading.SUPPORTS: 0, Reading.INCONCLUSIVE: 1, Reading.NOT_ASKABLE: 2, Reading.CONTRADICTS: 3}
    return tuple(sorted(candidates, key=lambda c: (-c.value, order[c.reading], -c.symptom.score)))
