"""What a run says on its way is written into the ledger, where the live page reads it; a request to stop is heeded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping

from goodfit.core.evidence import Answer
from goodfit.core.progress import Progress
from goodfit.core.step import Event, Step
from goodfit.ledger import Record

LOOK_SECONDS = 0.5
"""How often the ledger is asked for a request to stop: about 20 microseconds each."""
ASKING = "asking "
"""How the stages begin that are questions."""


class Recorded:
    """A `Progress` that also writes into the ledger, and ends the run as Ctrl-C does where the page asks it to.

    It is called at no more updates than the progress it stands before, and there it costs one reading of the clock.
    """

    def __init__(self, progress: Progress, record: Record, facts: Mapping[str, str]) -> None:
        self._progress, self._record, self._looked = progress, record, time.monotonic()
        self.events = frozenset(progress.events) | {Event.FIT_START, Event.EPOCH_END}
        record.note("facts", json.dumps(dict(facts)))

    def stage(self, doing: str) -> None:
        self._progress.stage(doing)
        question = doing.removeprefix(ASKING)
        self._record.note("stage" if question == doing else "asking", question)
        self._heed()

    def inferred(self, facts: Mapping[str, str]) -> None:
        self._progress.inferred(facts)

    def found(self, answer: str) -> None:
        """What the last question found."""
        self._record.note("found", answer)

    def answers(self, path: Iterable[Answer]) -> None:
        """Questions of the guide that are answered."""
        for each in path:
            said = {"question": each.question, "answer": each.answer, "sentence": each.sentence}
            self._record.note("answer", json.dumps(said))

    def __call__(self, step: Step) -> None:
        if step.event in self._progress.events:
            self._progress(step)
        if step.event is Event.FIT_START:
            self._record.note("plan", json.dumps({"updates": step.planned_updates, "epochs": step.planned_epochs}))
        elif time.monotonic() - self._looked >= LOOK_SECONDS:
            self._heed()

    def _heed(self) -> None:
        """KeyboardInterrupt where the page has asked the run to stop."""
        self._looked = time.monotonic()
        if self._record.asked_to_stop():
            raise KeyboardInterrupt
