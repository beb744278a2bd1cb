"""What the treatment of a run came to: the scores before and after, whether the mended model took the run's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goodfit.core import card, treatment_card

if TYPE_CHECKING:
    from goodfit.core.statistics import Estimate
    from goodfit.core.task import Part
    from goodfit.core.treatment import Treatment

HIDDEN = ("diagnosis", "test")
"""What the document of a run holds elsewhere: what was found, and the scores in the run's own metric."""


@dataclass(frozen=True, eq=False)
class Repair:
    """The treatment of a run, told. Scores are in the run's own metric."""

    kept: bool
    """Whether the mended model is handed back; else the run is as it would be without a treatment."""
    sentence: str
    """Why it is, or why it is not."""
    treatment: Treatment | None = None
    """None where none could be made."""
    before: Mapping[Part, Estimate] | None = None
    after: Mapping[Part, Estimate] | None = None
    """None where nothing was trained; without the test part where the mended model is not handed back."""
    difference: Mapping[Part, Estimate] | None = None
    """After minus before, on the same rows."""
    options: Mapping[str, str] | None = None
    """Settings of goodfit that make the same changes, by name."""
    unsaid: tuple[str, ...] = ()
    """Changes that no setting says, in words."""

    @property
    def patch(self) -> str:
        """The changes for one's own script, and as settings of goodfit."""
        if self.treatment is None or not self.kept:
            return f"{self.sentence}\n"
        text = treatment_card.patch(self.treatment)
        if self.options:
            lines = [f"  --set {key}={value}" for key, value in self.options.items()]
            text += "\n" + "\n".join(["The same for goodfit run:", *lines]) + "\n"
        if self.unsaid:
            text += "\nNo setting of goodfit says:\n" + "\n".join(f"  - {each}" for each in self.unsaid) + "\n"
        return text

    def to_json(self) -> dict[str, Any]:
        """Everything in plain values; ``docs/json.md`` describes the keys."""
        told = {} if self.treatment is None else self.treatment.to_json()
        return {
            "kept": self.kept,
            "sentence": self.sentence,
            "left": {"cause": told.get("cause"), "sentence": told.get("sentence")} if told else None,
            "scores": {"before": _told(self.before), "after": _told(self.after), "difference": _told(self.difference)},
            "options": dict(self.options or {}),
            "unsaid": list(self.unsaid),
            **{key: value for key, value in told.items() if key not in (*HIDDEN, "cause", "sentence")},
            "patch": self.patch,
        }


def _told(estimates: Mapping[Part, Estimate] | None) -> dict[str, Any] | None:
    return None if estimates is None else {part: card.estimate_json(each) for part, each in estimates.items()}
