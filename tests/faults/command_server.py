"""Runs hpctrain commands in processes of their own, quickly, and kills them where it is told to.

Everything is imported once; each command is a fork of that. A kill point is one event of Python's
audit hooks that changes something outside the process: so a step that is added to hpctrain later
is a kill point too, without a word of it anywhere. Lines of JSON in, lines of JSON out.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MODULES = (
    "ase.db.sqlite", "ase.io.extxyz", "ase.calculators.singlepoint", "matplotlib.pyplot",
    "matplotlib.backends.backend_agg", "matplotlib.figure", "numpy", "pydantic", "jinja2", "yaml",
    "rich.table", "hpctrain.cli.main", "hpctrain.launch.submit", "hpctrain.runs.actions.status",
    "hpctrain.potentials.collect", "hpctrain.runs.actions.resume", "hpctrain.runs.actions.cancel",
    "hpctrain.data.export", "hpctrain.cli.terminal.tables", "hpctrain.cli.terminal.live",
    "hpctrain.pages.learning_curve", "hpctrain.schedulers.slurm.scheduler",
    "hpctrain.schedulers.local", "hpctrain.schedulers.pbs.scheduler",
    "hpctrain.schedulers.practice", "hpctrain.cli.changes", "hpctrain.yamlfile",
    "hpctrain.sites.profile", "hpctrain.fields", "hpctrain.runs.state.ask",
    "hpctrain.runs.actions.recovery", "hpctrain.launch.prepare", "hpctrain.runs.state.latest",
    "hpctrain.engines.grace.engine", "hpctrain.data.check.report", "hpctrain.data.check.scan",
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {
    "os.rename", "os.mkdir", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate",
    "os.chmod", "os.utime", "subprocess.Popen", "os.posix_spawn", "os.system", "os.fork",
    "socket.connect",
}  # fmt: skip


class Steps:
    """Counts the steps of this process, and ends it at one of them.

    ``before``: nothing of the step has happened. ``after``: it has happened and nothing else has:
    a file is there and empty, a line is appended in part, a program was started and goes on alone.
    """

    def __init__(
        self, kill: tuple[int, str] | None, fail: tuple[int, int, str] | None = None
    ) -> None:
        self.kill = kill
        self.fail = fail
        self.fsync_fails = False
        self.seen: list[tuple[str, str]] = []
        self._acting = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._acting:
            return
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, (str, bytes)) or not (flags or 0) & WRITING:
                return
            if os.fsdecode(path) == os.devnull:
                return
        elif event not in CHANGES:
            return
        self._acting = True
        # What the path is called; the number of the process in a name says nothing.
        self.seen.append((event, _shown(event, arguments)))
        if self.kill is not None and self.kill[0] == len(self.seen):
            if self.kill[1] == "after":
                with contextlib.suppress(OSError):
                    _do(event, arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        self._acting = False
        if self.fail is not None and event != "subprocess.Popen":
            self._fail(event, arguments)

    def _fail(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Let this step fail, as a file system does that is full, or out of order."""
        number, error, which = self.fail
        here = len(self.seen)
        if here < number or (here > number and which != "on") or event == "os.remove":
            return
        if which == "sync":
            # The file opens and takes what is written; that it does not reach the disk comes last.
            self.fsync_fails = event == "open"
        else:
            raise OSError(error, os.strerror(error), _shown(event, arguments))

    def fsync(self, descriptor: int) -> None:
        if self.fsync_fails:
            self.fsync_fails = False
            raise OSError(self.fail[1], os.strerror(self.fail[1]))
        _FSYNC(descriptor)


_FSYNC = os.fsync


class Places:
    """Counts the lines of hpctrain's code that are gone through, and presses Ctrl-C at one of them.

    A place is a file, a line in it, and how many times it was come by; what a loop does more than
    twice is the same again.
    """

    FILES = (
        "hpctrain/runs/submission.py", "hpctrain/runs/chain.py", "hpctrain/runs/recording.py",
        "hpctrain/process.py", "hpctrain/interrupts.py",
        "hpctrain/launch/submit.py", "hpctrain/runs/run.py", "hpctrain/runs/actions/resume.py",
    )  # fmt: skip

    def __init__(self, press: tuple[str, int, int] | None, times: int) -> None:
        self.press, self.times = press, times
        self.seen: dict[tuple[str, int, int], None] = {}
        self.counts: dict[tuple[str, int], int] = {}

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        name = path[path.rfind("hpctrain/") :]
        if name not in self.FILES:
            return None
        if event == "line":
            here = (name, frame.f_lineno)
            self.counts[here] = count = self.counts.get(here, 0) + 1
            if count <= 2:
                self.seen[(*here, count)] = None
            if (*here, count) == self.press:
                self.press = None
                for _n in range(self.times):
                    os.kill(os.getpid(), signal.SIGINT)
        return self


def _shown(event: str, arguments: tuple[Any, ...]) -> str:
    if event == "subprocess.Popen":
        return " ".join(Path(arguments[1][0]).name.split() + [str(a) for a in arguments[1][1:4]])
    # The last of two paths tells more: the name that a file gets.
    two = event in ("os.rename", "os.link", "os.symlink")
    return os.fsdecode(arguments[1 if two else 0])


def _do(event: str, arguments: tuple[Any, ...]) -> None:
    """Take the step in the dying process's place."""

    def at(number: int) -> int | None:
        folder = arguments[number] if len(arguments) > number else -1
        return None if folder in (-1, None) else folder

    if event == "open":
        path, _, flags = arguments
        descriptor = os.open(path, flags, 0o644)
        if flags & os.O_APPEND:
            os.write(descriptor, b'{"time": "2026-11-2')
        os.close(descriptor)
    elif event == "os.rename":
        os.replace(arguments[0], arguments[1], src_dir_fd=at(2), dst_dir_fd=at(3))
    elif event == "os.link":
        os.link(arguments[0], arguments[1], src_dir_fd=at(2), dst_dir_fd=at(3))
    elif event == "os.mkdir":
        os.mkdir(arguments[0], arguments[1], dir_fd=at(2))
    elif event == "os.remove":
        os.remove(arguments[0], dir_fd=at(1))
    elif event == "os.rmdir":
        os.rmdir(arguments[0], dir_fd=at(1))
    elif event == "os.chmod":
        Path(arguments[0]).chmod(arguments[1])
    elif event == "subprocess.Popen":
        _, argv, cwd, environment = arguments
        # Like hpctrain.process: a session of its own, and pipes that nobody reads any more.
        subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def child(order: dict[str, Any]) -> None:
    """One command, in this process, which was forked for it."""
    os.chdir(order["folder"])
    os.environ.update(order.get("environment") or {})
    for descriptor, name in ((1, "out"), (2, "err")):
        path = order.get("stdout") if name == "out" else None
        path = path or f"{order['record']}.{name}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, descriptor)
        os.close(file)
    if order.get("user"):
        os.setgid(order["user"])
        os.setuid(order["user"])
    begin = order.get("begin")
    while begin and time.time() < begin:
        pass  # two commands at the same instant
    from hpctrain.cli.main import main

    kill = order.get("kill")
    steps = Steps(None if kill is None else tuple(kill), order.get("fail"))
    os.fsync = steps.fsync
    sys.addaudithook(steps)
    press = order.get("press")
    places = Places(None if press is None else tuple(press), order.get("times", 1))
    if press is not None or order.get("trace"):
        sys.settrace(places)
    limit = order.get("time_limit_s")
    if limit:
        from functools import partial

        import hpctrain.process

        # The use cases took their default when they were defined.
        for function in _use_cases():
            function.__kwdefaults__["program"] = partial(
                hpctrain.process.run_scheduler, time_limit_s=limit
            )
    code = main(order["arguments"])
    sys.settrace(None)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    seen = list(steps.seen)
    steps._acting = True
    with contextlib.suppress(OSError):
        Path(f"{order['record']}.steps").write_text(json.dumps(seen))
        Path(f"{order['record']}.places").write_text(json.dumps(list(places.seen)))
    os._exit(code)


def _use_cases() -> list[Any]:
    from hpctrain.launch.submit import submit
    from hpctrain.potentials.collect import collect
    from hpctrain.runs.actions.cancel import cancel
    from hpctrain.runs.actions.resume import resume
    from hpctrain.runs.actions.status import status

    return [cancel, collect, resume, status, submit]


def serve() -> None:
    """Begin commands as they are ordered, and tell of each end when it comes."""
    for name in MODULES:
        importlib.import_module(name)
    import matplotlib.font_manager  # noqa: F401  its cache is written once, here

    # Else each child's collector would touch, and so copy, all that is here.
    gc.collect()
    gc.freeze()

    def tell(**reply: Any) -> None:
        os.write(1, (json.dumps(reply) + "\n").encode())

    # An ended child writes into this pipe, so that one look waits for orders and for ends.
    ended, end = os.pipe()
    os.set_blocking(end, False)
    signal.set_wakeup_fd(end)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    orders = b""
    while True:
        ready, _, _ = select.select([0, ended], [], [])
        if ended in ready:
            os.read(ended, 1024)
            with contextlib.suppress(ChildProcessError):
                while (found := os.waitpid(-1, os.WNOHANG))[0]:
                    tell(ended=found[0], code=os.waitstatus_to_exitcode(found[1]))
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                return
            *whole, orders = (orders + read).split(b"\n")
            for line in whole:
                order = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    try:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for descriptor in (ended, end):
                            os.close(descriptor)
                        child(order)
                    finally:
                        os._exit(70)
                tell(began=pid, record=order["record"])


if __name__ == "__main__":
    serve()
