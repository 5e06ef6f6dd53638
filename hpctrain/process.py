"""The one door to other programs: an argument list in, exit code and text out, within a time."""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol, TypeVar

from hpctrain.interrupts import Held, hold_interrupts
from hpctrain.variables import environment_for_schedulers

# The queue of the site local: its jobs stay inside the job around them, if there is one.
LOCAL_QUEUE = "hpctrain.schedulers.local_queue"

Answer = TypeVar("Answer")

POLL_S = 0.05
# What a program has written may come a moment after its end (from `> >(tee …)`). A pipe that
# something it left behind holds open, as a shared ssh connection does, has no end.
REST_S = 0.5
# A queue of ten thousand jobs is some 50 MB in the words of qstat.
MOST_BYTES = 200_000_000
# After Ctrl-C a program may end by itself: then it is known what it has done.
INTERRUPTED_S = 1.0
# A program that was killed is gone at once, but for one that waits for a file server.
KILLED_S = 5.0
# What workers compute is spread over them already. Memory that one gives back it needs again for
# its next piece: glibc is to keep it (mallopt(3)), which saves a fifth of the time.
_OF_WORKERS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**26),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}
# Of the pipes to a worker: as much as any user gets (Linux: fs.pipe-max-size).
_PIPE = 2**20


@dataclass(frozen=True)
class Reply:
    """What a program answered.

    ``code`` is its exit code (128+n after signal n, as a shell says it), or None when it did not
    end within the time, printed without end, or could not be started; ``problem`` then says which.
    """

    argv: tuple[str, ...]
    code: int | None
    out: str
    err: str
    problem: str | None = None

    def last_words(self, otherwise: str = "nothing was said") -> str:
        """Return the last line that says why a program failed."""
        said = (self.problem or self.err.strip() or self.out.strip()).splitlines()
        return said[-1] if said else otherwise


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

    After ``time_limit_s``, or ``MOST_BYTES`` of output, the program and its children are killed;
    so they are a second after Ctrl-C, which raises KeyboardInterrupt. Where the caller holds
    interrupts back, and the program has ended within that second, its reply is returned.

    What it leaves behind is not waited for. Output is read as UTF-8; bytes that are not are
    replaced, so that one odd job name cannot hide a whole queue. Other programs are asked to speak
    English: their messages are read.
    """
    environment = dict(os.environ if env is None else env)
    environment["LC_ALL"] = "C.UTF-8"
    with hold_interrupts() as held:
        if held.pressed:
            raise KeyboardInterrupt
        try:
            child = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return Reply(tuple(argv), None, "", "", f"{argv[0]}: {error.strerror or error}")
        with _Output(child) as output:
            try:
                problem = _follow(child, output, time_limit_s, held)
            except BaseException:
                _kill(child)
                raise
            output.read_rest()
            out, err = output.texts()
    if problem is not None:
        return Reply(tuple(argv), None, out, err, f"{argv[0]}: {problem}")
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


class WorkerLost(Exception):
    """A worker that cannot be started, or has ended."""


class Worker:
    """A program of our own that answers objects with objects (see ``answer_each``).

    It gets no Ctrl-C of the terminal's: its user ends it. It ends by itself where its user has.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        env = {**os.environ, **_OF_WORKERS}
        try:
            self._child = subprocess.Popen(
                list(argv),
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pipesize=_PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerLost from error

    def send(self, value: object) -> None:
        """Give it an object; it must have answered the one before. WorkerLost if it is gone."""
        assert self._child.stdin
        try:
            pickle.dump(value, self._child.stdin, pickle.HIGHEST_PROTOCOL)
            self._child.stdin.flush()
        except OSError as error:
            raise WorkerLost from error

    def receive(self) -> object:
        """Wait for its answer. WorkerLost if it is gone."""
        assert self._child.stdout
        try:
            return pickle.load(self._child.stdout)  # noqa: S301  from a program of our own
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise WorkerLost from error

    @property
    def ended(self) -> bool:
        """Say whether it has ended."""
        return self._child.poll() is not None

    def stop(self) -> None:
        """End it, whatever it does."""
        _kill(self._child)
        assert self._child.stdin
        assert self._child.stdout
        with contextlib.suppress(OSError):  # what could not be sent any more
            self._child.stdin.close()
        self._child.stdout.close()


def answer_each(answer: Callable[[Any], object]) -> None:
    """Answer each object from standard input on standard output, until there are no more."""
    with contextlib.suppress(EOFError, BrokenPipeError, pickle.UnpicklingError):
        while True:
            value = pickle.load(sys.stdin.buffer)  # noqa: S301  from the process that started us
            pickle.dump(answer(value), sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
            sys.stdout.buffer.flush()


class _Output:
    """What a program prints, as far as it was read."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout and child.stderr
        self._pipes: tuple[IO[bytes], IO[bytes]] = (child.stdout, child.stderr)
        self._read = {pipe.fileno(): bytearray() for pipe in self._pipes}
        self._selector = selectors.DefaultSelector()
        for descriptor in self._read:
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()

    @property
    def open(self) -> bool:
        """Say whether somebody may still write."""
        return bool(self._selector.get_map())

    @property
    def too_much(self) -> bool:
        """Say whether it is more than any answer is."""
        return sum(map(len, self._read.values())) > MOST_BYTES

    def read(self, wait_s: float) -> None:
        """Read what is there, and wait at most so long for something to come."""
        for key, _ in self._selector.select(wait_s):
            with contextlib.suppress(BlockingIOError):
                piece = os.read(key.fd, 1 << 20)
                self._read[key.fd] += piece
                if not piece:
                    self._selector.unregister(key.fd)

    def read_rest(self) -> None:
        """Read what a program that has ended has left in the pipes."""
        end = time.monotonic() + REST_S
        while self.open and not self.too_much and (left := end - time.monotonic()) > 0:
            self.read(left)

    def texts(self) -> tuple[str, str]:
        """Return what was printed to stdout and to stderr."""
        out, err = (content.decode("utf-8", "replace") for content in self._read.values())
        return _with_newlines(out), _with_newlines(err)


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _follow(
    child: subprocess.Popen[bytes], output: _Output, time_limit_s: float, held: Held
) -> str | None:
    """Read a program's output until it ends; return why it was killed, or None."""
    end = time.monotonic() + time_limit_s
    pressed: float | None = None
    while child.poll() is None:
        if held.pressed:
            pressed = pressed or time.monotonic()
            if time.monotonic() - pressed > INTERRUPTED_S:
                raise KeyboardInterrupt
        if output.too_much or time.monotonic() > end:
            _kill(child)
            if output.too_much:
                return f"more than {MOST_BYTES // 10**6} MB of output"
            return f"no answer in {time_limit_s:g} s"
        if output.open:
            output.read(POLL_S)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(POLL_S)
    return None


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a program and its children; its number is its own until it was waited for."""
    if child.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILLED_S)
