"""The practice server: which jobs there are, and in what state each is.

A job is a folder of the local queue, and its state is read from there whenever somebody asks.
Beside the queue's own files, PBS's own: ``user-hold`` and ``released`` (when), ``before.KIND.N``
(job N waits for this one), ``purged`` (``qdel -x``: nobody is told of it any more).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpctrain.schedulers.local_queue import queue
from hpctrain.schedulers.local_queue.state import ids, is_id, job_row, read, read_words
from hpctrain.schedulers.practice_cluster.pbs.resources import NODE
from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER, Refusal, refusal

# How long a job is seen starting (R/41) and exiting (E/51); state_transitions.out shows seconds.
STARTING_S = EXITING_S = 0.3
OVER = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "LOST", "NEVER")
CLIENTS = ("23.06.06", "master", "old", "torque")
# What is always kept of the request.
FACTS = {"attributes", "cwd", "letters", "lists", "never", "queue", "user", "variables", "words"}
BEGINS = {"afterok": "beforeok", "afternotok": "beforenotok", "afterany": "beforeany"}


@dataclass
class Job:
    """One job at one moment."""

    number: int
    record: dict[str, Any]
    state: str = "Q"
    substate: int = 10
    hold: str = "n"
    exit_status: int | None = None
    started: float | None = None
    ended: float | None = None
    told: bool = False  # somebody has deleted it
    depends: list[tuple[str, int]] = field(default_factory=list)
    before: list[tuple[str, int]] = field(default_factory=list)
    held_at: float | None = None
    released_at: float | None = None
    ready_at: float = 0.0
    group: int = 0
    kept: str = ""  # its comment when it was deleted
    delivered: bool = True

    @property
    def facts(self) -> dict[str, Any]:
        """Return what was kept of the request."""
        facts: dict[str, Any] = self.record["facts"]
        return facts

    @property
    def after(self) -> list[tuple[str, int]]:
        """List what it was to wait for when it was submitted."""
        return [(kind, number) for kind, number in self.record.get("after", ())]

    @property
    def name(self) -> str:
        """Return the job's name."""
        return str(self.record["name"])

    @property
    def id(self) -> str:
        """Return the job's id, with the server's name."""
        return f"{self.number}.{SERVER}"

    @property
    def finished(self) -> bool:
        """Say whether the job is over."""
        return self.state == "F"


class Server:
    """The server of the practice cluster in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = folder / "jobs"
        self.now = time.time()
        self.history = not (folder / "no-history").exists()
        self.user, self.home, self.shell = account()

    def reach(self, program: str) -> None:
        """Reach the server, or fail as its programs do.

        While there is a file ``down`` it is unreachable (down_qsub, down_qdel, down_qstat). While
        there is a file ``frozen`` it does not answer: every program waits, and goes on afterwards.
        """
        while (self.folder / "frozen").exists():
            time.sleep(0.02)
        if (self.folder / "down").exists():
            text = f"{program}: cannot connect to server {SERVER} (errno=15010)"
            if program == "qdel":
                text = f"Couldn't connect to cluster: {SERVER}"
            code = 255 if program == "qstat" else 162
            raise Refusal(code, f"Connection refused\n{text}\n")

    @property
    def client(self) -> str:
        """Return whose programs these are, one of CLIENTS."""
        text = read_words(self.folder / "client").strip() or CLIENTS[0]
        if text not in CLIENTS:
            raise refusal(SERVER, 1, f"{self.folder}/client is none of {', '.join(CLIENTS)}")
        return text

    def number(self, name: str, default: float) -> float:
        """Return a number that a file of that name sets."""
        text = read_words(self.folder / name).strip()
        return float(text) if text else default

    def names(self, file: str) -> list[str]:
        """List the queues, or resources, that a site has beside those of every practice cluster."""
        return read_words(self.folder / file).split()

    def all(self) -> Iterator[Job]:
        """Yield all jobs, in order."""
        for number in ids(self.jobs):
            if job := self.job(number):
                yield job

    def job(self, number: int) -> Job | None:
        """Return a job; None for one that is unknown, or no longer known."""
        folder = self.jobs / str(number)
        try:
            with os.scandir(folder) as entries:
                names = {entry.name for entry in entries}
            record = read(folder / "job.json")
            job = Job(number, record) if record else None
            if job is None or not job.facts:
                return None
            if not set(job.facts) >= FACTS:
                return None
            self.judge(job, folder, names)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
            return None  # its files are damaged: the other jobs are shown
        if job.finished and ("purged" in names or not self.history):
            return None
        return job

    def free(self) -> int:
        """Count the node's cores that no job has."""
        taken = 0
        for number in ids(self.jobs):
            folder = self.jobs / str(number)
            if (folder / "running.json").exists() and not (folder / "ended.json").exists():
                with contextlib.suppress(ValueError):  # a damaged record holds no cores
                    taken += read(folder / "job.json").get("cores", 0)
        return NODE["ncpus"] - taken

    def parent(self, job_id: str) -> int:
        """Return the number to wait for: 0, which no job has, for one that is no longer known."""
        number = number_of(job_id) or 0
        known = self.job(number) or not (self.jobs / str(number)).exists()
        return number if known else 0

    def register(self, parent: int, kind: str, child: int) -> None:
        """Let the parent tell that a job waits for it (multi_json), unless it was over before."""
        job = self.job(parent)
        if job and not job.finished:
            (self.jobs / str(parent) / f"before.{BEGINS[kind]}.{child}").touch()

    def judge(self, job: Job, folder: Path, names: set[str]) -> None:
        """Fill in the state of a job."""
        word = "" if "ended.json" in names else str((job_row(folder) or {})["state"])
        ended = read(folder / "ended.json") if word in ("", *OVER) else {}
        running = read(folder / "running.json")
        word = str(ended.get("state", word))
        job.told = "cancel" in names
        job.started, job.group = running.get("started"), running.get("group", 0)
        job.ended = ended.get("ended")
        job.delivered = not ended.get("not_moved")
        self.remember(job, folder, names)
        held = "hold" in names and (not job.facts["never"] or "user-hold" in names)
        standing = self.standing_dependencies(job)
        job.depends = [] if running else standing
        job.hold = ("s" if job.depends else "") + ("u" if held else "") or "n"
        if word in OVER:
            self.judge_ended(job, word, ended)
        elif running:
            begun = self.now - running["started"] > STARTING_S
            job.state, job.substate = ("R", 42) if begun else ("R", 41)
        elif job.hold != "n":
            job.state, job.substate = "H", 22 if job.depends else 20
        elif self.now < job.record.get("not_before", 0):
            job.state, job.substate = "W", 30

    def judge_ended(self, job: Job, word: str, ended: dict[str, Any]) -> None:
        """Fill in the state of a job that is over."""
        job.state = "F"
        job.ended = job.ended or job.started or job.record["submitted"]
        if word == "NEVER":  # depend_done_all_json: it never ran, and that is all there is to see
            job.substate, job.hold = 92, "s"
            return
        if job.started is None:
            job.substate = 91
            return
        signal, code = ended.get("signal", 0), ended.get("exit_code")
        job.exit_status = 256 + signal if signal else code
        job.substate = 93 if job.exit_status else 92
        if word == "TIMEOUT":  # qstat_walltime_killed_json
            job.exit_status, job.substate = -29, 93
        elif word == "CANCELLED":  # qstat_qdel_trap_json
            job.exit_status, job.substate = 271, 91
        elif word == "LOST":  # not recorded: its execution daemon came back without it
            job.exit_status, job.substate = -4, 93
        if self.now - job.ended < EXITING_S:
            job.state, job.substate = "E", 51

    def remember(self, job: Job, folder: Path, names: set[str]) -> None:
        """Fill in what the files beside the queue's own tell."""
        if "user-hold" in names:
            job.held_at = (folder / "user-hold").stat().st_mtime
        if "released" in names:
            job.released_at = (folder / "released").stat().st_mtime
        if "comment" in names:
            job.kept = read_words(folder / "comment")
        for name in sorted(names):
            if match := re.fullmatch(r"before\.(\w+)\.(\d+)", name):
                job.before.append((match[1], int(match[2])))
        job.before.sort(key=lambda pair: pair[1])
        job.ready_at = max(
            job.record["submitted"], job.released_at or 0, job.record.get("not_before", 0)
        )

    def standing_dependencies(self, job: Job) -> list[tuple[str, int]]:
        """List the dependencies that stand: their jobs have not let this one go."""
        standing = []
        for kind, number in job.after:
            parent = read(self.jobs / str(number) / "ended.json")
            good = parent.get("state") == "COMPLETED"
            gone = parent.get("state") == "CANCELLED" and parent.get("elapsed_s") is None
            if not parent or gone or (kind != "afterany" and (kind == "afterok") != good):
                standing.append((kind, number))
            else:
                job.ready_at = max(job.ready_at, parent["ended"])
        return standing

    def cancel(self, number: int) -> None:
        """Cancel a job, and return when one that waits is gone, at once (qdel_queued)."""
        folder = self.jobs / str(number)
        queue.cancel(folder)
        end = time.monotonic() + 5
        names = ("ended.json", "running.json")
        while time.monotonic() < end and not any((folder / name).exists() for name in names):
            time.sleep(0.005)


def account() -> tuple[str, str, str]:
    """Return the caller's name, home and shell: there is no other user."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return str(os.getuid()), os.environ.get("HOME", "/"), "/bin/sh"
    home = os.environ.get("HOME") or entry.pw_dir
    return entry.pw_name, home, entry.pw_shell or "/bin/sh"


def number_of(text: str) -> int | None:
    """Return the number in a job's id; None for an id of another server."""
    number, _, server = text.partition("@")[0].partition(".")
    return int(number) if is_id(number) and server in ("", SERVER) else None
