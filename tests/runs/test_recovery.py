"""What an interrupted submission costs a controller, and what it leads to, without a Slurm."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.launch.submit import submit
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.runs.actions.recovery import recover
from hpctrain.runs.actions.resume import resume
from hpctrain.runs.actions.status import status
from hpctrain.runs.history import fold
from hpctrain.runs.run import Run, all_runs
from hpctrain.schedulers.slurm.scheduler import SEPARATOR

SMALL = {"data": {"select": "id>1,id<8", "test_fraction": 0.2},
         "training": {"reference_energies": {"Al": -0.3}}}  # fmt: skip


class Controller:
    """Stands in for Slurm's commands; counts what it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.queue: list[str] | None = None  # None: it does not answer
        self.takes: int | None = None  # the id that sbatch answers with
        self.says = "sbatch: error: Unable to contact slurm controller (connect failure)"

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        self.calls.append(argv[0])
        if argv[0] == "sbatch" and self.takes is not None:
            return Reply(tuple(argv), 0, f"{self.takes}\n", "")
        if argv[0] == "squeue" and self.queue is not None:
            return Reply(tuple(argv), 0, "".join(f"{row}\n" for row in self.queue), "")
        if argv[0] == "scontrol" and self.queue is not None:
            return Reply(tuple(argv), 0, "ClusterName = a\n", "")
        if argv[0] == "sacct" and self.queue is not None:
            return Reply(tuple(argv), 0, "", "")
        if argv[0] == "sbatch":
            return Reply(tuple(argv), 1, "", self.says)
        words = f"{argv[0]}: error: Unable to contact slurm controller (connect failure)"
        return Reply(tuple(argv), 1, "", words)


@pytest.fixture
def project(demo_project: Project) -> Project:
    return demo_project


@pytest.fixture
def unclear(project: Project) -> tuple[Project, Controller]:
    """A run whose submission nobody answered."""
    controller = Controller()
    with pytest.raises(SiteUnreachable):
        submit(project, "slurm", changes=SMALL, program=controller)
    return project, controller


def test_a_dead_controller_is_asked_less_often(unclear: tuple[Project, Controller]) -> None:
    project, controller = unclear
    controller.calls.clear()
    for _ in range(3):
        (run,) = status(project, program=controller).runs
        assert run.state == "submitting"
    assert controller.calls == ["squeue"]


def test_it_is_submitted_once_the_queue_answers(unclear: tuple[Project, Controller]) -> None:
    project, controller = unclear
    controller.queue, controller.takes = [], 7
    said: list[str] = []
    recover(project, controller, said.append)
    recover(project, controller, said.append)
    (run,) = all_runs(project.runs)
    assert fold(run.events()).job_ids == {1: "7"}
    assert controller.calls.count("sbatch") == 2  # the one nobody answered, and this one
    assert said == [f"{run.run_id}: finished an interrupted submission: job 7"]


def test_its_job_is_adopted(unclear: tuple[Project, Controller]) -> None:
    project, controller = unclear
    (run,) = all_runs(project.runs)
    mark = f"{run.run_id}.01"
    row = ["5", "PENDING", "Priority", "0:00", "10:00", f"demo.{mark}", f"hpctrain:{mark}"]
    controller.queue, controller.takes = [SEPARATOR.join(row)], 7
    recover(project, controller)
    assert fold(run.events()).job_ids == {1: "5"}
    assert controller.calls.count("sbatch") == 1


def test_what_killed_submissions_left_is_swept(project: Project) -> None:
    old, young = project.runs / ".new-old", project.runs / ".new-young"
    for folder in (old, young):
        (folder / "run").mkdir(parents=True)
    os.utime(old, (0, 0))
    controller = Controller()
    controller.queue, controller.takes = [], 7
    submit(project, "slurm", changes=SMALL, program=controller)
    assert not old.exists()
    assert young.exists()  # somebody may be writing it


def test_what_is_answered_twice_with_the_same_words_is_a_refusal(project: Project) -> None:
    """A wrapper of the site's says no in words that nobody knows; numbers in them may differ."""
    controller = Controller()
    controller.queue, controller.says = [], "12:00 no project, no job"
    with pytest.raises(SiteUnreachable):
        submit(project, "slurm", changes=SMALL, program=controller)
    controller.says = "12:01 no project, no job"
    said: list[str] = []
    for _ in range(3):
        (run,) = status(project, program=controller, say=said.append).runs
    assert (run.state, run.reason) == ("prepared", "refused: 12:01 no project, no job")
    assert controller.calls.count("sbatch") == 2
    assert said == [
        f"{run.run_id}: slurm has not taken the job, twice with the same words: "
        "12:01 no project, no job"
    ]
    controller.takes = 7
    (resumed,) = resume(project, (run.run_id,), program=controller)
    assert (resumed.submitted, resumed.job_id) == (True, "7")


def test_other_words_are_no_second_answer(project: Project) -> None:
    controller = Controller()
    controller.queue, controller.says = [], "the moon is full"
    with pytest.raises(SiteUnreachable):
        submit(project, "slurm", changes=SMALL, program=controller)
    for words in ("the moon is new", "the moon is gone"):
        controller.says = words
        (run,) = status(project, program=controller).runs
        assert run.state == "submitting"
    assert controller.calls.count("sbatch") == 3


def test_nobody_who_answers_never_refuses(unclear: tuple[Project, Controller]) -> None:
    project, controller = unclear
    controller.queue = []
    for _ in range(3):
        (run,) = status(project, program=controller).runs
        assert run.state == "submitting"
    assert controller.calls.count("sbatch") == 4


CHAIN = {**SMALL, "site": {"continuation": "chain", "max_attempts": 3, "walltime": "01:00:00"}}


class Chain(Controller):
    """Takes so many jobs and shows them; then Ctrl-C is pressed, or it refuses, or is killed."""

    def __init__(self, jobs: int, then: BaseException | str) -> None:
        super().__init__()
        self.jobs, self.then = jobs, then
        self.queue, self.states = [], "PENDING"

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[0] == "sbatch":
            self.takes = self.calls.count("sbatch") + 1
            if self.takes > self.jobs:
                self.calls.append(argv[0])
                if isinstance(self.then, BaseException):
                    raise self.then
                return Reply(tuple(argv), 1, "", self.then)
            name = argv[2].removeprefix("--job-name=")
            comment = argv[3].removeprefix("--comment=")
            row = [str(self.takes), self.states, "Priority", "0:00", "1:00:00", name, comment]
            assert self.queue is not None
            self.queue.append(SEPARATOR.join(row))
        return super().__call__(argv, cwd=cwd)


def begin_chain(project: Project, controller: Chain) -> None:
    submit(project, "slurm", changes=CHAIN, program=controller)


class Killed(BaseException):
    """As if nothing more of the process happened."""


def killed_behind_its_first_job(project: Project) -> Chain:
    """A chain whose command was killed before it said that it would submit the second."""
    controller = Chain(1, Killed())
    with pytest.raises(Killed):
        begin_chain(project, controller)
    (run,) = all_runs(project.runs)
    events = run.folder / "events.jsonl"
    events.write_text("".join(events.read_text().splitlines(keepends=True)[:3]))
    controller.jobs = 9
    return controller


def test_a_chain_that_was_cut_short_is_made_whole(project: Project) -> None:
    controller = killed_behind_its_first_job(project)
    controller.calls = ["sbatch"]
    said: list[str] = []
    (shown,) = status(project, program=controller, say=said.append).runs
    assert fold(shown.run.events()).job_ids == {1: "1", 2: "2", 3: "3"}  # type: ignore[union-attr]
    assert said == [f"{shown.run_id}: finished an interrupted chain: 2 more attempts submitted"]
    assert shown.warnings == []
    status(project, program=controller)
    assert controller.calls.count("sbatch") == 3


def test_behind_a_job_that_is_gone_nothing_is_submitted(project: Project) -> None:
    controller = killed_behind_its_first_job(project)
    controller.queue, controller.calls = [], []
    status(project, program=controller)
    controller.queue = None
    status(project, program=controller)
    assert "sbatch" not in controller.calls


def test_a_short_chain_is_said_to_be_short(project: Project) -> None:
    limit = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
    controller = Chain(2, limit)
    begin_chain(project, controller)
    for _ in range(2):
        (shown,) = status(project, program=controller).runs
        (warning,) = shown.warnings
        assert warning.startswith("2 of 3 attempts were submitted (refused: sbatch: error: Batch")
        assert warning.endswith(f"hpctrain resume {shown.run_id}")
    assert controller.calls.count("sbatch") == 3


def test_a_chain_that_was_interrupted_is_not_made_longer(project: Project) -> None:
    controller = Chain(2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        begin_chain(project, controller)
    said: list[str] = []
    for _ in range(2):
        (shown,) = status(project, program=controller, say=said.append).runs
        assert shown.warnings == [
            "2 of 3 attempts were submitted (interrupted); when they have ended: "
            f"hpctrain resume {shown.run_id}"
        ]
    assert said == [f"{shown.run_id}: its chain was interrupted before attempt 3 was submitted"]
    assert controller.calls.count("sbatch") == 3


def test_what_was_interrupted_is_not_submitted(project: Project) -> None:
    controller = Chain(0, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt, match="hpctrain status"):
        submit(project, "slurm", changes=SMALL, program=controller)
    for _ in range(2):
        (shown,) = status(project, program=controller).runs
        assert shown.state == "prepared"
    assert controller.calls.count("sbatch") == 1


@pytest.mark.parametrize(
    ("event", "words"),
    [("submitting", "nothing was submitted yet"), ("submitted", "it was submitted as job 1")],
)
def test_an_event_that_cannot_be_written(
    event: str, words: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has its name: whoever would submit again would make another."""
    record = Run.record

    def full(self: Run, kind: str, **facts: object) -> None:
        if kind == event:
            raise OSError(errno.ENOSPC, "No space left on device")
        record(self, kind, **facts)

    monkeypatch.setattr(Run, "record", full)
    controller = Chain(9, "")
    with pytest.raises(HpctrainError) as error:
        submit(project, "slurm", changes=SMALL, program=controller)
    monkeypatch.undo()
    (run,) = all_runs(project.runs)
    assert f"the run {run.run_id} exists: {words}" in error.value.message
    assert f"hpctrain status {run.run_id} finishes it" in str(error.value.hint)
    assert error.value.exit_code == 1
    (shown,) = status(project, program=controller).runs
    assert (shown.state, shown.job_id) == ("queued", "1")
    assert controller.calls.count("sbatch") == 1


class Pressed(Chain):
    """Ctrl-C is pressed while it is asked for the job behind these; it takes it, or is killed."""

    def __init__(self, jobs: int, takes_it: bool = False) -> None:
        super().__init__(jobs + takes_it, KeyboardInterrupt())
        self.at, self.full = jobs + 1, False

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[0] == "sbatch" and self.calls.count("sbatch") + 1 == self.at:
            os.kill(os.getpid(), signal.SIGINT)
            self.full = True
        return super().__call__(argv, cwd=cwd)


@pytest.fixture
def full_while(monkeypatch: pytest.MonkeyPatch) -> Callable[[Pressed, bool], None]:
    """Let the disk be full as soon as Ctrl-C is pressed: of events, or of empty files too."""

    def set_up(controller: Pressed, also_empty: bool) -> None:
        record, touch = Run.record, Path.touch

        def full(self: Any, *words: Any, **facts: Any) -> None:
            if controller.full and (isinstance(self, Run) or also_empty):
                raise OSError(errno.ENOSPC, "No space left on device", "events.jsonl")
            (record if isinstance(self, Run) else touch)(self, *words, **facts)

        monkeypatch.setattr(Run, "record", full)
        monkeypatch.setattr(Path, "touch", full)

    return set_up


def test_ctrl_c_on_a_full_disk_is_not_forgotten(
    project: Project, full_while: Callable[[Pressed, bool], None]
) -> None:
    controller = Pressed(0)
    full_while(controller, False)
    with pytest.raises(KeyboardInterrupt, match="submits nothing"):
        submit(project, "slurm", changes=SMALL, program=controller)
    controller.full = False
    for _ in range(2):
        (shown,) = status(project, program=controller).runs
        assert shown.state == "prepared"
    assert controller.calls.count("sbatch") == 1
    controller.jobs = 9
    (done,) = resume(project, (shown.run_id,), program=controller)
    assert done.submitted
    assert status(project, program=controller).runs[0].state == "queued"


def test_nor_in_a_chain(project: Project, full_while: Callable[[Pressed, bool], None]) -> None:
    """The job that was asked for just then is found, and the rest is not submitted."""
    controller = Pressed(1, takes_it=True)
    full_while(controller, False)
    with pytest.raises(HpctrainError, match="it was submitted as job 2"):
        begin_chain(project, controller)
    controller.full = False
    for _ in range(2):
        (shown,) = status(project, program=controller).runs
    assert fold(shown.run.events()).job_ids == {1: "1", 2: "2"}  # type: ignore[union-attr]
    assert controller.calls.count("sbatch") == 2


def test_where_nothing_at_all_can_be_written_that_is_said(
    project: Project, full_while: Callable[[Pressed, bool], None]
) -> None:
    controller = Pressed(0)
    full_while(controller, True)
    with pytest.raises(HpctrainError, match="was interrupted, and that is recorded") as caught:
        submit(project, "slurm", changes=SMALL, program=controller)
    (run,) = all_runs(project.runs)
    assert f"hpctrain cancel {run.run_id}, or the next command" in str(caught.value.hint)
    assert caught.value.exit_code == 1


def changed(project: Project, **facts: object) -> None:
    """As if the run had been submitted like that."""
    (run,) = all_runs(project.runs)
    events = [{**event, **facts} for event in run.events()]
    text = "".join(f"{json.dumps(event)}\n" for event in events)
    (run.folder / "events.jsonl").write_text(text)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"uid": os.getuid() + 1, "user": "ada"}, "and ada submitted it"),
        ({"cluster": "b"}, "this is the cluster a, and it was submitted on b"),
        ({"host": "login7", "time": "2026-01-01T00:00:00+00:00"}, "submitted on login7"),
    ],
)
def test_nothing_is_submitted_in_anothers_name_or_place(
    unclear: tuple[Project, Controller], facts: dict[str, object], words: str
) -> None:
    project, controller = unclear
    changed(project, **facts)
    controller.queue, controller.takes = [], 7
    controller.calls.clear()
    said: list[str] = []
    (run,) = status(project, program=controller, say=said.append).runs
    assert run.state == "submitting"
    assert "sbatch" not in controller.calls
    assert words in said[0]
    assert words in run.reason


def test_a_run_that_was_killed_before_its_intent_is_somebodys_too(
    unclear: tuple[Project, Controller],
) -> None:
    project, controller = unclear
    (run,) = all_runs(project.runs)
    first = run.events()[0]
    assert first["event"] == "prepared"
    event = {**first, "uid": os.getuid() + 1, "user": "ada"}
    (run.folder / "events.jsonl").write_text(f"{json.dumps(event)}\n")
    controller.queue, controller.takes = [], 7
    controller.calls.clear()
    recover(project, controller)
    assert "sbatch" not in controller.calls


def test_the_queue_is_looked_at_after_a_submission(project: Project) -> None:
    """What the queue has shown once can later be gone; the token tells the id for certain."""
    controller = Controller()
    controller.queue, controller.takes = [], 7

    def program(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[0] == "sbatch":
            assert controller.queue is not None
            name, comment = argv[2].partition("=")[2], argv[3].partition("=")[2]
            row = ["5", "PENDING", "Priority", "0:00", "10:00", name, comment]
            controller.queue.append(SEPARATOR.join(row))
        return controller(argv, cwd=cwd)

    done = submit(project, "slurm", changes=SMALL, program=program)
    assert done.job_id == "5"
    (run,) = all_runs(project.runs)
    history = fold(run.events())
    assert (history.job_ids, history.seen, history.submitter.cluster) == ({1: "5"}, {1}, "a")
    (submitted,) = (event for event in run.events() if event.get("printed"))
    assert (submitted["job_id"], submitted["printed"], submitted["number"]) == ("7", "7", "7")
