"""A potential that is a folder: archived, summed, checked, exported and pointed to like a file."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_archive import make_potential

from hpctrain.cli.terminal.cards import card_page
from hpctrain.engines import engine_of
from hpctrain.errors import HpctrainError
from hpctrain.files import sha256_of, sha256_of_tree, sum_of
from hpctrain.potentials import archive, bundle
from hpctrain.potentials.active_set import find_origin
from hpctrain.potentials.audit import audit
from hpctrain.potentials.citation import citation
from hpctrain.potentials.collect import _files_to_archive, _NoEvidence
from hpctrain.potentials.compare import diff
from hpctrain.potentials.current import move
from hpctrain.potentials.parents import find_parent
from hpctrain.potentials.verify import verify
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.run import Run

NAME = "potential_gen_01"
MODEL = f"{NAME}.model"
FILES = ("meta.json", "saved.pb", "variables/data-0")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Make a model as a trainer may leave one."""
    folder = tmp_path / "final_model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved.pb").write_bytes(b"graph")
    (folder / "meta.json").write_text("{}")
    (folder / "variables" / "data-0").write_bytes(bytes(range(256)))
    return folder


@pytest.fixture
def archived(project: Project, made: Path) -> Project:
    """Archive it as a potential of GRACE."""
    data = {"test_fraction": 0.4, "seed": 1}
    card = make_potential(project, NAME, active_set=False, data=data)
    archive.put(made, project.potentials / MODEL)
    path = project.potentials / f"{NAME}.json"
    path.unlink()
    training = {
        "engine": "grace", "cutoff": 6.0, "max_iter": 20, "preset": "2layer", "size": "small",
        "energy_weight": 1.0, "force_weight": 5.0, "stress_weight": 0.1,
    }  # fmt: skip
    of_grace = {
        "engine": "grace", "main": "model", "evaluator": "tensorpotential",
        "files": {"model": {"path": MODEL, "sha256": sha256_of_tree(made), "bytes": 263}},
        "settings": {**card["settings"], "training": training},
        "active_set": {"made": False, "why": "only the preset fs has one"},
    }  # fmt: skip
    path.write_text(json.dumps({**card, **of_grace}))
    path.chmod(0o444)
    return project


def test_the_sum_is_that_of_the_sums(made: Path) -> None:
    lines = [f"{sha256_of(made / name)}  {name}\n" for name in FILES]
    listed = made.parent / "sums"
    listed.write_text("".join(lines))
    assert sum_of(made) == sha256_of(listed)
    (made / "link").symlink_to("saved.pb")
    with pytest.raises(HpctrainError, match="link is not a regular file"):
        sum_of(made)


def test_put_takes_the_whole_and_overwrites_nothing(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "archive" / MODEL
    left = target.with_name(f".{MODEL}.{os.getpid()}")
    left.mkdir(parents=True)
    (left / "half").write_text("of a killed one")
    archive.put(made, target)
    archive.put(made, target)  # the same is there already
    assert [*target.parent.iterdir()] == [target]
    assert sum_of(target) == sum_of(made)
    assert not any(file.stat().st_mode & 0o222 for file in target.rglob("*") if file.is_file())
    assert archive.names(target.parent) == [NAME]
    (made / "saved.pb").write_bytes(b"another graph")
    with pytest.raises(FileExistsError):
        archive.put(made, target)
    (tmp_path / "archive" / "taken.model").write_text("a file")
    with pytest.raises(FileExistsError):
        archive.put(made, tmp_path / "archive" / "taken.model")
    assert (target / "saved.pb").read_bytes() == b"graph"


class OfGrace(Run):
    engine = "grace"


def test_collect_takes_what_the_job_has_loaded(made: Path, tmp_path: Path) -> None:
    run, name = OfGrace(tmp_path / "run"), "output_potential.model"
    made.rename(tmp_path / name)
    result: Any = {"files": {name: {"sha256": sum_of(tmp_path / name), "bytes": 263}}}
    with pytest.raises(_NoEvidence, match="did not load"):
        _files_to_archive(run, tmp_path, result)
    errors = {"rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.1}
    result["potential"] = {"file": errors}
    assert _files_to_archive(run, tmp_path, result) == {"model": tmp_path / name}
    (tmp_path / name / "more").write_text("x")
    with pytest.raises(_NoEvidence, match="is not the file that the job made"):
        _files_to_archive(run, tmp_path, result)


def test_a_folder_is_checked_exported_and_pointed_to(archived: Project, tmp_path: Path) -> None:
    def seen() -> dict[str, str]:
        (found,) = audit(archived, (NAME,))
        return {one.what: one.state for one in found.findings}

    assert seen()[MODEL] == "ok"
    assert move(archived, NAME).links[0] == archived.potentials / "current.model"
    assert (archived.potentials / "current.model" / "saved.pb").read_bytes() == b"graph"
    find_parent(archived.potentials, NAME, engine_of("grace")).put(tmp_path)
    assert (tmp_path / "parent.model" / "variables" / "data-0").is_file()
    done = bundle.export(archived, NAME, tmp_path / "one.zip")
    assert {f"{MODEL}/{name}" for name in FILES} < {*done.files}
    with zipfile.ZipFile(done.path) as zipped:
        (words,) = (text for text in zipped.read(f"{NAME}/README.md").decode().splitlines()
                    if f"`{MODEL}`" in text)  # fmt: skip
    assert "the potential, for LAMMPS and ASE" in words
    file = archived.potentials / MODEL / "saved.pb"
    file.chmod(0o644)
    assert seen()[MODEL] == "changed"
    file.write_bytes(b"other")
    with pytest.raises(HpctrainError, match="nothing was exported"):
        bundle.export(archived, NAME, tmp_path / "two.zip")
    with pytest.raises(HpctrainError, match="or not what was archived"):
        move(archived, NAME)
    file.unlink()
    assert seen()[MODEL] == "changed"


def test_what_is_said_of_another_trainers_potential(archived: Project) -> None:
    card = archive.find_card(archived.potentials, NAME)
    page = card_page(card, archived.potentials, is_current=False)
    for words in ("2layer, small, weights 1 : 5 : 0.1 (energy : force : stress), 20 ",
                  "(.model)", ".model on test", "TPCalculator", "pair_style grace"):  # fmt: skip
        assert words in page
    assert "functions per element" not in page
    text = citation(card, [], "me")
    assert "a GRACE interatomic potential for Al" in text
    assert "10.1103/PhysRevX.14.021036" in text
    with pytest.raises(HpctrainError, match=f"{NAME} is of grace, and the training is of pacemak"):
        find_parent(archived.potentials, NAME, engine_of("pacemaker"))
    with pytest.raises(HpctrainError, match="has no active set") as refused:
        find_origin(archived, NAME)
    assert "training.preset=fs" in str(refused.value.hint)


def test_each_is_computed_with_by_its_own_trainer(archived: Project) -> None:
    make_potential(archived, "potential_gen_02", data={"test_fraction": 0.4, "seed": 2})
    asked: list[tuple[str, object]] = []

    def program(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[1] == "-c":
            return Reply(tuple(argv), 0, "", "")
        if argv[2] == "job.checks.main":
            asked.append((json.loads(argv[3])["engine"], json.loads(argv[3])["potential"]))
            return Reply(tuple(argv), 1, "", "it broke")
        request = json.loads(Path(argv[3]).read_text())["potentials"]
        asked.append((argv[2], {one: Path(of["potential"]).name for one, of in request.items()}))
        return Reply(tuple(argv), 0, json.dumps({one: {"of": argv[2]} for one in request}), "")

    found = diff(archived, NAME, "potential_gen_02", program=program)["common"]
    assert asked == [("job.grace.evaluate", {"0": MODEL}),
                     ("job.pacemaker.evaluate", {"1": "potential_gen_02.yace"})]  # fmt: skip
    assert found["errors"] == [{"of": "job.grace.evaluate"}, {"of": "job.pacemaker.evaluate"}]
    with pytest.raises(HpctrainError, match="could not be verified: it broke"):
        verify(archived, NAME, program=program)
    assert asked[-1] == ("grace", str(archived.potentials / MODEL))


def test_a_card_of_a_trainer_or_with_a_main_file_that_is_not_there(archived: Project) -> None:
    path = archived.potentials / f"{NAME}.json"
    card = json.loads(path.read_text())
    path.chmod(0o644)
    for key, words in {"engine": "not know its trainer, x", "main": "with the suffix x"}.items():
        path.write_text(json.dumps({**card, key: "x"}))
        with pytest.raises(BadFile, match=words):
            archive.read_named_card(archived.potentials, NAME)
