"""The job: one attempt at a training, on the compute node, in the trainer's environment.

Called by the job script as: python job/train.py ATTEMPT. Everything it needs lies in the run's
folder, and everything it finds out goes into attempts/NN/: claim.json (made once, so that a second
job for the attempt ends at once), environment.json, heartbeat.json, and result.json, last.
Standard library only, Python >= 3.8.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import environment
import evidence
from last_words import last_words

ALREADY_CLAIMED = 73
HEARTBEAT_S = 15.0
# How long the trainer may take to end once it was asked to.
TERMINATION_S = 10.0


class Failure(Exception):
    """Why the attempt failed, in words for the user."""


class Terminated(Exception):
    """The scheduler ends the job: walltime, cancel, preemption. Which one, the queue tells."""


def main(attempt):
    run = Path(__file__).resolve().parent.parent
    folder = run / "attempts" / "{:02d}".format(attempt)
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.loads((run / "job" / "settings.json").read_text(encoding="utf-8"))
    mine = {"job_id": environment.job_id(), "host": os.uname().nodename, "pid": os.getpid(),
            "time": time.time()}  # fmt: skip
    if not evidence.claim(str(folder / "claim.json"), mine):
        print("hpctrain: attempt {} is another job's already: {}".format(
            attempt, (folder / "claim.json").read_text(encoding="utf-8")))  # fmt: skip
        return ALREADY_CLAIMED
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _terminated)
    result = {"schema": "hpctrain.result/1", "attempt": attempt, "started": time.time()}
    seconds = {}
    with evidence.Heartbeat(str(folder / "heartbeat.json"), HEARTBEAT_S) as heartbeat:
        try:
            result.update(_train(run, folder, settings, heartbeat, seconds))
            result["state"] = "completed"
        except Failure as failure:
            result.update(state="failed", reason=str(failure))
        except Terminated as signal_name:
            result.update(state="terminated", reason="ended by {}".format(signal_name))
        except Exception as error:  # the reason must reach the user, whatever it is
            result.update(state="failed", reason="{}: {}".format(type(error).__name__, error))
        # From here on the end is written down; a second signal must not tear it.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        result.update(ended=time.time(), seconds=seconds)
        evidence.write_json(str(folder / "result.json"), result)
    if result["state"] != "completed":
        print("hpctrain: attempt {} {}: {}".format(attempt, result["state"], result["reason"]))
        return 1
    return 0


def _terminated(number, _frame):
    raise Terminated(signal.Signals(number).name)


def _train(run, folder, settings, heartbeat, seconds):
    count = environment.cores(settings["cores"])
    environment.set_threads(count, settings["keep_variables"])
    evidence.write_json(str(folder / "environment.json"), environment.describe(count))
    problem = environment.fault(settings["evaluator"])
    if problem:
        raise Failure(problem)
    with _timed(seconds, "convert", heartbeat):
        for source, target in (("train.extxyz", "train.pckl.gzip"),
                               ("test.extxyz", "test.pckl.gzip")):  # fmt: skip
            _call(folder, "convert", [sys.executable, str(run / "job" / "convert.py"),
                                      str(run / source), target])  # fmt: skip
    shutil.copyfile(str(run / "input.yaml"), str(folder / "input.yaml"))
    with _timed(seconds, "train", heartbeat):
        _call(folder, "trainer", [_tool("pacemaker"), "input.yaml"])
    if not (folder / "output_potential.yaml").is_file():
        raise Failure("Pacemaker ended without an error and without output_potential.yaml")
    with _timed(seconds, "finish", heartbeat):
        _call(folder, "yace", [_tool("pace_yaml2yace"), "output_potential.yaml"])
        _call(folder, "evaluate", [sys.executable, str(run / "job" / "evaluate.py")])
    return {
        "potential": json.loads((folder / "evaluation.json").read_text(encoding="utf-8")),
        "files": {
            name: {"sha256": evidence.sha256(str(folder / name)),
                   "bytes": (folder / name).stat().st_size}
            for name in ("output_potential.yaml", "output_potential.yace")
        },
    }  # fmt: skip


def _tool(name):
    """A program of the trainer's environment: beside its Python, else on the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise Failure("{} is neither beside {} nor on the PATH of the job".format(
            name, sys.executable))  # fmt: skip
    return found


def _call(folder, name, argv):
    """Run one step in the attempt's folder; what it prints goes to NAME.out there."""
    path = folder / (name + ".out")
    with open(str(path), "ab") as out:
        child = subprocess.Popen(argv, cwd=str(folder), stdin=subprocess.DEVNULL,
                                 stdout=out, stderr=subprocess.STDOUT)  # fmt: skip
        try:
            code = child.wait()
        except Terminated:
            child.terminate()
            try:
                child.wait(TERMINATION_S)
            except subprocess.TimeoutExpired:
                child.kill()
            raise
    if code == 0:
        return
    with open(str(path), "rb") as said:
        said.seek(max(0, path.stat().st_size - 20000))
        words = last_words(said.read().decode("utf-8", "replace"))
    how = "exit code {}".format(code) if code > 0 else signal.Signals(-code).name
    raise Failure("{} failed ({}): {}".format(Path(argv[0]).name if name == "trainer" else name,
                                              how, words or "it said nothing"))  # fmt: skip


class _timed:
    """Note how long a phase took, also if it failed."""

    def __init__(self, seconds, phase, heartbeat):
        self._seconds, self._phase, self._heartbeat = seconds, phase, heartbeat

    def __enter__(self):
        self._heartbeat.enter(self._phase)
        self._start = time.monotonic()

    def __exit__(self, *_):
        self._seconds[self._phase] = round(time.monotonic() - self._start, 3)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
