"""Runs are found by the name that was given, and told apart by what was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_runs import make_project, make_run

from hpctrain.cli.terminal.tables import status_table
from hpctrain.errors import HpctrainError
from hpctrain.project import Project
from hpctrain.runs.actions.status import status
from hpctrain.runs.names import find_runs, refuse_name, run_names
from hpctrain.runs.run import MANIFEST, Run
from hpctrain.runs.state.differences import Change, changes, in_words


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def another(project: Project, number: int, **facts: Any) -> Run:
    """A run that was never submitted; ``training`` is added to its settings."""
    run = make_run(project, f"2026112{number}-120000-abcd", "local")
    content = json.loads((run.folder / MANIFEST).read_text())
    content["settings"]["training"] |= facts.pop("training", {})
    (run.folder / MANIFEST).write_text(json.dumps({**content, **facts}))
    run.record("refused", reason="no")
    return run


def test_a_name_stands_for_the_id(project: Project) -> None:
    first, second = another(project, 1, name="cutoff6"), another(project, 2)
    assert run_names(project.runs) == {"cutoff6": first.run_id}
    found = find_runs(project.runs, ("cutoff6", first.run_id, second.run_id))
    assert [run.run_id for run in found] == [first.run_id, second.run_id]
    with pytest.raises(HpctrainError, match=r"and no run has that name \(did you mean 'cutoff6'"):
        find_runs(project.runs, ("cutof6",))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("cutoff6", "is called cutoff6 already"),
        ("a b", "a name has letters"),
        ("-x", "a name has letters"),
        (".x", "a name has letters"),
        ("x" * 61, "a name has letters"),
        ("x\n", "a name has letters"),
        ("2026", "taken for the id of a run"),
        ("20261123-6A", "taken for the id of a run"),
        ("potential_gen_01", "or for a potential"),
        ("current", "or for a potential"),
    ],
)
def test_names_that_no_new_run_can_have(project: Project, name: str, why: str) -> None:
    another(project, 1, name="cutoff6")
    with pytest.raises(HpctrainError, match=why):
        refuse_name(project.runs, name)


@pytest.mark.parametrize("name", ["cutoff6_2", "6A", "a.b-C_d"])
def test_names_that_a_new_run_can_have(project: Project, name: str) -> None:
    another(project, 1, name="cutoff6")
    refuse_name(project.runs, name)


def test_runs_without_a_name_tell_what_was_changed(project: Project) -> None:
    another(project, 1)
    another(project, 2, training={"cutoff": 5.5}, trial=True)
    another(project, 3, name="long", training={"cutoff": 5.5, "max_iter": 200})
    another(project, 4, training={"cutoff": 6, "max_iter": 200, "overrides": {"fit": {"a": 1}}})
    for _ in range(2):  # the second time from what is kept
        runs = status(project).runs
        assert runs[1].changed == [Change("training.cutoff", 6.0, 5.5)]
        assert [run.name for run in runs] == [None, None, "long", None]
        table = status_table(runs)
        assert "NAME" in table
        assert "cutoff 6 → 5.5 (trial)" in table
        assert "  long  " in table
        assert "cutoff 5.5 → 6 +1" in table
    # Of those that are shown, whichever they are.
    assert status(project, ("long", runs[0].run_id)).runs[1].changed == [
        Change("training.cutoff", 5.5, 6.0),
        Change("training.max_iter", 200, 100),
    ]
    assert "NAME" not in status_table(runs[:1])
    assert all(len(line) <= 80 for line in status_table(runs, 80).splitlines())


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"training.a": 1}, {"training.a": 1}, ""),
        ({"training.a": 1}, {"training.a": 1, "training.new": 2}, ""),
        ({"training.a": None}, {"training.a": 0.5}, "a none → 0.5"),
        ({}, {"training.overrides.fit.x": [1, 2]}, "fit.x none → [1, 2]"),
        ({"data.source": "first.db"}, {"data.source": "a_long_name_of.db"},
         "source first.db → a_long_name…"),
        ({"data.structures": 10, "data.rows": "1"}, {"data.structures": 12, "data.rows": "2"},
         "structures 10 → 12"),
        ({"data.structures": 10, "data.rows": "1"}, {"data.structures": 10, "data.rows": "2"},
         "other rows"),
    ],
)  # fmt: skip
def test_changes_in_words(before: dict[str, Any], now: dict[str, Any], words: str) -> None:
    assert in_words(changes(json.dumps(before), json.dumps(now))) == words
