"""The keys of ``training`` in hpctrain.yaml that are GRACE's own."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from hpctrain.engines.training import MOST, TrainingConfig
from hpctrain.fields import Most

_RATIOS = "only the ratios of the weights count"


class GraceTraining(TrainingConfig):
    """What GRACE fits, and for how long."""

    most: ClassVar[Most] = {
        **MOST,
        "learning_rate": (10, "0.01 is usual"),
        "final_learning_rate": (10, "0.0001 is usual"),
        "energy_weight": (1_000_000_000, _RATIOS),
        "force_weight": (1_000_000_000, _RATIOS),
        "stress_weight": (1_000_000_000, _RATIOS),
        "huber_delta": (1000, "0.01 is usual"),
    }

    engine: Literal["grace"] = "grace"
    preset: Literal["fs", "1layer", "2layer"] = Field(
        "fs",
        description="fs: local, the fastest, also in LAMMPS without TensorFlow; 1layer: local; "
        "2layer: with messages between atoms",
    )
    size: Literal["small", "medium", "large"] = Field(
        "small", description="size of the preset, as gracemaker's own dialogue offers it"
    )
    batch_size: int = Field(
        16, gt=0, description="structures per batch; each batch is a step of the optimiser"
    )
    learning_rate: float = Field(0.01, gt=0, description="of Adam, at the beginning")
    schedule: Literal["cosine", "plateau", "constant"] = Field(
        "cosine",
        description="of the learning rate: along a cosine over all epochs, lower where the "
        "validation loss no longer falls, or as it is",
    )
    final_learning_rate: float = Field(
        0.0001, gt=0, description="at the end of the schedule, or its lowest"
    )
    energy_weight: float = Field(16.0, gt=0, description="weight of the energies in the loss")
    force_weight: float = Field(32.0, gt=0, description="weight of the forces in the loss")
    stress_weight: float = Field(
        128.0, ge=0, description="weight of the stresses, where there are any; 0: none"
    )
    huber_delta: float = Field(
        0.01,
        gt=0,
        description="error beyond which the loss grows linearly: eV/atom, eV/Å and eV/Å^3",
    )
    precision: Literal["float32", "float64"] | None = Field(
        None,
        description="of the parameters; if not given, float32 for fs and float64 for the others, "
        "whose forces are else noisy by some meV/Å",
    )

    @model_validator(mode="after")
    def _rate_falls(self) -> GraceTraining:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final_learning_rate must not be above learning_rate")
        return self
