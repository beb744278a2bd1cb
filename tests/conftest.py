"""Fixtures every room uses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def shared_data() -> Path:
    """Real data kept beside the repository; tests that need them skip where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared data sets are not here")
    return SHARED
