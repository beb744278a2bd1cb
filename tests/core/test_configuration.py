"""Settings from a file, the environment and flags: who wins, what is refused, and what is said then."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.core.configuration import (
    FIELDS,
    Given,
    commented_yaml,
    dump_yaml,
    from_environment,
    from_flag,
    from_mapping,
    from_toml,
    from_yaml,
    merge,
    parse_duration,
    resolve,
    wanted,
)
from goodfit.core.errors import SettingsError
from goodfit.core.settings import DataSettings, ModelSettings, Settings, TrainingSettings


def test_nothing_given_is_the_defaults() -> None:
    assert resolve(environ={}) == Settings()


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "goodfit.yaml"
    file.write_text("seed: 1\ntime: 1m\ntraining: {rate: 0.1, epochs: 1, clip: 1}\n")
    environ = {"GOODFIT_SEED": "2", "GOODFIT_TRAINING__RATE": "2e-1", "GOODFIT_TIME": "2m", "PATH": "/bin"}
    got = resolve(file, environ=environ, flags=[from_flag("training.rate=3e-1"), Given("seed", 3, "--seed")])
    assert (got.training.rate, got.seed, got.time, got.training.epochs, got.training.clip) == (0.3, 3, "2m", 1, 1.0)


@pytest.mark.parametrize(
    "text", ["[training]\nrate = 3e-4\n[data]\ndrop = ['a', 'b']\n", "training.rate = 3e-4\ndata.drop = ['a', 'b']\n"]
)
def test_toml(text: str, tmp_path: Path) -> None:
    file = tmp_path / "goodfit.toml"
    file.write_text(text)
    got = resolve(file, environ={})
    assert (got.training.rate, got.data.drop) == (3e-4, ("a", "b"))


def test_a_mapping_from_python_nested_or_dotted() -> None:
    config = {"training.rate": 1e-2, "data": {"path": Path("a") / "b.csv", "drop": ("x",)}}
    got = resolve(config, environ={})
    assert (got.training.rate, got.data.path, got.data.drop) == (1e-2, str(Path("a/b.csv")), ("x",))


def test_an_empty_file_and_an_empty_section_set_nothing() -> None:
    for text in ("", "# nothing\n", "training:\nmodel: ~\n", "---\n"):
        assert merge(from_yaml(text)) == Settings()


def test_null_means_chosen_to_suit_the_data_and_overrides() -> None:
    assert merge(from_yaml("training: {rate: 0.1}"), [from_flag("training.rate=")]).training.rate is None
    assert merge(from_yaml("time:\ntraining:\n  rate: null\n")) == Settings()


def test_an_empty_variable_is_not_set() -> None:
    assert merge(from_environment({"GOODFIT_SEED": " "})) == Settings()


@pytest.mark.parametrize(
    ("text", "value"),
    [("3e-4", 3e-4), ("1E-3", 1e-3), (".5", 0.5), ("1", 1.0), ("+2.", 2.0)],
)
def test_numbers_without_a_dot_are_numbers(text: str, value: float) -> None:
    assert merge([from_flag(f"training.rate={text}")]).training.rate == value
    assert merge(from_yaml(f"training:\n  rate: {text}\n")).training.rate == value
    assert merge(from_environment({"GOODFIT_TRAINING__RATE": text})).training.rate == value


@pytest.mark.parametrize("name", ["007", "1:30", "yes", "no", "2019-01-01", "3e4", "true", "it's", "[red]x[/red]"])
def test_a_column_may_be_called_anything(name: str) -> None:
    assert merge([from_flag(f"data.target={name}")]).data.target == name
    assert merge([Given("data.target", name, "--target")]).data.target == name
    if not name.startswith("["):
        assert merge(from_yaml(f"data:\n  target: {name}\n  drop: [{name}]\n")).data.drop == (name,)


def test_quotes_make_text_of_what_would_mean_nothing() -> None:
    assert merge([from_flag("data.target='null'")]).data.target == "null"
    assert merge(from_yaml("data: {target: 'null'}")).data.target == "null"
    assert merge(from_yaml("data: {target: null}")).data.target is None


@pytest.mark.parametrize(("text", "columns"), [("a", ("a",)), ("[a, 2019]", ("a", "2019")), ("a b", ("a b",))])
def test_a_list_may_be_one_text(text: str, columns: tuple[str, ...]) -> None:
    assert merge([from_flag(f"data.drop={text}")]).data.drop == columns
    assert merge(from_yaml(f"data: {{drop: {text}}}")).data.drop == columns


def test_whole_numbers_and_truth_values() -> None:
    assert merge([from_flag("training.max_updates=1e4")]).training.max_updates == 10_000
    for text, value in {"true": True, "False": False, "1": True, "0": False}.items():
        assert merge([from_flag(f"deterministic={text}")]).deterministic is value


WRONG = {
    "training.rate=fast": "The 'training.rate' setting must be a number greater than 0. Got 'fast' instead.",
    "training.rate=0": "The 'training.rate' setting must be a number greater than 0. Got 0 instead.",
    "training.rate=inf": "must be a number greater than 0. Got inf instead.",
    "training.rate=nan": "must be a number greater than 0. Got nan instead.",
    "training.rate=true": "must be a number greater than 0. Got true instead.",
    "training.epochs=2.5": "must be a whole number of at least 1. Got 2.5 instead.",
    "training.shuffle=yes": "must be true or false. Got 'yes' instead.",
    "data.test=1": "must be a number greater than 0 and less than 1. Got 1 instead.",
    "data.history=4000": "must be a whole number from 1 to 3650. Got 4000 instead.",
    "data.kind=tabel": "'images', 'sequences'. Got 'tabel' instead. Did you mean 'table'?",
    "seed=true": "Got true instead.",
    "seed=": "Got nothing instead.",
    "time=1:30": "The 'time' setting must be a duration greater than 0, such as 90s, 5m or 1h30m. Got '1:30' instead.",
    "training.rat=1": "There is no setting 'training.rat'. Did you mean 'training.rate'?",
    "rate=1": "There is no setting 'rate'. Did you mean 'training.rate'?",
    "training_rate=1": "There is no setting 'training_rate'. Did you mean 'training.rate'?",
    "trainin.rat=1": "Did you mean 'training.rate'?",
    "lr=1": "There is no setting 'lr'. Did you mean 'training.rate'?",
    "model.rate=1": "There is no setting 'model.rate'. Did you mean 'training.rate'?",
    "training.zzzz=1": "There is no setting 'training.zzzz'. Known: optimizer, rate,",
    "zzzz=1": "There is no setting 'zzzz'. `goodfit init` writes a file with every setting.",
    "training=1": "The 'training' setting is a group of settings. Got '1' instead. Set one of its keys",
    "data.drop=[a": "This is not YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_with_the_flag(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        merge([from_flag(text)])
    assert WRONG[text] in str(caught.value)
    assert str(caught.value).startswith(f"--set {text}")


def test_the_variable_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"^GOODFIT_TRAINING__RAT: There is no setting 'training\.rat'\. Did you mean"
    ):
        merge(from_environment({"GOODFIT_TRAINING__RAT": "1"}))
    with pytest.raises(SettingsError, match=r"^GOODFIT_SEED: The 'seed' setting must be a whole number"):
        merge(from_environment({"GOODFIT_SEED": "x"}))


def test_a_flag_of_its_own_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"^--seed: The 'seed' setting must be a whole number of at least 0 and less"
    ):
        merge([Given("seed", -1, "--seed")])


@pytest.mark.parametrize("text", ["training.rate", "=3", ""])
def test_a_flag_without_key_and_value(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"^--set: Expected KEY=VALUE, got .* For example: --set training.rate=3e-4"
    ):
        from_flag(text)


WRONG_YAML = {
    "seed: 1\n\ntraining:\n  epochs: '5'\n": "line 4: The 'training.epochs' setting must be a whole number",
    "seed: 1\nseed: 2\n": "line 2: The key 'seed' is given twice. Keep one.",
    "data:\n  targat: x\n": "line 2: There is no setting 'data.targat'. Did you mean 'data.target'?",
    "trainin:\n  rate: 3\n": "line 1: There is no setting 'trainin'. Did you mean 'training'?",
    "data: 3\n": "line 1: The 'data' setting is a group of settings. Got '3' instead.",
    "seed: 1\ndata: [\n": "line 3: This is not YAML",
    "- seed\n": "Settings must be keys with values",
    "just text": "Settings must be keys with values",
    "a: 1\n---\nb: 2\n": "line 2: This is not YAML",
    "seed: {a: 1}\n": "line 1: The 'seed' setting must be a whole number",
    "seed: &a [*a]\n": "nested too deeply",
    "data: &a {target: *a}\n": "nested too deeply",
    "[a]: 3\n": "line 1: There is no setting '?'",
    "data: {drop: [[a]]}\n": "line 1: The 'data.drop' setting must be a list of texts",
    "data: {target: [a]}\n": "line 1: The 'data.target' setting must be text. Got ['a'] instead.",
    "seed: !!python/object/apply:os.system [ls]\n": "line 1: The 'seed' setting must be a whole number",
    "\x00": "This is not YAML",
}


@pytest.mark.parametrize("text", WRONG_YAML)
def test_what_is_wrong_is_said_with_the_line(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        merge(from_yaml(text, "goodfit.yaml"))
    assert WRONG_YAML[text] in str(caught.value)
    assert str(caught.value).startswith("goodfit.yaml")


def test_wrong_toml() -> None:
    with pytest.raises(SettingsError, match=r"^a\.toml: This is not TOML: .*line 1"):
        from_toml("[training\n", "a.toml")
    with pytest.raises(SettingsError, match=r"^a\.toml: The 'seed' setting must be a whole number"):
        merge(from_toml("seed = 2020-01-01", "a.toml"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.yaml: There is no such file of settings"):
        resolve(tmp_path / "nothing.yaml")
    with pytest.raises(SettingsError, match=r"Is a directory\. Settings are read from"):
        resolve(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"data: {target: \xe9}")
    with pytest.raises(SettingsError, match=r"latin\.yaml: The bytes are not UTF-8 text\."):
        resolve(tmp_path / "latin.yaml")


def test_a_mapping_that_is_none() -> None:
    with pytest.raises(SettingsError, match="Settings must be keys with values"):
        from_mapping([1])


def test_a_relative_path_is_left_to_the_current_directory(tmp_path: Path) -> None:
    (tmp_path / "goodfit.yaml").write_text("data: {path: views.csv}\n")
    assert resolve(tmp_path / "goodfit.yaml", environ={}).data.path == "views.csv"


FULL = Settings(
    data=DataSettings(path="a b.csv", target="yes", drop=("null", "3e4", "ünï", "a: b", "- x"), size=32),
    model=ModelSettings(normalisation="none", width=3, dropout=0.0),
    training=TrainingSettings(rate=1e-5, shuffle=False, weight_decay=3e-10, epochs=3),
    time="90",
    deterministic=True,
)


@pytest.mark.parametrize("chosen", [Settings(), FULL])
def test_what_is_written_reads_back_equal(chosen: Settings) -> None:
    assert merge(from_yaml(dump_yaml(chosen))) == chosen
    assert merge(from_yaml(commented_yaml(chosen))) == chosen
    assert "null\n" not in dump_yaml(chosen)


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1), st.floats(min_value=0, exclude_min=True, allow_infinity=False), st.lists(st.text()))
def test_any_text_and_any_rate_reads_back_equal(text: str, rate: float, columns: list[str]) -> None:
    chosen = Settings(data=DataSettings(target=text, drop=tuple(columns)), training=TrainingSettings(rate=rate))
    assert merge(from_yaml(dump_yaml(chosen))) == chosen
    assert merge(from_yaml(commented_yaml(chosen))) == chosen


def test_the_commented_file_explains_every_setting() -> None:
    text = commented_yaml(Settings())
    for key, field in FIELDS.items():
        assert f" {key.rpartition('.')[2]}:" in f" {text}".replace("\n", "\n ")
        assert field.description is not None
        assert field.description.split()[0] in text
    assert max(map(len, text.splitlines())) <= 100


def test_every_setting_says_what_it_must_be() -> None:
    assert str(wanted(FIELDS["data.drop"])) == "a list of texts"
    assert str(wanted(FIELDS["training.shuffle"])) == "true or false"
    for field in FIELDS.values():
        assert str(wanted(field))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1.5 h", 5400),
        ("90", 90),
        ("2 minutes", 120),
        ("1d", 86400),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-3s", "m", "5 5", "5x", "1e3", "1h 30", "inf", "9" * 400, "soon"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--time: The 'time' setting must be a duration greater than 0, such as"):
        parse_duration(text, where="--time")
