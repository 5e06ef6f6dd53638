"""One test for each rule of docs/states.md, by its name, through the whole of `status`."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from made_runs import (
    ACCOUNTING_DISABLED,
    ACCOUNTING_DOWN,
    DOWN,
    RUN_ID,
    FakeSlurm,
    accounting_row,
    error,
    event,
    leave,
    make_project,
    make_run,
    queue_row,
    submitted,
    submitted_long_ago,
)
from paths import DOCS

from hpctrain.cli.terminal.tables import status_table
from hpctrain.files import iso
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.lock import hold_lock

PAGE = DOCS / "states.md"
SECOND = f"{RUN_ID}.02"
TABLE = (
    "ladder_step cycle_step iter_num loss e_loss_contrib f_loss_contrib reg_loss rmse_epa "
    "rmse_f_comp low_rmse_epa low_rmse_f_comp mae_f_comp low_mae_f_comp nfuncs ncoefs "
    "l1_reg_contrib l2_reg_contrib smooth_orth smooth_w1 smooth_w2 smooth_w3\n"
)


def table_row(iteration: int) -> str:
    return f"0 0 {iteration} 0.5 0 0 0 0.025 0.03 " + " ".join(["0"] * 12) + "\n"


class Scene:
    """A run that was submitted two hours ago as job 7, to be changed by each rule."""

    def __init__(self, folder: Path) -> None:
        self.now = time.time()
        self.project: Project = make_project(folder)
        self.run = make_run(self.project)
        self.slurm = FakeSlurm()

    def ago(self, seconds: float) -> float:
        return self.now - seconds

    def submitted(self, attempt: int = 1, job_id: str = "7", ago: float = 7200) -> None:
        submitted(self.run, self.ago(ago), attempt, job_id)

    def begun(
        self, ago: float = 3600, beat: float | None = 10, attempt: int = 1, job_id: str = "7"
    ) -> None:
        if attempt == 1:
            self.submitted()
        claim = {"job_id": job_id, "time": self.ago(ago)}
        leave(self.run, attempt, "claim.json", self.ago(ago), claim)
        if beat is not None:
            heartbeat = {"phase": "train", "time": self.ago(beat)}
            leave(self.run, attempt, "heartbeat.json", self.ago(beat), heartbeat)

    def result(self, state: str, reason: str = "", ago: float = 20, attempt: int = 1,
               **facts: Any) -> None:  # fmt: skip
        content = {"state": state, "reason": reason, "ended": self.ago(ago), **facts}
        leave(self.run, attempt, "result.json", self.ago(ago), content)

    def announced(self, ago: float = 20, **facts: Any) -> None:
        self.begun(ago=3600, beat=ago)
        self.result("timeout", "the walltime ends", ago,
                    continues={"mode": "resubmit", "attempt": 2, **facts})  # fmt: skip

    def look(self) -> RunStatus:
        (found,) = status(self.project, program=self.slurm, clock=lambda: self.now).runs
        return found


# What the rule is given, the state, and words of its reason (or of the table, after "table: ").
Rule = Callable[[Scene], None]
RULES: dict[str, tuple[Rule, str, str]] = {}


def rule(state: str, words: str = "") -> Callable[[Rule], Rule]:
    def add(function: Rule) -> Rule:
        RULES[function.__name__.replace("_", "-")] = (function, state, words)
        return function

    return add


# -- no question needed


@rule("prepared", "refused: no such partition")
def refused(scene: Scene) -> None:
    event(scene.run, scene.ago(60), "submitting", attempt=1)
    event(scene.run, scene.ago(59), "refused", attempt=1, reason="no such partition")


@rule("prepared", "refused: name an account")
def refused_twice(scene: Scene) -> None:
    """What is on the disk then; tests/runs/test_recovery.py is how it comes to that."""
    for ago in (60, 30):
        event(scene.run, scene.ago(ago), "submitting", attempt=1)
        event(scene.run, scene.ago(ago), "unclear", attempt=1, reason="name an account")
    event(scene.run, scene.ago(29), "refused", attempt=1, reason="name an account")


@rule("prepared", "interrupted before it was submitted")
def interrupted(scene: Scene) -> None:
    for kind in ("submitting", "interrupted", "abandoned"):
        event(scene.run, scene.ago(60), kind, attempt=1)


@rule("completed")
def result_completed(scene: Scene) -> None:
    scene.begun()
    scene.result("completed")


@rule("collected", "potential_gen_01")
def collected(scene: Scene) -> None:
    scene.begun()
    scene.result("completed")
    event(scene.run, scene.ago(5), "collected", name="potential_gen_01")


@rule("failed", "no iteration")
def result_failed(scene: Scene) -> None:
    scene.begun()
    scene.result("failed", "no iteration")


@rule("timeout", "table: to go on: hpctrain resume")
def result_timeout(scene: Scene) -> None:
    scene.begun()
    scene.result("timeout", "the walltime ends")


# -- in the queue


@rule("queued", "jobs of higher priority are ahead")
def queued(scene: Scene) -> None:
    scene.submitted()
    scene.slurm.squeue = [queue_row("7", "PENDING", "Priority")]


@rule("queued", "it will never run")
def never_runs(scene: Scene) -> None:
    scene.submitted()
    scene.slurm.squeue = [queue_row("7", "PENDING", "PartitionConfig")]


@rule("queued", "it will never run: it asks for more time")
def never_alone(scene: Scene) -> None:
    scene.submitted()
    scene.slurm.squeue = [queue_row("7", "PENDING", "AssocMaxWallDurationPerJobLimit")]


@rule("queued", "it will never run")
def never_satisfied(scene: Scene) -> None:
    scene.submitted()
    scene.slurm.squeue = [queue_row("7", "PENDING", "DependencyNeverSatisfied")]


@rule("held", "scontrol release")
def held_by_user(scene: Scene) -> None:
    scene.submitted()
    scene.slurm.squeue = [queue_row("7", "PENDING", "JobHeldUser")]


@rule("held", "job requeued in held state")
def requeued_held(scene: Scene) -> None:
    scene.submitted()
    scene.slurm.squeue = [queue_row("7", "PENDING", "job requeued in held state")]


@rule("held", "administrator")
def held_by_administrator(scene: Scene) -> None:
    scene.submitted()
    scene.slurm.squeue = [queue_row("7", "PENDING", "JobHeldAdmin")]


@rule("held", "suspended")
def suspended(scene: Scene) -> None:
    scene.begun()
    scene.slurm.squeue = [queue_row("7", "SUSPENDED")]


@rule("queued", "two minutes")
def requeued(scene: Scene) -> None:
    scene.begun(beat=200)
    scene.slurm.squeue = [queue_row("7", "PENDING", "BeginTime")]


@rule("running")
def running(scene: Scene) -> None:
    scene.begun()
    scene.slurm.squeue = [queue_row("7", "RUNNING")]


@rule("running", "table: warning: the trainer has written nothing for 33 min")
def stalled(scene: Scene) -> None:
    running(scene)
    leave(scene.run, 1, "log.txt", scene.ago(2000), "Iteration\n")
    leave(scene.run, 1, "metrics.txt", scene.ago(3000), TABLE)


@rule("running", "table: warning: the job has given no sign of life for 15 min")
def no_sign_of_life(scene: Scene) -> None:
    scene.begun(beat=900)
    scene.slurm.squeue = [queue_row("7", "RUNNING")]


@rule("running", "table: 1 / 100  25 / 0.03")
def torn_log(scene: Scene) -> None:
    running(scene)
    torn = TABLE + table_row(0) + table_row(1) + table_row(2)[:20]
    leave(scene.run, 1, "metrics.txt", scene.ago(5), torn)
    leave(scene.run, 1, "log.txt", scene.ago(5), "2026-11-23 12:00:00,100 I - Iterat")


@rule("stopping")
def ending(scene: Scene) -> None:
    scene.begun()
    scene.slurm.squeue = [queue_row("7", "COMPLETING")]


@rule("stopping")
def still_listed(scene: Scene) -> None:
    running(scene)
    scene.result("terminated", "ended by SIGTERM")


@rule("unknown", "TELEPORTED")
def unknown_word(scene: Scene) -> None:
    scene.begun()
    scene.slurm.squeue = [queue_row("7", "TELEPORTED")]


# -- out of the queue, and no result


@rule("unknown", "its result is not there (yet)")
def no_result_yet(scene: Scene) -> None:
    scene.begun(beat=30)
    scene.slurm.sacct = [accounting_row("7", "COMPLETED")]


@rule("failed", "has left no result")
def ended_without_result(scene: Scene) -> None:
    scene.begun(beat=301)
    scene.slurm.sacct = [accounting_row("7", "COMPLETED")]


@rule("unknown", "the accounting still calls it RUNNING")
def accounting_lags(scene: Scene) -> None:
    scene.begun()
    scene.slurm.sacct = [accounting_row("7", "RUNNING")]


@rule("unknown", "neither queue nor accounting knows job 7")
def accounting_empty(scene: Scene) -> None:
    scene.submitted(ago=20)


@rule("unknown", "its last sign of life is 10 s old")
def still_alive(scene: Scene) -> None:
    scene.begun()


@rule("unknown", "it began 400 s ago")
def just_begun(scene: Scene) -> None:
    scene.begun(ago=400, beat=None)


@rule("failed", "gives no sign of life")
def vanished(scene: Scene) -> None:
    scene.begun(beat=601)


@rule("failed", "it never began: sbatch: no such module")
def never_began(scene: Scene) -> None:
    scene.submitted()
    (scene.run.folder / "job-7.out").write_text("sbatch: no such module\n")


@rule("failed", "neither queue nor accounting knows job 7")
def reused_id(scene: Scene) -> None:
    scene.submitted()
    other = "20250101-000000-ffff.01"
    scene.slurm.squeue = [queue_row("7", "RUNNING", mark=other)]
    scene.slurm.sacct = [accounting_row("7", "COMPLETED", mark=other)]


@rule("unknown", "table: unknown since")
def accounting_down(scene: Scene) -> None:
    scene.begun(beat=5000)
    scene.slurm.sacct = ACCOUNTING_DOWN


@rule("failed", "Slurm accounting storage is disabled")
def accounting_disabled(scene: Scene) -> None:
    scene.begun(beat=5000)
    scene.slurm.sacct = ACCOUNTING_DISABLED


def said_by_accounting(state: str) -> Rule:
    def arrange(scene: Scene) -> None:
        scene.begun(beat=30)
        scene.slurm.sacct = [accounting_row("7", state)]

    return arrange


RULES |= {
    "node-failure": (said_by_accounting("NODE_FAIL"), "failed", "a compute node failed"),
    "preempted": (said_by_accounting("PREEMPTED"), "failed", "a job of higher priority"),
    "deadline": (said_by_accounting("DEADLINE"), "failed", "deadline"),
    "out-of-memory": (said_by_accounting("OUT_OF_MEMORY"), "out_of_memory", "request more"),
    "killed-at-walltime": (said_by_accounting("TIMEOUT"), "timeout", "its time limit"),
    "cancelled-by-you": (
        said_by_accounting(f"CANCELLED by {os.getuid()}"), "cancelled", "by you",
    ),
    "cancelled-by-administrator": (
        said_by_accounting(f"CANCELLED by {os.getuid() + 1}"), "cancelled", "by an administrator",
    ),
}  # fmt: skip


@rule("cancelled", "by hpctrain cancel")
def cancelled_by_hpctrain(scene: Scene) -> None:
    said_by_accounting(f"CANCELLED by {os.getuid()}")(scene)
    event(scene.run, scene.ago(60), "cancel_requested", attempt=1)


# -- told to end, with a result


@rule("timeout", "its time limit")
def signal_at_walltime(scene: Scene) -> None:
    said_by_accounting("TIMEOUT")(scene)
    scene.result("terminated", "ended by SIGTERM")


@rule("failed", "ended by SIGTERM; the scheduler does not say why")
def signal_unexplained(scene: Scene) -> None:
    scene.begun()
    scene.result("terminated", "ended by SIGTERM")


@rule("failed", "ended by SIGTERM; why is not known (sacct: error: Problem")
def signal_accounting_down(scene: Scene) -> None:
    signal_unexplained(scene)
    scene.slurm.sacct = ACCOUNTING_DOWN


@rule("out_of_memory", "more memory")
def trainer_killed(scene: Scene) -> None:
    said_by_accounting("OUT_OF_MEMORY")(scene)
    scene.result("failed", "pacemaker was killed", signal="SIGKILL")


# -- nobody answers


@rule("unknown", "squeue: error: Unable to contact slurm controller; last seen running")
def queue_down(scene: Scene) -> None:
    running(scene)
    assert scene.look().state == "running"
    scene.now += 60
    scene.slurm.squeue = DOWN


@rule("submitting", "not known whether it was taken (squeue: error")
def queue_down_submitting(scene: Scene) -> None:
    event(scene.run, scene.ago(600), "submitting", attempt=1, host=os.uname().nodename)
    scene.slurm.squeue = DOWN


@rule("submitting", "another command is submitting it")
def submitting(scene: Scene) -> None:
    event(scene.run, scene.ago(5), "submitting", attempt=1, host=os.uname().nodename)
    look = scene.look

    def beside_a_submit() -> RunStatus:
        with hold_lock(scene.project.runs, "submit"):
            return look()

    scene.look = beside_a_submit  # type: ignore[method-assign]


@rule("unknown", "squeue: not all of its answer can be read: '8 RUNN'")
def queue_cut_off(scene: Scene) -> None:
    scene.begun()
    scene.slurm.squeue = Reply(("squeue",), 0, queue_row("6", "RUNNING") + "\n8\x1fRUNN", "")


# -- whose answer it is


def submitted_by(scene: Scene, **who: Any) -> None:
    """The same run, of another user or on another cluster; its job is long gone, as it seems."""
    vanished(scene)
    event(scene.run, scene.ago(7200), "submitted", attempt=1, job_id="7", **who)


@rule("unknown", "and ada submitted it")
def another_user(scene: Scene) -> None:
    submitted_by(scene, user="ada", uid=os.getuid() + 1)


@rule("unknown", "this is the cluster a, and it was submitted on b")
def another_cluster(scene: Scene) -> None:
    submitted_by(scene, cluster="b")


@rule("unknown", "this is the cluster a, and it was submitted on b")
def another_cluster_cancelled(scene: Scene) -> None:
    another_cluster(scene)
    event(scene.run, scene.ago(60), "cancel_requested", attempt=1)


@rule("unknown", "submitted on the cluster a, and which one answers here cannot be found out")
def cluster_not_told(scene: Scene) -> None:
    vanished(scene)
    scene.slurm.scontrol = error("scontrol", "scontrol: error: no")


@rule("unknown", "submitted on login7, the name of the cluster was not recorded")
def cluster_not_recorded(scene: Scene) -> None:
    event(scene.run, scene.ago(7200), "submitting", attempt=1, host="login7")
    event(scene.run, scene.ago(7200), "submitted", attempt=1, job_id="7")


@rule("unknown", "the queue has never shown it, so that proves nothing")
def never_shown(scene: Scene) -> None:
    submitted_long_ago(scene.run, scene.ago(7200), 1, "7")


@rule(
    "unknown", "nothing at all was answered, and no cluster told its name, so that proves nothing"
)
def two_empty_replies(scene: Scene) -> None:
    submitted_long_ago(scene.run, scene.ago(7200), 1, "7")
    event(scene.run, scene.ago(7200), "seen", attempt=1, job_id="7")
    scene.slurm.scontrol = error("scontrol", "scontrol: error: no")


@rule("cancelled", "by hpctrain cancel")
def never_shown_cancelled(scene: Scene) -> None:
    never_shown(scene)
    event(scene.run, scene.ago(60), "cancel_requested", attempt=1)


@rule("failed", "it never began")
def accounting_complete(scene: Scene) -> None:
    never_shown(scene)
    scene.slurm.sacct = [accounting_row("3", "COMPLETED", mark="20250101-000000-ffff.01")]


@rule("running")
def another_id(scene: Scene) -> None:
    scene.begun()
    scene.slurm.squeue = [queue_row("8", "RUNNING")]


@rule("submitting", "and ada submitted it")
def submitting_elsewhere(scene: Scene) -> None:
    host, uid = os.uname().nodename, os.getuid() + 1
    event(scene.run, scene.ago(600), "submitting", attempt=1, host=host, user="ada", uid=uid,
          cluster="a")  # fmt: skip


# -- training longer than a walltime


@rule("queued", "continues the previous attempt: jobs of higher priority")
def next_queued(scene: Scene) -> None:
    scene.announced(job_id="8")
    scene.slurm.squeue = [queue_row("8", "PENDING", "Priority", mark=SECOND)]


@rule("queued", "continues the previous attempt: waits for its start time")
def next_requeued(scene: Scene) -> None:
    scene.announced(job_id="7")
    scene.slurm.squeue = [queue_row("7", "PENDING", "BeginTime")]


@rule("queued", "continues the previous attempt")
def next_by_token(scene: Scene) -> None:
    scene.announced(job_id=None)
    scene.slurm.squeue = [queue_row("9", "PENDING", "Priority", mark=SECOND)]


@rule("unknown", "neither queue nor accounting knows job 8")
def next_not_seen(scene: Scene) -> None:
    scene.announced(job_id="8")


@rule("timeout", "no further job will continue it")
def next_lost(scene: Scene) -> None:
    scene.announced(ago=301, job_id="8")


@rule("running", "table: 42 / 100")
def next_running(scene: Scene) -> None:
    scene.announced(job_id="8")
    scene.begun(ago=15, attempt=2, job_id="8")
    leave(scene.run, 2, "resume/state.json", scene.ago(15), {"total": 40})
    leave(scene.run, 2, "metrics.txt", scene.ago(5), TABLE + "".join(map(table_row, range(3))))
    scene.slurm.squeue = [queue_row("8", "RUNNING", mark=SECOND)]


@rule("unknown", "squeue: error")
def next_unasked(scene: Scene) -> None:
    scene.announced(ago=1000, job_id="8")
    scene.slurm.squeue = DOWN


@rule("running")
def chain_waits(scene: Scene) -> None:
    running(scene)
    scene.submitted(2, "8")
    scene.slurm.squeue = [
        queue_row("7", "RUNNING"), queue_row("8", "PENDING", "Dependency", mark=SECOND)
    ]  # fmt: skip


@rule("queued", "continues the previous attempt")
def chain_goes_on(scene: Scene) -> None:
    chain_waits(scene)
    scene.slurm.squeue = [
        queue_row("7", "NODE_FAIL"), queue_row("8", "PENDING", "Priority", mark=SECOND)
    ]  # fmt: skip


@rule("failed", "no forces")
def chain_over(scene: Scene) -> None:
    chain_waits(scene)
    scene.result("failed", "no forces")
    scene.slurm.squeue = [queue_row("7", "FAILED"), queue_row("8", "COMPLETED", mark=SECOND)]


@rule("completed")
def chain_complete(scene: Scene) -> None:
    chain_waits(scene)
    scene.result("completed")


@rule("running")
def resumed(scene: Scene) -> None:
    vanished(scene)
    event(scene.run, scene.ago(100), "resuming", attempt=2)
    scene.submitted(2, "8", ago=99)
    scene.slurm.squeue = [queue_row("8", "RUNNING", mark=SECOND)]


@rule("failed", "gives no sign of life")
def resume_refused(scene: Scene) -> None:
    vanished(scene)
    event(scene.run, scene.ago(100), "resuming", attempt=2)
    event(scene.run, scene.ago(99), "submitting", attempt=2)
    event(scene.run, scene.ago(98), "refused", attempt=2, reason="no")


@rule("running", "")
def gave_way(scene: Scene) -> None:
    scene.begun()
    event(scene.run, scene.ago(100), "resuming", attempt=2)
    scene.submitted(2, "8", ago=99)
    scene.begun(attempt=2, job_id="8", beat=None)
    leave(scene.run, 2, "result.json", scene.ago(50), {"state": "failed", "gives_way_to": 1})
    scene.slurm.squeue = [queue_row("7", "RUNNING")]


# Which attempt and job are shown, where it is not the first.
SHOWN = {
    "next-queued": (2, "8"), "next-requeued": (2, "7"), "next-by-token": (2, "9"),
    "next-not-seen": (2, "8"), "next-running": (2, "8"), "next-unasked": (2, "8"),
    "chain-goes-on": (2, "8"), "resumed": (2, "8"),
    "refused": (0, None), "refused-twice": (0, None), "interrupted": (0, None),
    "submitting": (0, None),
    "queue-down-submitting": (0, None),
    "submitting-elsewhere": (0, None), "another-id": (1, "8"),
}  # fmt: skip


@cache
def documented() -> dict[str, str]:
    """The rows of docs/states.md and the cell with their state."""
    found: dict[str, str] = {}
    column = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "Row":
            column = cells.index("State")
        elif match := re.fullmatch(r"`([a-z-]+)`", cells[0]):
            assert match[1] not in found, match[1]
            found[match[1]] = cells[column]
    return found


def test_the_documentation_has_these_rows() -> None:
    assert sorted(documented()) == sorted(RULES)


@pytest.mark.parametrize("name", RULES)
def test_row(name: str, tmp_path: Path) -> None:
    arrange, state, words = RULES[name]
    scene = Scene(tmp_path / "p")
    arrange(scene)
    found = scene.look()
    assert found.state == state
    if words.startswith("table: "):
        assert words.removeprefix("table: ") in re.sub(r" {3,}", "  ", status_table([found]))
    else:
        assert words in found.reason
    assert (found.attempt, found.job_id) == SHOWN.get(name, (1, "7"))
    # The document says the same; some rows have a second state beside it, or that of another row.
    cell = documented()[name]
    assert f"`{state}`" in cell or (name in ("resumed", "resume-refused") and "attempt" in cell)
    assert found.since is not None


def test_unknown_says_since_when_and_why_beside_the_last_known_state(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "p")
    queue_down(scene)
    first = scene.look()
    began = iso(scene.now)
    assert (first.since, first.before) == (began, "running")
    scene.now += 3600
    again = scene.look()
    assert (again.since, again.before) == (began, "running")
    table = status_table([again])
    assert "unknown (was running)" in table
    clock = re.search(r"unknown since ([\d:-]+ ?[\d:]*) \(squeue: error", table)
    assert clock is not None
    scene.now += 3600
    running_again = FakeSlurm(squeue=[queue_row("7", "RUNNING")])
    scene.slurm = running_again
    assert scene.look().state == "running"
    scene.now += 60
    scene.slurm.squeue = error("squeue", "squeue: error: gone again")
    assert scene.look().since == iso(scene.now)


def test_pbs_words() -> None:
    """Every letter and substate of PBS that hpctrain knows, with its state, and no other."""
    from hpctrain.schedulers.pbs.states import EXITS, STATES

    section = PAGE.read_text().partition("## PBS's words")[2]
    told: dict[tuple[str, str], str | None] = {}
    for words, state in re.findall(
        r"^\| ((?:`\w/\d+`[ •]*)+) \| ([^|]+?) \|", section, re.MULTILINE
    ):
        for letter, substate in re.findall(r"`(\w)/(\d+)`", words):
            told[letter, substate] = None if state == "its exit code" else state.strip("`")
    assert told == {pair: state for pair, (state, _) in STATES.items()}
    named = {code: state for code, (state, _) in EXITS.items() if state != "failed"}
    assert named == {-29: "timeout", -26: "out_of_memory", -27: "out_of_memory"}
