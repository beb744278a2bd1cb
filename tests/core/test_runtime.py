"""Measuring must leave the process as it was."""

from __future__ import annotations

import random

import numpy as np
import torch

from goodfit.core.runtime import deterministic, environment, preserved_rng, seed_everything, threads


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_random_numbers_go_on_as_if_nothing_had_been_drawn():
    seed_everything(3)
    with preserved_rng():
        inside = draws()
    assert draws() == inside


def test_threads_and_determinism_are_put_back():
    before = torch.get_num_threads()
    with threads(2), deterministic(True):
        assert torch.get_num_threads() == 2
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_environment_is_plain_values():
    assert all(isinstance(value, str | int) for value in environment().values())
