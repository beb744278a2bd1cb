"""What every kind of data has in common: a setting that is not for it is refused, not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from goodfit.core.errors import SettingsError
from goodfit.core.settings import DataSettings
from goodfit.data import load

SERIES = "date,count\n" + "".join(f"2024-{1 + i // 28:02d}-{1 + i % 28:02d},{i % 7}\n" for i in range(300))
TABLE = "a,b,y\n" + "".join(f"{i * i % 101},{i % 7},{'uv'[i % 2]}\n" for i in range(100))
TOKENS = "".join(f"word{i}\tA\nend\tB\n\n" for i in range(40))


@pytest.mark.parametrize(
    ("content", "given", "says"),
    [
        (TABLE, {"target": "y", "size": 16}, r"'data\.size' setting does not apply to a table"),
        (TABLE, {"target": "y", "kind": "table", "history": 7}, r"'data\.history' setting does not apply to a table"),
        (TABLE, {"target": "y", "gaps": "refuse"}, r"'data\.gaps' setting does not apply to a table"),
        (SERIES, {"size": 16}, r"'data\.size' setting does not apply to a series"),
        (SERIES, {"kind": "series", "split_col": "count"}, r"'data\.split_col' setting does not apply to a series"),
        (SERIES, {"objective": "classification"}, r"'data\.objective' setting does not apply to a series"),
        (TOKENS, {"size": 16}, r"'data\.size' setting does not apply to sequences of tokens"),
        (TOKENS, {"kind": "sequences", "history": 3}, r"'data\.history' setting does not apply to sequences"),
    ],
)
def test_a_setting_for_another_kind_of_data_is_refused(tmp_path: Path, content, given, says):
    path = tmp_path / "data.txt"
    path.write_text(content)
    with pytest.raises(SettingsError, match=f"{says}.*Leave it out"):
        load(path, DataSettings(**given))
