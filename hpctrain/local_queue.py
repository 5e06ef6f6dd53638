"""The queue of the site ``local``: this machine, one job after the other, and no daemon.

``python -m hpctrain.local_queue FOLDER submit|list|cancel``. Every job is a folder ``FOLDER/ID``:
``job.json`` (what was asked, and which process looks after it), ``running.json``,
``stopping.json``, ``ended.json`` (what happened), ``cancel`` (what somebody wants). A detached
supervisor per job waits for its turn, runs the script and writes down how it ended.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

Json = dict[str, Any]
POLL_S = 0.2
ACTIVE = ("QUEUED", "RUNNING", "STOPPING")
LOST = "its supervisor ended without a word (killed or the machine restarted)"


def sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, record: Json) -> None:
    new = path.with_suffix(".new")
    with new.open("w", encoding="ascii") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def read(path: Path) -> Json:
    """The record, empty when there is none; ValueError when it is torn."""
    try:
        record = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if not isinstance(record, dict):
        raise ValueError(f"{path} is not a record")
    return record


def is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and not text.startswith("0")


def ids(queue: Path) -> list[int]:
    if not queue.exists():
        return []
    return sorted(int(entry.name) for entry in queue.iterdir() if is_id(entry.name))


def process_fields(pid: int | str) -> list[str]:
    """Field 3 and the next of /proc/PID/stat; none for no process, or one that only waits to be
    reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if not fields or fields[0] in "ZX" else fields


def identity(pid: int) -> Json:
    """A number alone could be another process tomorrow, or on another machine."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    start = (process_fields(pid) or [""] * 20)[19]
    return {"host": os.uname().nodename, "boot": boot, "pid": pid, "start": start}


def whereabouts(process: Json) -> str:
    """``here`` (alive), ``gone``, or ``elsewhere``: on a machine that cannot be asked from here."""
    now = identity(process["pid"])
    if process["start"] and all(process[key] == now[key] for key in ("boot", "start")):
        return "here"
    return "gone" if process["host"] == now["host"] else "elsewhere"


def group_alive(running: Json) -> bool:
    wanted = [str(running["group"]), str(running["session"])]
    pids = (entry.name for entry in Path("/proc").iterdir() if is_id(entry.name))
    return any(process_fields(pid)[2:4] == wanted for pid in pids)


def signal_group(group: int, *numbers: int) -> None:
    for number in numbers:
        with contextlib.suppress(OSError):
            os.killpg(group, number)


def orphaned(job: Json, running: Json) -> bool:
    """The script outlived a supervisor that was killed: it still trains, so it is not lost."""
    same_boot = job["supervisor"]["boot"] == identity(os.getpid())["boot"]
    return bool(running) and same_boot and group_alive(running)


def judge(folder: Path, job: Json) -> Json:
    # Asked before the files are read: a supervisor that ends in between has left its last word.
    supervisor = whereabouts(job["supervisor"])
    names = ("ended.json", "running.json", "stopping.json")
    ended, running, stopping = (read(folder / name) for name in names)
    if ended:
        return {key: ended[key] for key in ("state", "reason", "elapsed_s", "exit_code")}
    if supervisor == "elsewhere":
        host = job["supervisor"]["host"]
        return {"state": "ELSEWHERE", "reason": f"runs on {host}; ask there"}
    orphan = supervisor == "gone" and orphaned(job, running)
    if supervisor == "gone" and not orphan:
        wanted = (folder / "cancel").exists()
        return {"state": "CANCELLED" if wanted else "LOST", "reason": LOST}
    if not running:
        return {"state": "QUEUED", "reason": "waits for its turn"}
    reason = "its supervisor was killed: no walltime, no exit code" if orphan else ""
    state, reason = ("STOPPING", stopping["reason"]) if stopping else ("RUNNING", reason)
    return {"state": state, "reason": reason, "elapsed_s": time.monotonic() - running["monotonic"]}


def look(folder: Path) -> Json | None:
    """What the list shows of one job; None when there is no such job, or not any more."""
    shown: Json = {"id": folder.name, "name": "", "comment": ""}
    shown |= {"state": "UNKNOWN", "reason": "its files cannot be read"}
    shown |= {"elapsed_s": None, "walltime_s": None, "exit_code": None}
    with contextlib.suppress(KeyError, TypeError, ValueError):
        job = read(folder / "job.json")
        shown |= {key: job[key] for key in ("name", "comment", "walltime_s")}
        shown |= judge(folder, job)
    return shown if (folder / "job.json").exists() else None


class Supervisor:
    """Looks after one job from its submission to its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job = read(folder / "job.json")
        self.told = False

    def tell(self, *_: object) -> None:
        self.told = True

    def unwanted(self) -> str:
        """Why the job should not go on, or nothing."""
        if self.told:
            return "its supervisor was told to end"
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
        record = {"state": state, "reason": reason, "elapsed_s": None, "exit_code": None}
        record |= {"ended": time.time()} | more
        while True:
            try:
                return write(self.folder / "ended.json", record)
            except FileNotFoundError:
                return None  # the folder was deleted, and the job with it
            except OSError:
                time.sleep(5)  # a full disk must not turn a finished job into a lost one

    def main(self) -> None:
        ahead = [number for number in ids(self.folder.parent) if number < int(self.folder.name)]
        while True:
            while ahead and not self.active(ahead[0]):
                ahead.pop(0)
            if reason := self.unwanted():
                return self.end("CANCELLED", f"{reason} before it started")
            if not ahead:
                return self.run()
            time.sleep(POLL_S)

    def active(self, number: int) -> bool:
        # A job on another host does not count: it uses that host's cores, and if that host is
        # gone for good, waiting for it would never end.
        try:
            shown = look(self.folder.parent / str(number))
        except OSError:
            return True
        return shown is not None and shown["state"] in ACTIVE

    def run(self) -> None:
        started, began = time.time(), time.monotonic()
        path = Path(self.job["output"].replace("%j", self.folder.name))
        try:
            output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            return self.end("FAILED", f"cannot write {path}: {error.strerror}", started=started)
        # The script starts only when its process is on record: killed in between, the supervisor
        # leaves no process that nobody knows of.
        gate, go = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(go)
            become(self.job["script"], output, gate, self.folder.name)
        os.close(gate)
        os.setpgid(pid, pid)
        running = {"started": started, "monotonic": began, "group": pid, "session": os.getsid(0)}
        write(self.folder / "running.json", running)
        os.write(go, b"!")
        os.close(go)
        state, reason = self.watch(running)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if not state:
            state = "FAILED" if code else "COMPLETED"
            reason = f"exit code {code}" if code > 0 else f"ended by signal {-code}" if code else ""
        times = {"started": started, "elapsed_s": time.monotonic() - began}
        self.end(state, reason, exit_code=code if code >= 0 else 128 - code, **times)

    def watch(self, running: Json) -> tuple[str, str]:
        """Wait for the script and all it started; state and reason if it was made to end."""
        group, limit = running["group"], self.job["walltime_s"]
        state, reason, deadline = "", "", math.inf
        while True:
            # Not reaped yet: while the leader is a zombie, its number is nobody else's.
            done = os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if done and not group_alive(running):
                return state, reason
            now = time.monotonic()
            if deadline < math.inf:
                if now > deadline:
                    signal_group(group, signal.SIGKILL)
            elif (why := self.unwanted()) or done or (limit and now - running["monotonic"] > limit):
                signal_group(group, signal.SIGTERM, signal.SIGCONT)
                deadline = now + self.job["grace_s"]
                if not done:
                    state = "CANCELLED" if why else "TIMEOUT"
                    reason = why or f"its walltime of {limit:g} s was over"
                    with contextlib.suppress(OSError):
                        write(self.folder / "stopping.json", {"state": state, "reason": reason})
            time.sleep(POLL_S)


def become(script: str, output: int, gate: int, number: str) -> NoReturn:
    """Turn this process into the script, once the gate opens."""
    try:
        # What the caller or Python ignores (SIGPIPE, under nohup SIGHUP) is not for the script.
        for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(output, 1)
        os.dup2(output, 2)
        if os.read(gate, 1):
            environment = {**os.environ, "HPCTRAIN_LOCAL_JOB_ID": number}
            os.execvpe("bash", ["bash", script], environment)  # noqa: S606 (no shell line)
    except OSError as error:
        os.write(2, f"bash: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def supervise(draft: Path, report: int, hold: int) -> int:
    """The detached process: nothing of the caller's stays open but two pipes to the submitter."""
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(draft / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for descriptor, standard in ((null, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, standard)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor not in (report, hold):
            with contextlib.suppress(OSError):
                os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    supervisor_told = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor_told.append(True))
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
    supervisor = Supervisor(folder)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, supervisor.tell)
    supervisor.told = bool(supervisor_told)
    supervisor.main()
    return 0


def submit(queue: Path, asked: argparse.Namespace) -> int:
    script = Path(asked.script).absolute()
    if not script.is_file():
        return refuse(f"there is no script {script}")
    queue.mkdir(parents=True, exist_ok=True)
    draft = queue / f".new-{os.uname().nodename}-{os.getpid()}-{time.time_ns()}"
    draft.mkdir()
    reported, report = os.pipe()
    hold, release = os.pipe()
    middle = os.fork()
    if not middle:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.close(release)
        return supervise(draft, report, hold)
    os.close(report)
    os.close(hold)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(middle, 0)
    pid = os.read(reported, 32)
    if not pid:
        return refuse(f"no supervisor could be started; see {draft}")
    job = {key: getattr(asked, key) for key in ("name", "comment", "output")}
    job |= {"walltime_s": asked.walltime, "grace_s": asked.grace, "submitted": time.time()}
    job |= {"script": str(script), "cwd": str(Path.cwd()), "supervisor": identity(int(pid))}
    write(draft / "job.json", job)
    # A folder with something in it cannot be renamed over: of two submits, one takes the next id.
    # So an id has its job.json from its first instant, and every lower id is there before it.
    number = max(ids(queue), default=0) + 1
    while True:
        try:
            draft.rename(queue / str(number))
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            number += 1
    with contextlib.suppress(OSError):
        sync(queue)
    os.close(release)
    print(number)
    return 0


def cancel(queue: Path, asked: argparse.Namespace) -> int:
    code = 0
    for text in asked.ids:
        folder = queue / text
        shown = look(folder) if is_id(text) else None
        if shown is None:
            code = refuse(f"there is no job {text} in {queue}")
        elif shown["state"] in (*ACTIVE, "ELSEWHERE", "UNKNOWN"):
            again = (folder / "cancel").exists()
            (folder / "cancel").touch()
            with contextlib.suppress(KeyError, TypeError, ValueError):
                job, running = read(folder / "job.json"), read(folder / "running.json")
                # Nobody else is left to stop it: the first time it may tidy up, then no more.
                if whereabouts(job["supervisor"]) == "gone" and orphaned(job, running):
                    signal_group(running["group"], signal.SIGKILL if again else signal.SIGTERM)
    return code


def refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def show(queue: Path, _: argparse.Namespace) -> int:
    for number in ids(queue):
        if shown := look(queue / str(number)):
            print(json.dumps(shown))
    return 0


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


def main() -> int:
    parser = argparse.ArgumentParser(prog="hpctrain.local_queue", allow_abbrev=False)
    parser.add_argument("queue", type=Path)
    commands = parser.add_subparsers(required=True)
    submitting = commands.add_parser("submit")
    submitting.set_defaults(action=submit)
    submitting.add_argument("--name", required=True)
    submitting.add_argument("--comment", default="")
    submitting.add_argument("--walltime", type=seconds)
    submitting.add_argument("--grace", type=seconds, default=30.0)
    submitting.add_argument("--output", default="job-%j.out")
    submitting.add_argument("script")
    commands.add_parser("list").set_defaults(action=show)
    cancelling = commands.add_parser("cancel")
    cancelling.set_defaults(action=cancel)
    cancelling.add_argument("ids", nargs="+")
    asked = parser.parse_args()
    try:
        return int(asked.action(asked.queue.absolute(), asked))
    except OSError as error:
        return refuse(f"{asked.queue}: {error}")


if __name__ == "__main__":
    sys.exit(main())
