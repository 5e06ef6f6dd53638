"""GRACE's own keys in hpctrain.yaml, under ``training.grace``."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from hpctrain.fields import Most, Record


class GraceOptions(Record):
    """What is particular to GRACE; the rest stands in ``training``."""

    most: ClassVar[Most] = {
        "learning_rate": (10, "0.01 is usual"),
        "final_learning_rate": (10, "0.0001 is usual"),
        "energy_weight": (1_000_000_000, "only the ratios of the weights count"),
        "force_weight": (1_000_000_000, "only the ratios of the weights count"),
        "stress_weight": (1_000_000_000, "only the ratios of the weights count"),
        "huber_delta": (1000, "0.01 is usual"),
        "kwargs": (math.inf, "what the preset takes there, the trainer knows"),
    }

    preset: Literal["fs", "1layer", "2layer"] = Field(
        "fs",
        description="fs: local, the fastest, also in LAMMPS without TensorFlow; 1layer: local; "
        "2layer: with messages between atoms",
    )
    size: Literal["small", "medium", "large"] = Field(
        "small", description="size of the preset, as gracemaker's own dialogue offers it"
    )
    kwargs: dict[str, Any] = Field(
        default_factory=dict, description="single arguments of the preset, instead of the size's"
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
    energy_weight: float = Field(16.0, ge=0, description="weight of the energies in the loss")
    force_weight: float = Field(32.0, ge=0, description="weight of the forces in the loss")
    stress_weight: float = Field(
        128.0, ge=0, description="weight of the stresses, where there are any; 0: none"
    )
    huber_delta: float = Field(
        0.01,
        gt=0,
        description="error beyond which the loss grows linearly: eV/atom, eV/Å and eV/Å^3",
    )
    precision: Literal["float32", "float64"] = Field(
        "float32", description="of the parameters; geometry and sums are in float64 anyway"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> GraceOptions:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError("final_learning_rate must not be above learning_rate")
        if self.energy_weight == 0 or self.force_weight == 0:
            raise ValueError("energy_weight and force_weight must both be above 0")
        return self
