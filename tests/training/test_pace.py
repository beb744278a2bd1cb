"""The number of threads is chosen by what a trial shows, and the trial leaves no trace."""

from __future__ import annotations

import pytest
import torch

from goodfit.core.step import Event, Step
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


def slow(seconds):
    """A loop whose updates take so many seconds with that many threads, and its clock."""

    def fit(task, recipe, callbacks, *, deadline):
        for update in range(recipe.max_updates):
            now["time"] += seconds[torch.get_num_threads()]
            for callback in callbacks:
                callback(Step(Event.UPDATE, update + 1, 0, None, None))
            if now["time"] > deadline:
                break

    now = {"time": 1000.0}
    return fit, now


@pytest.mark.parametrize(
    ("one", "two", "given", "chosen", "most"),
    [
        (0.02, 5.0, float("inf"), 1, 12.0),  # stopped when it had taken longer than one thread had
        (4.0, 2.0, 10.0, 2, 17.0),  # one update beyond a quarter of the time, in each of four trials
        (4.0, 2.0, -5.0, 2, 12.0),
    ],
)
def test_trials_end_when_they_have_shown_enough_or_used_their_time(monkeypatch, one, two, given, chosen, most):
    fit, now = slow({1: one, 2: two})
    monkeypatch.setattr(pace, "fit", fit)
    monkeypatch.setattr(pace, "cores", lambda: 2)
    monkeypatch.setattr(pace.time, "monotonic", lambda: now["time"])
    assert quickest_threads(line(), recipe(line()), given) == chosen
    assert now["time"] - 1000 <= most


@pytest.mark.parametrize("make", [line, tokens])
def test_a_trial_changes_nothing_of_the_training_after_it(make):
    task, made = make(), recipe(make(), epochs=3)
    before = fit(task, made).curve("validation_loss")
    threads = torch.get_num_threads()
    quickest_threads(task, made)
    assert torch.get_num_threads() == threads
    assert fit(task, made).curve("validation_loss") == before
