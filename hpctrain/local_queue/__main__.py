"""The program: submit a job, list the jobs, cancel some."""

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

from hpctrain.identity import identity, whereabouts
from hpctrain.local_queue.state import (
    ACTIVE,
    ids,
    is_id,
    look,
    orphaned,
    read,
    signal_group,
    sync,
    write,
)
from hpctrain.local_queue.supervisor import supervise


def start(draft: Path) -> tuple[int, int]:
    """A detached supervisor's number, 0 if there is none, and the pipe end that holds it back."""
    reported, report = os.pipe()
    hold, release = os.pipe()
    middle = os.fork()
    if not middle:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.close(release)
        sys.exit(supervise(draft, report, hold))
    os.close(report)
    os.close(hold)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(middle, 0)
    return int(os.read(reported, 32) or 0), release


def submit(queue: Path, asked: argparse.Namespace) -> int:
    script = Path(asked.script).absolute()
    if not script.is_file():
        return refuse(f"there is no script {script}")
    queue.mkdir(parents=True, exist_ok=True)
    draft = queue / f".new-{os.uname().nodename}-{os.getpid()}-{time.time_ns()}"
    draft.mkdir()
    pid, release = start(draft)
    if not pid:
        return refuse(f"no supervisor could be started; see {draft}")
    job = {key: getattr(asked, key) for key in ("name", "comment", "output", "arguments")}
    job |= {"walltime_s": asked.walltime, "grace_s": asked.grace, "submitted": time.time()}
    job |= {"script": str(script), "cwd": str(Path.cwd()), "supervisor": identity(pid)}
    write(draft / "job.json", job)
    number = move_in(draft, queue)
    with contextlib.suppress(OSError):
        sync(queue)
    os.close(release)
    print(number)
    return 0


def move_in(draft: Path, queue: Path) -> int:
    """Give the draft the next id."""
    # A folder with something in it cannot be renamed over: of two submits, one takes the next id.
    # So an id has its job.json from its first instant, and every lower id is there before it.
    number = max(ids(queue), default=0) + 1
    while True:
        try:
            draft.rename(queue / str(number))
            return number
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        number += 1


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
    submitting.add_argument("arguments", nargs="*")
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
