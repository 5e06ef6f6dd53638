"""What PBS's letters, numbers and comments mean; one row for every job that was recorded."""

from __future__ import annotations

import pytest
from paths import RECORDED

from hpctrain.schedulers.base import JobState
from hpctrain.schedulers.pbs.reply import Job, from_json
from hpctrain.schedulers.pbs.states import LETTERS, STATES, judge

OF_PBS = RECORDED / "pbs"

# File, job, state, PBS's own words, a part of the reason (empty: none at all), exit code.
ROWS: list[tuple[str, str, JobState, str, str, int | None]] = [
    ("after_restart_json", "63.pbsnode", "running", "R/42", "", None),
    ("array_qstat_finished_json", "30[].pbsnode", "failed", "F/93", "a part of it failed", None),
    ("array_qstat_one_sub", "30[2].pbsnode", "running", "R/42", "", None),
    ("array_qstat_running_json", "30[].pbsnode", "running", "B/70", "3 running", None),
    ("array_qstat_sub1_finished_no_x", "30[1].pbsnode", "completed", "X/92", "", 0),
    ("array_qstat_t_finished_json", "30[].pbsnode", "failed", "F/93", "a part of it failed", None),
    ("array_qstat_t_finished_json", "30[1].pbsnode", "completed", "F/92", "", 0),
    ("array_qstat_t_finished_json", "30[2].pbsnode", "failed", "F/93", "ended with exit code 5", 5),
    ("array_qstat_t_finished_json", "30[3].pbsnode", "completed", "F/92", "", 0),
    ("array_qstat_t_running_json", "30[].pbsnode", "running", "B/70", "3 running", None),
    ("array_qstat_t_running_json", "30[1].pbsnode", "running", "R/42", "", None),
    ("array_qstat_t_running_json", "30[2].pbsnode", "running", "R/42", "", None),
    ("array_qstat_t_running_json", "30[3].pbsnode", "running", "R/42", "", None),
    ("badout2_json", "69.pbsnode", "completed", "F/92", "", 0),
    ("badout_json", "67.pbsnode", "stopping", "E/51", "", None),
    ("depend_done_all_json", "11.pbsnode", "failed", "F/92", "it never ran: a job", None),
    ("depend_done_all_json", "31.pbsnode", "completed", "F/92", "", 0),
    ("depend_done_all_json", "32.pbsnode", "failed", "F/93", "ended with exit code 7", 7),
    ("depend_done_all_json", "33.pbsnode", "completed", "F/92", "", 0),
    ("depend_done_all_json", "34.pbsnode", "failed", "F/92", "it never ran: a job", None),
    ("depend_done_all_json", "35.pbsnode", "completed", "F/92", "", 0),
    ("depend_done_all_json", "36.pbsnode", "failed", "F/92", "it never ran: a job", None),
    ("depend_done_all_json", "37.pbsnode", "completed", "F/92", "", 0),
    ("depend_done_all_json", "38.pbsnode", "failed", "F/92", "it never ran: a job", None),
    ("depend_done_json", "31.pbsnode", "completed", "F/92", "", 0),
    ("depend_late_json", "37.pbsnode", "completed", "F/92", "", 0),
    ("depend_waiting_child_json", "72.pbsnode", "queued", "H/22", "waits for another job", None),
    ("depend_waiting_json", "31.pbsnode", "running", "R/41", "", None),
    ("mem_over_json", "74.pbsnode", "completed", "F/92", "", 0),
    ("multi_json", "31.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_E", "31.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_E", "32.pbsnode", "failed", "F/93", "ended with exit code 7", 7),
    ("multi_json_E", "33.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_E_unknown", "31.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_E_unknown", "33.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_old", "31.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_old", "32.pbsnode", "failed", "F/93", "ended with exit code 7", 7),
    ("multi_json_old", "33.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_old_unknown", "31.pbsnode", "completed", "F/92", "", 0),
    ("multi_json_old_unknown", "32.pbsnode", "failed", "F/93", "ended with exit code 7", 7),
    ("qrerun_state1", "61.pbsnode", "running", "R/41", "", None),
    ("qrerun_state2", "61.pbsnode", "running", "R/42", "", None),
    ("qstat_alt_json", "68.pbsnode", "failed", "F/93", "ended by signal 10", 138),
    ("qstat_baddepend", "11.pbsnode", "failed", "F/92", "it never ran: a job", None),
    ("qstat_finished_exit0_json", "2.pbsnode", "completed", "F/92", "", 0),
    ("qstat_finished_exit3_json", "20.pbsnode", "failed", "F/93", "ended with exit code 3", 3),
    ("qstat_finished_segv_json", "21.pbsnode", "failed", "F/93", "ended with exit code 139", 139),
    ("qstat_held_by_qhold", "19.pbsnode", "held", "H/20", "held by its owner; qrls", None),
    ("qstat_held_json", "18.pbsnode", "held", "H/20", "held by its owner; qrls", None),
    ("qstat_known_and_unknown", "20.pbsnode", "failed", "F/93", "ended with exit code 3", 3),
    ("qstat_mix_finished_running_no_x", "17.pbsnode", "running", "R/42", "", None),
    ("qstat_qdel_queued_json", "19.pbsnode", "cancelled", "F/91", "", None),
    ("qstat_qdel_running_json", "17.pbsnode", "stopping", "R/42", "cancelled by you", None),
    ("qstat_qdel_running_later_json", "17.pbsnode", "cancelled", "F/91", "by you", 143),
    ("qstat_qdel_trap_json", "23.pbsnode", "cancelled", "F/91", "by you", 143),
    ("qstat_queued_json", "19.pbsnode", "queued", "Q/10", "waits for free ncpus: 4 asked", None),
    ("qstat_running_json", "17.pbsnode", "running", "R/42", "", None),
    ("qstat_toobig_json", "6.pbsnode", "queued", "Q/10", "it will never run", None),
    ("qstat_walltime_killed_json", "22.pbsnode", "timeout", "F/93", "to its time limit", None),
    ("qstat_walltime_plain_json", "24.pbsnode", "timeout", "F/93", "to its time limit", None),
    ("select_json", "51.pbsnode", "running", "R/41", "", None),
]  # fmt: skip
# Read elsewhere: test_pbs_reply.
ELSEWHERE = ("weird_", "all_x", "many", "down_", "live_")


def jobs_of(name: str) -> dict[str, Job]:
    text = (OF_PBS / f"{name}.out").read_bytes().decode("utf-8", "replace")
    return {job.job_id: job for job in from_json(text)[0]}


def test_every_recorded_job() -> None:
    for name, job_id, state, raw, reason, exit_code in ROWS:
        what = judge(jobs_of(name)[job_id], "alice")
        assert (what.state, what.raw, what.exit_code) == (state, raw, exit_code), (name, job_id)
        assert reason in what.reason, (name, job_id)
        assert bool(reason) == bool(what.reason), (name, job_id)


def test_no_recorded_job_is_missing() -> None:
    recorded = {
        (path.stem, job_id)
        for path in OF_PBS.glob("*.out")
        if not path.stem.startswith(ELSEWHERE) and path.read_bytes().lstrip().startswith(b"{")
        for job_id in jobs_of(path.stem)
    }
    assert {(row[0], row[1]) for row in ROWS} == recorded


@pytest.mark.parametrize(
    ("name", "job_id", "state", "raw", "reason", "exit_code"),
    [
        ("all_x_json", "15.pbsnode", "queued", "Q/10", "the queue is stopped", None),
        ("many", "39.pbsnode", "cancelled", "F/91", "", None),
        ("many", "61.pbsnode", "cancelled", "F/91", "by you", 137),
        ("many", "64.pbsnode", "cancelled", "F/91", "ended by signal 15", 143),
        ("many", "67.pbsnode", "stopping", "E/51", "", None),
        ("many", "53.pbsnode", "failed", "F/93", "ended with exit code 7", 7),
    ],
)
def test_of_the_long_lists(
    name: str, job_id: str, state: JobState, raw: str, reason: str, exit_code: int | None
) -> None:
    what = judge(jobs_of(name)[job_id], "alice")
    assert (what.state, what.raw, what.exit_code) == (state, raw, exit_code)
    assert reason in what.reason
    assert bool(reason) == bool(what.reason)


def job(letter: str, substate: str = "", job_id: str = "1.s", **attributes: str) -> Job:
    given = {"job_state": letter, "substate": substate, **attributes}
    return Job(job_id, {key.replace("__", "."): value for key, value in given.items() if value})


@pytest.mark.parametrize(
    ("status", "state", "reason", "exit_code"),
    [
        ("0", "completed", "", 0),
        ("1", "failed", "ended with exit code 1", 1),
        ("255", "failed", "ended with exit code 255", 255),
        ("139", "failed", "ended with exit code 139", 139),
        ("265", "failed", "ended by signal 9", 137),
        ("267", "failed", "ended by signal 11", 139),
        ("-1", "failed", "could not start it", None),
        ("-4", "failed", "the compute node failed", None),
        ("-10", "failed", "the user or the group", None),
        ("-17", "failed", "rule of the site", None),
        ("-24", "failed", "more cores", None),
        ("-26", "out_of_memory", "request more", None),
        ("-27", "out_of_memory", "request more", None),
        ("-28", "failed", "processor time", None),
        ("-29", "timeout", "time limit", None),
        ("-77", "failed", "Exit_status -77", None),
        ("nonsense", "unknown", "does not say how", None),
    ],
)
def test_exit_codes(status: str, state: JobState, reason: str, exit_code: int | None) -> None:
    for substate in ("92", ""):
        what = judge(job("F", substate, Exit_status=status, stime="x"), "alice")
        assert (what.state, what.exit_code) == (state, exit_code)
        assert reason in what.reason


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("0", "completed"),
        ("3", "failed"),
        ("-10", "out_of_memory"),
        ("-11", "timeout"),
        ("-12", "failed"),
        ("-1", "failed"),
        ("271", "failed"),
        ("", "unknown"),
    ],
)
def test_torques_own(status: str, state: JobState) -> None:
    for key in ("exit_status", "Exit_status"):
        assert judge(job("C", **{key: status}), "alice").state == state


@pytest.mark.parametrize(
    ("used", "status", "state"),
    [
        ("01:00:00", "271", "timeout"),
        ("3605", "265", "timeout"),
        ("00:59:59", "271", "failed"),
        ("01:00:01", "267", "failed"),
        ("", "271", "failed"),
    ],
)
def test_a_signal_at_the_time_limit(used: str, status: str, state: JobState) -> None:
    ended = job("F", "93", Exit_status=status, Resource_List__walltime="01:00:00",
                resources_used__walltime=used)  # fmt: skip
    assert judge(ended, "alice").state == state


@pytest.mark.parametrize(
    ("attributes", "state", "reason"),
    [
        ({"depend": "afterok:1.s", "Hold_Types": "s"}, "failed", "did not end as asked"),
        ({"Hold_Types": "s"}, "failed", "did not end as asked"),
        ({"Hold_Types": "n"}, "failed", "never ran, and PBS does not say why"),
        ({"depend": "beforeok:2.s", "stime": "x"}, "unknown", "does not say how"),
        ({"exec_host": "n/0"}, "unknown", "does not say how"),
        ({"resources_used__walltime": "00:00:01"}, "unknown", "does not say how"),
    ],
)
def test_ended_without_an_exit_code(
    attributes: dict[str, str], state: JobState, reason: str
) -> None:
    what = judge(job("F", "92", **attributes), "alice")
    assert what.state == state
    assert reason in what.reason


@pytest.mark.parametrize(("letter", "substate"), [("F", ""), ("F", "93"), ("X", "69"), ("X", "92")])
def test_an_end_that_is_not_told_is_none(letter: str, substate: str) -> None:
    assert judge(job(letter, substate), "alice").state == "unknown"


def test_an_array_whose_part_failed() -> None:
    assert judge(job("F", "93", "1[].s", Exit_status="0"), "a").reason == "a part of it failed"
    assert judge(job("F", "92", "1[].s", Exit_status="0"), "a").state == "completed"
    assert "though its script" in judge(job("F", "93", Exit_status="0"), "a").reason


@pytest.mark.parametrize(
    ("hold", "substate", "comment", "state", "reason"),
    [
        ("u", "20", "Job held by alice on Mon", "held", "by its owner; qrls JOB lets it go on"),
        ("o", "20", "", "held", "held by an operator"),
        ("uo", "20", "", "held", "held by an operator"),
        ("s", "20", "job held, too many failed attempts to run", "held",
         "held by PBS; ask the site (job held, too many failed attempts to run)"),
        ("p", "20", "", "held", "bad password"),
        ("n", "20", "", "held", "qstat -f JOB"),
        ("s", "22", "", "queued", "waits for another job"),
        ("us", "22", "", "held", "held by its owner"),
        ("os", "22", "", "held", "held by an operator"),
        ("", "22", "", "queued", "waits for another job"),
        ("u", "", "", "held", "held by its owner"),
        ("s", "", "", "held", "held by PBS"),
        ("n", "21", "", "queued", "start with it"),
    ],
)  # fmt: skip
def test_holds(hold: str, substate: str, comment: str, state: JobState, reason: str) -> None:
    what = judge(job("H", substate, Hold_Types=hold, comment=comment), "alice")
    assert what.state == state
    assert reason in what.reason


def test_without_a_substate_a_dependency_is_known_by_itself() -> None:
    what = judge(job("H", Hold_Types="s", depend="afterany:1.s"), "alice")
    assert (what.state, what.reason) == ("queued", "waits for another job")


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("", ""),
        ("Can Never Run: Insufficient amount of resource: ngpus (R: 9 A: 2 T: 2)",
         "it will never run: it asks for 9 of ngpus, and there are 2; ask for less "
         "(Insufficient amount of resource: ngpus (R: 9 A: 2 T: 2))"),
        ("Can Never Run: Not enough total nodes available",
         "it will never run: the cluster has fewer nodes than it asks for; ask for less "
         "(Not enough total nodes available)"),
        ("Not Running: Insufficient amount of resource: mem (R: 8gb A: 1gb T: 64gb)",
         "waits for free mem: 8gb asked, 1gb free of 64gb"),
        ("Not Running: Insufficient amount of queue resource: ncpus (R: 8 A: 1 T: 64)",
         "waits for free ncpus: 8 asked, 1 free of 64"),
        ("Not Running: Insufficient amount of resource: model (big != small)",
         "waits for a node with the model that it asks for (Insufficient amount of resource: "
         "model (big != small))"),
        ("Not Running: Queue not started.",
         "the queue is stopped; qstat -Q shows which are started"),
        ("Not Running: Not enough free nodes available", "waits for free nodes"),
        ("Not Running: Job would conflict with reservation or top job",
         "waits for a reservation, or a job that is ahead, to end"),
        ("Not Running: User has reached server running job limit.",
         "your limit is reached; it waits for your other jobs, or requests too much (User has "
         "reached server running job limit.)"),
        ("Waiting for the moon", "Waiting for the moon"),
    ],
)  # fmt: skip
def test_why_a_job_waits(comment: str, reason: str) -> None:
    what = judge(job("Q", "10", comment=comment), "alice")
    assert (what.state, what.reason) == ("queued", reason)


@pytest.mark.parametrize(
    ("comment", "user", "reason"),
    [
        ("Job run at x and terminated by alice@pbsnode", "alice", "by you"),
        ("Job run at x and terminated by alice", "alice", "by you"),
        ("Job run at x and terminated by root@pbsnode", "alice", "by root@pbsnode"),
        ("Not Running: x and terminated", "alice", ""),
        ("", "alice", ""),
    ],
)
def test_who_cancelled(comment: str, user: str, reason: str) -> None:
    what = judge(job("F", "91", comment=comment), user)
    assert (what.state, what.reason) == ("cancelled", reason)


def test_what_an_array_is_doing() -> None:
    counts = "Queued:12 Running:3 Exiting:0 Expired:1"
    what = judge(job("B", "70", "1[].s", array_state_count=counts), "alice")
    assert (what.state, what.reason) == ("running", "12 queued, 3 running, 1 expired")


@pytest.mark.parametrize(
    ("letter", "substate", "state"),
    [
        ("Q", "10", "queued"), ("Q", "999", "queued"), ("T", "0", "queued"), ("T", "3", "queued"),
        ("W", "30", "queued"), ("W", "37", "held"), ("R", "41", "running"), ("R", "71", "queued"),
        ("R", "999", "running"), ("S", "43", "held"), ("S", "45", "held"), ("U", "43", "held"),
        ("E", "50", "stopping"), ("E", "62", "stopping"), ("E", "", "stopping"),
        ("B", "", "running"), ("M", "94", "unknown"), ("0", "-1", "unknown"),
        ("Z", "10", "unknown"), ("", "", "unknown"),
    ],
)  # fmt: skip
def test_letters_and_substates(letter: str, substate: str, state: JobState) -> None:
    assert judge(job(letter, substate), "alice").state == state


@pytest.mark.parametrize(
    ("facts", "server"),
    [
        ({"comment": 'Job has been moved to "workq@mgr2"'}, "mgr2"),
        ({"queue": "route@mgr2.example.org"}, "mgr2.example.org"),
        ({"queue": "route"}, None),
    ],
)
def test_a_job_that_was_moved(facts: dict[str, str], server: str | None) -> None:
    what = judge(job("M", "94", "7.mgr1", **facts), "alice")
    assert (what.state, what.moved_to) == ("unknown", server or "another server")
    assert what.reason.startswith("PBS moved it to another server")
    assert what.reason.endswith(f"qstat -x 7.mgr1@{server}" if server else "qstat -x")


def test_an_unknown_word_is_passed_on() -> None:
    what = judge(job("Z", "10"), "alice")
    assert (what.raw, what.reason) == ("Z/10", "")
    assert judge(Job("1.s", {}), "alice").reason == "what qstat printed of it cannot be read"


def test_every_letter_is_listed_alone_too() -> None:
    assert {letter for letter, _ in STATES} == set(LETTERS) - {"C"}
