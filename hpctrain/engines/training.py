"""The section ``training`` of hpctrain.yaml, as far as every trainer has it."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from hpctrain.engines import DEFAULT, NAMES, engine_of
from hpctrain.fields import Most, Record
from hpctrain.yamlfile import nearest

# Limits of what a trainer's own keys add to.
MOST: Most = {
    "cutoff": (30, "4 to 12 Å are usual, and the neighbours grow with its cube"),
    "max_iter": (10_000_000, "some thousands are usual, and each takes a second or so"),
    "batch_size": (10_000_000, "it is a number of structures, and some hundreds are usual"),
    "patience": (10_000_000, "0 switches the early stopping off"),
    "verify_minutes": (10_080, "that is a week; 0 switches the checks off"),
    "reference_energies": (10_000_000, "these are eV per atom"),
    "overrides": (math.inf, "what the trainer takes there, the trainer knows"),
}


class TrainingConfig(Record):
    """What is fitted, and for how long; each trainer adds keys of its own."""

    most: ClassVar[Most] = MOST

    engine: str = Field(DEFAULT, description=f"the trainer: {' or '.join(NAMES)}")
    cutoff: float = Field(6.0, gt=0, description="Å; every bond's rcut")
    max_iter: int = Field(1000, gt=0, description="iterations of the optimiser, in all")
    patience: int = Field(
        200,
        ge=0,
        description="iterations for which the test error may rise while the training error falls; "
        "then the training stops early; 0: never",
    )
    seed: int = Field(42, ge=0, lt=2**32, description="seed of the trainer")
    reference_energies: Literal["isolated_atoms", "auto"] | dict[str, float] = Field(
        "isolated_atoms",
        description="eV per atom: from the isolated atoms in the data, fitted (auto), or given",
    )
    active_set: bool = Field(
        True, description="make NAME.asi too, for the extrapolation grade: true or false"
    )
    verify_minutes: float = Field(
        5.0, ge=0, description="longest time for the checks at the end of the job; 0: no checks"
    )
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="merged into the engine's input last, key by key"
    )

    @field_validator("engine", mode="before")
    @classmethod
    def _engine_is_known(cls, name: object) -> object:
        if isinstance(name, str) and name not in NAMES:
            raise ValueError(f"there is no trainer '{name}'{nearest(name, NAMES)}")
        return name

    @model_validator(mode="before")
    @classmethod
    def _keys_are_of_this_trainer(cls, content: object) -> object:
        """Refuse keys that only another trainer has, and name those of this one."""
        if not isinstance(content, dict):
            return content
        for other in NAMES:
            theirs = [
                key for key in engine_of(other).settings.model_fields
                if key in content and key not in cls.model_fields
            ]  # fmt: skip
            if theirs:
                own = [key for key in cls.model_fields if key not in TrainingConfig.model_fields]
                raise ValueError(
                    f"{', '.join(theirs)}: only the trainer {other} takes this; "
                    f"{cls.model_fields['engine'].default} takes, besides the keys of every "
                    f"trainer: {', '.join(own)}"
                )
        return content
