"""The project, as its ``hpctrain.yaml`` describes it."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from hpctrain.fields import Evaluator, Likeness, Line, Most, PlainName, Record
from hpctrain.yamlfile import nearest

# The checks of `hpctrain check` that can be silenced: all in data/check/names, but one.
CheckName = Literal[
    "absurd_energy", "binding", "energy_outlier", "energy_per_atom", "few_neighbours",
    "isolated_atoms", "large_force", "large_stress", "leakage", "many_parameters", "mixed_pbc",
    "mixed_references",
    "mixed_theory", "net_force", "other_energy", "overlapping", "short_distance", "units",
    "zero_energy", "zero_forces",
]  # fmt: skip
NEVER_SILENCED = "unusable"


LABELS = ("energy", "forces", "stress", "virial")


def _check_name(name: object) -> object:
    if not isinstance(name, str):
        raise PydanticKnownError("string_type")
    if name == NEVER_SILENCED:
        raise ValueError(f"'{name}' cannot be silenced: submit refuses such rows; use --skip-bad")
    if name not in get_args(CheckName):
        raise ValueError(f"there is no check '{name}'{nearest(name, get_args(CheckName))}")
    return name


class DataConfig(Record):
    """Which structures are trained on, and how they are split."""

    source: str | list[str] = Field(
        description="ASE databases (SQLite, JSON, PostgreSQL or MySQL URL), extxyz files, "
        "Pacemaker's tables, trajectories, programs' outputs; * and ** fit several files"
    )
    labels: dict[str, str | None] = Field(
        default_factory=dict,
        description="names of the labels in the source, for example {energy: REF_energy, forces: "
        "REF_forces, stress: null}; if not given, the usual ones",
    )
    select: str | None = Field(
        None,
        description="ASE selection; empty takes every row; if not given, status=completed where "
        "rows have the key status, else every row",
    )
    generations: Literal["all", "latest"] | list[int] = Field(
        "all", description="all: full retraining; latest or a list: incremental learning"
    )
    test_fraction: float = Field(0.1, gt=0, lt=1, description="share of the structures to test on")
    split: Literal["random", "stable", "grouped", "given"] = Field(
        "random",
        description="random: exact counts; stable: a structure, or with group_by a group, never "
        "changes sides when others come; grouped: what shares the key group_by stays on one side; "
        "given: as test_source or side_key say",
    )
    group_by: str | None = Field(
        None,
        min_length=1,
        validate_default=True,
        description="with split: grouped or stable, the rows' key that names the group, as "
        "config_type",
    )
    test_source: str | list[str] | None = Field(
        None, description="with split: given, sources whose rows are tested on"
    )
    side_key: str | None = Field(
        None,
        min_length=1,
        validate_default=True,
        description="with split: given, the rows' key whose value is train or test",
    )
    stratify: Literal["config_type", "composition"] | None = Field(
        None, description="with split: random, every kind is drawn from in proportion"
    )
    seed: int = Field(42, description="seed of the split")
    dedupe: Likeness | None = Field(
        None,
        description="of structures that are alike to this degree only the first is used; "
        "if not given, those on both sides are reported",
    )
    silence: list[Annotated[CheckName, BeforeValidator(_check_name)]] = Field(
        default_factory=list, description="findings of hpctrain check that are accepted, by name"
    )

    @field_validator("labels")
    @classmethod
    def _labels_are_known(cls, labels: dict[str, str | None]) -> dict[str, str | None]:
        for label, name in labels.items():
            if label not in LABELS:
                raise ValueError(f"there is no label '{label}'{nearest(label, LABELS)}")
            if name is None and label in ("energy", "forces"):
                raise ValueError(f"{label} cannot be left out: nothing can be trained without")
            if name is not None and not name.strip():
                raise ValueError(f"the name of {label} is empty")
        if labels.get("stress") is not None and labels.get("virial") is not None:
            raise ValueError(
                "stress and virial are the same label: name one, and leave out the other"
            )
        return labels

    @field_validator("group_by")
    @classmethod
    def _grouped_by_a_key(cls, group_by: str | None, info: ValidationInfo) -> str | None:
        split = info.data.get("split")
        if split == "grouped" and group_by is None:
            raise ValueError(
                "split: grouped needs the key of the rows that names the group; "
                "write, for example, group_by: config_type"
            )
        if split in ("random", "given") and group_by is not None:
            raise ValueError(
                f"split: {split} does not group; write split: grouped (or stable), or leave "
                "group_by out"
            )
        return group_by

    @field_validator("test_source")
    @classmethod
    def _tests_are_given(
        cls, test_source: str | list[str] | None, info: ValidationInfo
    ) -> str | list[str] | None:
        split = info.data.get("split", "given")
        if test_source is not None and split != "given":
            raise ValueError(
                f"split: {split} draws the test set from data.source; write split: given, or leave "
                "test_source out"
            )
        if test_source is not None and not test_source:
            raise ValueError("it names no file")
        return test_source

    @field_validator("side_key")
    @classmethod
    def _sides_are_given(cls, side_key: str | None, info: ValidationInfo) -> str | None:
        split, test_source = info.data.get("split"), info.data.get("test_source")
        if split == "given" and side_key is None and info.data.get("test_source", "") is None:
            raise ValueError(
                "split: given needs the test set: write test_source: FILE, or with side_key the "
                "key of the rows whose value is train or test, for example side_key: split"
            )
        if side_key is not None and test_source is not None:
            raise ValueError(
                "test_source and side_key both say what is tested on: leave one of them out"
            )
        if side_key is not None and split in ("random", "stable", "grouped"):
            raise ValueError(
                f"split: {split} draws the test set; write split: given, or leave side_key out"
            )
        return side_key

    @field_validator("stratify")
    @classmethod
    def _stratified_at_random(cls, stratify: str | None, info: ValidationInfo) -> str | None:
        split = info.data.get("split")
        if stratify is not None and split == "stable":
            raise ValueError(
                "split: stable cannot be stratified, since a structure's side follows from itself "
                "alone; write split: random, or leave stratify out"
            )
        if stratify is not None and split == "grouped":
            raise ValueError(
                "split: grouped cannot be stratified, since groups stay whole; "
                "write split: random, or leave stratify out"
            )
        if stratify is not None and split == "given":
            raise ValueError("split: given draws nothing: leave stratify out")
        return stratify


class TrainingConfig(Record):
    """What is fitted, and for how long."""

    most: ClassVar[Most] = {
        "cutoff": (30, "4 to 12 Å are usual, and the neighbours grow with its cube"),
        "b_basis_size": (100_000, "some hundreds are usual, and a fit grows with the square"),
        "kappa": (1_000_000_000, "only the ratio of kappa and kappa_f counts"),
        "kappa_f": (1_000_000_000, "only the ratio of kappa and kappa_f counts"),
        "max_iter": (10_000_000, "some thousands are usual, and each takes a second or so"),
        "batch_size": (10_000_000, "it is a number of structures, and some hundreds are usual"),
        "display_step": (10_000_000, "the test set would never be looked at"),
        "patience": (10_000_000, "0 switches the early stopping off"),
        "verify_minutes": (10_080, "that is a week; 0 switches the checks off"),
        "reference_energies": (10_000_000, "these are eV per atom"),
        "overrides": (math.inf, "what the trainer takes there, the trainer knows"),
    }

    engine: Literal["pacemaker"] = "pacemaker"
    cutoff: float = Field(6.0, gt=0, description="Å; every bond's rcut")
    b_basis_size: Annotated[int, Field(gt=0)] | Literal["auto"] = Field(
        300,
        description="basis functions per element; auto: as many as the data bear, by "
        "cross-validation in the job",
    )
    force_share: float = Field(
        0.5, ge=0, le=1, description="share of the forces in the loss, Pacemaker's κ"
    )
    kappa: float | None = Field(
        None, ge=0, description="instead of force_share, the weight of the energies: no share"
    )
    kappa_f: float | None = Field(
        None, ge=0, description="with kappa, the weight of the forces; 100 times kappa if not given"
    )
    max_iter: int = Field(1000, gt=0, description="iterations of the optimiser, in all")
    evaluator: Evaluator | None = Field(
        None, description="tensorpot (fast, TensorFlow) or pyace; the site's own if not given"
    )
    optimizer: Literal["BFGS", "L-BFGS-B"] | None = Field(
        None, description="if not given, BFGS up to 10,000 parameters, L-BFGS-B beyond"
    )
    batch_size: int = Field(100, gt=0, description="structures per batch")
    display_step: int = Field(10, gt=0, description="iterations between two looks at the test set")
    start: Literal["linear", "zero"] = Field(
        "linear",
        description="coefficients to begin with: the linear least squares of the first density, "
        "or zero",
    )
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


class ProjectConfig(Record):
    """``hpctrain.yaml``."""

    project: PlainName = Field(description="short name; it starts the name of every job")
    data: DataConfig
    training: TrainingConfig = TrainingConfig()
    site: str | None = Field(None, description="default for --site")
    on_end: list[Line] = Field(
        default_factory=list,
        description="command that the job calls when the run has ended, as a list of words",
    )

    @field_validator("on_end", mode="before")
    @classmethod
    def _words_of_a_command(cls, on_end: object) -> object:
        if isinstance(on_end, str):
            raise ValueError(
                "it is a list of words, for example [./notify.sh, done]: no shell takes it apart"
            )
        return on_end
