"""The job: one attempt at a training, on the compute node, in the trainer's environment.

Called by the job script as: python job/train.py ATTEMPT. Everything it needs lies in the run's
folder, and everything it finds out goes into attempts/NN/: claim.json (made once, so that a second
job for the attempt ends at once), environment.json, heartbeat.json, and result.json, last.
Standard library only, Python >= 3.8.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

if TYPE_CHECKING:
    from types import FrameType

    from hpctrain.job import environment, evidence
    from hpctrain.job.last_words import last_words
else:
    # On the compute node there is no hpctrain: what travels lies beside this file.
    import environment
    import evidence
    from last_words import last_words

ALREADY_CLAIMED = 73
NO_RESULT_WRITTEN = 74
HEARTBEAT_S = 15.0
# How long the trainer, and all it started, may take to end once it was asked to.
TERMINATION_S = 10.0
# How long to try to write the result onto a disk that is full.
PATIENCE_S = 60.0
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Failure(Exception):
    """Why the attempt failed, in words for the user."""


class Terminated(Exception):
    """The scheduler ends the job: walltime, cancel, preemption. Which one, the queue tells."""


class Ending:
    """Whether this job was told to end.

    A signal is only noted: what has begun (a process being started, a file being written) is
    finished, and the waits look here. So a signal cannot tear anything, nor can a second one.
    """

    def __init__(self) -> None:
        self.told: str | None = None

    def listen(self) -> None:
        for number in ENDING_SIGNALS:
            # Under nohup SIGHUP is ignored, and stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.told = self.told or signal.Signals(number).name

    def ignore(self) -> None:
        """All is written: what is left is to end, with the exit code that says how."""
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        if self.told:
            raise Terminated(f"ended by {self.told}")


def main(attempt: int) -> int:
    run = Path(__file__).resolve().parent.parent
    folder = run / "attempts" / f"{attempt:02d}"
    ending = Ending()
    ending.listen()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mine = {"job_id": environment.job_id(), "host": os.uname().nodename, "pid": os.getpid(),
                "time": time.time()}  # fmt: skip
        if not evidence.claim(str(folder / "claim.json"), mine):
            holder = (folder / "claim.json").read_text(encoding="utf-8")
            print(f"hpctrain: attempt {attempt} is another job's already: {holder}")
            return ALREADY_CLAIMED
    except OSError as error:
        print(f"hpctrain: attempt {attempt} cannot begin: {plain(error)}")
        return NO_RESULT_WRITTEN
    _adopt_orphans()
    result: dict[str, Any] = {
        "schema": "hpctrain.result/1", "attempt": attempt, "started": time.time(),
    }  # fmt: skip
    began = time.monotonic()
    seconds: dict[str, float] = {}
    with evidence.Heartbeat(str(folder / "heartbeat.json"), HEARTBEAT_S) as heartbeat:
        try:
            result.update(_train(run, folder, heartbeat, seconds, ending))
            result["state"] = "completed"
        except Failure as failure:
            result.update(state="failed", reason=str(failure))
        except Terminated as end:
            result.update(state="terminated", reason=str(end))
        except Exception as error:  # noqa: BLE001 the reason must reach the user, whatever it is
            result.update(state="failed", reason=plain(error))
    seconds["total"] = round(time.monotonic() - began, 3)
    result.update(ended=time.time(), seconds=seconds)
    written = _written(folder / "result.json", result, ending)
    ending.ignore()
    with contextlib.suppress(OSError):  # what is printed goes onto a disk too
        if result["state"] != "completed":
            print(f"hpctrain: attempt {attempt} {result['state']}: {result['reason']}", flush=True)
        if not written:
            print(f"hpctrain: result.json could not be written:\n{json.dumps(result)}", flush=True)
    if not written:
        return NO_RESULT_WRITTEN
    return 0 if result["state"] == "completed" else 1


def _written(path: Path, result: dict[str, Any], ending: Ending) -> bool:
    """Write the result; a disk that is full may have room again in a moment."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            evidence.write_json(str(path), result)
            return True
        except OSError:
            if ending.told or time.monotonic() > give_up:
                return False
        time.sleep(1.0)


def _train(
    run: Path,
    folder: Path,
    heartbeat: evidence.Heartbeat,
    seconds: dict[str, float],
    ending: Ending,
) -> dict[str, Any]:
    """The steps of an attempt; what the result tells of a training that went well."""
    settings = _settings(run / "job" / "settings.json")
    count = environment.cores(settings["cores"])
    environment.set_threads(count, settings["keep_variables"])
    evidence.write_json(str(folder / "environment.json"), environment.describe(count))
    problem = environment.fault(settings["evaluator"])
    if problem:
        raise Failure(problem)

    def step(name: str, *argv: str) -> None:
        _call(folder, name, argv, ending)

    with _timed(seconds, "convert", heartbeat):
        step("convert", sys.executable, str(run / "job" / "convert.py"),
             str(run / "train.extxyz"), "train.pckl.gzip",
             str(run / "test.extxyz"), "test.pckl.gzip")  # fmt: skip
    shutil.copyfile(str(run / "input.yaml"), str(folder / "input.yaml"))
    with _timed(seconds, "train", heartbeat):
        step("pacemaker", _tool("pacemaker"), "input.yaml")
    if not (folder / "output_potential.yaml").is_file():
        raise Failure("pacemaker ended without an error and without output_potential.yaml")
    if not _has_trained(folder):
        raise Failure("pacemaker wrote output_potential.yaml, but trained nothing: neither "
                      "metrics.txt nor log.txt tells of an iteration")  # fmt: skip
    with _timed(seconds, "finish", heartbeat):
        step("pace_yaml2yace", _tool("pace_yaml2yace"), "output_potential.yaml")
        step("evaluate", sys.executable, str(run / "job" / "evaluate.py"))
    return {
        "potential": json.loads((folder / "evaluation.json").read_text(encoding="utf-8")),
        "files": {
            name: {"sha256": evidence.sha256(str(folder / name)),
                   "bytes": (folder / name).stat().st_size}
            for name in ("output_potential.yaml", "output_potential.yace")
        },
    }  # fmt: skip


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        return {name: settings[name] for name in ("evaluator", "cores", "keep_variables")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{path}, written at submission, is gone or damaged ({plain(error)}); "
                      "submit again") from error  # fmt: skip


def _has_trained(folder: Path) -> bool:
    """Is there a row in the trainer's table, or an iteration in its log?

    "Fitting done" and an output file are there also if nothing was fitted.
    """
    rows = sum(1 for line in _lines(folder / "metrics.txt") if line.strip()) - 1
    return rows > 0 or any("Iteration" in line for line in _lines(folder / "log.txt"))


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, none if it is not there."""
    if path.is_file():
        with open(str(path), encoding="utf-8", errors="replace") as file:
            yield from file


def _tool(name: str) -> str:
    """A program of the trainer's environment: beside its Python, else on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise Failure(f"{name} is neither beside {sys.executable} nor on the PATH of the job")
    return found


def _call(folder: Path, name: str, argv: tuple[str, ...], ending: Ending) -> None:
    """Run one step in the attempt's folder; what it prints goes to NAME.out there.

    When this returns or raises, nothing that the step started is left.
    """
    ending.check()
    path = folder / f"{name}.out"
    with open(str(path), "ab") as out:
        # In the job's own process group: a scheduler that kills the group gets all of it.
        child = subprocess.Popen(argv, cwd=str(folder), stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        code = _wait(child, ending)
    finally:
        _end_all(child)
    if code == 0:
        return
    with open(str(path), "rb") as said:
        said.seek(max(0, path.stat().st_size - 20000))
        words = last_words(said.read().decode("utf-8", "replace"))
    raise Failure(f"{name} {_manner(code)}: {words or 'it said nothing'}")


def _wait(child: subprocess.Popen[bytes], ending: Ending) -> int:
    while True:
        ending.check()
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = child.wait(0.2)
            break
    if _signal_of(code) in ENDING_SIGNALS:
        # Who ends a job may reach the trainer first, and this process a moment later.
        limit = time.monotonic() + 1.0
        while time.monotonic() < limit:
            ending.check()
            time.sleep(0.05)
    return code


def _signal_of(code: int) -> int:
    """The signal that ended a process: its parent sees -n, a shell or a launcher says 128 + n."""
    return -code if code < 0 else code - 128 if code > 128 else 0


def _manner(code: int) -> str:
    number = _signal_of(code)
    if number == signal.SIGKILL:
        return "was killed (often: out of memory)"
    if code < 0 or number in ENDING_SIGNALS:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(number).name}"
        return f"was ended by signal {number}"
    return f"failed (exit code {code})"


def _adopt_orphans() -> None:
    """What a trainer leaves behind becomes a child of this process, so that it can be found."""
    with contextlib.suppress(OSError, AttributeError):
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _end_all(child: subprocess.Popen[bytes]) -> None:
    """End a step and everything that it started: asked first, then made to."""

    def ended() -> bool:
        child.poll()
        return not _below(os.getpid()) and child.returncode is not None

    for number, patience_s in ((signal.SIGTERM, TERMINATION_S), (signal.SIGKILL, 2.0)):
        if ended():
            return
        for pid in _below(os.getpid()) | ({child.pid} if child.returncode is None else set()):
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        limit = time.monotonic() + patience_s
        while not ended() and time.monotonic() < limit:
            time.sleep(0.05)


def _below(top: int) -> set[int]:
    """All processes that descend from one, without those that have ended."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{int(entry)}/stat", encoding="utf-8", errors="replace") as stat:
                state, parent = stat.read().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                children.setdefault(int(parent), []).append(int(entry))
    found: set[int] = set()
    new = children.get(top, [])
    while new:
        found.update(new)
        new = [pid for parent in new for pid in children.get(parent, [])]
    return found


def plain(error: Exception) -> str:
    """An error in words; a full disk needs no name of an exception."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk, or its quota, is full ({error.filename or error.strerror})"
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _timed(seconds: dict[str, float], phase: str, heartbeat: evidence.Heartbeat) -> Iterator[None]:
    """Note how long a phase took, also if it failed."""
    heartbeat.enter(phase)
    start = time.monotonic()
    try:
        yield
    finally:
        seconds[phase] = round(time.monotonic() - start, 3)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
