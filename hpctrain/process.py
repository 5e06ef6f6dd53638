"""The one door to other programs: an argument list in, exit code and text out, within a time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from hpctrain.variables import environment_for_schedulers

# The queue of the site local: its jobs stay inside the job around them, if there is one.
LOCAL_QUEUE = "hpctrain.schedulers.local_queue"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Reply:
    """What a program answered.

    ``code`` is its exit code (128+n after signal n, as a shell says it), or None when it did not
    end within the time, or could not be started; ``problem`` then says which.
    """

    argv: tuple[str, ...]
    code: int | None
    out: str
    err: str
    problem: str | None = None


class Run(Protocol):
    """What runs a program for the use cases; tests pass their own."""

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply: ...


def run(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    time_limit_s: float = 60.0,
    env: Mapping[str, str] | None = None,
) -> Reply:
    """Run one program to its end, without a shell and without standard input.

    After ``time_limit_s`` the program and its children are killed. Output is read as UTF-8;
    bytes that are not are replaced, so that one odd job name cannot hide a whole queue.
    Other programs are asked to speak English: their messages are read.
    """
    environment = dict(os.environ if env is None else env)
    environment["LC_ALL"] = "C.UTF-8"
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Reply(tuple(argv), None, "", "", f"{argv[0]}: {error.strerror or error}")
    try:
        out, err = child.communicate(timeout=time_limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        return Reply(tuple(argv), None, out, err, f"{argv[0]}: no answer in {time_limit_s:g} s")
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    return Reply(tuple(argv), code, out, err)


def run_scheduler(
    argv: Sequence[str], *, cwd: str | None = None, time_limit_s: float = 60.0
) -> Reply:
    """Run a scheduler's program, without the variables of the user's shell that steer it."""
    here = LOCAL_QUEUE in argv
    env = dict(os.environ) if here else environment_for_schedulers(os.environ)
    return run(argv, cwd=cwd, time_limit_s=time_limit_s, env=env)


def converse(conversation: Generator[list[str], Reply, Answer], program: Run) -> Answer:
    """Run the commands that a conversation yields, send it the replies, return its answer."""
    try:
        argv = next(conversation)
        while True:
            argv = conversation.send(program(argv))
    except StopIteration as end:
        answer: Answer = end.value
        return answer
