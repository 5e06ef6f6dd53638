"""The project, as its ``hpctrain.yaml`` describes it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, create_model, field_validator
from pydantic_core import PydanticKnownError

from hpctrain.engines import DEFAULT, NAMES, engine_of
from hpctrain.engines.training import TrainingConfig
from hpctrain.fields import Likeness, Line, PlainName, Record
from hpctrain.yamlfile import merge, nearest, validate

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
                "split: grouped needs the key of the rows that names the group; write "
                "data.group_by: KEY, for example group_by: config_type"
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


class ProjectConfig(Record):
    """``hpctrain.yaml``."""

    project: PlainName = Field(description="short name; it starts the name of every job")
    data: DataConfig
    training: TrainingConfig
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


@cache
def project_model(engine: str) -> type[ProjectConfig]:
    """Return what hpctrain.yaml is with a trainer's own keys under ``training``."""
    keys = engine_of(engine).settings
    return create_model(
        "ProjectConfig", __base__=ProjectConfig, training=(keys, Field(default_factory=keys))
    )


def read_settings(
    content: dict[str, Any], changes: dict[str, Any], source: Path
) -> tuple[ProjectConfig, list[str]]:
    """Read what a project's file says, with ``changes`` on top, and return notes with it.

    Where the changes choose another trainer than the file, what the file sets of that one's own
    keys is left out, with a note. HpctrainError names the file and the line of every mistake.
    """
    config = validate(project_model(_engine(content)), content, source)
    if not changes:
        return config, []
    whole = merge(content, changes)
    engine, notes = _engine(whole), list[str]()
    if engine != config.training.engine:
        asked = changes.get("training") or {}
        others = [
            key for key in content.get("training") or {}
            if key not in asked and key not in TrainingConfig.model_fields
        ]  # fmt: skip
        if others:
            notes.append(
                f"not used, since it is set for {config.training.engine}: "
                + ", ".join(f"training.{key}" for key in others)
            )
        kept = {key: value for key, value in whole["training"].items() if key not in others}
        whole = {**whole, "training": kept}
    return validate(project_model(engine), whole, "--set"), notes


def _engine(content: dict[str, Any]) -> str:
    """Return the trainer that settings name; where there is none such, one that says so."""
    training = content.get("training")
    name = training.get("engine", DEFAULT) if isinstance(training, dict) else DEFAULT
    return name if name in NAMES else DEFAULT


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema by which editors complete and check hpctrain.yaml.

    The section ``training`` is that of any trainer; only the default one need not be named.
    """
    schema = project_model(DEFAULT).model_json_schema()
    sections = []
    for name in NAMES:
        keys = engine_of(name).settings
        section = keys.model_json_schema()
        schema["$defs"] |= section.pop("$defs", {})
        schema["$defs"][keys.__name__] = section
        if name != DEFAULT:
            section["required"] = ["engine"]
        sections.append({"$ref": f"#/$defs/{keys.__name__}"})
    schema["properties"]["training"] = {"anyOf": sections}
    return schema


def schema_text() -> str:
    """Return the JSON Schema as it is written into :data:`hpctrain.project.SCHEMA`."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
