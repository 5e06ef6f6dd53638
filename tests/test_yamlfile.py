"""Mistakes in hand-written YAML are told with file, line, key and the nearest valid one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hpctrain.errors import HpctrainError
from hpctrain.settings import project_model
from hpctrain.sites.profile import SiteProfile
from hpctrain.yamlfile import nearest, read_mapping, validate

GOOD = """\
project: al
data:
  source: x.db
training:
  cutoff: 4.5
"""


PROJECT = project_model("pacemaker")


def message(path: Path, text: str, model: type = PROJECT) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HpctrainError) as caught:
        validate(model, read_mapping(path), path)
    return caught.value.message


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hpctrain.yaml"


def test_a_good_file(file: Path) -> None:
    file.write_text(GOOD)
    assert validate(PROJECT, read_mapping(file), file).training.cutoff == 4.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "  max_itr: 3\n", "line 6: training.max_itr: there is no such key "
                                  "(did you mean 'max_iter'?)"),
        (GOOD + "trainin: {}\n", "line 6: trainin: there is no such key "
                                 "(did you mean 'training'?)"),
        (GOOD.replace("source: x.db", "source: x.db\n  sead: 1"),
         "line 4: data.sead: there is no such key (did you mean 'seed'?)"),
        (GOOD + "zzzzz: 1\n", "line 6: zzzzz: there is no such key "
                              "(there are: data, on_end, project, site, training)"),
        (GOOD.replace("4.5", "far"), "line 5: training.cutoff: must be a number"),
        (GOOD.replace("4.5", "far"), "(it is 'far')"),
        (GOOD.replace("4.5", "yes"), "line 5: training.cutoff: this key does not take true or"),
        (GOOD.replace("4.5", "-1"), "line 5: training.cutoff: must be greater than 0"),
        (GOOD.replace("  source: x.db", "  seed: 3"),
         "line 2: data.source: this key is required"),
        ("training: {}\ndata: {source: a}\n", "hpctrain.yaml: project: this key is required"),
        (GOOD.replace("training:\n  cutoff: 4.5", "training: 3"),
         "line 4: training: must have keys of its own below it (it is 3)"),
        (GOOD + "  max_iter: 1.5\n", "training.max_iter: must be a whole number (it is 1.5)"),
        (GOOD + "  reference_energies: [1]\n", "line 6: training.reference_energies: "),
        (GOOD.replace("x.db", "{a: b}"),
         "data.source: must be text (it is {'a': 'b'}), or: must be a list"),
        (GOOD + "3: 4\n", "line 6: 3: "),
    ],
)  # fmt: skip
def test_mistakes_name_file_line_and_key(file: Path, text: str, words: str) -> None:
    said = message(file, text)
    assert words in said
    assert str(file) in said
    assert "\n" not in said


def test_every_mistake_is_told_at_once(file: Path) -> None:
    said = message(file, "projct: al\ndata:\n  sorce: x\ntraining: {cutof: 3, kappa: -1}\n")
    lines = said.splitlines()
    assert lines[0] == f"{file}:"
    assert sorted(lines[1:]) == sorted([
        f"{file}: project: this key is required",
        f"{file}, line 2: data.source: this key is required",
        f"{file}, line 3: data.sorce: there is no such key (did you mean 'source'?)",
        f"{file}, line 4: training.cutof: there is no such key (did you mean 'cutoff'?)",
        f"{file}, line 4: training.kappa: must be greater than or equal to 0 (it is -1)",
        f"{file}, line 1: projct: there is no such key (did you mean 'project'?)",
    ])  # fmt: skip


def test_keys_of_a_nested_record_of_a_profile(file: Path) -> None:
    said = message(file, "scheduler: slurm\ntrainer:\n  pyhton: x\n", SiteProfile)
    assert said == (
        f"{file}, line 2: trainer: there is no key or trainer 'pyhton' (did you mean 'python'?)"
    )


def test_a_bare_walltime(file: Path) -> None:
    said = message(file, "scheduler: slurm\nwalltime: 12:00:00\n", SiteProfile)
    assert 'line 2: walltime: a walltime is written in quotes, for example "12:00:00"' in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", ", line 3: the key 'a' appears twice"),
        ("x:\n  a: 1\n  'a': 2\n", ", line 3: the key 'a' appears twice"),
        ("x: [{a: 1}, {b: 1, b: 2}]\n", ", line 1: the key 'b' appears twice"),
        ("a: [1\nb: 2\n", ", line 2: "),
        ("a: 'x\n", ", line 2: "),
        ("\ta: 1\n", ", line 1: "),
        ("a: 1\n b: 2\n", ", line 2: "),
        ("- a\n", " must contain keys and values, not list"),
        ("hello\n", " must contain keys and values, not str"),
        ("? [a, b]\n: c\n", ", line 1: found unhashable key"),
        ("a: !!python/object/apply:os.system [true]\n", ", line 1: could not determine"),
        ("a: 2024-13-45\n", " is not YAML"),
        ("a: \x07\n", " is not YAML"),
        ("a: *b\n", ", line 1: found undefined alias"),
    ],
)
def test_what_cannot_be_read(file: Path, text: str, words: str) -> None:
    assert f"{file}{words}" in message(file, text)


def test_equal_keys_of_different_mappings_and_merged_ones_are_no_mistake(file: Path) -> None:
    file.write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {<<: [*a, *a], x: 3}\n")
    assert read_mapping(file) == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": {"x": 3}}


def test_an_empty_file(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert read_mapping(file) == {}


def test_files_that_cannot_be_opened(file: Path) -> None:
    with pytest.raises(HpctrainError, match=r"hpctrain\.yaml cannot be read: No such file"):
        read_mapping(file)
    file.write_bytes(b"a: \xff\n")
    with pytest.raises(HpctrainError, match="it is not UTF-8 text"):
        read_mapping(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(HpctrainError, match="Is a directory"):
        read_mapping(file)


def test_a_source_that_is_no_file_has_no_lines() -> None:
    with pytest.raises(HpctrainError) as caught:
        validate(PROJECT, {"project": "a", "data": {"source": "x", "sed": 1}}, "--set")
    assert caught.value.message == ("--set: data.sed: there is no such key (did you mean 'seed'?)")


@pytest.mark.parametrize(
    ("word", "choices", "said"),
    [
        ("kapa", ["kappa", "kappa_f"], " (did you mean 'kappa'?)"),
        ("Kap", ["kappa", "seed"], " (did you mean 'kappa'?)"),
        ("lum", ["lumi-g", "lumi-c", "x"], " (did you mean 'lumi-c' or 'lumi-g'?)"),
        ("a9", [f"a{n}" for n in range(9)], " (of 9, the nearest: a0, a1, a2, a3, a4)"),
        ("gpus", [f"gpu{n}" for n in range(9)],
         " (did you mean 'gpu0', 'gpu1', 'gpu2', 'gpu3' or 'gpu4'?)"),
        ("x", ["b", "a"], " (there are: a, b)"),
        ("x", [], ""),
    ],
)  # fmt: skip
def test_nearest(word: str, choices: list[str], said: str) -> None:
    assert nearest(word, choices) == said


# 270 bytes that stand for 400 million values.
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "line 6: it has more than 100000 values"),
        ("a: " + "[" * 5000 + "]" * 5000, "line 1: it is nested too deeply"),
        ("- " * 5000 + "x", "line 1: it is nested too deeply"),
        ("a: [" * 60, "line 1: it is nested too deeply"),
        ("# " + "x" * (5 << 20), "it is longer than 4 MB"),
    ],
    ids=["aliases", "brackets", "dashes", "keys", "length"],
)
def test_what_is_more_than_a_file_holds(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(HpctrainError, match=problem) as caught:
        read_mapping(path)
    assert len(caught.value.message) < 300


def test_an_alias_within_what_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: &a {b: 1}\nc: *a\nd: {<<: *a}\n")
    assert read_mapping(path) == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1}}


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.yaml"
    os.mkfifo(path) if kind == "fifo" else path.mkdir()
    with pytest.raises(HpctrainError, match="cannot be read"):
        read_mapping(path)
