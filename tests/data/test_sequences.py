"""Sequences: every format, features learnt from training only, splits without copies, and each refusal."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from goodfit.core.errors import DataError, SettingsError
from goodfit.core.settings import DataSettings
from goodfit.core.task import IGNORED, PARTS, Rows, Task, targets_of
from goodfit.data.demos import DEMOS
from goodfit.data.sequences import load
from goodfit.data.sequences.features import TokenEncoder, TokenRows, learn_encoder, shape

Write = Callable[[str, str], Path]

WORDS = ("the/DET", "cat/NOUN", "sees/VERB", "a/DET", "Dog/NOUN", "runs/VERB", "./PUNCT", "Ann/PROPN", "12/NUM")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str, name: str = "tokens.tsv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode())
        return path

    return written


def sentences(count: int = 12) -> list[list[tuple[str, str]]]:
    """Different sentences of 2 to 7 tokens, each token with its label."""
    pairs = [(word, label) for word, label in (each.split("/") for each in WORDS)]
    return [[pairs[(start + i * (1 + start // 9)) % 9] for i in range(2 + start % 6)] for start in range(count)]


def columns(found: Sequence[Sequence[tuple[str, str]]] | None = None, separator: str = "\t", end: str = "\n") -> str:
    lines = ["".join(f"{token}{separator}{label}{end}" for token, label in each) for each in found or sentences()]
    return end.join(lines)


def conllu(found: Sequence[Sequence[tuple[str, str]]] | None = None) -> str:
    blocks = []
    for number, sentence in enumerate(found or sentences()):
        lines = [f"# sent_id = s{number}\n"]
        for i, (token, label) in enumerate(sentence, 1):
            lines.append(f"{i}\t{token}\t_\t{label}\t{label[0]}\tx=y\t0\troot\t_\t_\n")
        blocks.append("".join(lines))
    return "\n".join(blocks)


def read(source: object, seed: int = 0, **settings: object) -> Task:
    return load(source, DataSettings(**settings), seed)  # type: ignore[arg-type]


def pairs_of(task: Task) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    """All sentences of a task with their labels, put together from what a model and a report get."""
    found = set()
    for part in PARTS:
        targets = targets_of(task.part(part))  # type: ignore[arg-type]
        for tokens, row in zip(task.raw[part], targets, strict=True):
            found.add((tuple(tokens), tuple(task.classes[i] for i in row.tolist() if i != IGNORED)))
    return found


EXPECTED = {tuple(zip(*each, strict=True)) for each in sentences()}


@pytest.mark.parametrize(
    "content",
    [
        columns(),
        columns(separator=" "),
        columns(separator="  \t "),
        columns(end="\r\n"),
        columns() + "\n\n \t\n\n",
        "\ufeff# a comment\n\n\n" + columns(),
        columns().replace("\n\n", "\n\n# sent_id = 3\n# text = of 3\n"),
        columns(separator=" ").replace("\n\n", "\n\n# of any length\n"),
        "token\ttag\n" + columns(),
        "-DOCSTART-\tO\n\n" + columns(),
        conllu(),
        conllu()
        .replace("\n\n", "\n1-2\tzum\t_\t_\t_\t_\t_\t_\t_\t_\n\n")
        .replace("\n\n", "\n2.1\t_\t_\t_\t_\t_\t_\t_\t_\t_\n\n"),
    ],
    ids=[
        "tabs",
        "spaces",
        "mixed",
        "windows",
        "blank-lines",
        "bom-comment",
        "comments",
        "free-comments",
        "header",
        "docstart",
        "conllu",
        "multiword",
    ],
)
def test_every_way_of_writing_gives_the_same_sentences(write: Write, content: str) -> None:
    task = read(write(content, "tokens.txt"))
    assert pairs_of(task) == EXPECTED
    assert task.name == "tokens"


def test_gzip_and_lists_give_the_same_sentences(tmp_path: Path) -> None:
    packed = tmp_path / "tokens.tsv.gz"
    packed.write_bytes(gzip.compress(columns().encode(), mtime=0))
    assert pairs_of(read(packed)) == EXPECTED
    lists = [([token for token, _ in each], [label for _, label in each]) for each in sentences()]
    assert pairs_of(read(lists)) == EXPECTED


def test_letters_with_a_label_each(write: Write) -> None:
    words = {"cat": "K AE T", "knee": "- N IY -", "axe": "AE K_S -", "it": "IH T", "tin": "T IH N"}
    task = read(write("".join(f"{word}\t{labels}\n" for word, labels in words.items()), "words.tsv"))
    assert pairs_of(task) == {(tuple(word), tuple(labels.split())) for word, labels in words.items()}
    assert task.signature.inputs == (1,), "shape, first and last letters say nothing more of a letter"


def test_rare_tokens_stand_as_they_are(write: Write) -> None:
    """A ``#`` with a label is a token; U+2028 and no-break spaces are parts of tokens."""
    odd = [[("#", "SYM"), ("#tag", "X"), ("#a=b", "X"), ("a\u2028b", "X"), ("1\u00a0000", "NUM")], *sentences()]
    assert pairs_of(read(write(columns(odd)))) == {tuple(zip(*each, strict=True)) for each in odd}


@pytest.mark.parametrize(
    ("rows", "target", "labels"),
    [
        (["a D O", "b N B-PER"], None, {"O", "B-PER"}),
        (["a D B-NP O", "b N I-NP B-LOC"], None, {"O", "B-LOC"}),
        (["a DET DT", "b NOUN NN"], None, {"DET", "NOUN"}),
        (["a DET DT", "b NOUN NN"], "3", {"DT", "NN"}),
        (["1 a O - -", "2 b B-PER - ann"], None, {"O", "B-PER"}),
        (["7 a x", "9 b y"], None, {"x", "y"}),
    ],
    ids=["bio", "conll2003", "first-after-word", "asked", "numbered", "token-number-by-count"],
)
def test_the_column_of_the_labels(write: Write, rows: list[str], target: str | None, labels: set[str]) -> None:
    content = "\n\n".join(
        "\n".join([*rows[: 1 + i % 2], *rows] if i % 3 else rows[::-1] + rows * i) for i in range(1, 9)
    )
    task = read(write(content + "\n"), target=target)
    assert set(task.classes) == labels


def test_columns_by_name(write: Write) -> None:
    content = "Form\tPOS\tKind\n" + "\n".join(
        f"{t}\t{label}\t{label[0]}\n" for each in sentences() for t, label in each
    )
    assert "PUNCT" in read(write(content.replace("\n\n", "\n", 1)), target="pos").classes
    assert set(read(write(content), target="kind").classes) == {"D", "N", "V", "P"}
    plus = content.replace("Form\tPOS\tKind\n", "# global.columns = FORM UPOS KIND\n")
    assert set(read(write(plus), target="KIND").classes) == {"D", "N", "V", "P"}


def test_conllu_columns_by_name(write: Write) -> None:
    assert set(read(write(conllu()), target="XPOS").classes) == {"D", "N", "V", "P"}
    assert "NOUN" in read(write(conllu())).classes


def folder(tmp_path: Path, **contents: str) -> Path:
    for name, content in contents.items():
        (tmp_path / f"{name}.tsv").write_text(content)
    return tmp_path


def test_a_given_split_is_kept_and_its_copies_are_told(tmp_path: Path) -> None:
    found = sentences(12)
    task = read(folder(tmp_path, train=columns(found[:8]), dev=columns(found[8:10]), test=columns(found[7:12])))
    assert [len(task.raw[part]) for part in PARTS] == [8, 2, 5]
    assert task.raw["test"][0] == [token for token, _ in found[7]]
    assert task.facts["copies"] == "20.0% of the test sentences stand in training too"
    assert "as the files give it" in task.facts["split"]


def test_a_missing_validation_part_is_taken_from_training(tmp_path: Path) -> None:
    found = sentences(12)
    task = read(folder(tmp_path, train=columns(found[:10]), test=columns(found[10:])))
    assert [len(task.raw[part]) for part in PARTS] == [8, 2, 2]
    assert task.raw["test"] == [[token for token, _ in each] for each in found[10:]]


def test_a_label_only_in_test_is_kept_and_told(tmp_path: Path) -> None:
    found = sentences(12)
    strange = [*found[10:], [("hm", "INTJ"), ("hm", "INTJ")]]
    task = read(folder(tmp_path, train=columns(found[:8]), dev=columns(found[8:10]), test=columns(strange)))
    assert task.facts["unseen labels"] == "never in training, so never predicted: INTJ (2)"
    assert "INTJ" in task.classes
    assert int(targets_of(task.test).max()) < task.signature.outputs  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_sentence_never_straddle(write: Write, seed: int) -> None:
    found = [each for i, each in enumerate(sentences(10)) for _ in range(1 + i % 4)]
    task = read(write(columns(found)), seed)
    sides = [{tuple(tokens) for tokens in task.raw[part]} for part in PARTS]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]
    assert sum(len(task.raw[part]) for part in PARTS) == len(found)


def test_same_seed_same_task_and_another_seed_another_split(write: Write) -> None:
    path = write(columns(sentences(40)))
    assert read(path, 0).fingerprint == read(path, 0).fingerprint
    assert read(path, 0).raw["test"] != read(path, 1).raw["test"]


def test_rows_are_padded_codes_with_masks(write: Write) -> None:
    task = read(write(columns(sentences(30))))
    for part in PARTS:
        rows = task.part(part)
        assert isinstance(rows, Rows)
        assert rows.lengths is not None
        assert rows.inputs.dtype == rows.targets.dtype == torch.int64
        assert rows.inputs.shape == (*rows.targets.shape, *task.signature.inputs)
        inside = torch.arange(rows.targets.shape[1]) < rows.lengths[:, None]
        assert ((rows.inputs > 0) == inside[..., None]).all()
        assert ((rows.targets == IGNORED) == ~inside).all()
        assert (rows.inputs < torch.tensor(task.signature.categories)).all()
        assert rows.lengths.tolist() == [len(tokens) for tokens in task.raw[part]]
        inputs, targets = rows.batch(torch.tensor([2, 0]))
        longest = int(rows.lengths[[2, 0]].max())
        assert torch.equal(inputs, rows.inputs[[2, 0], :longest])
        assert torch.equal(targets, rows.targets[[2, 0], :longest])
        assert torch.equal(rows[1][0], rows.inputs[1, : int(rows.lengths[1])])


def test_feature_0_is_the_whole_word_and_unknown_words_share_a_code(tmp_path: Path) -> None:
    train = [[("Cat", "N"), ("cat", "N")], [("cats", "N"), ("sat", "V")], [("it", "P"), ("Bat", "N")]]
    test = [[("cat", "N"), ("mat", "N"), ("hog", "N")]]
    task = read(folder(tmp_path, train=columns(train), dev=columns(train[:1]), test=columns(test)))
    known = task.train.inputs[..., 0]  # type: ignore[attr-defined]
    assert len(known.unique()) == 6, "every training word has its own code"
    codes = task.test.inputs[0]  # type: ignore[union-attr]
    assert codes[:, 0].tolist() == [int(known[0, 1]), 1, 1]
    assert (codes[1, 1:] > 1).any(), "of an unknown word its last letters are known"
    assert (codes[2, 1:] == 1).any()


def test_vocabularies_come_from_training_only() -> None:
    encoder = learn_encoder([["cat", "cow"], ["Cat", "Dogs"]])
    assert set(encoder.vocabularies[0].codes) == {"cat", "cow", "Cat", "Dogs"}
    named = {each.name: each.codes for each in encoder.vocabularies}
    assert set(named["first 1"]) == {"c"}
    assert set(named["lower case"]) == {"cat"}


@pytest.mark.parametrize(
    ("word", "drawn"),
    [("cat", "xx"), ("Cat", "Xxx"), ("NATO", "XX"), ("U.S.", "X.X."), ("2,000", "d,dd"), ("Çağ", "Xxx"), ("...", "..")],
)
def test_shape(word: str, drawn: str) -> None:
    assert shape(word) == drawn


def test_encode_gives_the_codes_of_the_task(write: Write) -> None:
    task = read(write(columns(sentences(30))))
    assert task.encode is not None
    encoded = task.encode(task.raw["test"])
    assert torch.equal(encoded, task.test.inputs)  # type: ignore[union-attr]
    assert task.encode([["zebra"]])[0, 0, 0] == 1
    with pytest.raises(DataError, match="list of its tokens"):
        task.encode(["the cat"])
    with pytest.raises(DataError, match="list of its tokens"):
        task.encode("the cat")


def test_words_are_encoded_as_letters_where_letters_are_labelled() -> None:
    task = read([(list(word), list(word.upper())) for word in ("cat", "dog", "act", "god", "tac")])
    assert isinstance(task.encode, TokenEncoder)
    assert task.encode(["cat", "x"]).shape == (2, 3, 1)


def test_rows_store_each_different_token_once() -> None:
    rows = learn_encoder([["a"] * 50] * 100).rows([["a"] * 50] * 100, [[0] * 50] * 100)
    assert isinstance(rows, TokenRows)
    assert len(rows.table) == 2


BAD: dict[str, tuple[str, dict[str, object], tuple[str, ...]]] = {
    "a token without label": (columns() + "\nlost\n", {}, ("line 67", "'lost' has no label", "Give it a label")),
    "only tokens": ("the\ncat\n\nsat\n", {}, ("line 1", "'the' has no label", "the token, a tab, its label")),
    "an empty label": (columns() + "\nlost\t\n", {}, ("line 67", "'lost' has no label in column 2 of 2", "--target")),
    "ragged": (columns() + "\nred\tA\tB\n", {}, ("line 67", "3 columns found, 2 expected", "lines alike")),
    "letters and labels": ("cat\tK AE T\nknee\tN IY\n", {}, ("line 2", "4 letters but 2 labels", "silent one '-'")),
    "letters without": ("cat\tK AE T\nto\n", {}, ("line 2", "'to' has no label")),
    "empty": ("", {}, ("the file is empty",)),
    "blank": ("\n \n", {}, ("the file is empty",)),
    "comments only": ("# one\n# two\n", {}, ("comments only", "a line with its label")),
    "no blank lines": ("a\tX\nb\tY\n" * 150, {}, ("no blank line", "300 tokens", "blank line after each sentence")),
    "one short sentence": ("a\tX\nb\tY\n", {}, ("only 1 different sentence", "blank line after each sentence")),
    "copies only": ("a\tX\nb\tY\n\n" * 9, {}, ("only 1 different sentence",)),
    "one label": (columns([[(t, "O") for t, _ in s] for s in sentences()]), {}, ("label 'O'", "--target")),
    "too many labels": (
        "\n".join(f"w\tL{i}\n" for i in range(3)) + "\n" + "\n".join(f"w{i}\tL{i}\n" for i in range(2_000)),
        {},
        ("different labels in column 2 of 2, more than 1,000", "--target"),
    ),
    "no such column number": (
        columns(),
        {"target": "4"},
        ("no column '4'", "2 columns", "--target by number, at most 2"),
    ),
    "column nought": (columns(), {"target": "0"}, ("no column '0'",)),
    "no such name": ("word\tpos\n" + columns(), {"target": "poss"}, ("no column 'poss'", "Did you mean 'pos'?")),
    "name without header": (columns(), {"target": "upos"}, ("no column 'upos'", "without names", "--target by number")),
    "no such conllu column": (conllu(), {"target": "upso"}, ("no column 'upso'", "Did you mean 'upos'?")),
    "the tokens themselves": (columns(), {"target": "1"}, ("column 1 holds the tokens themselves", "another --target")),
    "conllu number": (
        conllu() + "\n1\ta\t_\tX" + "\t_" * 6 + "\n3\tb\t_\tX" + "\t_" * 6,
        {},
        ("line 80", "number 3", "2 is due"),
    ),
    "conllu id": (conllu() + "\nx\ta\t_\tX" + "\t_" * 6, {}, ("line 79", "'x' is not a valid ID", "Correct it")),
    "conllu columns": (conllu() + "\n1\ta\tX\n", {}, ("line 79", "3 columns found, 10 expected")),
    "conllu unlabelled": (conllu() + "\n1\ta" + "\t_" * 8, {}, ("line 79", "'a' has no label in column 4", "--target")),
    "conllu without any": (conllu(), {"target": "lemma"}, ("line 2", "has no label in column 3 of 10 (lemma)")),
    "a giant": (columns() + "\n" + "a\tX\n" * 100_000, {}, ("line 67", "100,000 tokens", "1,000", "Put blank lines")),
    "a giant word": ("cat\tK AE T\n" + "a" * 2000 + "\t" + "A " * 2000, {}, ("line 2", "2,000 tokens", "1,000")),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_file_line_and_repair(write: Write, case: str) -> None:
    content, settings, said = BAD[case]
    with pytest.raises(DataError) as caught:
        read(write(content, "bad.tsv"), **settings)
    message = str(caught.value)
    assert message.startswith("bad.tsv")
    assert caught.value.repair
    for words in said:
        assert words in message


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a\tX\n\nb\tY\n\xff\xfec\tX\n", "line 4"),
        (b"\x00\x01\x02\x7fELF" * 20, "binary"),
        (b"\x1f\x8b\x08\x00broken", "gzip"),
    ],
    ids=["latin", "binary", "gzip"],
)
def test_files_that_are_no_text_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        read(path)
    assert "bad.tsv" in str(caught.value)


def test_the_file_at_fault_is_named(tmp_path: Path) -> None:
    found = sentences(12)
    with pytest.raises(DataError, match=r"test\.tsv, line 2: 3 columns found, 2 expected"):
        read(folder(tmp_path, train=columns(found), test="a\tX\nb\tX\tY\n\n" + columns(found)))


def test_a_folder_without_training_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file named after the training part.*train, dev and test"):
        read(folder(tmp_path, dev=columns(), test=columns()))


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(["a", "b"], ["X"])], "sentence 1: 2 tokens but 1 label"),
        ([(["a"], ["X"]), ([1], ["X"])], "sentence 2: tokens and labels must be strings"),
        ([(["a"] * 1001, ["X"] * 1001)], "sentence 1: .*1,001 tokens"),
        ([], "only 0 different sentences"),
        ([([], [])] * 5, "only 0 different sentences"),
    ],
)
def test_lists_that_cannot_be_used(pairs: list[tuple[list[str], list[str]]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(pairs)


@pytest.mark.parametrize("name", ["group_col", "time_col", "split_col"])
def test_settings_for_tables_are_refused(write: Write, name: str) -> None:
    with pytest.raises(SettingsError, match=f"data.{name}"):
        read(write(columns()), **{name: "x"})


def test_the_demo() -> None:
    demo = DEMOS["tags"]
    task = load(demo.load(), demo.settings)
    assert sum(len(task.raw[part]) for part in PARTS) == 1_500
    assert {"NOUN", "VERB", "PUNCT"} < set(task.classes)


def test_real_files(shared_data: Path) -> None:
    """Figures of the data sets' own READMEs."""
    tags = read(shared_data / "ud-english-ewt")
    assert [len(tags.raw[part]) for part in PARTS] == [12_544, 2_001, 2_077]
    assert sum(map(len, tags.raw["test"])) == 25_094
    assert len(tags.classes) == 17
    assert tags.facts["unknown"].startswith("9.1%")
    letters = read(shared_data / "cmudict-g2p")
    assert [sum(map(len, letters.raw[part])) for part in PARTS] == [177_668, 22_375, 22_308]
    assert len(letters.classes) == 48
    names = read(shared_data / "uner-english-ewt" / "dev.iob2")
    assert set(names.classes) == {"O", *(f"{edge}-{kind}" for edge in "BI" for kind in ("PER", "LOC", "ORG"))}
    assert names.raw["train"][0][0].isalpha()
    emerging = read(shared_data / "wnut17")
    assert [sum(map(len, emerging.raw[part])) for part in PARTS] == [62_730, 15_733, 23_394]


@pytest.mark.parametrize("pairs", [[1, 2, 3], ["word"], [(["a"], ["X"], 1)]])
def test_lists_that_hold_no_pairs_are_refused(pairs: list[object]) -> None:
    with pytest.raises(DataError, match=r"sentence 1: .* is no pair of tokens and labels\. Give a list of"):
        load(pairs, DataSettings(kind="sequences"))  # type: ignore[arg-type]
