"""`status` as a whole: what it asks, what it tells, and what it warns of."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_runs import (
    CLUSTER,
    DOWN,
    RUN_ID,
    FakeSlurm,
    event,
    leave,
    make_run,
    queue_row,
    submitted,
    submitted_long_ago,
)

import hpctrain.cli.terminal.live as follow_module
import hpctrain.runs.actions.status as status_module
import hpctrain.runs.state.latest as latest_module
from hpctrain.cli.runs import _report_json
from hpctrain.cli.terminal.live import follow
from hpctrain.cli.terminal.tables import explanation, status_table
from hpctrain.errors import HpctrainError
from hpctrain.files import iso
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import RunStatus, StatusReport, status
from hpctrain.runs.run import Run
from hpctrain.runs.state.latest import TrainingFiles
from hpctrain.runs.strays import Stray, gone_runs, list_run
from hpctrain.schedulers.base import CLUSTER_POLL_S, FILES_POLL_S

NOW = time.time()
OTHER = "20250101-000000-ffff"
LOG = "{time} I - Iteration   #{n}   ({n} evals):   Loss: 0.100000 | RMSE Energy(low): 5.00 (5.00) meV/at | Forces(low): 30.00 (30.00) meV/A | Time/eval: 1.00 mcs/at\n"  # noqa: E501


@pytest.fixture
def run(project: Project) -> Run:
    made = make_run(project)
    submitted(made, NOW - 7200, 1, "7")
    return made


@pytest.fixture
def slurm() -> FakeSlurm:
    return FakeSlurm(squeue=[queue_row("7", "RUNNING", elapsed="30:00", limit="1:00:00")])


def training(run: Run, attempt: int = 1, iterations: int = 10, pace_s: int = 10) -> None:
    """A trainer at work: a log of so many iterations, ``pace_s`` seconds each."""
    leave(run, attempt, "claim.json", NOW - 1800, {"job_id": "7", "time": NOW - 1800})
    leave(run, attempt, "heartbeat.json", NOW - 5, {"phase": "train", "time": NOW - 5})
    lines = [
        LOG.format(time=f"2026-11-23 {seconds // 3600:02d}:{seconds // 60 % 60:02d}:"
                        f"{seconds % 60:02d},000", n=number)
        for number, seconds in enumerate(range(0, (iterations + 1) * pace_s, pace_s))
    ]  # fmt: skip
    leave(run, attempt, "log.txt", NOW - 5, "".join(lines))


def settings(run: Run, **content: Any) -> None:
    (run.folder / "job").mkdir()
    (run.folder / "job" / "settings.json").write_text(json.dumps(content))


def look(project: Project, slurm: FakeSlurm, now: float = NOW) -> RunStatus:
    (found,) = status(project, program=slurm, clock=lambda: now).runs
    return found


def test_every_key_of_the_contract(project: Project, run: Run, slurm: FakeSlurm) -> None:
    training(run)
    content = _report_json(status(project, program=slurm, clock=lambda: NOW))
    assert content.keys() == {"queried_at", "sites", "runs"}
    assert content["sites"] == [{"site": "hal", "reachable": True, "error": None}]
    (one,) = content["runs"]
    assert one.keys() == {
        "run_id", "site", "job_id", "state", "since", "reason", "attempt", "iteration", "max_iter",
        "train", "test", "kept_iteration", "eta_s", "warnings", "name", "trial", "changed",
    }  # fmt: skip
    assert one["run_id"] == run.run_id
    assert (one["site"], one["job_id"], one["state"], one["attempt"]) == ("hal", "7", "running", 1)
    assert (one["iteration"], one["max_iter"], one["test"]) == (10, 100, None)
    assert one["train"] == {"rmse_energy_mev_per_atom": 5.0, "rmse_force_ev_per_a": 0.03}
    assert one["since"] == iso(NOW - 1800)
    assert one["eta_s"] == pytest.approx(900.0)
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_a_run_is_judged_once(
    project: Project, run: Run, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time its files are read again."""
    training(run)
    judge, judged = status_module._Inquiry.judge, []

    def count(self: Any, *arguments: Any, **options: Any) -> None:
        judged.append(self.run.run_id)
        judge(self, *arguments, **options)

    monkeypatch.setattr(status_module._Inquiry, "judge", count)
    assert look(project, slurm).state == "running"
    assert judged == [run.run_id]


def test_numbers_that_json_cannot_hold(project: Project, run: Run, slurm: FakeSlurm) -> None:
    training(run)
    log = run.attempt(1) / "log.txt"
    log.write_text(log.read_text().replace("5.00 (5.00)", "nan (nan)"))
    assert look(project, slurm).train == {
        "rmse_energy_mev_per_atom": None, "rmse_force_ev_per_a": 0.03,
    }  # fmt: skip


def test_it_will_finish(project: Project, run: Run, slurm: FakeSlurm) -> None:
    training(run)  # 900 s are left of the training, 1800 of the walltime
    assert look(project, slurm).warnings == []


def test_what_the_job_warns_of(project: Project, run: Run, slurm: FakeSlurm) -> None:
    training(run)
    warning = "1 GPU requested, but the trainer sees none"
    leave(run, 1, "environment.json", NOW - 100, {"warnings": [warning]})
    assert look(project, slurm).warnings == [warning]
    # At the end the result says it; of what is damaged there is nothing to tell.
    leave(run, 1, "result.json", NOW - 50, {"state": "completed", "warnings": [warning]})
    assert look(project, slurm).warnings == [warning]
    leave(run, 1, "result.json", NOW - 50, {"state": "completed", "warnings": 3})
    assert look(project, slurm).warnings == []


@pytest.mark.parametrize(
    ("pace_s", "facts", "words"),
    [
        # 1800 s are left of the walltime, 3600 s the next ones have.
        (21, {}, "about 1 more attempt as long as this one, each begun with: hpctrain resume"),
        (60, {}, "about 1 more attempt as"),
        (61, {}, "about 2 more attempts as"),
        # With a margin of ten minutes: 1200 s, and 3000 s.
        (60, {"margin_s": 600}, "about 2 more attempts"),
        (14, {"margin_s": 600, "continuation": "chain", "max_attempts": 1},
         "about 1 more attempt as long as this one, and max_attempts is 1"),
        (14, {"margin_s": 600, "continuation": "chain", "max_attempts": 2},
         "about 1 more attempt as long as this one"),
    ],
)  # fmt: skip
def test_it_will_not_finish(
    project: Project, run: Run, slurm: FakeSlurm, pace_s: int, facts: dict[str, Any], words: str
) -> None:
    training(run, pace_s=pace_s)
    settings(run, **facts)
    found = look(project, slurm)
    (warning,) = found.warnings
    assert "will not finish in this walltime" in warning
    assert words in warning
    assert warning.endswith(words) or facts.get("continuation") != "chain"
    assert f"{run.run_id} warning: {warning}" in status_table([found])


def test_time_left_counts_what_earlier_attempts_did(
    project: Project, run: Run, slurm: FakeSlurm
) -> None:
    training(run, iterations=40)
    leave(run, 1, "result.json", NOW, {"state": "timeout", "continues": {"job_id": "7"}})
    training(run, attempt=2)
    leave(run, 2, "resume/state.json", NOW, {"total": 40})
    found = look(project, slurm)
    assert (found.attempt, found.iteration) == (2, 50)
    assert found.eta_s == pytest.approx(500.0)


def test_a_query_fails(project: Project, run: Run, slurm: FakeSlurm) -> None:
    training(run)
    assert look(project, slurm).state == "running"
    slurm.squeue = DOWN
    report = status(project, program=slurm, clock=lambda: NOW + 10)
    (found,) = report.runs
    assert (found.state, found.before, found.since) == ("unknown", "running", iso(NOW + 10))
    assert report.sites[0].error == "squeue: error: Unable to contact slurm controller"
    assert explanation(found).startswith("unknown since ")
    assert "(squeue: error: Unable to contact slurm controller; last seen running)" in explanation(
        found
    )
    # What the files tell is told all the same.
    assert found.iteration == 10


def test_two_sites_one_down(project: Project, run: Run) -> None:
    other = make_run(project, "20261124-120000-ffff", scheduler="local")
    submitted(other, NOW - 100, 1, "1")
    local = json.dumps({"id": "1", "name": f"al.{other.run_id}.01", "comment": "",
                        "state": "RUNNING"})  # fmt: skip
    slurm = FakeSlurm(squeue=DOWN)

    def program(argv: Any, *, cwd: str | None = None) -> Any:
        from hpctrain.process import Reply

        if argv[0] == "squeue":
            return slurm(argv, cwd=cwd)
        return Reply(tuple(argv), 0, local + "\n", "")

    manifest = json.loads((other.folder / "run.json").read_text())
    manifest["site"]["name"] = "here"
    (other.folder / "run.json").write_text(json.dumps(manifest))
    report = status(project, program=program, clock=lambda: NOW)
    assert {site.site: site.reachable for site in report.sites} == {"hal": False, "here": True}
    assert [run.state for run in report.runs] == ["unknown", "running"]


def test_what_has_ended_for_good_is_not_asked_about(
    project: Project, run: Run, slurm: FakeSlurm
) -> None:
    training(run)
    potential = {name: {"rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.5}
                 for name in ("train", "test")}  # fmt: skip
    result = {"state": "completed", "ended": NOW - 3, "potential": potential}
    leave(run, 1, "result.json", NOW - 3, result)
    report = status(project, program=slurm, clock=lambda: NOW)
    assert (slurm.asked, report.sites) == ([], [])
    (found,) = report.runs
    assert found.since == iso(NOW - 3)
    assert found.train == found.test == potential["train"]  # the job's own, not the log's
    assert (found.eta_s, found.phase) == (None, None)


def test_what_came_of_the_checks(project: Project, run: Run, slurm: FakeSlurm) -> None:
    training(run)
    step = {"verdict": "pass", "problem": None, "made": 6, "of": 9}
    leave(run, 1, "result.json", NOW - 3, {"state": "completed", "verification": step})
    report = status(project, program=slurm, clock=lambda: NOW)
    assert _report_json(report)["runs"][0]["verification"] == step
    assert f"{run.run_id} verification: pass, 6 of 9 checks made" in status_table(report.runs)


def test_a_result_that_comes_between_the_two_looks(project: Project, run: Run) -> None:
    training(run)

    def program(argv: Any, *, cwd: str | None = None) -> Any:
        leave(run, 1, "result.json", NOW, {"state": "completed"})
        return FakeSlurm()(argv, cwd=cwd)

    (found,) = status(project, program=program, clock=lambda: NOW).runs
    assert found.state == "completed"


def test_an_attempt_that_begins_between_the_two_looks(project: Project, run: Run) -> None:
    """Its job was asked for under the attempt before, and is told all the same."""
    training(run)

    def program(argv: Any, *, cwd: str | None = None) -> Any:
        leave(run, 1, "result.json", NOW, {"state": "timeout", "continues": {"job_id": "8"}})
        leave(run, 2, "claim.json", NOW, {"job_id": "8"})
        rows = [queue_row("8", "RUNNING", mark=f"{run.run_id}.02")]
        return FakeSlurm(squeue=rows)(argv, cwd=cwd)

    (found,) = status(project, program=program, clock=lambda: NOW).runs
    assert (found.state, found.attempt, found.job_id) == ("running", 2, "8")


def test_clocks_that_disagree(project: Project, run: Run, slurm: FakeSlurm) -> None:
    """The file server's clock is an hour ahead: nothing dies of it, and no number is negative."""
    training(run)
    slurm.squeue = []
    found = look(project, slurm, NOW - 3600)
    assert found.state == "unknown"
    assert "its last sign of life is 0 s old" in found.reason


def test_the_end_of_the_scripts_output_says_why_it_failed(
    project: Project, run: Run, slurm: FakeSlurm
) -> None:
    slurm.squeue = [queue_row("7", "FAILED", "NonZeroExitCode")]
    (run.folder / "job-7.out").write_text("x\nmodule: not found\n\nline 3: gone\n")
    assert look(project, slurm).reason == (
        "its script ended with an error: module: not found / line 3: gone"
    )


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_project_that_cannot_be_written(project: Project, run: Run, slurm: FakeSlurm) -> None:
    training(run)
    project.runs.chmod(0o500)
    assert look(project, slurm).state == "running"


# -- following


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(follow_module.time, "sleep", slept.append)
    return slept


def test_following_survives_failed_queries(
    project: Project, run: Run, slurm: FakeSlurm, naps: list[float]
) -> None:
    training(run)
    now = [NOW]
    answers = iter(["RUNNING", DOWN, DOWN, DOWN, "RUNNING", "end"])

    def next_look() -> StatusReport:
        now[0] += 3600
        answer = next(answers)
        slurm.squeue = DOWN if answer is DOWN else [queue_row("7", "RUNNING")]
        if answer == "end":
            leave(run, 1, "result.json", NOW, {"state": "completed"})
        else:
            leave(run, 1, "heartbeat.json", now[0], {"phase": "train"})
            os.utime(run.attempt(1) / "log.txt", (now[0], now[0]))
        return status(project, program=slurm, clock=lambda: now[0])

    out = io.StringIO()
    assert follow(next_look, TrainingFiles(project.cache), out).runs[0].state == "completed"
    lines = out.getvalue().splitlines()
    told = [line.split("  ")[1].split(" ")[0] for line in lines]
    assert told == ["running", "unknown", "running", "completed"]
    assert "(squeue: error: Unable to contact slurm controller; last seen running)" in lines[1]
    assert lines[1].count("Unable to contact") == 1
    assert naps == [CLUSTER_POLL_S] * 5


@pytest.mark.parametrize(
    ("schedulers", "poll_s"),
    [
        (("slurm",), CLUSTER_POLL_S),
        (("local",), FILES_POLL_S),
        (("practice-slurm",), FILES_POLL_S),
        (("practice-pbs",), FILES_POLL_S),
        (("practice-slurm", "slurm"), CLUSTER_POLL_S),
    ],
)
def test_following_asks_as_often_as_the_scheduler_may_be_asked(
    project: Project, naps: list[float], schedulers: tuple[str, ...], poll_s: float
) -> None:
    runs = [
        make_run(project, f"20261123-12000{n}-abcd", scheduler)
        for n, scheduler in enumerate(schedulers)
    ]
    for run in runs:
        submitted(run, NOW - 100, 1, "7")

    def silent(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        return Reply(tuple(argv), 1, "", "no answer")

    looks = iter([0, 1])

    def next_look() -> StatusReport:
        if next(looks):
            for run in runs:
                event(run, NOW, "collected", name="p")
        return status(project, program=silent, clock=lambda: NOW)

    assert follow(next_look, TrainingFiles(project.cache), io.StringIO()).poll_s == 0.0
    assert naps == [poll_s]


def test_a_run_that_has_just_ended_sets_no_pace(project: Project, run: Run) -> None:
    """An idle cluster must not slow down the view of what trains on this machine."""
    here = make_run(project, "20261123-120001-abcd", "local")
    submitted(here, NOW - 100, 1, "1")
    gone = FakeSlurm(squeue=[queue_row("7", "CANCELLED")])

    def program(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[0] == "squeue":
            return gone(argv)
        return Reply(tuple(argv), 1, "", "no answer")

    report = status(project, program=program, clock=lambda: NOW)
    assert [found.state for found in report.runs] == ["cancelled", "unknown"]
    assert report.poll_s == FILES_POLL_S


def test_following_tells_a_warning_once(
    project: Project, run: Run, slurm: FakeSlurm, naps: list[float]
) -> None:
    training(run, pace_s=60)
    looks = iter([0, 0, 1])

    def next_look() -> StatusReport:
        if next(looks):
            leave(run, 1, "result.json", NOW, {"state": "completed"})
        return status(project, program=slurm, clock=lambda: NOW)

    out = io.StringIO()
    follow(next_look, TrainingFiles(project.cache), out)
    assert out.getvalue().count("warning: will not finish in this walltime") == 1


def test_a_chain_is_not_settled_between_its_attempts(
    project: Project, run: Run, slurm: FakeSlurm, naps: list[float]
) -> None:
    training(run)
    leave(run, 1, "result.json", NOW, {"state": "timeout", "continues": {"job_id": "8"}})
    rows = [queue_row("8", "PENDING", "Priority", mark=f"{run.run_id}.02")]
    slurm.squeue = rows
    looks = iter([0, 1])

    def next_look() -> StatusReport:
        if next(looks):
            event(run, NOW, "collected", name="p")
        return status(project, program=slurm, clock=lambda: NOW)

    assert (
        follow(next_look, TrainingFiles(project.cache), io.StringIO()).runs[0].state == "collected"
    )
    assert len(naps) == 1


def test_following_reads_each_byte_of_the_trainers_files_once(
    project: Project, run: Run, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers of the table and the curves below it come from the same reading."""
    text_of, fed = latest_module.text_of, []

    def counted(lines: bytes) -> str:
        fed.append(len(lines))
        return text_of(lines)

    training(run, iterations=10)
    files = TrainingFiles(project.cache)
    drawn = follow_module._Curves(files)
    drawn.of(status(project, program=slurm, clock=lambda: NOW, files=files))
    monkeypatch.setattr(latest_module, "text_of", counted)
    for iteration in range(11, 15):
        line = LOG.format(time="2026-11-23 00:10:00,000", n=iteration)
        with (run.attempt(1) / "log.txt").open("a") as log:
            log.write(line)
        report = status(project, program=slurm, clock=lambda: NOW, files=files)
        [(shown, curves)] = drawn.of(report)
        assert shown.iteration == curves.iteration == iteration
        assert fed == [len(line)]
        fed.clear()


def deleted(run: Run, slurm: FakeSlurm, **facts: Any) -> None:
    """The run was submitted from here, and its folder is deleted."""
    who = {"user": "ada", "uid": os.getuid(), "cluster": "a"}
    facts = {"scheduler": "slurm", "time": iso(NOW - 7200), **who, **facts}
    list_run(run.folder.parent, run.run_id, **facts)
    slurm.squeue = [queue_row("7", "RUNNING"), queue_row("8", "RUNNING", mark=f"{OTHER}.01")]
    shutil.rmtree(run.folder)


def test_the_job_of_a_deleted_run_is_named(
    project: Project, run: Run, slurm: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no other project's, though it may have the same name."""
    deleted(run, slurm, clusters="gpu", cluster="gpu")
    report = status(project, program=slurm, clock=lambda: NOW)
    command = "scancel --clusters=gpu 7"
    assert report.strays == [Stray(run.run_id, "7", "running", command)]
    assert _report_json(report)["strays"][0]["command"] == command
    # It is asked about until it is over, and then no more.
    slurm.squeue = []
    for minute in (1, 2, 3):
        later = NOW + 60 * minute
        assert status(project, program=slurm, clock=lambda now=later: now).strays == []
    assert len(slurm.calls("squeue")) == 2


@pytest.mark.parametrize(
    "facts", [{"uid": os.getuid() + 1}, {"cluster": "b"}, {"time": iso(NOW - 10)}]
)
def test_a_deleted_run_is_not_forgotten_too_early(
    project: Project, run: Run, slurm: FakeSlurm, facts: dict[str, Any]
) -> None:
    deleted(run, slurm, **facts)
    slurm.squeue = []
    assert status(project, program=slurm, clock=lambda: NOW).strays == []
    assert [gone.run_id for gone in gone_runs(project.runs)] == [run.run_id]


def test_a_copy_does_not_miss_what_the_original_has(
    project: Project, run: Run, tmp_path: Path
) -> None:
    list_run(project.runs, run.run_id, scheduler="slurm")
    shutil.copytree(project.runs, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / run.run_id)
    assert gone_runs(tmp_path / "copy") == []


def test_a_damaged_list_of_submissions_costs_no_more_than_it_must(
    project: Project, run: Run, slurm: FakeSlurm
) -> None:
    listing = project.runs / ".submitted"
    listing.write_text('{"run_id": "../x"}\n[]\n{"run_id": 3, "ti\n' + "x" * 100_000 + "\n")
    deleted(run, slurm, clusters="a\nb", cluster=7)
    assert status(project, program=slurm, clock=lambda: NOW).strays == []
    list_run(project.runs, run.run_id, scheduler="slurm", uid=os.getuid(), cluster=CLUSTER)
    report = status(project, program=slurm, clock=lambda: NOW)
    assert [stray.job_id for stray in report.strays] == ["7"]
    for put in (os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")):
        listing.unlink()
        put(listing)
        assert status(project, program=slurm, clock=lambda: NOW).strays == []
        list_run(project.runs, run.run_id, scheduler="slurm")  # nor does it hang
        if listing.is_dir():
            listing.rmdir()
            listing.touch()


def test_a_job_that_was_shown_is_recorded_once(
    project: Project, run: Run, slurm: FakeSlurm
) -> None:
    (run.folder / "events.jsonl").unlink()
    submitted_long_ago(run, NOW - 7200, 1, "7")
    for _ in range(3):
        look(project, slurm)
    assert [event["job_id"] for event in run.events() if event["event"] == "seen"] == ["7"]
    # Under another id: that one is the run's from now on.
    slurm.squeue = [queue_row("8", "RUNNING")]
    for minute in (1, 2):
        assert look(project, slurm, NOW + 60 * minute).job_id == "8"
    assert [event["job_id"] for event in run.events() if event.get("adopted")] == ["8"]


class FakePbs:
    """A server that has one job, or none; ``moved`` says where it has sent it."""

    def __init__(self) -> None:
        self.token: str | None = f"{RUN_ID}.01"
        self.moved = False

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[0] == "qselect":
            out = "7.a\n" if self.token else ""
        elif "-B" in argv:
            out = "Server: a\n"
        else:
            job = {"Job_Name": "al", "job_state": "M" if self.moved else "Q"}
            job |= {"substate": "94" if self.moved else "10", "queue": "route@b"}
            job["Variable_List"] = {"HPCTRAIN_TOKEN": self.token}  # type: ignore[assignment]
            out = json.dumps({"Jobs": {"7.a": job} if self.token else {}})
        return Reply(tuple(argv), 0, out, "")


def test_a_job_that_was_moved_to_another_server_is_not_gone(project: Project) -> None:
    """Not when this one, which has shown it, has forgotten it too."""
    run = make_run(project, scheduler="pbs")
    submitted(run, NOW - 7200, 1, "7.a")
    pbs = FakePbs()
    shown = []
    for moved, token in ((False, pbs.token), (True, pbs.token), (True, None)):
        pbs.moved, pbs.token = moved, token
        shutil.rmtree(project.cache, ignore_errors=True)
        shown += status(project, program=pbs).runs
    assert [one.state for one in shown] == ["queued", "unknown", "unknown"]
    assert shown[1].reason == ("PBS moved it to another server (b); ask there, with qstat -x 7.a@b")
    assert "it was moved to b, which was not asked" in shown[2].reason


def test_a_job_whose_id_names_another_server_is_not_gone(project: Project) -> None:
    run = make_run(project, scheduler="pbs")
    submitted(run, NOW - 7200, 1, "7.b")
    text = "".join(line for line in run_events(run) if '"seen"' not in line)
    (run.folder / "events.jsonl").write_text(text)
    pbs = FakePbs()
    pbs.token = None
    (shown,) = status(project, program=pbs).runs
    assert (shown.state, shown.job_id) == ("unknown", "7.b")
    assert "its id names the server b, and a was asked" in shown.reason
    with pytest.raises(HpctrainError, match="is not known"):
        resume(project, (run.run_id,), program=pbs)


def run_events(run: Run) -> list[str]:
    return (run.folder / "events.jsonl").read_text().splitlines(keepends=True)
