"""The practice Slurm through hpctrain's own translator, with real jobs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from practice_slurm import Cluster
from waiting import wait_for

from hpctrain.errors import SiteUnreachable
from hpctrain.process import converse, run
from hpctrain.schedulers.base import JobRequest, JobView, Refused, Submitted, Unclear
from hpctrain.schedulers.practice import PracticeScheduler
from hpctrain.schedulers.slurm.scheduler import SlurmScheduler
from hpctrain.sites.profile import SiteProfile

pytestmark = pytest.mark.slow

COMMENT = "hpctrain t, a|b é"


class Site:
    """A practice cluster as hpctrain's use cases speak to it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.scheduler = PracticeScheduler(SlurmScheduler(), str(cluster.folder))
        self.count = 0

    def ask(
        self, body: str, after: str | None = None, **keys: Any
    ) -> Submitted | Refused | Unclear:
        self.count += 1
        site = SiteProfile.model_validate({"scheduler": "practice-slurm", **keys})
        job = JobRequest(f"job {self.count}", COMMENT, "job-%j.out", self.count, after)
        lines = [f"#SBATCH {line}" for line in self.scheduler.directives(site, job)]
        script = self.cluster.cwd / f"{self.count}.sh"
        script.write_text("\n".join(["#!/bin/bash", *lines, body, ""]), encoding="utf-8")
        argv = self.scheduler.submit_argv(script.name, job, site)
        return self.scheduler.read_submit(run(argv, cwd=str(self.cluster.cwd)))

    def submit(self, body: str, after: str | None = None, **keys: Any) -> str:
        outcome = self.ask(body, after, **keys)
        assert isinstance(outcome, Submitted), outcome
        return outcome.job_id

    def queue(self) -> dict[str, JobView]:
        return {view.job_id: view for view in converse(self.scheduler.queue(), run)}

    def accounting(self, ago_s: float = 60) -> dict[str, JobView]:
        conversation = self.scheduler.accounting(time.time() - ago_s)
        assert conversation is not None
        return {view.job_id: view for view in converse(conversation, run)}

    def until(self, number: str, *states: str) -> JobView:
        def there() -> JobView | None:
            view = self.queue()[number]
            return view if view.state in states else None

        return wait_for(there, 20, f"job {number} is {states}")

    def wrote(self, number: str, text: str) -> None:
        path = self.cluster.cwd / f"job-{number}.out"
        wait_for(lambda: path.exists() and text in path.read_text(), 20, f"{path} has {text}")

    def cancel(self, *numbers: str) -> str | None:
        return self.scheduler.read_cancel(run(self.scheduler.cancel_argv(numbers)))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    cluster = Cluster(tmp_path / "work", tmp_path / "cluster")
    yield Site(cluster)
    cluster.clear()


def test_a_job_is_seen_and_ends(site: Site) -> None:
    number = site.submit(
        "echo $1 $SLURM_CPUS_PER_TASK; sleep 60", cores=2, memory="1G", gpus=1,
        partition="short", account="materials", qos="long", walltime="00:08:00",
        gpu_type="a100", gpu_dialect="gres-typed", nodes=1, tasks=1, mail_user="a@b.example",
        mail_events=["END"],
    )  # fmt: skip
    view = site.until(number, "running")
    assert (view.name, view.comment, view.walltime_s) == ("job 1", COMMENT, 480)
    site.wrote(number, "1 2")
    assert site.accounting()[number].state == "running"
    assert site.accounting()[number].comment == ""  # it comes with the end
    assert site.cancel(number) is None
    site.until(number, "cancelled")
    number = site.submit("exit 7", walltime="00:08:00")
    site.until(number, "failed")
    view = site.accounting()[number]
    assert (view.state, view.exit_code, view.comment) == ("failed", 7, COMMENT)
    assert view.walltime_s == 480


def test_output_goes_on_in_the_same_file(site: Site) -> None:
    (site.cluster.cwd / "job-1.out").write_text("before\n")
    assert site.submit("echo after; echo bad >&2") == "1"
    site.until("1", "completed")
    assert (site.cluster.cwd / "job-1.out").read_text() == "before\nafter\nbad\n"


def test_four_cores_are_shared(site: Site) -> None:
    wait = "until [ -e go ]; do sleep 0.05; done"
    numbers = [site.submit(wait, cores=2) for _ in range(3)]
    for number in numbers[:2]:
        site.until(number, "running")
    view = site.queue()[numbers[2]]
    assert (view.state, view.reason) == ("queued", "waits for free cores, memory or GPUs")
    (site.cluster.cwd / "go").touch()
    for number in numbers:
        site.until(number, "completed")


def test_held_and_let_go(site: Site) -> None:
    number = site.submit("exit 0", extra_directives=["#SBATCH --hold"])
    assert site.queue()[number].state == "held"
    assert number not in site.accounting()
    other = site.submit("exit 0")
    site.until(other, "completed")
    assert site.cluster.call("scontrol", "release", number) == (0, "", "")
    site.until(number, "completed")
    number = site.submit("exit 0", extra_directives=["#SBATCH -H"])
    assert site.cancel(number) is None
    assert site.until(number, "cancelled").raw == "CANCELLED"
    assert site.accounting()[number].reason == "by you"


def test_one_after_the_other(site: Site) -> None:
    wait = "until [ -e go ]; do sleep 0.05; done; exit 3"
    first = site.submit(wait)
    second = site.submit("[ -e go ]", after=first)
    third = site.submit("exit 0", extra_directives=[f"#SBATCH -d afterok:{first}"])
    fourth = site.submit("exit 0", extra_directives=["#SBATCH --dependency=afterok:4711"])
    site.until(fourth, "completed")
    for number in (second, third):
        assert site.queue()[number].reason == "waits for another job"
    assert second not in site.accounting()
    (site.cluster.cwd / "go").touch()
    site.until(second, "completed")
    never = wait_for(
        lambda: next((v for v in [site.queue()[third]] if "never run" in v.reason), None), 20, ""
    )
    assert never.raw == "PENDING"
    assert site.cancel(third) is None
    assert site.until(third, "cancelled")


def test_the_walltime_and_the_signal_before_it(site: Site) -> None:
    body = "trap 'echo told' USR1; trap 'echo ended; exit 0' TERM\nwhile :; do sleep 0.05; done"
    number = site.submit(body, walltime="00:00:02", margin="00:00:01")
    view = site.until(number, "timeout")
    assert view.walltime_s == 2
    refusal = (site.cluster.cwd / f"job-{number}.out").read_text().splitlines()
    assert (refusal[0], refusal[-1]) == ("told", "ended")
    ended = r"slurmstepd-\w+: error: \*\*\* JOB 1 ON \w+ CANCELLED AT 20[-\dT:]+ DUE TO TIME LIMIT "
    assert re.match(ended, refusal[1])
    view = site.accounting()[number]
    assert (view.state, view.exit_code) == ("timeout", None)


def test_what_is_taken_and_never_runs(site: Site) -> None:
    number = site.submit("exit 0", cores=64)
    assert "never run" in site.queue()[number].reason
    site.until(site.submit("exit 0"), "completed")  # it is in nobody's way
    assert site.cluster.call("scontrol", "release", number) == (0, "", "")
    assert site.accounting()[number].state == "queued"
    assert site.cancel(number) is None
    assert site.accounting()[number].state == "cancelled"


@pytest.mark.parametrize(
    "keys",
    [
        {"partition": "nowhere"}, {"memory": "900T"}, {"account": "nobody"}, {"qos": "nosuch"},
        {"constraint": "nosuch"}, {"gpus": 3}, {"gpus": 1, "gpu_dialect": "gres-typed",
        "gpu_type": "h100"}, {"extra_directives": ["#SBATCH --time=blah"]},
        {"extra_directives": ["#SBATCH --array=1-3"]},
    ],
)  # fmt: skip
def test_refusals_are_refusals(site: Site, keys: dict[str, Any]) -> None:
    outcome = site.ask("exit 0", **keys)
    assert isinstance(outcome, Refused), outcome


def test_a_finished_job_leaves_the_queue_for_the_accounting(site: Site) -> None:
    number = site.submit("exit 0")
    site.until(number, "completed")
    path = site.cluster.folder / "jobs" / number / "ended.json"
    end = json.loads(path.read_text())
    path.write_text(json.dumps({**end, "ended": end["ended"] - 301}))
    assert site.queue() == {}
    assert site.accounting(600)[number].state == "completed"
    assert site.accounting(60) == {}
    code, _, err = site.cluster.call("squeue", "-h", "-j", number)
    assert (code, err) == (1, "slurm_load_jobs error: Invalid job id specified\n")
    # A dependency on it counts as met.
    after = site.submit("exit 0", extra_directives=[f"#SBATCH -d afternotok:{number}"])
    site.until(after, "completed")


def test_down_and_back(site: Site) -> None:
    number = site.submit("until [ -e go ]; do sleep 0.05; done")
    down = site.cluster.folder / "down"
    down.touch()
    with pytest.raises(SiteUnreachable):
        site.queue()
    with pytest.raises(SiteUnreachable):
        site.accounting()
    assert isinstance(site.ask("exit 0"), Unclear)
    assert "Unable to contact" in str(site.cancel(number))
    down.unlink()
    (site.cluster.cwd / "go").touch()
    site.until(number, "completed")
    assert list(site.queue()) == [number]


def test_many_at_once(site: Site) -> None:
    argv = [sys.executable, "-m", "hpctrain.schedulers.practice_cluster", str(site.cluster.folder)]
    argv += ["sbatch", "--parsable", "-o", "/dev/null", "ok.sh"]
    started = [
        subprocess.Popen(argv, cwd=site.cluster.cwd, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    told = [each.communicate(timeout=30)[0].strip() for each in started]
    assert sorted(told) == ["1", "2", "3", "4", "5", "6"]
    for number in told:
        site.until(number, "completed")


def test_killed_at_any_instant(site: Site) -> None:
    argv = [sys.executable, "-m", "hpctrain.schedulers.practice_cluster", str(site.cluster.folder)]
    argv += ["sbatch", "--parsable", "-o", "/dev/null", "ok.sh"]
    told = []
    for step in range(12):
        sbatch = subprocess.Popen(argv, cwd=site.cluster.cwd, stdout=subprocess.PIPE, text=True)
        try:
            sbatch.wait(0.02 + 0.01 * step)
        except subprocess.TimeoutExpired:
            sbatch.send_signal(signal.SIGKILL)
        told += sbatch.communicate(timeout=30)[0].split()
    wait_for(lambda: {v.state for v in site.queue().values()} <= {"completed"}, 20, "all are over")
    assert set(told) <= set(site.queue())
    assert site.submit("exit 0") == str(len(site.queue()))


def test_a_script_from_its_standard_input(site: Site) -> None:
    text = "#!/usr/bin/env python3\n#SBATCH -J there\nimport sys\nprint(sys.argv[1:])\n"
    code, out, _ = site.cluster.call("sbatch", "-o", "%x-%j.out", text=text)
    assert (code, out) == (0, "Submitted batch job 1\n")
    site.until("1", "completed")
    assert (site.cluster.cwd / "there-1.out").read_text() == "[]\n"
    assert site.cluster.call("sbatch", "--parsable", "--wrap", "echo $0; exit 4")[1] == "2\n"
    site.until("2", "failed")
    assert site.accounting()["2"].exit_code == 4


def test_old_output_is_replaced_unless_it_is_to_be_kept(site: Site) -> None:
    (site.cluster.cwd / "out").write_text("before\n")
    number = site.cluster.submit("#!/bin/sh\necho after\necho bad >&2\n", "-o", "out", "-e", "e%j")
    site.until(number, "completed")
    assert (site.cluster.cwd / "out").read_text() == "after\n"
    assert (site.cluster.cwd / f"e{number}").read_text() == "bad\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("1-00", "1-00:00:00"), ("90", "1:30:00"), ("1:30", "1:30"), ("1-2:3:4", "1-02:03:04"),
     ("2:90:00", "3:30:00"), ("UNLIMITED", "UNLIMITED"), ("0", "UNLIMITED")],
)  # fmt: skip
def test_time_limits(site: Site, text: str, shown: str) -> None:
    site.cluster.submit("#!/bin/sh\n", f"--time={text}", "--hold")
    assert site.cluster.call("squeue", "-h", "-o", "%l") == (0, f"{shown}\n", "")


def test_what_is_not_imitated_is_refused(site: Site) -> None:
    for words in (
        ["squeue", "--json"],
        ["squeue", "-o", "%Q"],
        ["sacct", "-X"],
        ["scontrol", "show", "job", "1"],
        ["scancel", "-n", "x"],
        ["sbatch", "--array=1-3", "ok.sh"],
        ["sbatch", "-d", "singleton", "ok.sh"],
    ):
        code, out, err = site.cluster.call(*words)
        assert (code, out) == (1, "")
        assert "practice cluster" in err
