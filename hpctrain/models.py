"""The project, as its ``hpctrain.yaml`` describes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from hpctrain.records import Evaluator, PlainName, Record


class DataConfig(Record):
    """Which structures are trained on, and how they are split."""

    source: str | list[str] = Field(
        description="ASE database (SQLite, JSON, PostgreSQL or MySQL URL) or extxyz files"
    )
    select: str = Field("status=completed", description="ASE selection; empty takes every row")
    generations: Literal["all", "latest"] | list[int] = Field(
        "all", description="all: full retraining; latest or a list: incremental learning"
    )
    test_fraction: float = Field(0.1, gt=0, lt=1, description="share of the structures to test on")
    split: Literal["random"] = Field("random", description="how the test structures are drawn")
    seed: int = Field(42, description="seed of the split")


class TrainingConfig(Record):
    """What is fitted, and for how long."""

    engine: Literal["pacemaker"] = "pacemaker"
    cutoff: float = Field(6.0, gt=0, description="Å; every bond's rcut")
    b_basis_size: int = Field(300, gt=0, description="basis functions per element")
    kappa: float = Field(1.0, ge=0, description="weight of the energies")
    kappa_f: float | None = Field(
        None, ge=0, description="weight of the forces; 100 times kappa if not given"
    )
    max_iter: int = Field(1000, gt=0, description="iterations of the optimiser, in all")
    evaluator: Evaluator | None = Field(
        None, description="tensorpot (fast, TensorFlow) or pyace; the site's own if not given"
    )
    optimizer: Literal["BFGS", "L-BFGS-B"] = "BFGS"
    batch_size: int = Field(100, gt=0, description="structures per batch")
    display_step: int = Field(10, gt=0, description="iterations between two looks at the test set")
    seed: int = Field(42, ge=0, lt=2**32, description="seed of the trainer")
    reference_energies: Literal["isolated_atoms", "auto"] | dict[str, float] = Field(
        "isolated_atoms",
        description="eV per atom: from the isolated atoms in the data, fitted (auto), or given",
    )
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="merged into the engine's input last, key by key"
    )


class ProjectConfig(Record):
    """``hpctrain.yaml``."""

    project: PlainName = Field(description="short name; it starts the name of every job")
    data: DataConfig
    training: TrainingConfig = TrainingConfig()
    site: str | None = Field(None, description="default for --site")
