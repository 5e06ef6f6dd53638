"""What the output of every trainer becomes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """One point of a learning curve.

    ``epoch`` counts the iterations done so far, over all ladder steps and fit cycles;
    ``key`` is where the trainer itself stood: (ladder step, fit cycle, iteration).
    ``rmse_energy`` is in meV/atom, ``rmse_force`` in eV/Å per force component;
    ``loss`` is None where it is not known.
    """

    epoch: int
    rmse_energy: float
    rmse_force: float
    loss: float | None
    key: tuple[int, int, int]
