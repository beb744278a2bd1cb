"""What a run writes on its way, and how it is stopped from the page."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import cast

import pytest
from torch import nn
from torch.optim import Optimizer

import goodfit
from goodfit.core.evidence import Answer
from goodfit.core.progress import Silent
from goodfit.core.step import Event, Step
from goodfit.ledger import NOTES, Ledger, Record
from goodfit.live import recorder
from goodfit.live.recorder import Recorded


def step(event: Event, update: int = 0) -> Step:
    return Step(event, update, 0, nn.Linear(1, 1), cast(Optimizer, None), planned_updates=100, planned_epochs=10)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Ledger(tmp_path).start("a", "table", {}, {})


def said(record: Record) -> list[tuple[str, str]]:
    return record._ledger.select("SELECT kind, text FROM notes WHERE run = ? ORDER BY id", record.id)


def test_stages_questions_and_answers_are_written(record: Record) -> None:
    told = Recorded(Silent(), record, {"rows": "5 rows"})
    told.stage("training")
    told(step(Event.FIT_START))
    told.stage("asking too_few_epochs: train longer")
    told.found("nothing")
    told.answers([Answer("training loss", "large", "It is.", {"x": 1.0})])
    assert said(record) == [
        ("facts", '{"rows": "5 rows"}'),
        ("stage", "training"),
        ("plan", '{"updates": 100, "epochs": 10}'),
        ("asking", "too_few_epochs: train longer"),
        ("found", "nothing"),
        ("answer", '{"question": "training loss", "answer": "large", "sentence": "It is."}'),
    ]
    assert {kind for kind, _ in said(record)} <= set(NOTES)


def test_a_request_to_stop_is_heeded_within_half_a_second_and_not_looked_for_at_each_update(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looked = [100.0], []
    monkeypatch.setattr(recorder.time, "monotonic", lambda: now[0])
    told = Recorded(Silent(), record, {})
    monkeypatch.setattr(record, "asked_to_stop", lambda: bool(looked.append(now[0])) or now[0] > 102)
    for update in range(1000):
        now[0] += 0.001
        told(step(Event.UPDATE, update))
    assert len(looked) == 2
    now[0] += 1.1
    with pytest.raises(KeyboardInterrupt):
        told(step(Event.EPOCH_END))


def test_what_watches_nothing_is_not_called_more_often(record: Record) -> None:
    assert Recorded(Silent(), record, {}).events == {Event.FIT_START, Event.EPOCH_END}


def test_a_run_leaves_its_notes_and_is_stopped(tmp_path: Path) -> None:
    data = {"out": str(tmp_path), "training__epochs": 100_000, "training__patience": 100_000, "threads": 1}

    def stop() -> None:
        while True:
            time.sleep(0.05)
            with Ledger(tmp_path) as ledger:
                if ledger.runs() and ledger.measurements(ledger.runs()[0].id):
                    ledger.note(ledger.runs()[0].id, "stop", "")
                    return

    person = threading.Thread(target=stop)
    person.start()
    with pytest.raises(KeyboardInterrupt):
        goodfit.run(config={"data.path": "demo:table"}, **data)
    person.join()
    with Ledger(tmp_path, readonly=True) as ledger:
        entry = ledger.get("latest")
        assert (entry.status, entry.outcome) == ("interrupted", "stopped by the person")
        assert ledger.measurements(entry.id)
        assert "training" in ledger.notes(entry.id, "stage")
        assert json.loads(ledger.notes(entry.id, "plan")[0])["epochs"] == 100_000
        assert "rows" in json.loads(ledger.notes(entry.id, "facts")[0])
