"""One content of each kind."""

from __future__ import annotations

import pytest
from made import KINDS

from goodfit.report.views import Content


@pytest.fixture(params=sorted(KINDS))
def content(request: pytest.FixtureRequest) -> Content:
    return KINDS[request.param]()
