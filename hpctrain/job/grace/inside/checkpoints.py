"""Checkpoints: all that the next attempt needs, in one folder that is renamed into place whole.

``checkpoint/NNNNNN`` (the epochs done): model.yaml, checkpoint.index and its data (parameters, the
optimiser's state, epoch and step), best.index and its data (the best by validation), state.json.
gracemaker overwrites its own in place, file by file. Python 3.8 and later.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import Any, Dict

from ... import evidence

INTERVAL_S = float(os.environ.get("HPCTRAIN_CHECKPOINT_S", "60"))
KEEP = 2


class Checkpoints:
    """The folders ``checkpoint/NNNNNN`` of an attempt; the last two are kept."""

    def __init__(self, folder: Path, output: Path) -> None:
        self._parent, self._output = folder / "checkpoint", folder / output
        self._saved_at = time.monotonic()

    def due(self) -> bool:
        """Say whether it is time for the next checkpoint."""
        return time.monotonic() - self._saved_at >= INTERVAL_S

    def save(self, tp: Any, between: bool, state: Dict[str, Any]) -> None:
        """Write a checkpoint; ``between`` two batches of an epoch, or after one."""
        self._parent.mkdir(exist_ok=True)
        numbers = sorted(
            int(entry.name) for entry in self._parent.iterdir() if re.match(r"\d{6,}$", entry.name)
        )
        number = max([0, *numbers]) + 1
        unfinished = self._parent / f"{number:06d}.part"
        try:
            shutil.rmtree(str(unfinished), ignore_errors=True)
            unfinished.mkdir()
            tp.save_checkpoint(checkpoint_name=str(unfinished / "checkpoint"), is_mid_epoch=between)
            shutil.copyfile(str(self._output / "model.yaml"), str(unfinished / "model.yaml"))
            for file in (self._output / "checkpoints").glob("checkpoint.best_test_loss.*"):
                copy = file.name.replace("checkpoint.best_test_loss", "best", 1)
                shutil.copyfile(str(file), str(unfinished / copy))
            for file in unfinished.iterdir():
                _sync(file)
            sizes = {file.name: file.stat().st_size for file in unfinished.iterdir()}
            evidence.write_json(
                str(unfinished / "state.json"),
                {**state, "between_batches": between, "files": sizes, "time": time.time()},
            )
            unfinished.rename(self._parent / f"{number:06d}")
        finally:
            shutil.rmtree(str(unfinished), ignore_errors=True)
            self._saved_at = time.monotonic()
        for old in numbers[: -(KEEP - 1)]:
            shutil.rmtree(str(self._parent / f"{old:06d}"), ignore_errors=True)


def _sync(path: Path) -> None:
    """Wait until a file is on the disk: then its folder gets the name that says it is whole."""
    descriptor = os.open(str(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
