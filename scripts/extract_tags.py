"""Make src/goodfit/data/embedded/tags.conllu.gz from the wheel of the PyPI package turkish-treebanks.

pip download --no-deps turkish-treebanks==1.0.0
python scripts/extract_tags.py turkish_treebanks-1.0.0-py3-none-any.whl
"""

from __future__ import annotations

import gzip
import sys
import zipfile
from pathlib import Path

EMBEDDED = Path(__file__).resolve().parents[1] / "src" / "goodfit" / "data" / "embedded"
SOURCE = "data/web.conllu"
LICENCE = "turkish_treebanks-1.0.0.dist-info/LICENSE"
SENTENCES = 1_500
KEPT = (0, 1, 3, 4)
"""Columns of CoNLL-U that stay: number, form, UPOS, XPOS. The others become ``_``."""


def evenly(sentences: list[str], count: int) -> list[str]:
    """``count`` sentences at equal distances over the whole file."""
    return [sentences[i * len(sentences) // count] for i in range(count)]


def reduced(sentence: str) -> str:
    """The sentence with its ``sent_id`` and the kept columns."""
    lines = []
    for line in sentence.split("\n"):
        if line.startswith("# sent_id"):
            lines.append(line)
        elif line and not line.startswith("#"):
            lines.append("\t".join(cell if i in KEPT else "_" for i, cell in enumerate(line.split("\t"))))
    return "\n".join(lines)


def main(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(SOURCE).decode("utf-8")
        licence = archive.read(LICENCE)
    sentences = evenly(text.strip().split("\n\n"), SENTENCES)
    content = "\n\n".join(reduced(sentence) for sentence in sentences) + "\n\n"
    # No time and no name in the header: the same wheel gives the same bytes.
    (EMBEDDED / "tags.conllu.gz").write_bytes(gzip.compress(content.encode(), 9, mtime=0))
    (EMBEDDED / "LICENSE-turkish-treebanks").write_bytes(licence)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
