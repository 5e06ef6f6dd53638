"""Checkpoints: all that the next attempt needs, in one folder that is renamed into place whole.

Python 3.8 and later, NumPy of the trainer's environment.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from typing import Any, Callable, Sequence

from ... import evidence
from . import bfgs_memory
from .notes import Notes

INTERVAL_S = float(os.environ.get("HPCTRAIN_CHECKPOINT_S", "60"))
# Writing the matrix of BFGS may take this share of the time at most.
MEMORY_SHARE = 0.02
KEEP = 2


class Checkpoints:
    """The folders ``checkpoint/NNNNNN`` of an attempt; the last two are kept."""

    def __init__(self, folder: str, notes: Notes) -> None:
        self._parent = os.path.join(folder, "checkpoint")
        self._notes = notes
        self._number = 0
        self._saved_at = time.monotonic()
        self._memory_due = 0.0
        self._memory_file: str | None = None
        # The iteration whose memory was written last.
        self.memory_iteration: int | None = None

    def due(self) -> bool:
        """Say whether it is time for the next checkpoint."""
        return time.monotonic() - self._saved_at >= INTERVAL_S

    def next_fit(self) -> None:
        """Forget the memory of BFGS: that of one fit is no use to the next."""
        self._memory_file = self.memory_iteration = None

    def save(
        self,
        potential: Any,
        state: dict[str, Any],
        *,
        memory: Any = None,
        at_any_cost: bool = False,
        more: Sequence[Callable[[str], None]] = (),
    ) -> None:
        """Write a checkpoint; ``more`` are called with its folder and save the rest."""
        os.makedirs(self._parent, exist_ok=True)
        numbers = [int(name) for name in os.listdir(self._parent) if re.match(r"[0-9]{6,}$", name)]
        self._number = max([*numbers, self._number]) + 1
        unfinished = os.path.join(self._parent, f"{self._number:06d}.part")
        try:
            os.makedirs(unfinished)
            potential = potential.copy()
            # Pacemaker's own count is that of the best cycle so far, not of those that ended.
            potential.metadata["_fit_cycles"] = str(state["cycle"])
            potential.save(os.path.join(unfinished, "potential.yaml"))
            self._save_memory(unfinished, state["iteration"], memory, at_any_cost)
            for save in more:
                save(unfinished)
            _sync(os.path.join(unfinished, "potential.yaml"))
            state = {**state, "memory_iteration": self.memory_iteration, "time": time.time()}
            evidence.write_json(os.path.join(unfinished, "state.json"), state)
            final = os.path.join(self._parent, f"{self._number:06d}")
            os.rename(unfinished, final)
            if self._memory_file:
                self._memory_file = os.path.join(final, bfgs_memory.FILE)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            self._saved_at = time.monotonic()
        for number in sorted(numbers)[: -(KEEP - 1)]:
            shutil.rmtree(os.path.join(self._parent, f"{number:06d}"), ignore_errors=True)
        self._notes.content["checkpoints"] += 1

    def _save_memory(self, folder: str, iteration: int, memory: Any, at_any_cost: bool) -> None:
        """Write the memory of BFGS, or link the last one where writing it again costs too much.

        A matrix some iterations old is nearly as good as the present one.
        """
        import numpy as np

        path = os.path.join(folder, bfgs_memory.FILE)
        began = time.monotonic()
        if memory is None and (at_any_cost or began >= self._memory_due):
            memory = bfgs_memory.of_running_fit()
        previous, self._memory_file = self._memory_file, None
        if memory is not None and len(memory) > bfgs_memory.MAX_PARAMETERS:
            self._notes.problem(f"the memory of BFGS is not kept: {len(memory)} parameters, above "
                                f"{bfgs_memory.MAX_PARAMETERS}")  # fmt: skip
        elif memory is not None:
            try:
                np.save(path, np.asarray(memory, dtype=np.float64))
                _sync(path)
            except OSError as error:  # a full disk: the potential alone may still fit
                self._notes.problem(f"the memory of BFGS could not be written ({error})")
                with contextlib.suppress(OSError):
                    os.unlink(path)
                return
            took = time.monotonic() - began
            self._memory_due = time.monotonic() + took / MEMORY_SHARE
            self._memory_file, self.memory_iteration = path, iteration
        elif previous:
            with contextlib.suppress(OSError):
                os.link(previous, path)
                self._memory_file = path


def _sync(path: str) -> None:
    """Wait until a file is on the disk: then its folder gets the name that says it is whole."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
