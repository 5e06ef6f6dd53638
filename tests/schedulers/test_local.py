"""What the site ``local`` is asked, and how its answers are read."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.process import Reply
from hpctrain.schedulers.base import JobRequest, JobView, Refused, Scheduler, Submitted, Unclear
from hpctrain.schedulers.local import LocalScheduler
from hpctrain.sites.profile import SiteProfile

LOCAL: Scheduler = LocalScheduler("/p/runs/.queue")
PROGRAM = [sys.executable, "-m", "hpctrain.schedulers.local_queue", "/p/runs/.queue"]
JOB = JobRequest("al-ace-t1", "hpctrain t1", "job-%j.out")


def site(**keys: Any) -> SiteProfile:
    return SiteProfile.model_validate({"scheduler": "local", **keys})


def reply(out: str = "", code: int | None = 0, err: str = "", problem: str | None = None) -> Reply:
    return Reply(("x",), code, out, err, problem)


def line(**keys: Any) -> str:
    whole = {
        "id": "7", "name": "n", "comment": "c", "state": "RUNNING", "reason": "",
        "elapsed_s": 1.5, "walltime_s": None, "exit_code": None,
    }  # fmt: skip
    return json.dumps(whole | keys)


def test_submit() -> None:
    assert LOCAL.submit_argv("job.sh", JOB, site(walltime="1-00:00:01", cores=4)) == [
        *PROGRAM, "submit", "--name=al-ace-t1", "--comment=hpctrain t1", "--output=job-%j.out",
        "--walltime=86401", "--", "job.sh", "1",
    ]  # fmt: skip
    assert not [a for a in LOCAL.submit_argv("job.sh", JOB, site()) if "walltime" in a]


def test_the_other_commands() -> None:
    assert LOCAL.queue_argv() == [*PROGRAM, "list"]
    assert LOCAL.accounting(0.0) is None
    assert LOCAL.cancel_argv(["1", "2"]) == [*PROGRAM, "cancel", "--", "1", "2"]


def test_the_attempt_is_the_scripts_argument() -> None:
    """Nothing is said of the job to wait for: there is one at a time, in order."""
    job = JobRequest("n", "c", "o", attempt=3, after="2")
    assert LOCAL.submit_argv("job.sh", job, site())[-3:] == ["--", "job.sh", "3"]


def test_local_cannot_requeue() -> None:
    with pytest.raises(HpctrainError, match="cannot requeue") as caught:
        LOCAL.submit_argv("job.sh", JOB, site(continuation="requeue"))
    assert "resubmit" in (caught.value.hint or "")


def test_what_local_knows() -> None:
    assert LOCAL.directives(site(cores=8, walltime="01:00:00", nodes=None), JOB) == []


def test_what_local_does_not_know_is_refused_with_every_key() -> None:
    keys = {
        "account": "a", "partition": "p", "qos": "q", "constraint": "c", "nodes": 1, "tasks": 1,
        "memory": "4G", "memory_style": "omit", "gpus": 1, "gpu_type": "a100",
        "gpu_dialect": "gpus", "mail_user": "me@x", "mail_events": ["END"],
        "extra_directives": ["--x"],
    }  # fmt: skip
    with pytest.raises(HpctrainError) as caught:
        LOCAL.submit_argv("job.sh", JOB, site(**keys))
    assert all(key in caught.value.message for key in keys)
    with pytest.raises(HpctrainError, match=r"does not know: memory$"):
        LOCAL.directives(site(memory="4G", cores=2), JOB)


def test_read_submit() -> None:
    assert LOCAL.read_submit(reply("12\n")) == Submitted("12")
    assert LOCAL.read_submit(reply(code=1, err="x\nno script\n")) == Refused("no script")
    assert LOCAL.read_submit(reply(code=2, err="usage")) == Refused("usage")
    for unclear in (
        reply(code=None, problem="no answer in 60 s"), reply(""), reply("twelve"), reply("1\n2"),
        reply("12", code=130), reply("12", code=137),
    ):  # fmt: skip
        assert isinstance(LOCAL.read_submit(unclear), Unclear)


def test_read_queue() -> None:
    text = f"{line()}\n{line(id='8', state='FAILED', reason='exit code 3', exit_code=3)}\n"
    assert LOCAL.read_queue(reply(text)) == [
        JobView("7", "n", "c", "running", "RUNNING", "", 1.5, None, None),
        JobView("8", "n", "c", "failed", "FAILED", "exit code 3", 1.5, None, 3),
    ]
    assert LOCAL.read_queue(reply("")) == []
    assert LOCAL.read_queue(reply(line()))[0].job_id == "7"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("QUEUED", "queued"), ("RUNNING", "running"), ("STOPPING", "stopping"),
        ("COMPLETED", "completed"), ("FAILED", "failed"), ("TIMEOUT", "timeout"),
        ("CANCELLED", "cancelled"), ("LOST", "failed"), ("ELSEWHERE", "unknown"),
        ("UNKNOWN", "unknown"), ("DREAMING", "unknown"),
    ],
)  # fmt: skip
def test_states(word: str, state: str) -> None:
    view = LOCAL.read_queue(reply(line(state=word)))[0]
    assert (view.state, view.raw) == (state, word)


def test_lines_that_are_none_are_left_out() -> None:
    odd = ['{"id": "9"', "[]", "3", "{}", line(state=[]), line(exit_code="x"),
           line(elapsed_s=float("nan")), line(exit_code=float("inf"))]  # fmt: skip
    views = LOCAL.read_queue(reply("\n".join([*odd, line()])))
    assert [view.job_id for view in views] == ["7"]


@pytest.mark.parametrize(
    "no_answer",
    [
        reply(code=None, problem="no answer in 60 s"),
        reply(code=1, err="No module named hpctrain"),
        reply(line(), code=137),
        reply("Welcome to node 7\n"),
    ],
)
def test_no_answer_is_not_an_empty_queue(no_answer: Reply) -> None:
    with pytest.raises(SiteUnreachable):
        LOCAL.read_queue(no_answer)


def test_read_cancel() -> None:
    assert LOCAL.read_cancel(reply()) is None
    assert LOCAL.read_cancel(reply(code=1, err="there is no job 9\n")) == "there is no job 9"
    assert "exit code 1" in (LOCAL.read_cancel(reply(code=1)) or "")
