"""Unchanged data are not exported again; any change is seen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import ase.db
import pytest

from hpctrain.launch.preflight import begin
from hpctrain.launch.prepare import Prepared, prepare
from hpctrain.project import Project
from hpctrain.runs.manifest import read_rows

ENERGY = {"reference_energies": {"Al": -0.3}}


def prepared(project: Project, name: str, **options: Any) -> Prepared:
    """A run in the folder of runs, without a submission."""
    changes = {"training": {"evaluator": "pyace"}, **options.pop("changes", {})}
    return prepare(project, project.runs / name, "local", changes=changes, **options)


def shared(first: Prepared, second: Prepared) -> bool:
    names = ("train.extxyz", "test.extxyz")
    same = {(first.folder / n).samefile(second.folder / n) for n in names}
    assert len(same) == 1
    return same.pop()


def test_two_runs_share_one_export(project: Project) -> None:
    first = prepared(project, "20260101-000000-aaaa")
    seen: list[int] = []
    second = prepared(project, "20260101-000001-bbbb", progress=lambda n, _: seen.append(n))
    assert seen == []  # nothing was read
    assert shared(first, second)
    assert "its export is shared" in second.notes[-1]
    for name in ("dataset", "reference_energies", "input"):
        assert first.manifest[name] == second.manifest[name]
    rows = [read_rows(one.folder / "rows.json") for one in (first, second)]
    assert rows[0] == rows[1]
    assert not (second.folder / "train.extxyz").stat().st_mode & 0o222


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"seed": 5}},
        {"data": {"select": "status=completed,id>1"}, "training": ENERGY},
        {"training": {"cutoff": 5.0}},
        {"data": {"test_fraction": 0.2}},
    ],
)
def test_other_settings(project: Project, changes: dict[str, Any]) -> None:
    prepared(project, "20260101-000000-aaaa")
    changes = {**changes, "training": {**changes.get("training", {}), "evaluator": "pyace"}}
    seen: list[int] = []
    prepared(project, "20260101-000001-bbbb", changes=changes, progress=lambda n, _: seen.append(n))
    assert seen


def test_a_changed_row(project: Project) -> None:
    first = prepared(project, "20260101-000000-aaaa")
    database = project.folder / "al_pbe.db"
    stat = database.stat()
    with ase.db.connect(database) as connection:
        connection.update(60, config_type="hot")
    # Even where somebody sets the times back.
    os.utime(database, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = prepared(project, "20260101-000001-bbbb")
    assert first.manifest["dataset"]["key"] != second.manifest["dataset"]["key"]
    for name in ("fingerprint", "config_types"):
        different = name == "config_types"
        both = [one.manifest["dataset"][name] for one in (first, second)]
        assert (both[0] != both[1]) == different


def test_a_copy_of_the_database(project: Project) -> None:
    """It is read again, since it could be another; its export takes no room twice."""
    first = prepared(project, "20260101-000000-aaaa")
    database = project.folder / "al_pbe.db"
    shutil.copyfile(database, project.folder / "copy")
    (project.folder / "copy").replace(database)
    seen: list[int] = []
    second = prepared(project, "20260101-000001-bbbb", progress=lambda n, _: seen.append(n))
    assert seen
    assert shared(first, second)


def test_an_export_that_somebody_changed(project: Project) -> None:
    first = prepared(project, "20260101-000000-aaaa")
    path = first.folder / "train.extxyz"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"Al", b"Cu", 1))
    second = prepared(project, "20260101-000001-bbbb")
    assert b"Cu" not in (second.folder / "train.extxyz").read_bytes()


def test_check_always_reads(project: Project) -> None:
    for name in ("20260101-000000-aaaa", "20260101-000001-bbbb"):
        preflight = begin(project.config())
        prepared(project, name, preflight=preflight, look_again=True)
        assert preflight.rows == 179


def test_where_links_cannot_be(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepared(project, "20260101-000000-aaaa")

    def no_link(*_: Path) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", no_link)
    second = prepared(project, "20260101-000001-bbbb")
    assert not shared(first, second)
    name = "train.extxyz"
    assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
