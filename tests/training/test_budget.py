"""A plan for the time there is: whole epochs where they fit, else some updates, never less than one."""

from __future__ import annotations

import pytest

from goodfit.training import within
from tests.tasks import line, recipe


@pytest.mark.parametrize("seconds", [1e-6, 0.0, -30.0])
def test_where_no_time_is_left_one_update_is_planned(seconds):
    """An earlier stage may have used up the budget: 'epoch 1 of -2' was planned."""
    task = line()
    planned = within(task, recipe(task), seconds)
    assert (planned.epochs, planned.max_updates) == (1, 1)
