"""Whole lives on the practice PBS, with real processes; every wait is for a condition."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED
from waiting import wait_for

import hpctrain
from hpctrain.schedulers.local_queue import state

pytestmark = pytest.mark.slow

OF_PBS = RECORDED / "pbs"
LIMIT_S = 30.0


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cluster"
        self.work = folder / "work"
        self.work.mkdir()
        self.jobs = self.folder / "jobs"

    def argv(self, *words: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "hpctrain.schedulers.practice_cluster",
            str(self.folder),
            *words,
        ]

    def call(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), cwd=self.work, capture_output=True, text=True, timeout=LIMIT_S,
            **more,
        )  # fmt: skip

    def script(self, text: str, name: str = "job.sh") -> str:
        (self.work / name).write_text(text)
        return name

    def submit(self, *words: str) -> str:
        reply = self.call("qsub", *words)
        assert (reply.returncode, reply.stderr) == (0, "")
        return reply.stdout.strip()

    def show(self, *ids: str) -> dict[str, Any]:
        reply = self.call("qstat", "-x", "-f", "-F", "json", *ids)
        assert (reply.returncode, reply.stderr) == (0, "")
        jobs: dict[str, Any] = json.loads(reply.stdout)["Jobs"]
        return jobs

    def reaches(self, job: str, *wanted: str) -> dict[str, Any]:
        """Wait for one of ``state/substate``."""

        def reach() -> dict[str, Any] | None:
            shown: dict[str, Any] = self.show(job)[job]
            return shown if f"{shown['job_state']}/{shown['substate']}" in wanted else None

        return wait_for(reach, LIMIT_S, f"{job} is {wanted}: {self.show(job)}")

    def ends(self, job: str) -> dict[str, Any]:
        return self.reaches(job, "F/91", "F/92", "F/93")

    def file(self, name: str) -> str:
        path = self.work / name
        wait_for(
            lambda: path.exists() and path.read_text().endswith("\n"), LIMIT_S, f"{name} is written"
        )
        return path.read_text()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("PYTHONPATH", str(Path(hpctrain.__file__).parents[1]))
    monkeypatch.setenv("HOME", str(tmp_path))
    cluster = Cluster(tmp_path)
    yield cluster
    # Nothing may outlive a test, a failed one neither. Supervisors first: they start scripts.
    for number in state.ids(cluster.jobs):
        with contextlib.suppress(ValueError, KeyError, ProcessLookupError):
            supervisor = state.read(cluster.jobs / str(number) / "job.json")["supervisor"]
            if state.whereabouts(supervisor) == "here" and supervisor["pid"] != os.getpid():
                os.kill(supervisor["pid"], signal.SIGKILL)
    for number in state.ids(cluster.jobs):
        running = state.read(cluster.jobs / str(number) / "running.json")
        if running and state.group_alive(running):
            state.signal_group(running["group"], signal.SIGKILL)


WAITS = "#!/bin/bash\nwhile [ ! -e $PBS_O_WORKDIR/go ]; do sleep 0.05; done\nexit ${RC:-0}\n"


def test_a_life_goes_through_the_recorded_states(cluster: Cluster) -> None:
    job = cluster.submit(cluster.script(WAITS))
    assert job == "1.practice"
    seen = []

    def job_row() -> bool:
        shown = cluster.show(job)[job]
        now = (shown["job_state"], shown["substate"], shown.get("Exit_status"))
        if now not in seen:
            seen.append(now)
        if now[1] == 42:
            (cluster.work / "go").touch()
        return bool(now[0] == "F")

    wait_for(job_row, LIMIT_S, "the end")
    lines = (OF_PBS / "state_transitions.out").read_text().splitlines()
    wanted = [tuple(line.split()[1:]) for line in lines]
    # The first look may come after the start, and E/51 may be short; the order is the recorded.
    mine = [(a, str(b), str(c)) for a, b, c in seen]
    assert mine[-2:] == wanted[-2:]
    assert [each for each in wanted if each in mine] == mine


@pytest.mark.parametrize(
    ("body", "status", "substate"),
    [("exit 0", 0, 92), ("exit 3", 3, 93), ("kill -SEGV $$", 139, 93),
     ("kill -TERM $PPID; sleep 5", 271, 93)],
)  # fmt: skip
def test_exit_codes(cluster: Cluster, body: str, status: int, substate: int) -> None:
    """139 was recorded (qstat_finished_segv_json); 256 + n is what PBS's own shell died of."""
    (cluster.folder).mkdir()
    (cluster.folder / "kill_delay").write_text("0.2")
    job = cluster.submit(cluster.script(f"#!/bin/bash\n{body}\n"))
    shown = cluster.ends(job)
    assert (shown["Exit_status"], shown["substate"]) == (status, substate)
    assert shown["comment"].endswith(" and finished" if status == 0 else " and failed")


def test_a_walltime_ends_it(cluster: Cluster) -> None:
    cluster.folder.mkdir()
    (cluster.folder / "late").write_text("1")
    text = "#!/bin/bash\n#PBS -l walltime=00:00:01\n#PBS -j oe\n#PBS -N wall\nsleep 60\n"
    job = cluster.submit(cluster.script(text))
    shown = cluster.ends(job)
    assert (shown["Exit_status"], shown["substate"]) == (-29, 93)
    assert shown["comment"].endswith("exceeded resource walltime")
    recorded = (OF_PBS / "wall.o22").read_text().splitlines()[0]
    seen = (cluster.work / "wall.o1").read_text().splitlines()[0]
    assert re.sub(r"\d+", "N", seen) == re.sub(r"\d+", "N", recorded)
    assert seen == "=>> PBS: job killed: walltime 2 exceeded limit 1"


def test_a_walltime_is_noticed_late_unless_said_otherwise(cluster: Cluster) -> None:
    cluster.submit("-l", "walltime=00:00:05", cluster.script(WAITS))
    record = json.loads((cluster.jobs / "1" / "job.json").read_text())
    assert (record["walltime_s"], record["grace_s"]) == (10.0, 10.0)  # wall.o22, trap.22
    cluster.submit(cluster.script(WAITS))
    assert json.loads((cluster.jobs / "2" / "job.json").read_text())["walltime_s"] is None


def test_a_job_that_is_deleted_while_it_runs(cluster: Cluster) -> None:
    text = "#!/bin/bash\ntrap 'echo told; exit 0' TERM\necho up > $PBS_O_WORKDIR/up\n"
    job = cluster.submit("-N", "trap", cluster.script(text + "while :; do sleep 0.05; done\n"))
    cluster.file("up")
    cluster.reaches(job, "R/42")
    assert cluster.call("qdel", job).returncode == 0
    shown = cluster.ends(job)
    # However it ends itself, it was deleted (qstat_qdel_trap_json).
    assert (shown["Exit_status"], shown["substate"]) == (271, 91)
    assert shown["comment"].endswith(f" and terminated by {shown['Job_Owner']}")
    assert (cluster.work / "trap.o1").read_text() == "told\n"


def test_jobs_that_are_deleted_before_they_run(cluster: Cluster) -> None:
    running = cluster.submit(cluster.script(WAITS))
    held = cluster.submit("-h", "job.sh")
    stuck = cluster.submit("-W", f"depend=afterany:{held}", "job.sh")
    queued = cluster.submit("-l", "select=1:ncpus=4", "job.sh")
    child = cluster.submit("-W", f"depend=afterok:{running}", "job.sh")
    cluster.reaches(running, "R/42")
    shown = cluster.show(queued)[queued]
    assert shown["comment"] == (
        "Not Running: Insufficient amount of resource: ncpus (R: 4 A: 3 T: 4)"
    )
    reply = cluster.call("qdel", held, queued, child)
    assert (reply.returncode, reply.stdout, reply.stderr) == (0, "", "")
    for job in (held, queued, child):
        shown = cluster.show(job)[job]
        assert (shown["job_state"], shown["substate"]) == ("F", 91)
        assert "Exit_status" not in shown
    (cluster.work / "go").touch()
    cluster.ends(running)
    # Who waited for a job that never ran waits for ever, whatever it waited for.
    shown = cluster.show(stuck)[stuck]
    assert (shown["job_state"], shown["substate"], shown["Hold_Types"]) == ("H", 22, "s")
    cluster.call("qhold", stuck)
    shown = cluster.show(stuck)[stuck]
    assert (shown["substate"], shown["Hold_Types"]) == (22, "su")
    cluster.call("qdel", stuck)
    assert cluster.show(stuck)[stuck]["comment"].endswith(" and terminated")


def test_a_hold_does_not_stop_what_runs(cluster: Cluster) -> None:
    job = cluster.submit(cluster.script(WAITS))
    cluster.reaches(job, "R/42")
    assert cluster.call("qhold", job).returncode == 0
    shown = cluster.show(job)[job]
    assert (shown["job_state"], shown["Hold_Types"]) == ("R", "u")
    assert shown["comment"].startswith("Job held by ")
    (cluster.work / "go").touch()
    assert cluster.ends(job)["comment"].endswith(" and finished")


def test_held_and_let_go(cluster: Cluster) -> None:
    job = cluster.submit("-h", cluster.script("#!/bin/bash\nexit 0\n"))
    assert cluster.show(job)[job]["substate"] == 20
    assert cluster.call("qrls", job).returncode == 0
    assert cluster.ends(job)["Exit_status"] == 0


def test_a_time_to_begin_at(cluster: Cluster) -> None:
    job = cluster.submit("-a", "203001010000", cluster.script(WAITS))
    assert cluster.reaches(job, "W/30")["Execution_Time"] == "Tue Jan  1 00:00:00 2030"


def test_chains(cluster: Cluster) -> None:
    parent = cluster.submit("-v", "RC=1", cluster.script(WAITS))
    ends = {
        kind: cluster.submit(
            "-W", f"depend={kind}:{parent}", cluster.script("exit 0\n", "child.sh")
        )
        for kind in ("afterany", "afterok", "afternotok")
    }
    shown = cluster.show(parent, *ends.values())
    assert {shown[each]["substate"] for each in ends.values()} == {22}
    assert shown[parent]["depend"].split(",") == [
        f"{kind}:{each}@practice"
        for kind, each in zip(("beforeany", "beforeok", "beforenotok"), ends.values(), strict=True)
    ]
    (cluster.work / "go").touch()
    assert cluster.ends(ends["afterany"])["Exit_status"] == 0
    assert cluster.ends(ends["afternotok"])["Exit_status"] == 0
    never = cluster.ends(ends["afterok"])
    assert (never["substate"], "Exit_status" in never, "stime" in never) == (92, False, False)
    unknown = cluster.ends(cluster.submit("-W", "depend=afterany:99", "child.sh"))
    assert (unknown["substate"], "Exit_status" in unknown) == (92, False)
    late = cluster.ends(cluster.submit("-W", f"depend=afterany:{parent}", "child.sh"))
    assert late["Exit_status"] == 0


def test_what_never_runs(cluster: Cluster) -> None:
    script = cluster.script("#!/bin/bash\nexit 0\n")
    big = cluster.submit("-l", "select=1:ncpus=64", script)
    gpus = cluster.submit("-l", "select=1:ncpus=1:ngpus=3", script)
    stopped = cluster.submit("-q", "stopped", script)
    after = cluster.submit(script)
    assert cluster.ends(after)["Exit_status"] == 0
    shown = cluster.show(big, gpus, stopped)
    assert {job["job_state"] for job in shown.values()} == {"Q"}
    end = "(R: 64 A: 4 T: 4)"
    assert shown[big]["comment"] == f"Can Never Run: Insufficient amount of resource: ncpus {end}"
    assert "ngpus" in shown[gpus]["comment"]
    assert shown[stopped]["comment"] == "Not Running: Queue not started."
    cluster.call("qhold", big)
    assert cluster.show(big)[big]["job_state"] == "H"
    cluster.call("qrls", big)
    assert cluster.show(big)[big]["job_state"] == "Q"


def test_a_clean_environment(cluster: Cluster) -> None:
    text = (
        "#!/bin/bash\n#PBS -N env\necho pwd=$PWD; umask\nenv\necho --nodefile\ncat $PBS_NODEFILE\n"
        "test -d $TMPDIR && echo tmp\n"
    )
    environment = {**os.environ, "DIRTY": "yes", "SENT": "a b"}
    words = ["-v", "SENT,FOO=bar", "-l", "select=1:ncpus=2:mpiprocs=2"]
    reply = cluster.call("qsub", *words, cluster.script(text), env=environment)
    job = reply.stdout.strip()
    assert cluster.ends(job)["Exit_status"] == 0
    out = (cluster.work / "env.o1").read_text()
    head, nodes = out.split("--nodefile\n")
    assert nodes == "practice\npractice\ntmp\n"
    assert head.startswith(f"pwd={os.environ['HOME']}\n0077\n")
    seen = dict(line.split("=", 1) for line in head.splitlines()[2:])
    assert "DIRTY" not in seen
    recorded = (OF_PBS / "envjob.o51").read_text().partition("--nodefile")[0]
    wanted = dict(line.split("=", 1) for line in recorded.splitlines()[1:])
    # MANPATH comes from a login shell; the interactive ones only a newer qsub sends.
    missing = {name for name in wanted if name not in seen and "INTERACTIVE" not in name}
    assert missing <= {"MANPATH", "PBS_O_LANG", "PBS_O_MAIL", "PBS_O_SHELL", "PBS_O_LOGNAME"}
    same = ("ENVIRONMENT", "FOO", "NCPUS", "OMP_NUM_THREADS", "PBS_ENVIRONMENT", "PBS_O_SYSTEM")
    assert {name: seen[name] for name in same} == {name: wanted[name] for name in same}
    start = wanted["PATH"].removesuffix("/opt/pbs/bin")
    assert seen["PATH"] == f"{start}{cluster.folder}/bin"
    assert (seen["SENT"], seen["PBS_JOBID"], seen["PBS_O_WORKDIR"]) == (
        "a b", job, str(cluster.work),
    )  # fmt: skip
    assert not Path(seen["TMPDIR"]).exists()


def test_everything_goes_with_capital_v(cluster: Cluster) -> None:
    script = cluster.script('#!/bin/bash\necho "$ODD"\n')
    odd = "x,y \"q\" 'r' \\ \xe9"
    reply = cluster.call("qsub", "-V", script, env={**os.environ, "ODD": odd})
    cluster.folder.joinpath("client").write_text("master")
    assert cluster.ends(reply.stdout.strip())["Exit_status"] == 0


def test_output_is_delivered_at_the_end(cluster: Cluster) -> None:
    text = "#!/bin/bash\necho out; echo err >&2\n" + WAITS.partition("\n")[2]
    job = cluster.submit("-N", "kno", cluster.script(text))
    live = cluster.submit("-N", "koed", "-k", "oed", "-j", "oe", "job.sh")
    cluster.reaches(job, "R/42")
    assert cluster.file("koed.o2") == "out\nerr\n"
    assert not (cluster.work / "kno.o1").exists()
    (cluster.work / "go").touch()
    assert cluster.ends(job)["Stageout_status"] == 1
    assert (cluster.work / "kno.o1").read_text() == "out\n"
    assert (cluster.work / "kno.e1").read_text() == "err\n"
    assert not (cluster.work / "koed.e2").exists()
    cluster.ends(live)
    for name in ("kno.o1", "kno.e1", "koed.o2"):
        assert (cluster.work / name).stat().st_mode & 0o777 == 0o600
    named = cluster.submit("-o", "mine.txt", "-j", "oe", "-W", "umask=022", "job.sh")
    cluster.ends(named)
    assert (cluster.work / "mine.txt").read_text() == "out\nerr\n"
    assert (cluster.work / "mine.txt").stat().st_mode & 0o777 == 0o644
    assert cluster.ends(cluster.submit("-o", "/dev/null", "job.sh"))["Stageout_status"] == 1
    assert Path("/dev/null").is_char_device()
    nowhere = cluster.submit("-o", "/nonexistent/x.out", "-j", "oe", "job.sh")
    shown = cluster.ends(nowhere)  # badout2_json
    assert (shown["Exit_status"], shown["Stageout_status"]) == (0, 0)


def test_options_in_the_script_and_on_the_line(cluster: Cluster) -> None:
    head = (
        "#PBS -N inside\n#PBS -l select=1:ncpus=2 -l walltime=1:00:00\n#PBS -A mine -W umask=027\n"
    )
    script = cluster.script(f"#!/bin/bash\n{head}\ntrue\n#PBS -N ignored\n")
    job = cluster.submit("-N", "outside", "-l", "walltime=60", "-W", "group_list=g", "-h", script)
    shown = cluster.show(job)[job]
    assert shown["Job_Name"] == "outside"
    assert shown["Resource_List"]["select"] == "1:ncpus=2"
    assert shown["Resource_List"]["walltime"] == "00:01:00"
    assert (shown["Account_Name"], shown["group_list"], shown["umask"]) == ("mine", "g", 27)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("--foo", 1, "qsub: invalid option -- '-'\nqsub: directive error: --foo \n"),
        ("-a 1", 1, "qsub: illegal -a value\nqsub: directive error: -a 1 \n"),
        ("-N 'bad name!'", 2, "qsub: illegal -N value\nusage: "),
        ("-j zz", 2, "qsub: illegal -j value\nusage: "),
        ("-l nosuch=1", 187, "qsub: Unknown resource Resource_List.nosuch\n"),
        ("-l select=1:ncpus=abc", 166, "qsub: Illegal attribute or resource value select.ncpus\n"),
        ("-l select=abc", 166, "qsub: Illegal attribute or resource value Resource_List.select\n"),
        ("-l place=pack", 7, 'qsub: Cannot have "place" without "select"\n'),
        ("-W depend=afterany:xyz", 2, "qsub: illegal -W value\nusage: "),
        ("-N " + "a" * 240, 2, "qsub: Job name is too long \n"),
        ("-W nosuch=1", 154, "qsub: Error (15002) submitting job\n"),
        ("-v NOSUCH", 1, "qsub: cannot send environment with the job\n"),
    ],
)
def test_lines_that_are_refused(cluster: Cluster, line: str, code: int, says: str) -> None:
    """As a real 23.06.06 answered."""
    reply = cluster.call("qsub", cluster.script(f"#!/bin/bash\n#PBS {line}\ntrue\n"))
    assert (reply.returncode, reply.stdout) == (code, "")
    assert reply.stderr.startswith(says)


def test_a_job_submits_the_next(cluster: Cluster) -> None:
    body = 'cd "$PBS_O_WORKDIR"; [ "$NEXT" ] && qsub -v NEXT= job.sh > next; exit 0\n'
    first = f"#!/bin/bash\nexport PYTHONPATH={os.environ['PYTHONPATH']}\n{body}"
    job = cluster.submit("-v", "NEXT=1", cluster.script(first))
    cluster.ends(job)
    assert cluster.file("next") == "2.practice\n"


def test_no_history(cluster: Cluster) -> None:
    job = cluster.submit(cluster.script("#!/bin/bash\nexit 0\n"))
    cluster.ends(job)
    (cluster.folder / "no-history").touch()
    assert cluster.call("qstat", job).returncode == 153
    reply = cluster.call("qstat", "-x", "-f", "-F", "json")  # which is no failure
    assert (reply.returncode, "Jobs" in reply.stdout) == (0, False)
    assert reply.stderr == "qstat: PBS is not configured to maintain job history \n"
    reply = cluster.call("qselect", "-x")
    assert (reply.returncode, reply.stdout) == (0, "")
    assert "not configured to maintain job history" in reply.stderr


@pytest.mark.parametrize(("client", "words"), [
    ("old", ["-f", "-F", "json"]), ("old", ["-E"]), ("torque", ["-f", "-F", "json"]),
])  # fmt: skip
def test_what_older_clients_do_not_know(cluster: Cluster, client: str, words: list[str]) -> None:
    cluster.folder.mkdir()
    (cluster.folder / "client").write_text(client)
    reply = cluster.call("qstat", *words)
    assert reply.returncode == 2
    assert "usage" in reply.stderr


def test_torque(cluster: Cluster) -> None:
    """From what is known of it; nothing was recorded."""
    cluster.folder.mkdir()
    (cluster.folder / "client").write_text("torque")
    job = cluster.submit("-l", "nodes=1:ppn=2", cluster.script("#!/bin/bash\nexit 4\n"))
    shown = wait_for(
        lambda: "job_state = C" in (out := cluster.call("qstat", "-f", job).stdout) and out,
        LIMIT_S,
        "C",
    )
    assert "exit_status = 4" in str(shown)
    assert "substate" not in str(shown)
    assert cluster.call("qselect", "-x").returncode == 2
    assert cluster.call("qselect").stdout == f"{job}\n"
    assert cluster.call("qstat", "-x").stdout.startswith("<Data><Job><Job_Id>1.practice")


def test_a_server_that_does_not_answer(cluster: Cluster) -> None:
    script = cluster.script("#!/bin/bash\nexit 0\n")
    cluster.folder.mkdir()
    (cluster.folder / "frozen").touch()
    waiting, killed = (
        subprocess.Popen(
            cluster.argv("qsub", "-h", script), cwd=cluster.work, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    )
    with pytest.raises(subprocess.TimeoutExpired):
        killed.communicate(timeout=0.5)
    killed.kill()
    killed.communicate()
    (cluster.folder / "frozen").unlink()
    # The one that was killed left nothing; the other went on.
    assert waiting.communicate(timeout=LIMIT_S)[0] == "1.practice\n"
    assert list(cluster.show()) == ["1.practice"]


def test_two_at_once_get_two_numbers(cluster: Cluster) -> None:
    script = cluster.script("#!/bin/bash\nexit 0\n")
    calls = [
        subprocess.Popen(
            cluster.argv("qsub", "-h", script), cwd=cluster.work, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ids = sorted(call.communicate(timeout=LIMIT_S)[0].strip() for call in calls)
    assert ids == [f"{number}.practice" for number in (1, 2, 3, 4)]
    assert sorted(cluster.show()) == ids


def test_qsub_killed_anywhere_leaves_a_whole_job_or_none(cluster: Cluster) -> None:
    script = cluster.script("#!/bin/bash\nexit 0\n")
    started = time.monotonic()
    cluster.submit("-h", script)
    whole = time.monotonic() - started
    for part in range(10):
        call = subprocess.Popen(
            cluster.argv("qsub", "-h", script), cwd=cluster.work, stdout=subprocess.PIPE
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            call.wait(whole * (part + 1) / 10)
        call.kill()
        call.communicate()
    jobs = cluster.show()
    assert {(job["job_state"], job["substate"]) for job in jobs.values()} == {("H", 20)}
    assert list(jobs) == [f"{number}.practice" for number in range(1, len(jobs) + 1)]
    reply = cluster.call("qdel", *jobs)
    assert (reply.returncode, reply.stderr) == (0, "")


def test_many_jobs_are_listed_quickly(cluster: Cluster) -> None:
    job = cluster.submit(cluster.script("#!/bin/bash\nexit 0\n"))
    cluster.ends(job)
    record = (cluster.jobs / "1" / "job.json").read_text()
    ended = (cluster.jobs / "1" / "ended.json").read_text()
    running = (cluster.jobs / "1" / "running.json").read_text()
    for number in range(2, 201):
        place = cluster.jobs / str(number)
        place.mkdir()
        for name, text in (("job", record), ("ended", ended), ("running", running)):
            (place / f"{name}.json").write_text(text)
    started = time.process_time()
    from hpctrain.schedulers.practice_cluster.pbs import server as pbs_server
    from hpctrain.schedulers.practice_cluster.pbs.attributes import attributes

    server = pbs_server.Server(cluster.folder)
    shown = [attributes(server, each, 4) for each in server.all()]
    assert len(shown) == 200
    assert time.process_time() - started < 0.2
