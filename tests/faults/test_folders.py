"""Disks that are full or not ours, and run folders that are not whole: told, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.field import STATUS, SUBMIT, Field, copy_of, forget_answers, runs, states, trainings
from waiting import wait_for

pytestmark = pytest.mark.slow

NOBODY = 65534


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.getuid() != 0:
        pytest.skip("not root: cannot mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(argv, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.strip()}")
    yield folder
    # What a job still holds open goes with it.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.fault("the disk is full")
def test_disk_full(field: Field, small_disk: Path) -> None:
    project = field.project()
    (project / "runs").symlink_to(small_disk)
    ballast = small_disk / ".ballast"
    # From no room at all to room for all of it but the last.
    cases = 0
    for room in (0, 8, 40, 80, 120, 160, 200):
        free = os.statvfs(small_disk)
        ballast.write_bytes(b"x" * max(0, free.f_bavail * free.f_bsize - room * 1024))
        done = field.run(project, *SUBMIT)
        cases += 1
        if done.code == 0:
            break
        assert done.code == 1, done.err
        assert "full" in done.err or "No space left" in done.err, done.err
        assert not [line for line in trainings(project) if not runs(project)]
        ballast.unlink()
        field.world.queue_is_empty()
    ballast.unlink(missing_ok=True)
    shown = field.run(project, *STATUS)
    assert shown.code == 0, shown.err
    field.note("submit", "exit 1, names the file; works when there is room", cases=cases)


@pytest.mark.fault("the folder is somebody else's")
def test_permission_denied(field: Field) -> None:
    if os.getuid() != 0:
        pytest.skip("not root: cannot be another user")
    project = field.finished()
    for folder in (project, *project.parents):
        if folder.stat().st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    for order in (SUBMIT, ("collect", runs(project)[0].run_id)):
        done = field.run(project, *order, user=NOBODY)
        assert done.code == 1, done.err
        assert str(project) in done.err
        assert "ermission" in done.err
    # To look is allowed.
    assert states(field.run(project, *STATUS, user=NOBODY)) == ["completed"]
    assert len(runs(project)) == 1
    field.note("submit, collect", "exit 1, names the folder; status works", cases=3)


@pytest.mark.fault("a run folder is not whole")
@pytest.mark.parametrize(
    "gone", ["run.json", "events.jsonl", "attempts", "rows.json", "input.yaml"]
)
def test_half_deleted(gone: str, field: Field) -> None:
    """The other runs are not hurt, and nothing is submitted in its place."""
    project = field.finished()
    hurt = runs(project)[0].folder
    assert field.run(project, *SUBMIT).code == 0
    field.world.queue_is_empty()
    (hurt / gone).rename(project / "elsewhere")
    before = len(trainings(project))
    shown = field.run(project, *STATUS)
    assert shown.code == 0, shown.err
    field.world.queue_is_empty()
    after = [run for run in shown.json["runs"] if run["run_id"] != hurt.name]
    assert [run["state"] for run in after] == ["completed"]
    assert len(trainings(project)) == before
    collected = field.run(project, "collect", "--json")
    assert collected.code in (0, 1), collected.err
    assert after[0]["run_id"] in [one["run_id"] for one in collected.json["potentials"]]
    field.note(f"without {gone}", "the others are shown and collected; nothing runs again")


@pytest.mark.fault("a run folder was copied elsewhere")
def test_copied(field: Field) -> None:
    project = field.finished()
    copied = copy_of(project, project.parent / "copied", 7)
    assert states(field.run(copied, *STATUS)) == ["completed"]
    assert field.run(copied, "collect", "--json").code == 0
    field.note("status, collect", "works as where it was made")


@pytest.mark.fault("a run folder was copied elsewhere")
@pytest.mark.parametrize("original_stays", [True, False])
def test_resume_elsewhere(original_stays: bool, field: Field) -> None:
    """The next attempt trains where the run is now, in a folder whose name has to be quoted."""
    project = field.finished(behaviour="timeout")
    target = project.parent / "it's elsewhere"
    if original_stays:
        shutil.copytree(project, target, symlinks=True)
    else:
        project.rename(target)
        project.mkdir()  # the job counts its trainings there
    (run,) = runs(target)
    done = field.run(target, "resume", run.run_id)
    assert done.code == 0, done.err
    field.world.queue_is_empty()
    forget_answers(target)
    shown = field.run(target, *STATUS)
    assert [(one["state"], one["attempt"]) for one in shown.json["runs"]] == [("timeout", 2)]
    assert run.result(2) is not None
    if original_stays:
        assert runs(project)[0].attempts() == [1]
    field.note("resume", "trains where the run is now")


@pytest.mark.fault("a run folder was copied elsewhere")
def test_cancel_beside_a_copy(field: Field) -> None:
    """Both are resumed, and the jobs of both carry the same token: each ends its own."""
    project = field.finished(behaviour="timeout")
    copied = project.parent / "copied"
    shutil.copytree(project, copied, symlinks=True)
    (run,) = runs(project)
    for one in (project, copied):
        script = one / "runs" / run.run_id / "job.sh"
        script.write_text(script.read_text().replace("timeout", "wait"))
        done = field.run(one, "resume", run.run_id)
        assert done.code == 0, done.err
    assert len(field.world.active_jobs()) == 2
    for one, left in ((copied, 1), (project, 0)):
        forget_answers(one)
        done = field.run(one, "cancel", run.run_id)
        assert done.code == 0, done.err
        wait_for(lambda left=left: len(field.world.active_jobs()) == left, 60, "its end")
        forget_answers(one)
        assert states(field.run(one, *STATUS)) == ["cancelled"]
        if left:
            forget_answers(project)
            assert states(field.run(project, *STATUS))[0] in ("queued", "running")
    field.note("cancel", "ends the job that works there, and no other", cases=2)


@pytest.mark.fault("a second job for an attempt, by hand")
def test_second_job_by_hand(field: Field) -> None:
    project = field.finished()
    (run,) = runs(project)
    before = {path: path.stat().st_mtime_ns for path in run.attempt(1).rglob("*")}
    second = subprocess.run(["bash", "job.sh"], cwd=run.folder, capture_output=True, timeout=60)
    assert second.returncode == 73
    assert before == {path: path.stat().st_mtime_ns for path in run.attempt(1).rglob("*")}
    assert len(trainings(project)) == 1
    field.note("a job", "ends at once, touches nothing")
