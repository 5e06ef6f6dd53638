"""The potential in one place: ``python -m job.grace.product SEED``, in the attempt's folder.

``output_potential.model`` is TensorFlow's exported model, for ASE and LAMMPS, and holds beside it
what a training goes on from: model.yaml, checkpoint.index and its data. Of the preset FS there is
``output_potential.yaml`` too, for LAMMPS without TensorFlow. Standard library, Python >= 3.8.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from .plan import output

MODEL, FS = "output_potential.model", "output_potential.yaml"


def collect(folder: Path, seed: int) -> None:
    """Make the files of the potential from what gracemaker wrote at its end."""
    there = output(folder, seed)
    unfinished, model = folder / f"{MODEL}.part", folder / MODEL
    for old in (unfinished, model):
        shutil.rmtree(str(old), ignore_errors=True)
    shutil.copytree(str(there / "final_model"), str(unfinished))
    shutil.copyfile(str(there / "model.yaml"), str(unfinished / "model.yaml"))
    checkpoints = there / "checkpoints"
    # Without a test set there is no best one: the last is what was exported.
    best = "checkpoint.best_test_loss"
    name = best if (checkpoints / f"{best}.index").is_file() else "checkpoint"
    for file in checkpoints.glob(f"{name}.*"):
        rest = file.name[len(name) :]
        if name == best or not rest.startswith(".best_test_loss"):
            shutil.copyfile(str(file), str(unfinished / f"checkpoint{rest}"))
    unfinished.rename(model)
    if (there / "FS_model.yaml").is_file():
        shutil.copyfile(str(there / "FS_model.yaml"), str(folder / FS))


if __name__ == "__main__":
    collect(Path(), int(sys.argv[1]))
