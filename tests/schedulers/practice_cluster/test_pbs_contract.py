"""The practice PBS answers as the real one did.

Jobs are put into the situations of the recordings (without processes: what the local queue would
have written about them is written by hand, and the clock stands where it stood), the recorded
command is given, and what comes is compared with what came.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paths import RECORDED

from hpctrain.identity import identity
from hpctrain.schedulers.local_queue import queue, state
from hpctrain.schedulers.practice_cluster.pbs import main as pbs
from hpctrain.schedulers.practice_cluster.pbs import qsub, server, variables
from hpctrain.schedulers.practice_cluster.pbs import text as pbs_text

pytestmark = pytest.mark.slow

OF_PBS = RECORDED / "pbs"
NOT_IMITATED = {
    **dict.fromkeys(
        ("array_qstat_finished_json", "array_qstat_one_sub", "array_qstat_quotednumber",
         "array_qstat_running", "array_qstat_running_json", "array_qstat_sub1_finished_no_x",
         "array_qstat_t_finished_json", "array_qstat_t_running", "array_qstat_t_running_json",
         "array_qstat_t_x_plain", "array_qsub"),
        "arrays: hpctrain submits none",
    ),
    "block_rc7": "qsub that waits for its job: hpctrain does not",
    "down_qstat_Q": "about queues",
    **dict.fromkeys(
        ("down_pbsnodes", "pbsnodes_json", "qstat_Q_json"), "compared in test_pbs_queues"
    ),
    "multi_dsv": "a format that nobody here reads",
    **dict.fromkeys(
        ("down_qstat_wrong_server", "down_qsub_wrong_server"), "there is one server"
    ),
    **dict.fromkeys(("qsub_dashdash", "mem_over_json"), "a command instead of a script"),
    **dict.fromkeys(
        ("qrerun_state1", "qrerun_state2"), "a job that root made to run again"
    ),
    "after_restart_json": "a job that a restarted server asked its node about",
    "qstat_alt_json": "a job that qalter had changed",
    "many": "all jobs of a day, arrays among them; all_x_json are the same",
}  # fmt: skip
HEADS = {
    "exit0.sh": "#PBS -N exit0",
    "exit3.sh": "#PBS -N exit3\n#PBS -j oe",
    "sleep60.sh": "#PBS -N sleeper",
    "trap.sh": "#PBS -j oe",
    "envjob.sh": "#PBS -N envjob\n#PBS -j oe\n"
    "#PBS -l select=1:ncpus=2:mpiprocs=2:mem=1gb:ngpus=1\n#PBS -l walltime=00:01:00",
    "hello.sh": "#PBS -N hello\n#PBS -l select=1:ncpus=1:mem=100mb\n#PBS -l walltime=00:01:00",
    "tick.sh": "#PBS -l walltime=00:02:00", "short.sh": "", "segv.sh": "",
}  # fmt: skip
# Measured, or told only now and then.
LOOSE = ("timestamp", "cpupercent", "cput", "mem", "vmem", "session_id", "history_timestamp")
TIMES = ("ctime", "mtime", "qtime", "stime", "obittime", "etime")
TIME, MEASURED = "|".join(TIMES), "|".join(LOOSE)
WEIRD = {
    "quotes": {"A": 'he said "hi"'}, "backslash": {"A": "a\\b"}, "newline": {"A": "l1\nl2"},
    "utf8": {"A": "é—Å"}, "empty": {"A": ""}, "eq": {"A": "x=y=z"},
    "num": {"A": "007", "B": "1e5", "C": "NaN"}, "plain": {}, "commas": {}, "name_num": {},
    "acct": {},
}  # fmt: skip


def names() -> list[str]:
    """All but those that begin with ``live_``: they are of another server, and of scripts that are
    not kept, recorded for what reads them."""
    found = sorted(path.stem for path in OF_PBS.glob("*.cmd"))
    return [name for name in found if not name.startswith("live_")]


def recorded(name: str, ending: str) -> str:
    path = OF_PBS / f"{name}.{ending}"
    text = path.read_bytes().decode("latin-1") if path.exists() else ""
    return text.replace("pbsnode", "practice").replace("localhost:", "practice:")


def epoch(text: str) -> float:
    return time.mktime(time.strptime(text))


def jobs_of(name: str) -> dict[int, dict[str, Any]]:
    found = json.loads(recorded(name, "out").encode("latin-1")).get("Jobs", {})
    named = {int(key.partition(".")[0]): job for key, job in found.items() if "[" not in key}
    # Here numbers begin with 1.
    return {number: job for number, job in named.items() if number}


class Cluster:
    """A practice cluster whose jobs are where the recordings have them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, monkeypatch
        self.number, self.now = 1, 0.0
        self.work = folder / "work"
        self.work.mkdir()
        monkeypatch.chdir(self.work)
        for name, head in HEADS.items():
            (self.work / name).write_text(f"#!/bin/bash\n{head}\necho hi\n")
        monkeypatch.setattr(queue, "put", self.put)
        monkeypatch.setattr(queue, "cancel", self.cancel)
        account = ("alice", "/home/alice", "/bin/sh")
        monkeypatch.setattr(server, "account", lambda: account)
        monkeypatch.setattr(variables, "working_directory", lambda: "/home/alice/jobs")
        clock = SimpleNamespace(
            time=lambda: self.now, ctime=time.ctime, monotonic=time.monotonic, sleep=time.sleep
        )
        monkeypatch.setattr(server, "time", clock)
        self.environment({"PATH": "/opt/pbs/bin:/usr/local/bin:/usr/bin:/bin", "SHELL": "/bin/sh"})

    def environment(self, more: dict[str, str]) -> None:
        for name in list(os.environ):
            self.patch.delenv(name)
        fixed = {"HOME": "/home/alice", "LANG": "C.UTF-8", "LOGNAME": "alice"}
        for name, value in (fixed | {"MAIL": "/var/mail/alice"} | more).items():
            self.patch.setenv(name, value)

    def put(self, folder: Path, job: dict[str, Any], *, held: bool = False) -> int:
        """Instead of the local queue's: the number is given, and nobody runs the job."""
        place = folder / str(self.number)
        place.mkdir(parents=True)
        if held:
            (place / "hold").touch()
        record = {**job, "submitted": self.now, "supervisor": identity(os.getpid())}
        state.write(place / "job.json", record)
        return self.number

    def cancel(self, folder: Path) -> bool:
        (folder / "cancel").touch()
        if not (folder / "running.json").exists():
            state.write(folder / "ended.json", {"state": "CANCELLED", "ended": self.now})
        return True

    def run(self, command: str, *, stdin: str = "") -> tuple[int, str, str]:
        program, *words = shlex.split(command)
        client = "23.06.06" if program == "qstat-23.06.06" else "master"
        (self.folder / "client").write_text(client)
        out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
        self.patch.setattr(sys, "stdout", out)
        self.patch.setattr(sys, "stderr", err)
        self.patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = pbs.main(self.folder, program.removesuffix("-23.06.06"), words)
        out.flush()
        return code, out.buffer.getvalue().decode("latin-1"), err.getvalue()  # type: ignore[attr-defined]

    def bring(self, jobs: dict[int, dict[str, Any]], waiting: Sequence[int] = ()) -> None:
        """Submit them as they were submitted, and let happen what had happened."""
        pending: list[int] = []
        for number, job in sorted(jobs.items()):
            for other in list(pending):
                # Over before this one came? Then nobody registers with it (late_ok).
                if epoch(jobs[other]["mtime"]) < epoch(job["ctime"]):
                    self.happen(other, jobs[other])
                    pending.remove(other)
            for name in ("PATH", "SHELL"):
                self.patch.setenv(name, job["Variable_List"][f"PBS_O_{name}"])
            self.number, self.now = number, epoch(job["ctime"])
            words = job["Submit_arguments"]
            code, out, err = self.run(f"qsub {words.replace(chr(39), chr(92) + chr(39))}")
            assert (code, out, err) == (0, f"{number}.practice\n", "")
            pending.append(number)
        for number in pending:
            if number not in waiting:
                self.happen(number, jobs[number])

    def happen(self, number: int, job: dict[str, Any]) -> None:
        place = self.folder / "jobs" / str(number)
        if "stime" in job:
            running = {"started": epoch(job["stime"]), "monotonic": 0.0, "session": 1}
            state.write(place / "running.json", running | {"group": job.get("session_id", 1)})
        hold = place / "hold"
        hold.unlink(missing_ok=True)
        if job["Hold_Types"] == "u" or "Never Run" in job.get("comment", ""):
            hold.touch()
        if "Job held" in job.get("comment", ""):
            (place / "user-hold").touch()
            os.utime(place / "user-hold", (epoch(job["mtime"]),) * 2)
        if "terminated" in job.get("comment", "") or job["substate"] == 91:
            (place / "cancel").touch()
        if job["substate"] == 91 and "stime" not in job:
            (place / "comment").write_text(job.get("comment", "").removesuffix(" and terminated"))
        if "depend" not in job and job.get("etime", job["ctime"]) != job["ctime"]:
            (place / "released").touch()
            os.utime(place / "released", (epoch(job["etime"]),) * 2)
        if job["job_state"] in "FE":
            state.write(place / "ended.json", self.end_of(job))

    def end_of(self, job: dict[str, Any]) -> dict[str, Any]:
        code = job.get("Exit_status")
        words = {92: "COMPLETED", 93: "FAILED", 91: "CANCELLED", 51: "COMPLETED"}
        word = "TIMEOUT" if code == -29 else words[job["substate"]]
        if code is None and job["substate"] == 92:
            word = "NEVER"
        left = [] if job.get("Stageout_status", 1) else ["/nonexistent/dir/x.out"]
        return {
            "state": word, "exit_code": code, "signal": 0, "not_moved": left,
            "ended": epoch(job.get("obittime", job["mtime"])),
        }  # fmt: skip

    def clock_of(self, name: str, jobs: dict[int, dict[str, Any]]) -> None:
        """The time of the question; moments that were longer than here count as short."""
        stamp = re.search(r'"timestamp":\s*(\d+)', recorded(name, "out"))
        self.now = float(stamp[1]) if stamp else max(epoch(job["mtime"]) for job in jobs.values())
        for job in jobs.values():
            if job["substate"] == 41:
                self.now = epoch(job["stime"]) + 0.1
            elif job["substate"] == 51:
                self.now = epoch(job["mtime"]) + 0.1
            elif job["job_state"] == "R":
                self.now = max(self.now, epoch(job["stime"]) + 1)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield Cluster(tmp_path, monkeypatch)
    monkeypatch.undo()
    time.tzset()


def mapped(text: str) -> str:
    """What was measured, and which of the node's cores it was, without its value."""
    text = re.sub(rf'("(?:{MEASURED})":\s*)("?)[^",\n]*', r"\1\2~", text)
    text = re.sub(r"practice/\d", "practice/0", text)
    # Of a job that runs the time it has run.
    used = r'("resources_used":\s*\{[^}]*"walltime":\s*)"[^"]*"'
    text = re.sub(used, r'\1"~"', text)
    # Whether a session has been heard of depends on when somebody looked.
    text = re.sub(r'\n\s*"session_id":\s*~,', "", text)
    return re.sub(rf'("(?:{TIME})":\s*)"[^"]*"', r'\1"~"', text)


def moments(text: str) -> list[float]:
    return [epoch(when) for when in re.findall(rf'"(?:{TIME})":\s*"([^"]*)"', text)]


def json_recordings() -> list[str]:
    shown = [name for name in names() if '"Jobs"' in recorded(name, "out")]
    return [name for name in shown if name not in NOT_IMITATED]


# From which recording the jobs of a question come that does not show all of them itself.
SITUATIONS = {
    "depend_waiting_json": ["depend_done_all_json", "depend_waiting_json"],
    "depend_done_json": ["depend_done_all_json"],
    "depend_late_json": ["depend_done_all_json"],
    "depend_waiting_child_json": ["depend_waiting_child_json"],
    "qstat_queued_json": ["qstat_running_json", "qstat_queued_json"],
    "multi_json": ["depend_done_all_json"],
    "multi_json_E": ["depend_done_all_json"],
    "multi_json_E_unknown": ["depend_done_all_json"],
    "multi_json_old": ["depend_done_all_json"],
    "multi_json_old_unknown": ["depend_done_all_json"],
    "qstat_known_and_unknown": ["qstat_known_and_unknown", "qstat_qdel_running_json"],
    "qstat_mix_finished_running_no_x": ["qstat_finished_exit3_json", "qstat_running_json"],
}


def situation(cluster: Cluster, name: str) -> dict[int, dict[str, Any]]:
    jobs: dict[int, dict[str, Any]] = {}
    for source in SITUATIONS.get(name, [name]):
        jobs |= jobs_of(source)
    jobs = {n: job for n, job in jobs.items() if "executable" not in job and "array" not in job}
    if name == "depend_waiting_json":  # of which the recording shows the first
        jobs = {number: jobs[number] for number in range(31, 37)}
        cluster.bring(jobs, waiting=range(32, 37))
        return {31: jobs[31]}
    if name == "depend_waiting_child_json":  # and of which it shows the second
        ((_, child),) = jobs.items()
        times = dict.fromkeys(("ctime", "stime", "mtime"), child["ctime"])
        jobs[71] = jobs_of("qstat_running_json")[17] | times
    cluster.bring(jobs)
    return jobs


@pytest.mark.parametrize("name", json_recordings())
def test_a_job_is_shown_as_it_was(cluster: Cluster, name: str) -> None:
    jobs = situation(cluster, name)
    cluster.clock_of(name, jobs)
    code, out, err = cluster.run(recorded(name, "cmd"))
    wanted = recorded(name, "out")
    if name.startswith("all_x_json"):  # without the first, the command and the array
        wanted = without(wanted, 0, 13, 30)
    if name == "depend_done_all_json":
        # The server had been restarted, and showed again what had long been met (multi_json_E).
        wanted = re.sub(
            r'\n\s*"depend":\s*"after\w+:3[12].*(?=(\n.*){3}\n\s*"Hold_Types":\s*"n")', "", wanted
        )
    assert mapped(out) == mapped(wanted)
    assert err == recorded(name, "err")
    assert code == int(recorded(name, "rc"))
    if name not in ("badout2_json",):
        assert moments(out) == pytest.approx(moments(wanted), abs=3.0)


def without(text: str, *numbers: int) -> str:
    """A JSON reply as it would be had these jobs not been there."""
    indent = re.search(r'\n(\s+)"2\.practice"', text)
    assert indent
    for number in numbers:
        start = re.escape(f'{indent[1]}"{number}') + r"(\[\])?\.practice"
        text = re.sub(rf"\n{start}.*?\n{indent[1]}\}},?(?=\n)", "", text, flags=re.DOTALL)
    return text


@pytest.mark.parametrize("client", ["2306", "master"])
@pytest.mark.parametrize("kind", [*WEIRD, "V"])
def test_odd_variables_break_the_json_as_they_did(cluster: Cluster, kind: str, client: str) -> None:
    name = f"weird_{kind}_{client}"
    shown = recorded(f"weird_{kind}_master", "out")
    ((number, job),) = json.loads(shown.encode("latin-1"))["Jobs"].items()
    more = {"PATH": "/opt/pbs/bin:/usr/bin:/bin", "SHELL": "/bin/bash"}
    if kind == "V":  # whatever it was, in its order
        own = {k: str(v) for k, v in job["Variable_List"].items() if not k.startswith("PBS_O")}
        cluster.environment(more)
        for variable in list(os.environ):
            cluster.patch.delenv(variable)
        base = {k[6:]: v for k, v in job["Variable_List"].items() if k[:6] == "PBS_O_"}
        for variable, value in {**own, "SHELL": base["SHELL"], "PATH": base["PATH"]}.items():
            cluster.patch.setenv(variable, str(value))
    else:
        cluster.environment(more | WEIRD[kind])
    cluster.bring({int(number.partition(".")[0]): job})
    cluster.now = epoch(job["ctime"]) + 10
    program = "qstat" if client == "master" else "qstat-23.06.06"
    code, out, err = cluster.run(f"{program} -f -F json {number}")
    assert (code, err) == (0, "")
    assert mapped(out) == mapped(recorded(name, "out"))


def squeezed(text: str) -> str:
    """A table without its columns' widths: the server's name is one letter longer here."""
    text = re.sub(r"\n\t", "", text)
    return re.sub(r"-+", "-", re.sub(r"[ \t]+", " ", text))


EXIT0, EXIT3 = "qstat_finished_exit0_json", "qstat_finished_exit3_json"
# What has to be there for the other commands, and what has to be done before.
BEFORE: dict[str, tuple[str, ...]] = {
    "down_": (),
    "json_": ("qstat_toobig_json",),
    "multi_json_comma": ("depend_done_all_json",),
    "multi_json_E_fin_nox": ("depend_done_all_json",),
    "multi_json_E_unknown_only": ("depend_done_all_json",),
    "multi_plain": ("depend_done_all_json",),
    "multi_text": ("depend_done_all_json",),
    "qdel_finished": (EXIT3,),
    "qdel_finished_x": (EXIT3,),
    "qdel_queued": ("qstat_queued_json",),
    "qdel_running": ("qstat_running_json",),
    "qdel_twice": ("qstat_qdel_running_json",),
    "qdel_x_history_of_finished_R": ("qstat_qdel_running_json",),
    "qdel_unknown": (EXIT0,),
    "qhold": ("qstat_queued_json",),
    "qrls": ("qstat_held_json",),
    "qrls2": ("qstat_held_by_qhold",),
    "qstat_after_qdel_x": (EXIT3,),
    "qstat_badsyntax": (EXIT3,),
    "qstat_finished_without_x": (EXIT3,),
    "qstat_finished_without_x_plain": (EXIT3,),
    "qstat_unknown": (EXIT0,),
    "qsub_": (),
    "select_qsub": (),
    "depend_": ("multi_json",),
}


def others() -> list[str]:
    done = {*json_recordings(), *NOT_IMITATED}
    return [name for name in names() if name not in done]


@pytest.mark.parametrize("name", [n for n in others() if n != "qstat_x_plain"])
def test_a_command_is_answered_as_it_was(cluster: Cluster, name: str) -> None:
    command = recorded(name, "cmd").strip()
    prefix = max((key for key in BEFORE if name.startswith(key)), key=len, default=None)
    if name in ("qstat_plain", "qstat_wide"):
        plain(cluster, name)
    else:
        assert prefix is not None, f"{name} is neither imitated nor said not to be"
        jobs: dict[int, dict[str, Any]] = {}
        for source in BEFORE[prefix]:
            jobs |= jobs_of(source)
        cluster.bring(jobs)
    out_of_recording = recorded(name, "out")
    cluster.now = time.time()
    first = re.match(r"(\d+)\.practice", out_of_recording)
    cluster.number = int(first[1]) if first else 99
    if name == "qstat_after_qdel_x":
        assert cluster.run("qdel -x 20.practice") == (0, "", "")
    if name.startswith("down_"):
        (cluster.folder / "down").touch()
    stdin = ""
    if "|" in command:
        stdin, command = "echo from stdin\n", command.partition("| ")[2]
    if "printf" in command:
        (cluster.work / "crlf.sh").write_bytes(b"#!/bin/bash\r\n#PBS -N crlf\r\necho hi\r\n")
        command = command.partition("; ")[2]
    code, out, err = cluster.run(command, stdin=stdin)
    assert err == recorded(name, "err")
    assert code == int(recorded(name, "rc"))
    if name == "multi_text":
        kept = r"\n    (.*cput|.*mem|.*time|session_id|history_timestamp|exec_host) = .*"
        out, out_of_recording = (re.sub(kept, "", text) for text in (out, out_of_recording))
    if "{" in out:
        assert mapped(out) == mapped(out_of_recording)
    else:
        assert squeezed(out) == squeezed(out_of_recording)


def plain(cluster: Cluster, name: str) -> None:
    jobs = jobs_of("all_x_json")
    if name == "qstat_plain":
        jobs = {6: jobs_of("qstat_toobig_json")[6]}
        cluster.bring(jobs)
        cluster.number = 15
        assert cluster.run("qsub -q stopped -N instopped exit0.sh")[0] == 0
    else:
        cluster.bring({9: jobs[9]})


def test_the_table_of_all(cluster: Cluster) -> None:
    jobs = jobs_of("all_x_json")
    first = {number: jobs[number] for number in (1, 2, 9, 10, 11, 12)}
    cluster.bring({**first, 6: jobs_of("qstat_toobig_json")[6]})
    cluster.number, cluster.now = 15, time.time()
    cluster.run("qsub -q stopped -N instopped exit0.sh")
    code, out, err = cluster.run("qstat -x")
    wanted = recorded("qstat_x_plain", "out").splitlines(keepends=True)
    kept = [line for line in wanted if not line.startswith(("0.", "13."))]
    assert (code, squeezed(out), err) == (0, squeezed("".join(kept)), "")


def test_every_recording_is_looked_at_or_said_not_to_be() -> None:
    known = {*json_recordings(), *NOT_IMITATED, "qstat_plain", "qstat_wide", "qstat_x_plain"}
    for name in others():
        assert name in known or any(name.startswith(key) for key in BEFORE), name
    unknown = {n for n in NOT_IMITATED if not (OF_PBS / f"{n}.cmd").exists()}
    assert unknown == set()


def test_a_real_job_sees_the_recorded_environment(cluster: Cluster) -> None:
    """The names of its variables; test_pbs_life has their values from a job that ran."""
    seen = re.findall(r"^(\w+)=", recorded("envjob", "o51"), flags=re.MULTILINE)
    clean = variables.clean_environment("/home/alice", "alice", "/bin/sh", "/opt/pbs/bin")
    basic = variables.variable_list(None, False, os.environ, "/home/alice/jobs", "master")
    by_qsub = {"PBS_JOBNAME", "PBS_QUEUE", "PBS_O_QUEUE", "NCPUS", "OMP_NUM_THREADS", "FOO"}
    by_shell = set(re.findall(r"(\w+)=", qsub.SHELL.splitlines()[2]))
    of_bash = {"PWD", "SHLVL", "_"}
    mine = {*clean, *variables.decode(basic), *by_qsub, *by_shell, *of_bash}
    assert {*seen} - mine == {"MANPATH", "shell", "umask", "pwd"} & {*seen}


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1e5", "1e5"), ("7", "7"), ("inf", "inf"), ("nan", "nan"), ("infinity", "infinity"),
     (".5", ".5"), ("+3", "+3"), ("0x1F", '"0x1F"'), ("0x10", '"0x10"'), ("007", '"007"'),
     ("0", "0"), ("", '""'), ("00:00:01", '"00:00:01"')],
)  # fmt: skip
def test_what_the_released_client_takes_for_a_number(value: str, shown: str) -> None:
    """As it was seen, with -N and with -v; what is no number of JSON's makes it no JSON."""
    assert pbs_text.value_2306(value) == shown
