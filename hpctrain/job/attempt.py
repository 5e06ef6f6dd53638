"""The job: one attempt at a training, on the compute node, in the trainer's environment.

The job script calls it with: python job/train.py ATTEMPT. Everything it needs lies in the run's
folder, and everything it finds out goes into attempts/NN/: claim.json (made once, so that a second
job for the attempt ends at once), environment.json, heartbeat.json, and result.json, last but for
what comes of starting the next attempt. Standard library only, Python >= 3.8.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Iterable, Mapping

from . import continuation, earlier, environment, evidence, next_attempt, on_end
from .ending import Ending, Terminated, TimeIsUp
from .steps import Failure, Steps, adopt_orphans, in_words, say
from .trainer import Trainer, engine_name, trainer_of
from .training import Phases, train

ALREADY_CLAIMED = 73
NO_RESULT_WRITTEN = 74
HEARTBEAT_S = 15.0
# How long to try to write the result onto a disk that is full.
PATIENCE_S = 60.0
# What the driver needs itself, and what runs of older versions do not have; a trainer has its own.
SETTINGS = (
    "cores", "gpus", "require_gpu", "keep_variables", "walltime_s", "margin_s",
    "continuation", "max_attempts", "submit_argv", "refusals", "verification_s",
)  # fmt: skip
NEWER: Mapping[str, Any] = {"threads_per_core": 1, "on_end": []}


def main(asked: int) -> int:
    """Do an attempt of the training, and return the exit code of the job."""
    given = dict(os.environ)
    run = Path(__file__).resolve().parent.parent
    attempt, job_id = environment.attempt_number(asked), environment.job_id()
    folder = continuation.folder_of(run, attempt)
    ending = Ending()
    ending.listen()
    code = _claim(run, folder, attempt, job_id)
    if code is not None:
        return code
    adopt_orphans()
    environment.put_on_path(run)
    result: dict[str, Any] = {
        "schema": "hpctrain.result/1", "attempt": attempt, "started": time.time(),
    }  # fmt: skip
    began = time.monotonic()
    settings: dict[str, Any] = {}
    with evidence.Heartbeat(str(folder / "heartbeat.json"), HEARTBEAT_S) as heartbeat:
        phases = Phases(heartbeat)
        _train(run, folder, job_id, settings, ending, phases, result)
        if result["state"] == "timeout":
            _decide(run, attempt, job_id, settings, result)
    phases.seconds["total"] = round(time.monotonic() - began, 3)
    result.update(ended=time.time(), seconds=phases.seconds)
    written = _write_result(folder, result, ending)
    if written and "continues" in result:
        written = _start_next(run, folder, settings, given, result, ending)
    if written and on_end.is_due(settings, result, ending):
        result["on_end"] = on_end.call(run, folder, settings, given, result, ending)
        with contextlib.suppress(OSError):  # the result is there without it
            evidence.write_json(str(folder / "result.json"), result)
    ending.ignore()
    if result["state"] != "completed":
        say(f"attempt {attempt} {result['state']}: {result['reason']}")
    if not written:
        say(f"result.json could not be written ({folder}):\n{json.dumps(result)}")
        return NO_RESULT_WRITTEN
    return 0 if result["state"] == "completed" or "continues" in result else 1


def _claim(run: Path, folder: Path, attempt: int, job_id: str | None) -> int | None:
    """Claim the attempt for this job; return the job's exit code where it does not begin."""
    try:
        reason = continuation.why_not_begin(run, attempt, job_id)
        if reason:
            say(f"attempt {attempt} does not begin: {reason}")
            return 0
        folder.mkdir(parents=True, exist_ok=True)
        mine = {"job_id": job_id, **earlier.process(), "time": time.time()}
        if not evidence.claim(str(folder / "claim.json"), mine):
            holder = evidence.read_text(folder / "claim.json")
            say(f"attempt {attempt} is another job's already: {holder}")
            return ALREADY_CLAIMED
    except OSError as error:
        say(f"attempt {attempt} cannot begin: {in_words(error)}")
        return NO_RESULT_WRITTEN
    return None


def _train(
    run: Path,
    folder: Path,
    job_id: str | None,
    settings: dict[str, Any],
    ending: Ending,
    phases: Phases,
    result: dict[str, Any],
) -> None:
    """Read the settings and train; the result learns how it ended, whatever happens."""
    engine: Trainer | None = None
    try:
        _look_for_earlier(run, job_id, ending, result)
        path = run / "job" / "settings.json"
        settings.update(_complete(path, _read_settings(path), SETTINGS, NEWER))
        trainer = trainer_of(settings)
        settings.update(_complete(path, settings, trainer.SETTINGS, trainer.NEWER))
        engine = trainer
        ending.plan(settings["walltime_s"], settings["margin_s"])
        train(run, settings, engine, Steps(folder, ending, engine.explain), phases, result)
        result["state"] = "completed"
    except Failure as failure:
        result.update(state="failed", reason=str(failure))
        if failure.signal:
            result["signal"] = failure.signal
    except Terminated as end:
        result.update(state="terminated", reason=str(end))
    except TimeIsUp as end:
        result.update(state="timeout", reason=str(end))
    except Exception as error:  # noqa: BLE001 the reason must reach the user, whatever it is
        result.update(state="failed", reason=in_words(error))
    if engine is None:
        return
    try:
        done = engine.iterations(folder)
        if done is not None:
            result["iterations"] = done
        steps = engine.steps(folder)
        if steps is not None:
            result["steps"] = steps
        if result["state"] == "timeout":
            result["reason"] += f"; {engine.progress(run, done)}"
    except OSError as error:
        say(f"how far the training is cannot be read: {in_words(error)}")


def _look_for_earlier(
    run: Path, job_id: str | None, ending: Ending, result: dict[str, Any]
) -> None:
    """Raise Failure if an earlier attempt is alive: two would train the same twice."""
    living = earlier.find_living(run, result["attempt"], job_id, ending.check)
    if living:
        result["gives_way_to"] = living[0]
        raise Failure(f"{living[1]}; this attempt has trained nothing")


def _write_result(folder: Path, result: dict[str, Any], ending: Ending) -> bool:
    """Write the result; a disk that is full may have room again in a moment."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            evidence.write_json(str(folder / "result.json"), result)
            return True
        except OSError:
            if ending.signal or ending.over() or time.monotonic() > give_up:
                return False
        time.sleep(1.0)


def _decide(
    run: Path,
    attempt: int,
    job_id: str | None,
    settings: Mapping[str, Any],
    result: dict[str, Any],
) -> None:
    """Decide whether, and how, a training goes on whose attempt was too short."""
    obstacle = continuation.obstacle(run, attempt, settings, result)
    if obstacle:
        result["reason"] += f"; {obstacle}"
        return
    mode = settings["continuation"]
    ahead = None
    if mode == "chain":
        ahead = continuation.last_event(run, attempt + 1, "submitted").get("job_id")
    result["continues"] = {
        "mode": mode, "attempt": attempt + 1, "job_id": job_id if mode == "requeue" else ahead,
    }  # fmt: skip


def _start_next(
    run: Path,
    folder: Path,
    settings: Mapping[str, Any],
    given: Mapping[str, str],
    result: dict[str, Any],
    ending: Ending,
) -> bool:
    """Start the attempt that the written result announces.

    Returns False if what came of it could not be written into the result.
    """
    mode, number = result["continues"]["mode"], result["continues"]["attempt"]
    if mode == "chain":
        return True
    if ending.signal or os.path.exists(str(run / "cancel")):
        outcome = next_attempt.Outcome(None, f"ended by {ending.signal or 'cancel'}")
    elif mode == "requeue":
        ending.ignore()
        outcome = next_attempt.requeue(run, result["continues"]["job_id"], given)
    else:
        argv = settings["submit_argv"].get(str(number))
        outcome = next_attempt.resubmit(run, folder, number, argv, given, settings["refusals"])
    if outcome.job_id == result["continues"]["job_id"] is not None:
        return True
    if outcome.job_id:
        result["continues"]["job_id"] = outcome.job_id
    elif outcome.certain:
        del result["continues"]
        result["reason"] += (f"; could not start the next attempt: {outcome.problem}; to go on: "
                             f"hpctrain resume {run.name}")  # fmt: skip
    else:
        result["reason"] += ("; it is not known whether the next attempt was submitted "
                             f"({outcome.problem}): hpctrain status finds out")  # fmt: skip
    return _write_result(folder, result, ending)


def _read_settings(path: Path) -> Any:
    try:
        return json.loads(evidence.read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def _complete(
    path: Path, settings: Any, needed: Iterable[str], newer: Mapping[str, Any]
) -> dict[str, Any]:
    """Return settings with all that is needed; Failure if that is not there."""
    try:
        known = {name: settings[name] for name in needed}
        return {**newer, **settings, **known, "engine": engine_name(settings)}
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> Failure:
    return Failure(f"{path}, written at submission, is gone or damaged ({in_words(error)}); "
                   "submit again")  # fmt: skip
