"""A training that was made by hand becomes a run: followed, archived, and never guessed about."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from made_runs import FakeSlurm, make_project

from hpctrain.cli.main import main
from hpctrain.engines import engine_of
from hpctrain.engines.facts import DataFacts
from hpctrain.engines.pacemaker.settings import PacemakerTraining
from hpctrain.engines.reference_energies import settle
from hpctrain.errors import HpctrainError
from hpctrain.launch.adopt import adopt
from hpctrain.potentials.archive import find_card
from hpctrain.potentials.audit import audit
from hpctrain.potentials.collect import collect
from hpctrain.potentials.parents import find_parent
from hpctrain.project import Project
from hpctrain.runs.actions.cancel import cancel
from hpctrain.runs.actions.remove import remove
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.run import Run
from hpctrain.runs.state import adopted

RECORDED = Path(__file__).parent.parent / "recorded"
HOUR = 3600.0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path / "al")
    made.file.write_text("project: al\ndata: {source: labelled.db}\n")
    return made


@pytest.fixture
def with_data(tmp_path: Path) -> Path:
    """The recorded folder, as if it had just been written."""
    copy = tmp_path / "by_hand"
    shutil.copytree(RECORDED / "by_hand", copy, copy_function=shutil.copyfile)
    return copy


@pytest.fixture
def folder(with_data: Path) -> Path:
    """The same without its tables, which take a process to be read."""
    for table in with_data.glob("*.pckl.gzip"):
        table.unlink()
    return with_data


def state_of(project: Project, now: float | None = None) -> RunStatus:
    (found,) = status(project, program=FakeSlurm(), clock=lambda: now or time.time()).runs
    return found


@pytest.mark.slow
def test_a_finished_training(project: Project, with_data: Path) -> None:
    folder = with_data
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = adopt(project, folder, name="hand")
    assert (done.state, done.new) == ("completed", True)
    assert done.unknown == [
        "how many functions were asked for", "the site, the job, and how it was submitted",
    ]  # fmt: skip
    again = adopt(project, folder)
    assert (again.run_id, again.new, again.name) == (done.run_id, False, "hand")
    shown = state_of(project)
    assert (shown.iteration, shown.max_iter, shown.job_id) == (4, 4, None)
    assert shown.train is not None
    (one,) = collect(project, ("hand",), program=FakeSlurm()).potentials
    assert one.card.get("origin") == "adopted"
    assert one.card.get("unknown") == done.unknown
    assert one.card["reference_energies"] == {"Al": -0.2994}
    assert one.card["settings"]["training"]["cutoff"] == 5.0
    assert one.card["evaluator"] == "pyace"
    assert one.card["versions"] == {"python-ace": "0.4.0rc1"}
    assert one.card["metrics"]["test"] is None
    train, test = one.card["dataset"]["train"], one.card["dataset"]["test"]
    assert train is not None
    assert test is not None
    assert (train["structures"], test["structures"]) == (12, 2)
    assert one.path.read_bytes() == before[folder / "output_potential.yace"]
    # The files, and the data from Pacemaker's own tables.
    (audited,) = audit(project)
    assert [finding.state for finding in audited.findings] == ["ok"] * 6
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert state_of(project).state == "collected"
    remove(project, ("hand",), program=FakeSlurm())
    shutil.rmtree(folder)
    assert [finding.state for finding in audit(project)[0].findings] == [*["ok"] * 5, "gone"]


def test_what_the_folder_does_not_tell_is_unknown(project: Project, folder: Path) -> None:
    potential = folder / "output_potential.yaml"
    potential.write_text("".join(
        line for line in potential.read_text().splitlines(keepends=True)
        if "reference_energy" not in line
    ))  # fmt: skip
    lines = (folder / "log.txt").read_text().splitlines(keepends=True)
    (folder / "log.txt").write_text(
        "".join(line for line in lines if "version" not in line and "Hostname" not in line)
    )
    adopt(project, folder)
    (one,) = collect(project, program=FakeSlurm()).potentials
    unknown = [
        "the data and their split: fitting_data_info.pckl.gzip is not in the folder",
        "how many functions were asked for",
        "the version of Pacemaker",
        "the machine",
        "the site, the job, and how it was submitted",
        "the reference energies: the potential's metadata name none",
    ]
    assert one.card.get("unknown") == unknown
    card = find_card(project.potentials, one.name)
    assert (card["reference_energies"], card["shift"]) == (None, None)
    assert (card["dataset"]["fingerprint"], card["dataset"]["train"]) == (None, None)
    page = (project.potentials / "report" / one.name / "report.html").read_text()
    assert "trained by hand, and adopted" in page
    assert all(f"not known: {words}" in page.replace("&#x27;", "'").replace("&#39;", "'")
               for words in unknown)  # fmt: skip
    (audited,) = audit(project)
    assert audited.ok
    assert [f.state for f in audited.findings][3:] == ["not checked"] * 3
    with pytest.raises(HpctrainError, match=r"reference energies of \w+ are not known"):
        settle(
            PacemakerTraining(),
            DataFacts(("Al",)),
            find_parent(project.potentials, one.name, engine_of("pacemaker")).facts_for_engine,
        )


def test_a_training_without_a_test_set(project: Project, with_data: Path) -> None:
    folder = with_data
    (folder / "test_data_info.pckl.gzip").unlink()
    text = (folder / "input.yaml").read_text()
    (folder / "input.yaml").write_text(text.replace("  test_size: 0.2\n", ""))
    done = adopt(project, folder)
    data = Run(project.runs / done.run_id).manifest["dataset"]
    assert data["train"] is not None
    assert data["test"] is not None
    assert (data["train"]["structures"], data["test"]["structures"]) == (12, 0)
    # A test set that was asked for, and whose table is gone, is another matter.
    remove(project, (done.run_id,), program=FakeSlurm())
    (folder / "input.yaml").write_text(text)
    assert "test_data_info.pckl.gzip is not in the folder" in adopt(project, folder).unknown[0]


def test_a_running_training_is_followed_to_its_end(project: Project, folder: Path) -> None:
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in ("output_potential.yaml", "output_potential.yace"):
        (folder / name).unlink()
    log = whole["log.txt"]
    (folder / "log.txt").write_bytes(log[: log.index(b"Fitting done") - 2000])
    (folder / "metrics.txt").write_bytes(b"".join(whole["metrics.txt"].splitlines(True)[:3]))
    done = adopt(project, folder)
    assert done.state == "running"
    report = status(project, program=FakeSlurm())
    assert (report.runs[0].state, report.poll_s) == ("running", adopted.POLL_S)
    early = report.runs[0].iteration
    with pytest.raises(HpctrainError, match="begun by hand"):
        cancel(project, (done.run_id,), program=FakeSlurm())
    (folder / "log.txt").write_bytes(log)
    (folder / "metrics.txt").write_bytes(whole["metrics.txt"])
    assert (state_of(project).state, state_of(project).iteration) == ("running", 4)
    assert early is not None
    assert early < 4
    (folder / "output_potential.yaml").write_bytes(whole["output_potential.yaml"])
    found = state_of(project)
    assert found.state == "unknown"
    assert "pace_yaml2yace output_potential.yaml -o output_potential.yace" in found.reason
    (folder / "output_potential.yace").write_bytes(whole["output_potential.yace"])
    assert state_of(project).state == "completed"
    copied = Run(project.runs / done.run_id).attempt(1) / "log.txt"
    assert copied.read_bytes() == log
    shutil.rmtree(folder)
    assert state_of(project).state == "completed"


def test_a_training_that_was_ended(project: Project, folder: Path) -> None:
    (folder / "output_potential.yaml").unlink()
    run_id = adopt(project, folder).run_id
    assert state_of(project).state == "running"
    found = state_of(project, time.time() + 2 * HOUR)
    assert found.state == "unknown"
    assert "nothing was written for 2.0 h" in found.reason
    shutil.rmtree(folder)
    assert "is gone" in state_of(project).reason
    (cancelled,) = cancel(project, (run_id,), program=FakeSlurm())
    assert cancelled.state == "cancelled"
    assert state_of(project).state == "cancelled"
    with pytest.raises(HpctrainError, match="cannot be resumed here"):
        resume(project, (run_id,), program=FakeSlurm())


def test_a_kill_in_the_middle(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is written last: the next command takes over what is missing."""

    class Killed(BaseException):
        pass

    def kill(path: Path, _: str) -> None:
        if path.name == "result.json":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(adopted, "write_atomically", kill)
        with pytest.raises(Killed):
            adopt(project, folder)
    assert state_of(project).state == "completed"


def test_what_is_no_file_is_not_read(project: Project, folder: Path, tmp_path: Path) -> None:
    yace = folder / "output_potential.yace"
    yace.rename(tmp_path / "elsewhere")
    yace.symlink_to(tmp_path / "elsewhere")
    said: list[str] = []
    assert adopt(project, folder, say=said.append).state != "completed"
    assert "it is a link" in said[0]
    yace.unlink()
    os.mkfifo(yace)
    assert state_of(project).state == "unknown"
    for name in ("input.yaml", "log.txt"):
        other = tmp_path / f"without {name}"
        shutil.copytree(RECORDED / "by_hand", other)
        (other / name).unlink()
        with pytest.raises(HpctrainError, match=f"has no {name}"):
            adopt(project, other)


@pytest.mark.parametrize(
    ("name", "state"),
    [("simple", "unknown"), ("crash_issue86", "running"), ("restart", "running"),
     ("nothing_trained", "failed")],
)  # fmt: skip
def test_other_recorded_trainings(
    name: str, state: str, project: Project, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / name
    shutil.copytree(RECORDED / "pacemaker" / name, other, copy_function=shutil.copyfile)
    shutil.copyfile(folder / "input.yaml", other / "input.yaml")
    if state in ("unknown", "failed"):
        (other / "output_potential.yaml").write_text("metadata: {}\n")
    if state == "failed":
        (other / "output_potential.yace").write_text("{}")
    assert adopt(project, other).state == state


def test_the_command(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(project.folder)
    assert main(["adopt", str(folder), "--name", "hand"]) == 0
    said = capsys.readouterr().out
    assert ": completed\n" in said
    assert "not known: the site" in said
    assert said.endswith("next: hpctrain collect hand\n")
    assert main(["adopt", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] is False
    assert main(["adopt", str(folder / "nowhere")]) == 2
    assert main(["logs", "hand"]) == 0
    assert "Start pacemaker" in capsys.readouterr().out
