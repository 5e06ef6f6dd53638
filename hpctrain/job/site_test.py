"""The job of `sites test`: what it finds where it runs. Standard library, Python >= 3.8.

It takes the place of the driver, so that everything before it, the template of the user's own
included, is what a training would get. It leaves proof.json.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import environment
from .trainer import Trainer, trainer_of

TIME_LIMIT_S = 200  # TensorFlow from a cold parallel file system has been seen to take a minute
TRIAL = """
import json, time
began = time.time()
{imports}
{look}
print()
print(json.dumps({{"seconds": time.time() - began, "gpus": seen}}))
"""

ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b")


def try_trainer(engine: Trainer, settings: dict[str, Any]) -> dict[str, Any]:
    """Import the trainer in a process of its own: a crash there must not take the report along."""
    library = engine.gpu_library(settings)
    code = TRIAL.format(
        imports=engine.imports(settings), look=library.look if library else "seen = None"
    )
    try:
        reply = subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIME_LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"imports": False, "error": "not imported within %d s" % TIME_LIMIT_S}
    lines = reply.stdout.decode("utf-8", "replace").splitlines()
    if reply.returncode == 0 and lines:
        return dict(json.loads(lines[-1]), imports=True, error=None)
    said = reply.stderr.decode("utf-8", "replace").strip().splitlines()
    # A message of several lines, as numpy's, begins behind the error's name.
    errors = [line for line in said if ERROR.match(line)] or said
    return {"imports": False, "error": errors[-1] if said else "exit code %d" % reply.returncode}


def try_scratch(folder: str | None) -> dict[str, Any] | None:
    """Say whether files can be written there; None where the profile names no folder."""
    if folder is None:
        return None
    path = os.path.expandvars(folder)
    if "$" in path:
        return {"folder": path, "writable": False, "error": "a variable in it is not set"}
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".hpctrain-proof-"):
            return {"folder": path, "writable": True, "error": None}
    except OSError as error:
        return {"folder": path, "writable": False, "error": str(error.strerror or error)}


def failed_lines(script: Path, numbers: str) -> list[str]:
    """Read the lines of the job script that failed, without those whose modules are looked for."""
    try:
        lines = script.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    failed = [lines[int(n) - 1].strip() for n in numbers.split() if 0 < int(n) <= len(lines)]
    return [line for line in failed if not line.startswith("module load ")]


def inspect(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what proof.json says: environment.json and what a training would fail on."""
    found: dict[str, Any]
    cores = environment.cores(settings["cores"], settings.get("threads_per_core", 1))
    usable = len(os.sched_getaffinity(0))
    engine = trainer_of(settings)
    found = environment.describe(cores, engine.PACKAGES)
    found["usable_cores"] = usable
    found["machine"] = platform.machine()
    found["modules"] = [m for m in os.environ.get("LOADEDMODULES", "").split(":") if m]
    found["failed_lines"] = failed_lines(Path("job.sh"), os.environ.get("HPCTRAIN_FAILED", ""))
    found["scratch"] = try_scratch(settings["scratch"])
    environment.set_threads(cores, settings["keep_variables"])
    found["threads"] = os.environ.get("OMP_NUM_THREADS")
    found["trainer"] = try_trainer(engine, settings)
    found["problems"] = problems(found, settings)
    return found


def problems(found: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """Say in words what a training would fail on."""
    words = [
        "the module %s is not loaded" % module
        for module in settings["modules"]
        if not any(m == module or m.startswith(module + "/") for m in found["modules"])
    ]
    if settings.get("container") and not found.get("container"):
        words.append(
            "the trainer is not in its container (%s): the job script's last line is not the "
            "template's" % settings["container"]
        )
    words += ["this line before the trainer fails: %s" % line for line in found["failed_lines"]]
    if not found["trainer"]["imports"]:
        words.append("the trainer cannot be imported: %s" % found["trainer"]["error"])
    visible = found["trainer"].get("gpus")
    if settings["gpus"] and visible is not None and not visible:
        words.append("%d GPU requested, but the trainer sees none" % settings["gpus"])
    if settings["arch"] not in (None, found["machine"]):
        words.append(
            "the node is %s, but the profile says %s" % (found["machine"], settings["arch"])
        )
    if found["usable_cores"] < found["cores"]:
        words.append(
            "%d cores are given, and the job may use %d" % (found["cores"], found["usable_cores"])
        )
    if found["scratch"] is not None and not found["scratch"]["writable"]:
        words.append("scratch %(folder)s: %(error)s" % found["scratch"])
    return words


def main() -> int:
    """Write proof.json and print the problems; return the exit code of the job."""
    here = Path(__file__).resolve().parent
    settings = json.loads((here / "settings.json").read_text(encoding="utf-8"))
    began = time.time()
    found = inspect(settings)
    found["seconds"] = time.time() - began
    found["when"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    found["job_id"] = environment.job_id()
    target = here.parent / "proof.json"
    new = target.with_name(".proof.%d" % os.getpid())
    new.write_text(json.dumps({"schema": "hpctrain.proof/1", **found}, indent=1), encoding="utf-8")
    new.replace(target)
    for line in found["problems"]:
        print(line)
    return 1 if found["problems"] else 0
