"""The queue of this machine, with real processes: every wait is for a condition, with a limit."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

import hpctrain
from hpctrain.schedulers.local_queue import state

pytestmark = pytest.mark.slow

LIMIT_S = 30.0
Job = dict[str, Any]


class Queue:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cwd = folder.parent

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hpctrain.schedulers.local_queue", str(self.folder), *words]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), cwd=self.cwd, capture_output=True, text=True, timeout=LIMIT_S
        )

    def script(self, text: str) -> str:
        path = self.cwd / f"{time.time_ns()}.sh"
        path.write_text(text)
        return str(path)

    def submit(self, text: str, *options: str, name: str = "job") -> str:
        reply = self.call("submit", f"--name={name}", "--grace=5", *options, self.script(text))
        assert (reply.returncode, reply.stderr) == (0, "")
        return reply.stdout.strip()

    def jobs(self) -> dict[str, Job]:
        reply = self.call("list")
        assert (reply.returncode, reply.stderr) == (0, "")
        return {job["id"]: job for job in map(json.loads, reply.stdout.splitlines())}

    def reaches(self, number: str, *states: str) -> Job:
        """Wait for one of the states."""

        def reached() -> Job | None:
            job: Job = self.jobs()[number]
            return job if job["state"] in states else None

        return wait_for(
            reached, LIMIT_S, f"job {number} is {' or '.join(states)}; it is {self.jobs()}"
        )

    def supervisor(self, number: str) -> int:
        return int(json.loads((self.folder / number / "job.json").read_text())["supervisor"]["pid"])

    def pid(self, name: str) -> int:
        """The process number that a script wrote to a file."""
        path = self.cwd / name
        wait_for(
            lambda: path.exists() and path.read_text().endswith("\n"), LIMIT_S, f"{name} is written"
        )
        return int(path.read_text())


def ended(pid: int) -> bool:
    return not state.process_fields(pid)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    monkeypatch.setenv("PYTHONPATH", str(Path(hpctrain.__file__).parents[1]))
    queue = Queue(tmp_path / ".queue")
    yield queue
    # Nothing may outlive a test, a failed one neither. Supervisors first: they start scripts.
    with contextlib.suppress(FileNotFoundError):
        for number in state.ids(queue.folder):
            with contextlib.suppress(ValueError, KeyError, TypeError, ProcessLookupError):
                supervisor = state.read(queue.folder / str(number) / "job.json")["supervisor"]
                if state.whereabouts(supervisor) == "here" and supervisor["pid"] != os.getpid():
                    os.kill(supervisor["pid"], signal.SIGKILL)
        for number in state.ids(queue.folder):
            running = state.read(queue.folder / str(number) / "running.json")
            if running and state.group_alive(running):
                state.signal_group(running["group"], signal.SIGKILL)


def test_runs_a_script_and_tells_how_it_ended(queue: Queue) -> None:
    number = queue.submit(
        'echo "job $HPCTRAIN_LOCAL_JOB_ID in $PWD"; echo bad >&2',
        "--comment=token-1",
        name="al-ace",
    )
    assert number == "1"
    job = queue.reaches("1", "COMPLETED")
    assert 0 <= job.pop("elapsed_s") < LIMIT_S
    assert job == {
        "id": "1", "name": "al-ace", "comment": "token-1", "state": "COMPLETED", "reason": "",
        "walltime_s": None, "exit_code": 0, "cores": 1, "cwd": str(queue.cwd),
    }  # fmt: skip
    assert (queue.cwd / "job-1.out").read_text() == f"job 1 in {queue.cwd}\nbad\n"
    kept = json.loads((queue.folder / "1" / "ended.json").read_text())
    assert kept["started"] <= kept["ended"] <= time.time()
    wait_for(lambda: ended(queue.supervisor("1")), LIMIT_S, "the supervisor ends")
    assert (queue.folder / "1" / "supervisor.log").read_text() == ""


def test_one_job_at_a_time_in_order(queue: Queue) -> None:
    release = queue.cwd / "release"
    wait = f"while [ ! -e {release} ]; do sleep 0.05; done; "
    text = "mkdir busy || exit 9; echo $HPCTRAIN_LOCAL_JOB_ID >> order; sleep 0.1; rmdir busy"
    numbers = [queue.submit(wait + text)] + [queue.submit(text) for _ in range(3)]
    assert numbers == ["1", "2", "3", "4"]
    queue.reaches("1", "RUNNING")
    assert [job["state"] for job in queue.jobs().values()] == ["RUNNING", *["QUEUED"] * 3]
    release.touch()
    queue.reaches("4", "COMPLETED")
    assert {job["state"] for job in queue.jobs().values()} == {"COMPLETED"}
    assert (queue.cwd / "order").read_text().split() == numbers


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("exit 3", 3, "exit code 3"),
        ("kill -KILL $$", 137, "ended by signal 9"),
        ("no-such-program", 127, "exit code 127"),
    ],
)
def test_a_script_that_fails(queue: Queue, text: str, code: int, reason: str) -> None:
    job = queue.reaches(queue.submit(text), "FAILED")
    assert (job["exit_code"], job["reason"]) == (code, reason)


def test_a_script_that_is_not_there_is_refused(queue: Queue) -> None:
    reply = queue.call("submit", "--name=x", "missing.sh")
    assert (reply.returncode, reply.stdout) == (1, "")
    assert "missing.sh" in reply.stderr
    assert queue.jobs() == {}


def test_output_file(queue: Queue) -> None:
    (queue.cwd / "out-1.txt").write_text("before\n")
    queue.reaches(queue.submit("echo after", "--output=out-%j.txt"), "COMPLETED")
    assert (queue.cwd / "out-1.txt").read_text() == "before\nafter\n"
    job = queue.reaches(queue.submit("echo lost", "--output=no/folder.txt"), "FAILED")
    assert "cannot write no/folder.txt" in job["reason"]


def test_the_script_gets_ordinary_signals(queue: Queue) -> None:
    """Python ignores SIGPIPE; a script that did would never end here."""
    job = queue.submit("grep SigIgn /proc/self/status; trap - PIPE; yes | head -n 1")
    queue.reaches(job, "COMPLETED")
    ignored, said = (queue.cwd / "job-1.out").read_text().splitlines()
    # The C library keeps signals 32 and 33 for itself, and may have them ignored.
    assert int(ignored.split()[1], 16) & 0x7FFFFFFF == 0
    assert said == "y"


def test_nothing_that_the_caller_holds_open_stays_open(queue: Queue) -> None:
    """A lock of the caller's would be held until the job ends."""
    held, other = os.pipe()
    argv = queue.argv("submit", "--name=x", queue.script("echo $$ > leader; sleep 1000"))
    subprocess.run(argv, cwd=queue.cwd, pass_fds=[other], check=True, capture_output=True)
    queue.pid("leader")
    os.close(other)
    assert os.read(held, 1) == b""
    os.close(held)


def test_cancel_a_queued_job(queue: Queue) -> None:
    queue.submit("echo $$ > first; sleep 1000")
    queue.submit("touch started")
    queue.pid("first")
    assert queue.call("cancel", "2").returncode == 0
    job = queue.reaches("2", "CANCELLED")
    assert job["reason"] == "cancelled before it started"
    assert queue.jobs()["1"]["state"] == "RUNNING"
    assert not (queue.cwd / "started").exists()


def test_cancel_a_running_job_with_all_it_started(queue: Queue) -> None:
    queue.submit("sleep 1000 & echo $! > child; echo $$ > leader; wait")
    leader, child = queue.pid("leader"), queue.pid("child")
    assert queue.call("cancel", "1").returncode == 0
    job = queue.reaches("1", "CANCELLED")
    assert (job["reason"], job["exit_code"]) == ("cancelled", 143)
    assert ended(leader)
    assert ended(child)
    for _ in range(2):
        assert queue.call("cancel", "1").returncode == 0
    assert queue.jobs()["1"] == job


def test_a_trainer_may_tidy_up_after_its_script_is_gone(queue: Queue) -> None:
    """bash dies of the first SIGTERM; what it waited for gets the grace all the same."""
    tidy = "trap 'touch told; while [ ! -e go ]; do sleep 0.05; done; touch tidy; exit' TERM; "
    queue.submit(f'bash -c "{tidy} touch ready; while true; do sleep 0.05; done"; true')
    wait_for((queue.cwd / "ready").exists, LIMIT_S, "the trainer runs")
    queue.call("cancel", "1")
    wait_for((queue.cwd / "told").exists, LIMIT_S, "the trainer is told")
    assert queue.reaches("1", "STOPPING")["reason"] == "cancelled"
    (queue.cwd / "go").touch()
    queue.reaches("1", "CANCELLED")
    assert (queue.cwd / "tidy").exists()


def test_what_a_script_leaves_behind_is_ended(queue: Queue) -> None:
    queue.submit("sleep 1000 & echo $! > child")
    assert queue.reaches("1", "COMPLETED")["exit_code"] == 0
    assert ended(queue.pid("child"))


def test_cancel_what_is_not_there(queue: Queue) -> None:
    queue.reaches(queue.submit("true"), "COMPLETED")
    reply = queue.call("cancel", "7", "../1", "1")
    assert reply.returncode == 1
    assert "no job 7" in reply.stderr
    assert "no job ../1" in reply.stderr


def test_walltime(queue: Queue) -> None:
    text = "trap '' TERM; echo $$ > leader; while true; do sleep 0.05; done"
    queue.submit(text, "--walltime=0.5", "--grace=0.5")
    job = queue.reaches("1", "TIMEOUT")
    assert (job["exit_code"], job["walltime_s"]) == (137, 0.5)
    assert job["elapsed_s"] > 1.0
    assert "0.5 s" in job["reason"]
    assert ended(queue.pid("leader"))


@pytest.mark.parametrize("walltime", ["0", "-1", "nan", "inf", "soon"])
def test_a_walltime_that_is_none(queue: Queue, walltime: str) -> None:
    reply = queue.call("submit", "--name=x", f"--walltime={walltime}", queue.script("true"))
    assert reply.returncode == 2
    assert queue.jobs() == {}


def test_survives_its_terminal(queue: Queue) -> None:
    """The submitting session is hung up and killed, as when a terminal is closed."""
    argv = queue.argv("submit", "--name=x", queue.script("echo $$ > leader; sleep 1; touch done"))
    shell = subprocess.Popen(
        ["bash", "-c", '"$@"; sleep 1000', "bash", *argv],
        cwd=queue.cwd, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "1\n"
        queue.pid("leader")
        os.killpg(shell.pid, signal.SIGHUP)
        os.killpg(shell.pid, signal.SIGKILL)
        assert shell.stdout.read() == ""  # nothing that goes on holds the caller's pipe
    assert os.getsid(queue.supervisor("1")) != shell.pid
    queue.reaches("1", "COMPLETED")
    assert (queue.cwd / "done").exists()


def test_a_submit_killed_at_any_instant_leaves_a_whole_job_or_none(queue: Queue) -> None:
    argv = queue.argv("submit", "--name=x", queue.script("echo $HPCTRAIN_LOCAL_JOB_ID >> ran"))
    for step in range(12):
        with subprocess.Popen(argv, cwd=queue.cwd, stdout=subprocess.DEVNULL) as child:
            time.sleep(0.02 + step * 0.01)
            child.kill()
    wait_for(
        lambda: not list(queue.folder.glob(".new-*/job.json")),
        LIMIT_S,
        "no draft is left with a job",
    )
    jobs = queue.jobs()
    for number in jobs:
        queue.reaches(number, "COMPLETED")
    ran = queue.cwd / "ran"
    assert (ran.read_text().split() if ran.exists() else []) == list(jobs)


def test_a_supervisor_killed_while_it_waits(queue: Queue) -> None:
    queue.submit("echo $$ > first; sleep 1000")
    queue.submit("touch second")
    queue.submit("touch third")
    queue.pid("first")
    os.kill(queue.supervisor("2"), signal.SIGKILL)
    job = queue.reaches("2", "LOST")
    assert "left no result" in job["reason"]
    assert queue.call("cancel", "2").returncode == 0
    assert queue.jobs()["2"]["state"] == "LOST"
    queue.call("cancel", "1")
    queue.reaches("3", "COMPLETED")
    assert not (queue.cwd / "second").exists()


def test_a_supervisor_killed_while_its_script_runs(queue: Queue) -> None:
    """The script still trains: it is not failed, and the next one does not start beside it."""
    queue.submit("echo $$ > first; sleep 1000")
    queue.submit("true")
    leader = queue.pid("first")
    os.kill(queue.supervisor("1"), signal.SIGKILL)
    wait_for(lambda: ended(queue.supervisor("1")), LIMIT_S, "the supervisor is gone")
    job = queue.jobs()["1"]
    assert job["state"] == "RUNNING"
    assert "supervisor was killed" in job["reason"]
    assert queue.jobs()["2"]["state"] == "QUEUED"
    os.killpg(leader, signal.SIGKILL)
    assert queue.reaches("1", "LOST")["exit_code"] is None
    queue.reaches("2", "COMPLETED")


def test_cancel_a_script_without_its_supervisor(queue: Queue) -> None:
    queue.submit("trap '' TERM; echo $$ > first; while true; do sleep 0.05; done")
    leader = queue.pid("first")
    os.kill(queue.supervisor("1"), signal.SIGKILL)
    wait_for(lambda: ended(queue.supervisor("1")), LIMIT_S, "the supervisor is gone")
    assert queue.call("cancel", "1").returncode == 0
    assert not ended(leader)
    assert queue.call("cancel", "1").returncode == 0
    queue.reaches("1", "CANCELLED")
    assert ended(leader)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_supervisor_told_to_end_ends_its_job(queue: Queue, number: signal.Signals) -> None:
    queue.submit("echo $$ > first; sleep 1000")
    leader = queue.pid("first")
    os.kill(queue.supervisor("1"), number)
    assert "asked to end" in queue.reaches("1", "CANCELLED")["reason"]
    assert ended(leader)


def test_submits_at_once_get_different_ids(queue: Queue) -> None:
    argv = queue.argv("submit", "--name=x", queue.script("echo $HPCTRAIN_LOCAL_JOB_ID >> order"))
    children = [
        subprocess.Popen(argv, cwd=queue.cwd, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    numbers = [child.communicate(timeout=LIMIT_S)[0].strip() for child in children]
    assert sorted(numbers) == ["1", "2", "3", "4", "5", "6"]
    queue.reaches("6", "COMPLETED")
    assert (queue.cwd / "order").read_text().split() == sorted(numbers)


@pytest.mark.parametrize(
    "name", ["-x --walltime=1", "a b\n'\"$(touch no)`/../", "Å κ", "", "\x1b[2J"]
)
def test_odd_names(queue: Queue, name: str) -> None:
    queue.submit("true", f"--comment={name}", name=name)
    job = queue.reaches("1", "COMPLETED")
    assert (job["name"], job["comment"]) == (name, name)
    assert not (queue.cwd / "no").exists()


def test_a_name_that_is_not_utf8(queue: Queue) -> None:
    name = os.fsdecode(b"caf\xe9")
    queue.submit("true", name=name)
    assert queue.reaches("1", "COMPLETED")["name"] == name


def test_lists_among_torn_and_odd_folders(queue: Queue) -> None:
    assert queue.jobs() == {}
    queue.reaches(queue.submit("true"), "COMPLETED")
    (queue.folder / "2").mkdir()
    contents = ["", '{"name": "x', "[]", '{"name": 3}', '{"supervisor": {}}', "\xff", "null",
                "[" * 100_000, '{"supervisor": "x"}']  # fmt: skip
    for number, content in enumerate(contents, start=3):
        (queue.folder / str(number)).mkdir()
        (queue.folder / str(number) / "job.json").write_text(content, encoding="latin-1")
    whole = (queue.folder / "1" / "job.json").read_text()
    (queue.folder / "20").mkdir()
    (queue.folder / "20" / "job.json").write_text(whole)
    (queue.folder / "20" / "ended.json").write_text('{"state": "COMP')
    (queue.folder / "21").write_text("a file")
    for name in ("22", "23"):
        (queue.folder / name).mkdir()
    os.mkfifo(queue.folder / "22" / "job.json")
    (queue.folder / "23" / "job.json").symlink_to("/dev/zero")
    (queue.folder / ".new-x").mkdir()
    jobs = queue.jobs()
    assert jobs.pop("1")["state"] == "COMPLETED"
    assert set(jobs) == {*map(str, range(3, 3 + len(contents))), "20", "22", "23"}
    assert {job["state"] for job in jobs.values()} == {"UNKNOWN"}
    assert jobs["20"]["name"] == "job"
    assert queue.submit("true") == "24"
    queue.reaches("24", "COMPLETED")


def test_a_folder_deleted_underneath(queue: Queue) -> None:
    queue.submit("echo $$ > first; sleep 1000")
    queue.submit("touch second")
    leader = queue.pid("first")
    supervisors = [queue.supervisor("1"), queue.supervisor("2")]
    shutil.rmtree(queue.folder)
    assert queue.jobs() == {}
    wait_for(lambda: all(map(ended, [leader, *supervisors])), LIMIT_S, "nothing goes on")
    assert not (queue.cwd / "second").exists()
    assert not queue.folder.exists()


def test_a_job_of_another_host_or_another_boot(queue: Queue) -> None:
    queue.reaches(queue.submit("true"), "COMPLETED")
    job = json.loads((queue.folder / "1" / "job.json").read_text())
    me = state.identity(os.getpid())
    others = [
        ({"host": "other", "boot": "another"}, "ELSEWHERE"),
        ({"boot": "another"}, "LOST"),
        ({"start": "1"}, "LOST"),
        ({"host": "renamed"}, "QUEUED"),
    ]
    for number, (change, _) in enumerate(others, start=2):
        (queue.folder / str(number)).mkdir()
        job["supervisor"] = me | change
        (queue.folder / str(number) / "job.json").write_text(json.dumps(job))
    jobs = queue.jobs()
    assert [jobs[str(n)]["state"] for n in range(2, 6)] == [word for _, word in others]
    assert jobs["2"]["reason"] == "runs on other; ask there"
    shutil.rmtree(queue.folder / "5")
    assert queue.call("cancel", "2").returncode == 0
    assert (queue.folder / "2" / "cancel").exists()
    queue.reaches(queue.submit("true"), "COMPLETED")  # it does not wait for the other host
