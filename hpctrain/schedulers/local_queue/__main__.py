"""The program of the local queue: submit a job, list the jobs, cancel some."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from hpctrain.schedulers.local_queue import queue as jobs
from hpctrain.schedulers.local_queue.state import ids, job_row


def submit(queue: Path, asked: argparse.Namespace) -> int:
    script = Path(asked.script).absolute()
    if not script.is_file():
        return refuse(f"there is no script {script}")
    job = {key: getattr(asked, key) for key in ("name", "comment", "output", "arguments")}
    job |= {"walltime_s": asked.walltime, "grace_s": asked.grace}
    job |= {"script": str(script), "cwd": str(Path.cwd())}
    try:
        print(jobs.put(queue, job))
    except jobs.NotTaken as reason:
        return refuse(str(reason))
    return 0


def cancel(queue: Path, asked: argparse.Namespace) -> int:
    code = 0
    for text in asked.ids:
        if not jobs.cancel(queue / text):
            code = refuse(f"there is no job {text} in {queue}")
    return code


def refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def show(queue: Path, _: argparse.Namespace) -> int:
    for number in ids(queue):
        if shown := job_row(queue / str(number)):
            print(json.dumps(shown))
    return 0


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


def main() -> int:
    parser = argparse.ArgumentParser(prog="hpctrain.schedulers.local_queue", allow_abbrev=False)
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
