"""Projects that were copied or moved: jobs work where the run is, and a copy's job is another's."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from made_runs import (
    DOWN,
    RUN_ID,
    FakeSlurm,
    accounting_row,
    leave,
    make_project,
    make_run,
    queue_row,
    submitted,
)

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.render import shell_word
from hpctrain.runs.actions.cancel import Cancelled, cancel
from hpctrain.runs.actions.recovery import recover
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import status
from hpctrain.runs.run import EVENTS, Run, all_runs
from hpctrain.runs.state.kept_answers import forget

now = time.time
# As every version has written it; setup may enter other folders.
SCRIPT = """#!/bin/bash
#SBATCH --output=job-%j.out
cd {elsewhere} || exit 1
cd {folder} || exit 1
source {raw}/more.sh
exec "$PYTHON" job/train.py "${{1:-1}}"
"""


@pytest.fixture(params=["the project's", "project"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A run whose job is known."""
    made = make_run(make_project(tmp_path / request.param))
    submitted(made, now() - 7200, 1, "7")
    (made.folder / "job.sh").write_text(
        SCRIPT.format(folder=shell_word(made.folder), raw=made.folder, elsewhere=tmp_path)
    )
    return made


def copied(run: Run, target: Path) -> tuple[Project, Run]:
    shutil.copytree(run.folder.parents[1], target)
    project = Project(target / "hpctrain.yaml")
    return project, next(all_runs(project.runs))


def ended(run: Run) -> None:
    leave(run, 1, "result.json", now() - 3000, {"state": "timeout", "reason": "why"})


@pytest.mark.parametrize("is_copy", [True, False])
@pytest.mark.parametrize("name", ["elsewhere", "it's else where"])
def test_resume_works_where_the_run_is(run: Run, name: str, is_copy: bool, tmp_path: Path) -> None:
    ended(run)
    before = (run.folder / "job.sh").read_text()
    project, there = copied(run, tmp_path / "deep" / name)
    if not is_copy:
        shutil.rmtree(run.folder.parents[1])
    (done,) = resume(project, (there.run_id,), program=FakeSlurm(sbatch=["8\n"]))
    assert done.submitted
    script = (there.folder / "job.sh").read_text()
    assert f"cd {shell_word(there.folder)} || exit 1\n" in script
    assert str(run.folder) not in script
    assert script.splitlines()[2] == before.splitlines()[2]  # what a site enters stays
    (moved,) = (event for event in there.events() if event["event"] == "moved")
    assert (moved["was"], moved["now"]) == (str(run.folder), str(there.folder))
    if is_copy:
        assert (run.folder / "job.sh").read_text() == before


def test_where_nothing_was_moved_the_script_stays(run: Run, tmp_path: Path) -> None:
    """Byte for byte, by whatever name the folder is reached."""
    ended(run)
    before = (run.folder / "job.sh").read_bytes()
    link = tmp_path / "link"
    link.symlink_to(run.folder.parents[1])
    resume(Project(link / "hpctrain.yaml"), (run.run_id,), program=FakeSlurm(sbatch=["8\n"]))
    assert (run.folder / "job.sh").read_bytes() == before
    assert "moved" not in [event["event"] for event in run.events()]


@pytest.mark.parametrize("word", ["RUNNING", "PENDING"])
def test_a_copy_does_not_own_the_job(run: Run, word: str, tmp_path: Path) -> None:
    project, there = copied(run, tmp_path / "copy")
    slurm = FakeSlurm(squeue=[queue_row("7", word)])
    (shown,) = status(project, program=slurm).runs
    assert shown.warnings == [f"this folder is a copy: its job works in {run.folder}"]
    with pytest.raises(HpctrainError, match="of which this folder is a copy") as caught:
        cancel(project, (there.run_id,), program=slurm)
    assert caught.value.exit_code == 1
    with pytest.raises(HpctrainError, match="of which this folder is a copy"):
        resume(project, (there.run_id,), program=slurm)
    assert {argv[0] for argv in slurm.asked} == {"squeue"}
    # Where it was made, nothing is said of copies.
    own = Project(run.folder.parents[1] / "hpctrain.yaml")
    (shown,) = status(own, program=slurm).runs
    assert shown.warnings == []


def test_a_copy_whose_job_is_not_known_is_given_up_here(run: Run, tmp_path: Path) -> None:
    project, there = copied(run, tmp_path / "copy")
    slurm = FakeSlurm(squeue=DOWN, sbatch=["8\n"])
    assert cancel(project, (there.run_id,), program=slurm) == [
        Cancelled(there.run_id, "7", False, "cancelled")
    ]
    slurm.squeue = []
    (done,) = resume(project, (there.run_id,), program=slurm)
    assert done.submitted
    assert slurm.calls("scancel") == []


def test_what_was_begun_elsewhere_is_finished_there(run: Run, tmp_path: Path) -> None:
    (run.folder / EVENTS).unlink()
    project, there = copied(run, tmp_path / "copy")
    slurm, said = FakeSlurm(sbatch=["8\n"]), []
    recover(project, slurm, said.append)
    assert said == [f"{run.run_id}: a copy of {run.folder}, where its submission is to be finished"]
    assert slurm.asked == []
    shutil.rmtree(run.folder)  # it was moved, then
    recover(project, slurm)
    assert len(slurm.calls("sbatch")) == 1
    assert str(there.folder) in (there.folder / "job.sh").read_text()


SECOND = f"{RUN_ID}.02"


@pytest.fixture
def both(run: Run, tmp_path: Path) -> tuple[FakeSlurm, tuple[Project, Run], tuple[Project, Run]]:
    """A run and its copy, both resumed: jobs 8 and 9, both with the token of attempt 2."""
    ended(run)
    place = copied(run, tmp_path / "copy")
    first = Project(run.folder.parents[1] / "hpctrain.yaml"), run
    slurm = FakeSlurm(sbatch=["8\n", "9\n"])
    for project, one in (first, place):
        (done,) = resume(project, (one.run_id,), program=slurm)
        assert done.submitted
        slurm.squeue.append(  # type: ignore[union-attr]
            queue_row(str(done.job_id), "RUNNING", mark=SECOND, folder=one.folder)
        )
    slurm.asked.clear()
    return slurm, first, place


def test_a_copy_is_resumed_beside_its_original_and_each_ends_its_own(
    both: tuple[FakeSlurm, tuple[Project, Run], tuple[Project, Run]],
) -> None:
    slurm, *places = both
    for (project, one), job_id in zip(places, ("8", "9"), strict=True):
        slurm.asked.clear()
        (shown,) = status(project, program=slurm).runs
        assert (shown.state, shown.job_id, shown.warnings) == ("running", job_id, [])
        (done,) = cancel(project, (one.run_id,), program=slurm)
        assert (done.job_id, done.asked) == (job_id, True)
        assert slurm.calls("scancel") == [("scancel", job_id)]


def test_the_end_of_a_copys_job_is_not_the_originals(
    both: tuple[FakeSlurm, tuple[Project, Run], tuple[Project, Run]],
) -> None:
    """Neither a job that is in the queue nor one in the accounting stands in for one's own."""
    slurm, (_, first), (project, there) = both
    slurm.squeue = [queue_row("8", "RUNNING", mark=SECOND, folder=first.folder)]
    slurm.sacct = [
        accounting_row("8", "RUNNING", SECOND, folder=first.folder),
        accounting_row("9", "FAILED", SECOND, "3:0", folder=there.folder),
    ]
    (shown,) = status(project, program=slurm).runs
    assert (shown.state, shown.job_id) == ("failed", "9")
    assert cancel(project, (there.run_id,), program=slurm)[0].asked is False
    slurm.sacct = [accounting_row("8", "COMPLETED", SECOND, folder=first.folder)]
    forget(project.cache)
    (shown,) = status(project, program=slurm).runs
    assert shown.state != "completed"
    assert slurm.calls("scancel") == []


def test_a_job_of_the_original_is_not_adopted(run: Run, tmp_path: Path) -> None:
    ended(run)
    project, there = copied(run, tmp_path / "copy")
    lost = Reply(("sbatch",), 1, "", "sbatch: error: Unable to contact slurm controller")
    slurm = FakeSlurm(sbatch=[lost, "9\n"])  # type: ignore[list-item]
    slurm.squeue = [queue_row("8", "RUNNING", mark=SECOND, folder=run.folder)]
    with pytest.raises(SiteUnreachable):
        resume(project, (there.run_id,), program=slurm)
    recover(project, slurm)
    assert there.history().job_ids[2] == "9"


def test_a_job_of_a_copy_is_no_stray(
    both: tuple[FakeSlurm, tuple[Project, Run], tuple[Project, Run]],
) -> None:
    """Of a copy whose folder was deleted, only the job that works there is left."""
    slurm, _, (project, there) = both
    shutil.rmtree(there.folder)
    forget(project.cache)
    assert [stray.job_id for stray in status(project, program=slurm).strays] == ["9"]


def test_one_folder_under_two_names_is_no_copy(run: Run, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(run.folder.parents[1])
    row = queue_row("7", "RUNNING", folder=run.folder.resolve())
    project = Project(link / "hpctrain.yaml")
    (done,) = cancel(project, (run.run_id,), program=FakeSlurm(squeue=[row]))
    assert done.asked


def test_a_job_that_waits_while_its_folder_moves(run: Run, tmp_path: Path) -> None:
    project, _ = copied(run, tmp_path / "moved")
    shutil.rmtree(run.folder)
    (shown,) = status(project, program=FakeSlurm(squeue=[queue_row("7", "PENDING")])).runs
    (warning,) = shown.warnings
    assert warning.startswith(f"its job will look for {run.folder}, which is not there any more")
