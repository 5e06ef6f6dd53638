"""What Slurm is asked, and how its answers are read. Its answers were recorded from a real one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.process import Reply, converse
from hpctrain.schedulers import scheduler_for
from hpctrain.schedulers.base import (
    JobRequest,
    JobState,
    NotKept,
    Refused,
    Submitted,
    Unclear,
)
from hpctrain.schedulers.slurm.scheduler import SlurmScheduler
from hpctrain.sites.profile import SiteProfile

OF_SLURM = RECORDED / "slurm"
SLURM = SlurmScheduler()
JOB = JobRequest("al-ace-t1", "hpctrain:t1", "")


def site(**keys: Any) -> SiteProfile:
    return SiteProfile.model_validate({"scheduler": "slurm", **keys})


def reply(out: str = "", code: int | None = 0, err: str = "", problem: str | None = None) -> Reply:
    return Reply(("program",), code, out, err, problem)


def recorded(name: str) -> Reply:
    def text(suffix: str) -> str:
        path = OF_SLURM / f"{name}.{suffix}"
        return path.read_bytes().decode() if path.exists() else ""

    return Reply((name,), int(text("rc")), text("out"), text("err"))


def row(*fields: str) -> Reply:
    return reply("\x1f".join(fields) + "\n")


# ---------------------------------------------------------------- the head of the script


def head(**keys: Any) -> list[str]:
    return SLURM.directives(site(**keys), JOB)


BARE = ["--job-name=al-ace-t1", "--comment=hpctrain:t1", "--output=job-%j.out",
        "--open-mode=append", "--signal=B:USR1@300"]  # fmt: skip


def test_nothing_is_asked_that_the_profile_does_not_name() -> None:
    assert head() == BARE


def test_everything_at_once() -> None:
    assert head(
        account="materials", partition="gpu", qos="long", constraint="a100&nvlink",
        walltime="2-00:00:00", nodes=1, tasks=1, cores=8, memory="32G", gpus=1,
        mail_user="me@uni.example", mail_events=["END", "FAIL"],
        extra_directives=["--exclusive", "#SBATCH --hint=nomultithread", "#SBATCH -x n1"],
    ) == [
        *BARE[:-1], "--partition=gpu", "--qos=long", "--account=materials",
        "--constraint=a100&nvlink", "--time=2-00:00:00", BARE[-1], "--nodes=1", "--ntasks=1",
        "--cpus-per-task=8", "--mem=32G", "--gres=gpu:1", "--mail-user=me@uni.example",
        "--mail-type=END,FAIL", "--exclusive", "--hint=nomultithread", "-x n1",
    ]  # fmt: skip


def test_a_scheduler_that_counts_threads_is_asked_for_those_of_the_cores() -> None:
    node = {"cores": 64, "threads": 128}
    assert "--cpus-per-task=32" in head(cores=16, node=node)
    assert "--cpus-per-task=16" in head(cores=16, node={"threads": 128})


def test_the_signal_before_the_limit() -> None:
    """To the batch script, which becomes the driver; behind a launcher to the steps."""
    assert "--signal=B:USR1@90" in head(margin="00:01:30")
    assert "--signal=USR1@300" in head(launcher=["srun"])


def test_only_a_job_that_requeues_itself_asks_for_it() -> None:
    assert head(continuation="requeue")[-1] == "--requeue"
    for other in ("manual", "resubmit", "chain"):
        assert "--requeue" not in head(continuation=other)


def test_the_job_may_name_its_own_output() -> None:
    job = JobRequest("n", "c", "attempts/01/job.out")
    assert "--output=attempts/01/job.out" in SLURM.directives(site(), job)


def test_what_holds_a_space_is_quoted() -> None:
    job = JobRequest("n", "hpctrain t1", "my job.out")
    lines = SLURM.directives(site(), job)
    assert '--comment="hpctrain t1"' in lines
    assert '--output="my job.out"' in lines
    with pytest.raises(HpctrainError, match="comment"):
        SLURM.directives(site(), JobRequest("n", 'a"b', ""))


@pytest.mark.parametrize(
    ("style", "memory", "expected"),
    [
        ("mem", "32G", ["--mem=32G"]),
        ("mem", None, []),
        ("mem-zero", None, ["--mem=0"]),
        ("mem-per-cpu", "4000M", ["--mem-per-cpu=4000M"]),
        ("mem-per-gpu", "60G", ["--mem-per-gpu=60G"]),
        ("omit", None, []),
    ],
)
def test_memory(style: str, memory: str | None, expected: list[str]) -> None:
    lines = head(memory_style=style, memory=memory, gpus=1, gpu_dialect="implicit")
    assert lines[len(BARE) :] == expected


@pytest.mark.parametrize(
    ("dialect", "kind", "expected"),
    [
        ("gpus-per-node", None, "--gpus-per-node=2"),
        ("gpus-per-node", "a100", "--gpus-per-node=a100:2"),
        ("gpus", None, "--gpus=2"),
        ("gpus-typed", "a100", "--gpus=a100:2"),
        ("gpus-per-task", None, "--gpus-per-task=2"),
        ("gres", None, "--gres=gpu:2"),
        ("gres-typed", "a100", "--gres=gpu:a100:2"),
        ("constraint-plus-gres", None, "--gres=gpu:2"),
        ("constraint-plus-gres", "a100", "--gres=gpu:a100:2"),
        ("implicit", None, None),
        ("implicit", "a100", None),
    ],
)
def test_gpus(dialect: str, kind: str | None, expected: str | None) -> None:
    lines = head(gpus=2, gpu_dialect=dialect, gpu_type=kind, constraint="gpu")
    assert lines[len(BARE) + 1 :] == ([expected] if expected else [])
    without = head(gpus=0, gpu_dialect=dialect, gpu_type=kind, constraint="gpu")
    assert without[len(BARE) + 1 :] == []


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"memory": "1G", "memory_style": "omit"}, "memory"),
        ({"memory": "1G", "memory_style": "mem-zero"}, "memory"),
        ({"memory": "1G", "memory_style": "mem-per-gpu"}, "gpus"),
        ({"gpus": 1, "gpu_dialect": "gpus-typed"}, "gpu_type"),
        ({"gpus": 1, "gpu_dialect": "gres-typed"}, "gpu_type"),
        ({"gpus": 1, "gpu_dialect": "constraint-plus-gres"}, "constraint"),
        ({"gpus": 1, "gpu_dialect": "gpus", "gpu_type": "a100"}, "gpu_type"),
        ({"gpus": 1, "gpu_dialect": "gpus-per-task", "gpu_type": "a100"}, "gpu_type"),
        ({"gpus": 1, "gpu_dialect": "gres", "gpu_type": "a100"}, "gpu_type"),
    ],
)
def test_contradictions_name_the_key_and_the_way_out(keys: dict[str, Any], key: str) -> None:
    with pytest.raises(HpctrainError, match=key) as caught:
        head(**keys)
    assert caught.value.hint


# ---------------------------------------------------------------- submitting


def test_submit_argv() -> None:
    assert SLURM.submit_argv("job.sh", JOB, site()) == [
        "sbatch", "--parsable", "--job-name=al-ace-t1", "--comment=hpctrain:t1", "job.sh", "1"
    ]  # fmt: skip
    later = JobRequest("al-ace-t1", "hpctrain:t1", "", attempt=3, after="41")
    assert SLURM.submit_argv("job.sh", later, site())[4:] == [
        "--dependency=afterany:41", "job.sh", "3"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "job_id", "cluster"),
    [("submit-ok", "1", None), ("submit-warning", "5", None), ("queue-cluster", "21", "throwaway")],
)
def test_taken(name: str, job_id: str, cluster: str | None) -> None:
    assert SLURM.read_submit(recorded(name)) == Submitted(job_id, cluster=cluster)


@pytest.mark.parametrize(
    ("out", "job_id", "printed", "cluster"),
    [
        ("5001;gpu\n", "5001", "5001;gpu", "gpu"),
        ("20261128\n5001\n", "5001", "5001", None),  # a banner of digits
        ("Welcome to 2 nodes\n5001\nBye\n", "5001", "5001", None),
    ],
)
def test_the_id_and_what_was_printed_with_it(
    out: str, job_id: str, printed: str, cluster: str | None
) -> None:
    outcome = SLURM.read_submit(reply(out))
    assert isinstance(outcome, Submitted)
    assert (outcome.job_id, outcome.printed, outcome.cluster) == (job_id, printed, cluster)


def asked(conversation: Any, *replies: Reply) -> tuple[list[list[str]], Any]:
    """What a conversation asks, and what it returns."""
    argvs: list[list[str]] = []
    left = iter(replies)

    def program(argv: Any, *, cwd: str | None = None) -> Reply:
        argvs.append(list(argv))
        return next(left)

    return argvs, converse(conversation, program)


def test_a_cluster_tells_its_name() -> None:
    config = "Configuration data\nClusterName             = throwaway\n"
    argvs, name = asked(SLURM.identity(), reply(config))
    assert (argvs, name) == ([["scontrol", "show", "config"]], "throwaway")
    assert asked(SLURM.identity(), reply(code=1))[1] is None
    # One that has to be named is what it is called.
    assert asked(SlurmScheduler("gpu").identity()) == ([], "gpu")


@pytest.mark.parametrize(
    ("directives", "clusters"),
    [
        (["--clusters=gpu"], "gpu"),
        (["#SBATCH -M gpu"], "gpu"),
        (["-Mgpu", "--exclusive"], "gpu"),
        (["--clusters gpu,serial  # two"], "gpu,serial"),
        (["--mail-user=x", "--exclusive"], None),
        ([], None),
    ],
)
def test_the_clusters_that_a_profile_names(directives: list[str], clusters: str | None) -> None:
    assert SLURM.clusters_named(directives) == clusters
    assert scheduler_for("slurm", Path(), directives).clusters == clusters


def test_each_cluster_is_asked_by_its_name() -> None:
    there = SlurmScheduler("gpu,serial")
    row = "\x1f".join(["7", "RUNNING", "None", "0:01", "1:00", "n", "c"]) + "\n"
    argvs, views = asked(there.queue(), reply(f"CLUSTER: gpu\n{row}"), reply(row))
    assert [argv[2] for argv in argvs] == ["--clusters=gpu", "--clusters=serial"]
    assert [view.cluster for view in views] == ["gpu", "serial"]
    argvs, _ = asked(there.accounting(0.0), reply(), reply())
    assert [argv[1] for argv in argvs] == ["--clusters=gpu", "--clusters=serial"]
    assert SlurmScheduler("gpu").cancel_argv(["7"]) == ["scancel", "--clusters=gpu", "7"]


def test_scancel_does_not_know_the_job_and_exits_with_0() -> None:
    words = "scancel: error: Kill job error on job id 5001: Invalid job id specified"
    assert "Invalid job id" in (SLURM.read_cancel(reply(err=words)) or "")
    assert SLURM.read_cancel(reply()) is None


def test_no_id_is_taken_from_a_warning() -> None:
    answer = reply("", 0, "sbatch: job 99 has been queued\n12345\n")
    assert isinstance(SLURM.read_submit(answer), Unclear)


# These were taken by the cluster that enforces nothing.
TAKEN = {"account", "qos", "gres0", "time-long", "nodes"}
REFUSED = sorted(
    path.stem
    for path in [*OF_SLURM.glob("refuse-*.rc"), *OF_SLURM.glob("strict-*.rc")]
    if path.stem.removeprefix("refuse-") not in TAKEN
)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    outcome = SLURM.read_submit(recorded(name))
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith("sbatch: ")
    assert "\n" not in outcome.reason


SITE_SAYS = "Job request does not match any supported policy: name an account (-A)"
FAILED = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        # Recorded from 22.05 with a job_submit.lua.
        ([f"sbatch: error: {SITE_SAYS}", f"{FAILED}Unspecified error"], SITE_SAYS),
        (["sbatch: error: first line", "sbatch: error: second", f"{FAILED}Unspecified error"],
         "first line; second"),
        (["sbatch: no GPU, no job", f"{FAILED}Unspecified error"], "no GPU, no job"),
    ],
)  # fmt: skip
def test_a_plugin_of_the_sites_own_says_no(lines: list[str], reason: str) -> None:
    outcome = SLURM.read_submit(reply(code=1, err="\n".join(lines)))
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason
    assert "rule of the site's own" in outcome.advice
    # sbatch --test-only says it without its own name before it.
    tried = "\n".join([*lines[:-1], "allocation failure: Unspecified error"])
    assert SLURM.read_try(reply(code=1, err=tried)) == reason


def test_what_slurm_itself_logs_is_no_word_of_the_sites() -> None:
    for line in ("slurm_receive_msg: no bytes", "auth/munge: x", "Munge encode failed: x"):
        lines = f"sbatch: error: {line}\n{FAILED}Unspecified error"
        assert SLURM.read_submit(reply(code=1, err=lines)) == Unclear(
            lines.replace("\n", "; "), answered=True
        )


def test_a_filter_on_this_machine_says_no() -> None:
    said = "sbatch: error: no account\nsbatch: error: cli_filter plugin terminated with error"
    assert isinstance(SLURM.read_submit(reply(code=1, err=said)), Refused)


def test_slurm_without_a_cluster_on_this_machine() -> None:
    said = (
        "sbatch: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\n"
        "sbatch: error: fetch_config: DNS SRV lookup failed\n"
        "sbatch: error: _establish_config_source: failed to fetch config\n"
        "sbatch: fatal: Could not establish a configuration source"
    )
    outcome = SLURM.read_submit(reply(code=1, err=said))
    assert isinstance(outcome, Refused)
    assert "a login node of the cluster" in outcome.advice


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("AssocMaxSubmitJobLimit", "wait until some of your jobs have ended"),
        ("QOSMaxSubmitJobPerUserLimit", "wait until some of your jobs have ended"),
        ("AssocMaxWallDurationPerJobLimit", "shorten walltime"),
        ("QOSMaxGRESPerJob", "fewer gpus"),
        (f"{FAILED}Invalid account or account/partition combination specified", "site.account"),
        (f"{FAILED}Invalid qos specification", "site.qos"),
        (f"{FAILED}Requested time limit is invalid (missing or exceeds some limit)",
         "shorter --walltime"),
        (f"{FAILED}Rate limit exceeded, please retry later", "submit again later"),
    ],
)  # fmt: skip
def test_the_advice_fits_the_cause(said: str, advice: str) -> None:
    policy = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
    lines = said if said.startswith(FAILED) else f"sbatch: error: {said}\n{FAILED}{policy}"
    outcome = SLURM.read_submit(reply(code=1, err=lines))
    assert isinstance(outcome, Refused)
    assert advice in outcome.advice
    assert outcome.sentence.endswith(f"({outcome.advice})")


def test_the_recordings_are_there() -> None:
    assert len(REFUSED) == 20


def test_sbatch_is_not_here() -> None:
    answer = reply(code=None, problem="sbatch: No such file or directory")
    outcome = SLURM.read_submit(answer)
    assert isinstance(outcome, Refused)
    assert "not on this machine" in outcome.reason
    assert "on a login node of the cluster" in outcome.advice
    assert "--site practice-slurm" in outcome.advice


@pytest.mark.parametrize(
    "answer",
    [
        recorded("down-sbatch"),
        reply(code=None, problem="sbatch: no answer in 60 s"),
        reply(
            code=None,
            problem="sbatch: no answer in 60 s",
            err="sbatch: error: /etc/slurm.conf: No such file or directory, retrying",
        ),
        reply(code=137),
        reply(code=143, err="sbatch: error: Batch job submission failed: Invalid qos"),
        reply(code=1),
        reply(code=1, err="sbatch: error: something nobody has seen"),
        *[
            reply(code=1, err=f"sbatch: error: Batch job submission failed: {why}")
            for why in (
                "Socket timed out on send/recv operation",
                "Zero Bytes were transmitted or received",
                "Communication connection failure",
                "Transport endpoint is not connected",
                "Unspecified error",
            )
        ],
        # The controller was heard once, and then no more.
        reply(
            code=1,
            err="sbatch: error: Unable to contact slurm controller\n"
            "sbatch: error: Batch job submission failed: Invalid qos specification",
        ),
    ],
)
def test_unclear(answer: Reply) -> None:
    outcome = SLURM.read_submit(answer)
    assert isinstance(outcome, Unclear)
    assert outcome.reason


# ---------------------------------------------------------------- the queue


def test_queue_argv() -> None:
    assert SLURM.queue_argv() == [
        "squeue", "--me", "--noheader", "--states=all",
        "--format=%i\x1f%T\x1f%r\x1f%M\x1f%l\x1f%Z\x1f%j\x1f%k",
    ]  # fmt: skip


def test_the_recorded_queue() -> None:
    views = {view.job_id: view for view in SLURM.read_queue(recorded("queue"))}
    assert len(views) == 18
    first = views["1"]
    assert (first.state, first.raw, first.reason) == ("completed", "COMPLETED", "")
    assert (first.name, first.comment) == ("al-ace", 'hpctrain:t1, a|b c é "q"')
    assert (first.elapsed_s, first.walltime_s) == (0.0, 3600.0)
    assert (views["2"].state, views["2"].reason) == ("failed", "its script ended with an error")
    assert (views["3"].state, views["3"].comment) == ("held", "hpctrain:t3")
    assert views["4"].state == "queued"
    assert "it will never run" in views["4"].reason
    assert (views["6"].name, views["6"].comment) == ("name with | pipe", "")
    assert views["18"].walltime_s == 2 * 86400
    assert "8_[1-3]" in views


def test_a_cancelled_job_does_not_keep_its_reason_for_waiting() -> None:
    views = {view.job_id: view for view in SLURM.read_queue(recorded("queue-running"))}
    assert (views["7"].state, views["7"].elapsed_s) == ("running", 46.0)
    assert (views["11"].state, views["11"].reason) == ("cancelled", "")


@pytest.mark.parametrize(
    ("raw", "reason", "state", "words"),
    [
        ("PENDING", "Priority", "queued", "ahead"),
        ("PENDING", "None", "queued", ""),
        ("PENDING", "Dependency", "queued", "another job"),
        ("PENDING", "JobHeldUser", "held", "release"),
        ("PENDING", "JobHeldAdmin", "held", "administrator"),
        ("PENDING", "launch failed requeued held", "held", "launch failed"),
        ("PENDING", "QOSMaxJobsPerUserLimit", "queued", "QOSMaxJobsPerUserLimit"),
        ("PENDING", "AssocGrpCPUMinutesLimit", "queued", "grant"),
        ("PENDING", "ReqNodeNotAvail, UnavailableNodes:n[1-3]", "queued", "n[1-3]"),
        ("PENDING", "a reason, of the site's own", "queued", "a reason, of the site's own"),
        ("RUNNING", "None", "running", ""),
        ("CONFIGURING", "None", "queued", "made ready"),
        ("COMPLETING", "None", "stopping", ""),
        ("SUSPENDED", "None", "held", "suspended"),
        ("REQUEUED", "BeginTime", "queued", "start time"),
        ("NODE_FAIL", "None", "failed", "node"),
        ("PREEMPTED", "None", "failed", "priority"),
        ("TIMEOUT", "TimeLimit", "timeout", "time limit"),
        ("OUT_OF_MEMORY", "OutOfMemory", "out_of_memory", "memory"),
        ("REVOKED", "None", "failed", "cluster"),
        ("TELEPORTED", "None", "unknown", ""),
    ],
)
def test_states_and_reasons(raw: str, reason: str, state: JobState, words: str) -> None:
    (view,) = SLURM.read_queue(row("7", raw, reason, "1-02:03:04", "UNLIMITED", "n", "c"))
    assert (view.state, view.raw) == (state, raw)
    assert words in view.reason
    assert bool(words) == bool(view.reason)
    assert (view.elapsed_s, view.walltime_s) == (93784.0, None)


@pytest.mark.parametrize(
    ("folder", "told"),
    [(["/p/runs/x"], "/p/runs/x"), ([""], None), (["%Z"], None), ([], None)],
)
def test_the_folder_that_a_job_works_in(folder: list[str], told: str | None) -> None:
    """A site's wrapper around squeue or sacct may know nothing of it."""
    (view,) = SLURM.read_queue(row("7", "RUNNING", "None", "0:01", "1:00", *folder, "n", "c"))
    assert (view.folder, view.name, view.comment) == (told, "n", "c")
    (view,) = SLURM.read_accounting(row("7", "FAILED", "3:0", "12", "60", *folder, "n", "c"))
    assert (view.folder, view.name, view.comment) == (told, "n", "c")


GOOD = "\x1f".join(["7", "RUNNING", "None", "0:01", "1:00", "n", "c"])


def test_odd_jobs_and_greetings_hide_nothing() -> None:
    """Names and comments may have several lines; so may a site's greeting."""
    odd = "\x1f".join(["8", "RUNNING", "None", "0:01", "1:00", "a\nname", "a\ncomment\n5 things"])
    answer = reply(f"Welcome\nCLUSTER: x\n{odd}\n\n{GOOD}\n")
    views = SLURM.read_queue(answer)
    assert [(view.job_id, view.name) for view in views] == [("8", "a name"), ("7", "n")]


@pytest.mark.parametrize(
    "out",
    [
        f"{GOOD}\n12\x1fRUNNING\n",
        f"{GOOD}\n12\x1fRUNNING",
        f"{GOOD}\n12\n",
        f"{GOOD}\n12\x1fRUNNING\x1fNone\x1f0:01\x1f1:00\x1f/p/runs/x\x1fn\n",
        f"{GOOD}\n{GOOD}",  # in the middle of the last comment
        "squeue: down for maintenance\n",
        "x\x1fRUNNING\x1fNone\n",
    ],
)
def test_a_row_that_is_cut_off_makes_it_no_answer(out: str) -> None:
    with pytest.raises(SiteUnreachable, match="not all of its answer can be read"):
        SLURM.read_queue(reply(out))


def test_an_empty_queue_is_an_answer() -> None:
    assert SLURM.read_queue(reply("")) == []


@pytest.mark.parametrize(
    "answer",
    [
        recorded("down-squeue"),
        recorded("env-noconf"),
        recorded("squeue-user-unknown"),  # exit code 0, an error, and no rows
        reply(code=None, problem="squeue: no answer in 60 s"),
        reply(code=137),
    ],
)
def test_no_answer_is_not_an_empty_queue(answer: Reply) -> None:
    with pytest.raises(SiteUnreachable):
        SLURM.read_queue(answer)


# ---------------------------------------------------------------- accounting


def test_accounting_argv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    argv = SLURM.accounting_argv(1_700_000_000.9)
    assert argv is not None
    assert "--starttime=2023-11-14T22:13:20" in argv
    # Without these two, jobs cancelled while held are left out.
    assert "--endtime=now" in argv
    assert any(option.startswith("--state=") for option in argv)
    monkeypatch.undo()
    time.tzset()


def test_the_recorded_accounting() -> None:
    views = {view.job_id: view for view in SLURM.read_accounting(recorded("accounting-delimiter"))}
    assert len(views) == 17
    first = views["1"]
    assert (first.state, first.exit_code, first.walltime_s) == ("completed", 0, 3600.0)
    assert (first.name, first.comment) == ("al-ace", 'hpctrain:t1, a|b c é "q"')
    second = views["2"]
    assert (second.state, second.exit_code) == ("failed", 3)
    assert second.reason == "ended with exit code 3"
    assert (views["7"].state, views["7"].exit_code, views["7"].elapsed_s) == ("running", None, 46)


@pytest.mark.parametrize(
    ("raw", "exit_code", "limit", "state", "code", "walltime"),
    [
        ("CANCELLED by 1000", "0:0", "60", "cancelled", None, 3600.0),
        ("CANCELLED by 1000", "0:15", "UNLIMITED", "cancelled", 143, None),
        ("CANCELLED", "0:15", "1", "cancelled", 143, 60.0),
        ("TIMEOUT", "0:0", "Partition_Limit", "timeout", None, None),
        ("OUT_OF_MEMORY", "0:125", "", "out_of_memory", None, None),
        ("FAILED", "0:11", "1", "failed", 139, 60.0),
        ("NODE_FAIL", "1:0", "1", "failed", 1, 60.0),
        ("TELEPORTED", "", "1", "unknown", None, 60.0),
    ],
)
def test_endings(
    raw: str, exit_code: str, limit: str, state: JobState, code: int | None, walltime: float | None
) -> None:
    (view,) = SLURM.read_accounting(row("7", raw, exit_code, "12", limit, "n", ""))
    assert (view.state, view.raw, view.exit_code) == (state, raw, code)
    assert (view.elapsed_s, view.walltime_s) == (12.0, walltime)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (f"CANCELLED by {os.getuid()}", "by you"),
        (f"CANCELLED by {os.getuid() + 1}", f"by an administrator (user {os.getuid() + 1})"),
        ("CANCELLED", ""),
        ("CANCELLED by root", ""),
    ],
)
def test_who_cancelled(raw: str, words: str) -> None:
    (view,) = SLURM.read_accounting(row("7", raw, "0:0", "12", "60", "n", ""))
    assert (view.state, view.reason) == ("cancelled", words)


def test_where_no_accounting_is_kept_it_is_told_from_one_that_is_down() -> None:
    absent = Reply(("sacct",), None, "", "", "sacct: No such file or directory")
    for never in (recorded("noacct-sacct"), absent):
        with pytest.raises(NotKept):
            SLURM.read_accounting(never)
    for down in (
        recorded("down-dbd-sacct"),
        Reply(("sacct",), None, "", "", "sacct: no answer"),
        Reply(("squeue",), None, "", "", "squeue: No such file or directory"),
    ):
        with pytest.raises(SiteUnreachable) as caught:
            SLURM.read_accounting(down)
        assert not isinstance(caught.value, NotKept)


@pytest.mark.parametrize("name", ["down-dbd-sacct", "noacct-sacct"])
def test_no_accounting_is_no_answer(name: str) -> None:
    with pytest.raises(SiteUnreachable) as caught:
        SLURM.read_accounting(recorded(name))
    assert bool(caught.value.hint) == (name == "noacct-sacct")


# ---------------------------------------------------------------- cancelling


def test_cancel() -> None:
    assert SLURM.cancel_argv(["3", "4"]) == ["scancel", "3", "4"]
    for name in ("cancel", "cancel-unknown", "cancel-finished"):
        assert SLURM.read_cancel(recorded(name)) is None
    assert "Unable to contact" in str(SLURM.read_cancel(recorded("down-scancel")))
    assert "Invalid job id" in str(SLURM.read_cancel(recorded("cancel-invalid")))
