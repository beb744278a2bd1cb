"""The number of threads is chosen by what a trial shows, and the trial leaves no trace."""

from __future__ import annotations

import pytest
import torch

from goodfit.training import fit, pace, quickest_threads
from tests.tasks import line, recipe, tokens


@pytest.mark.parametrize(("alone", "together", "chosen"), [(1.0, 0.5, 4), (1.0, 0.95, 1), (1.0, 14.0, 1)])
def test_all_cores_are_taken_only_where_they_are_clearly_quicker(monkeypatch, alone, together, chosen):
    monkeypatch.setattr(pace, "cores", lambda: 4)
    monkeypatch.setattr(pace, "_median_update", lambda *_: alone if torch.get_num_threads() == 1 else together)
    assert quickest_threads(line(), recipe(line())) == chosen


def test_one_core_needs_no_trial(monkeypatch):
    monkeypatch.setattr(pace, "cores", lambda: 1)
    monkeypatch.setattr(pace, "fit", lambda *_: pytest.fail("a trial was run"))
    assert quickest_threads(line(), recipe(line())) == 1


@pytest.mark.parametrize("make", [line, tokens])
def test_a_trial_changes_nothing_of_the_training_after_it(make):
    task, made = make(), recipe(make(), epochs=3)
    before = fit(task, made).curve("validation_loss")
    threads = torch.get_num_threads()
    quickest_threads(task, made)
    assert torch.get_num_threads() == threads
    assert fit(task, made).curve("validation_loss") == before
