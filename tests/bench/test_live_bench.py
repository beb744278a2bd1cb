"""The benchmark of the live page runs on something tiny."""

from __future__ import annotations

from pathlib import Path

from bench.live import Size, figures, filled, paid
from goodfit.ledger import Ledger


def test_each_figure_is_measured_on_a_ledger_of_the_size_that_is_named(tmp_path: Path) -> None:
    size = Size(2, 30, 2)
    record = filled(tmp_path, size)
    rows = [*figures(record, size), paid(record, size, calls=10)]
    assert [row.goal for row in rows] == ["<= 0.5", "<= 0.5", "<= 0.005", "<= 2"]
    assert rows[0].name == "2 runs of 30 points: the list"
    assert all(row.value is not None for row in rows)
    with Ledger(tmp_path, readonly=True) as ledger:
        assert [len(ledger.measurements(entry.id)) for entry in ledger.runs()] == [30, 30]
