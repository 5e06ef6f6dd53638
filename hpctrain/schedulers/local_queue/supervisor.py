"""The process that looks after one job."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any, NoReturn

from hpctrain.schedulers.local_queue.state import (
    ACTIVE,
    WAITING,
    Json,
    group_alive,
    ids,
    is_id,
    job_row,
    obstacle,
    read,
    signal_group,
    write,
)

POLL_S = 0.2
WOKEN_BY = (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Supervisor:
    """The process that looks after one job, from its submission to its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job = read(folder / "job.json")
        self.signals: list[int] = []  # the signals that this process was sent
        self.ahead: list[int] = []  # jobs that were here before, and are not over

    def why_unwanted(self) -> str:
        """Return why the job should not go on, or nothing."""
        if self.signals:
            return "its supervisor was asked to end"
        if (self.folder / "cancel").exists():
            return "cancelled"
        try:
            (self.folder / "job.json").stat()
        except FileNotFoundError:
            return "its folder was deleted"
        except OSError:
            pass  # a file server that is away for a moment does not end a training
        return ""

    def end(self, state: str, reason: str, **more: Any) -> None:
        """Write down how the job ended."""
        record = {"state": state, "reason": reason, "elapsed_s": None, "exit_code": None}
        record |= {"ended": time.time()} | more
        # A full disk must not turn a finished job into a lost one. Into a folder that is being
        # deleted nothing is written: the deletion would fail.
        while (self.folder / "job.json").exists():
            with contextlib.suppress(OSError):
                write(self.folder / "ended.json", record)
                return
            self.nap()

    def main(self) -> None:
        """Wait for the job's turn, and run it."""
        self.ahead = [
            number for number in ids(self.folder.parent) if number < int(self.folder.name)
        ]
        while True:
            wait = obstacle(self.folder, self.job)
            if reason := self.why_unwanted():
                self.end("CANCELLED", f"{reason} before it started")
                return
            if wait and wait["state"] == "NEVER":
                self.end("NEVER", wait["reason"])
                return
            if not wait and self.room():
                break
            self.nap()
        self.run()

    def room(self) -> bool:
        """Say whether the jobs before this one leave enough cores for it."""
        shown = {number: self.job_ahead(number) for number in self.ahead}
        self.ahead = [number for number, job in shown.items() if job is not None]
        # One that waits for something else is passed.
        taken = sum(job["cores"] for job in shown.values() if job and job["counts"])
        cores: int = self.job.get("cores", 1)
        return bool(taken + cores <= self.job.get("room", 1))

    def job_ahead(self, number: int) -> Json | None:
        """Return an earlier job, and whether it ``counts``; None when it is over."""
        # A job on another host does not count: it uses that host's cores, and if that host is
        # gone for good, waiting for it would never end.
        try:
            shown = job_row(self.folder.parent / str(number))
        except OSError:
            return {"cores": self.job.get("room", 1), "counts": True}
        if shown is None or shown["state"] not in (*ACTIVE, *WAITING):
            return None
        return {"cores": shown["cores"], "counts": shown["state"] in ACTIVE}

    def nap(self) -> None:
        """Wait until something happens to this process or its child, for a moment at most."""
        woken = signal.sigtimedwait(WOKEN_BY, POLL_S)
        if woken and woken.si_signo != signal.SIGCHLD:
            self.signals.append(woken.si_signo)

    def run(self) -> None:
        """Run the script, and write down how it ended."""
        started, began = time.time(), time.monotonic()
        path = self.path_of(self.job["output"])
        try:
            output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            self.end("FAILED", f"cannot write {path}: {error.strerror}", started=started)
            return
        # The script starts only when its process is on record: killed in between, the supervisor
        # leaves no process that nobody knows of.
        gate, go = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(go)
            become(self.job, output, gate, self.folder.name)
        os.close(gate)
        os.setpgid(pid, pid)
        running = {"started": started, "monotonic": began, "group": pid, "session": os.getsid(0)}
        write(self.folder / "running.json", running)
        os.write(go, b"!")
        os.close(go)
        state, reason = self.wait_for_end(running)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code and not state:
            state = "FAILED"
            reason = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
        more: Json = {"started": started, "elapsed_s": time.monotonic() - began}
        more |= {"exit_code": code if code >= 0 else 128 - code, "signal": max(0, -code)}
        more["script_ended"] = time.time()
        more["not_moved"] = self.move()
        self.end(state or "COMPLETED", reason, **more)

    def note(self, state: str) -> None:
        """Append what the job's ``notes`` say about being made to end, where they say it."""
        path, text = self.job.get("notes", {}).get(state, ("", ""))
        if path:
            with contextlib.suppress(OSError), self.path_of(path).open("a") as file:
                moment = time.strftime("%Y-%m-%dT%H:%M:%S")
                file.write(text.replace("%j", self.folder.name).replace("%t", moment))

    def move(self) -> list[str]:
        """Bring the job's ``moves`` to their places; return those that could not be brought."""
        left = []
        for source, target in self.job.get("moves", ()):
            place = self.path_of(target)
            try:
                # Copied, not renamed: the place may be a link, or /dev/null.
                shutil.copyfile(self.path_of(source), place)
                if place.is_file():
                    shutil.copymode(self.path_of(source), place)
                self.path_of(source).unlink()
            except OSError:
                left.append(str(place))
        return left

    def path_of(self, path: str) -> Path:
        """Return a path of the job, with its number in the place of ``%j``."""
        return Path(path.replace("%j", self.folder.name))

    def wait_for_end(self, running: Json) -> tuple[str, str]:
        """Wait for the script and all it started; return state and reason if made to end."""
        group, limit = running["group"], self.job["walltime_s"]
        state, reason, deadline = "", "", math.inf
        warning, before_s = self.job.get("warning") or (0, 0.0)
        while True:
            # Not reaped yet: while the leader is a zombie, its number is nobody else's.
            done = os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if done and not group_alive(running):
                return state, reason
            now = time.monotonic()
            over = limit and now - running["monotonic"] > limit
            if warning and limit and now - running["monotonic"] > limit - before_s:
                with contextlib.suppress(OSError):
                    os.kill(group, warning)  # the script, not what it started
                warning = 0
            if now > deadline:
                signal_group(group, signal.SIGKILL)
            elif deadline == math.inf and ((why := self.why_unwanted()) or done or over):
                if not done:
                    self.note("CANCELLED" if why else "TIMEOUT")
                signal_group(group, signal.SIGTERM, signal.SIGCONT)
                deadline = now + self.job["grace_s"]
                if not done:
                    state = "CANCELLED" if why else "TIMEOUT"
                    reason = why or f"its walltime of {limit:g} s was over"
                    with contextlib.suppress(OSError):
                        if (self.folder / "job.json").exists():
                            write(self.folder / "stopping.json", {"reason": reason})
            self.nap()


def become(job: Json, output: int, gate: int, number: str) -> NoReturn:
    """Turn this process into the script, once the gate opens."""
    try:
        # What the caller or Python ignores (SIGPIPE, under nohup SIGHUP) is not for the script.
        for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(output, 1)
        os.dup2(output, 2)
        if os.read(gate, 1):
            environment = job.get("environment") or {**os.environ}
            environment["HPCTRAIN_LOCAL_JOB_ID"] = number
            if job.get("umask") is not None:
                os.umask(job["umask"])
            os.chdir(job.get("begins_in", "."))
            os.execvpe("bash", ["bash", job["script"], *job["arguments"]], environment)  # noqa: S606 (no shell line)
    except OSError as error:
        os.write(2, f"bash: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def supervise(draft: Path, report: int, hold: int) -> int:
    """Be the detached process: of the caller's, two pipes to the submitter stay open."""
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(draft / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for descriptor, standard in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, standard)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor not in (report, hold):
            with contextlib.suppress(OSError):
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Not handled but waited for: no signal is lost between a look and the wait.
    signal.pthread_sigmask(signal.SIG_BLOCK, WOKEN_BY)
    os.write(report, str(os.getpid()).encode())
    os.close(report)
    # The submitter closes its end when it is through with the job, or dead. Either the draft has
    # been renamed by then, and the log with it, or there is no job and never will be.
    os.read(hold, 1)
    folder = Path("/proc/self/fd/2").readlink().parent
    if not is_id(folder.name):
        for name in ("job.new", "job.json", "supervisor.log"):
            (draft / name).unlink(missing_ok=True)
        draft.rmdir()
        return 1
    Supervisor(folder).main()
    return 0
