"""The GPUs that the trainer sees. Standard library only, Python >= 3.8.

A TensorFlow that finds no usable GPU (a build for the CPU, a driver, a CUDA module that is missing)
trains on the CPU without an error. So it is asked, beside what is done with the data first.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Mapping, Sequence, cast

from .steps import Failure, Steps

# TensorFlow from a cold parallel file system has been seen to take a minute.
LIMIT_S = 200.0
QUESTION = "import json\n{look}\nprint(chr(10) + json.dumps(seen))"
FILE = "gpus.out"


@dataclass(frozen=True)
class Library:
    """A library that a trainer computes with; ``look`` are lines of Python that set ``seen``."""

    name: str
    look: str


TENSORFLOW = Library(
    "TensorFlow",
    """import tensorflow
seen = [device.name for device in tensorflow.config.list_physical_devices("GPU")]""",
)


def are_wanted(settings: Mapping[str, Any]) -> bool:
    """Say whether this training is to be on a GPU, where its trainer uses one."""
    return bool(settings["gpus"] or settings["require_gpu"])


class Question:
    """A process that asks the library; without one, none, and the answer is None."""

    def __init__(self, steps: Steps, library: Library | None) -> None:
        self._steps = steps
        self._path = steps.folder / FILE
        self._child: subprocess.Popen[bytes] | None = None
        if library:
            program = QUESTION.format(look=library.look)
            with open(str(self._path), "wb") as out:
                self._child = subprocess.Popen(
                    [sys.executable, "-c", program], cwd=str(steps.folder), stdout=out,
                    stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
                )  # fmt: skip
            steps.beside.add(self._child.pid)

    def __enter__(self) -> Question:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._steps.beside.discard(self._child.pid)

    def answer(self) -> list[str] | None:
        """Wait for the names of the GPUs; None if they cannot be known."""
        if self._child is None:
            return None
        limit = time.monotonic() + LIMIT_S
        while self._child.poll() is None:
            self._steps.ending.check()
            if time.monotonic() > limit or self._steps.ending.due():
                return None
            time.sleep(0.05)
        return _names(self._path) if self._child.returncode == 0 else None


def _names(path: Path) -> list[str] | None:
    """Read the last line that was printed."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        seen = json.loads(path.read_text(encoding="utf-8", errors="replace").splitlines()[-1])
        return cast("List[str]", seen)
    return None


def warning(
    settings: Mapping[str, Any],
    library: str,
    seen: Sequence[str] | None,
    present: Sequence[str],
) -> str | None:
    """Say that the trainer sees no GPU; raise Failure if the site requires one.

    ``seen`` is what the library says, ``present`` what the node's driver names.
    """
    required = "require_gpu is set"
    number = settings["gpus"]
    asked = f"{number} GPU{'s' * (number > 1)} requested" if number else "a GPU is needed"
    if seen is None and settings["require_gpu"]:
        raise Failure(f"{asked}, but {library} does not say whether the trainer sees one "
                      f"({FILE} tells what it said); {required}")  # fmt: skip
    if seen is None or seen:
        return None
    there = f"nvidia-smi names {', '.join(present)}" if present else "nvidia-smi names none either"
    words = f"{asked}, but the trainer sees none ({there})"
    if settings["require_gpu"]:
        raise Failure(f"{words}; {required}. What {library} says is in {FILE} of the attempt")
    return f"{words}: it trains on the CPU"
