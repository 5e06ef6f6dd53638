"""The records people write by hand: the project and the site profile. Unknown keys are refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

# What may stand in a job's name, a path and a scheduler's argument without being quoted anywhere.
PlainName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)
]
# A scheduler's own word (partition, account, constraint): one word, no quotes, no shell.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:,=+&|()\[\]*@/-]*$")]
# Slurm's features can stand in brackets and parentheses: [a100|v100]&ib.
Constraint = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9\[(!][A-Za-z0-9._:,=+&|()\[\]*@!/-]*$")
]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n\x00]+$")]
# Only %j, so that the file is found again.
OutputName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_](?:[A-Za-z0-9._+-]|%j)*$", max_length=100)
]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Memory = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[KMGT]$")]

_WALLTIME = re.compile(r"(?:([0-9]+)-)?([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])")


def walltime_seconds(walltime: str) -> int:
    """Seconds of ``[D-]HH:MM:SS``; ValueError on anything else, and on zero."""
    match = _WALLTIME.fullmatch(walltime)
    if match is None:
        raise ValueError("a walltime is written [D-]HH:MM:SS, for example 12:00:00 or 2-00:00:00")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total == 0:
        raise ValueError("a walltime must be longer than zero")
    return total


def _checked_walltime(walltime: object) -> object:
    if isinstance(walltime, int):
        # YAML 1.1 reads 12:00:00 as a number in base 60.
        raise ValueError('a walltime is written in quotes, for example "12:00:00"')
    if isinstance(walltime, str):
        walltime_seconds(walltime)
    return walltime


Walltime = Annotated[str, BeforeValidator(_checked_walltime)]

GpuDialect = Literal[
    "gpus-per-node",
    "gpus",
    "gpus-typed",
    "gpus-per-task",
    "gres",
    "gres-typed",
    "constraint-plus-gres",
    "implicit",
]
Continuation = Literal["manual", "resubmit", "requeue", "chain"]
MemoryStyle = Literal["mem", "mem-zero", "mem-per-cpu", "mem-per-gpu", "omit"]
Evaluator = Literal["tensorpot", "pyace"]


class Record(BaseModel):
    """Base of all records: strict about keys, never changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: object) -> object:
        """No key is a truth value, and YAML reads yes and no as such; pydantic as 1 and 0."""
        if isinstance(value, bool):
            raise ValueError(
                "true and false, which YAML also reads yes and no as, are no value of this key"
            )
        return value


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


class TrainerProfile(Record):
    """Where the trainer is on a site."""

    python: Line | None = Field(
        None, description="Python of the trainer's environment; hpctrain's own if not given"
    )
    evaluator: Evaluator | None = Field(None, description="what is installed there")


class SiteProfile(Record):
    """How one cluster wants to be asked: ``site_profiles/NAME.yaml``."""

    description: Line | None = None
    scheduler: Literal["local", "slurm"]
    account: Word | None = None
    partition: Word | None = None
    qos: Word | None = None
    constraint: Constraint | None = None
    walltime: Walltime | None = Field(None, description="[D-]HH:MM:SS; the site's own if not given")
    nodes: int | None = Field(None, gt=0)
    tasks: int | None = Field(None, gt=0, description="tasks of the job; the trainer is one")
    cores: int | None = Field(None, gt=0, description="cores per task")
    memory: Memory | None = Field(None, description="number and K, M, G or T; see memory_style")
    memory_style: MemoryStyle = Field("mem", description="which option asks for memory")
    gpus: int = Field(0, ge=0, description="GPUs of the job; the trainer uses one at most")
    gpu_type: Word | None = None
    gpu_dialect: GpuDialect = Field("gres", description="which option asks for GPUs")
    output: OutputName = Field(
        "job-%j.out", description="file for the script's output, in the run's folder; %j is the id"
    )
    mail_user: Word | None = None
    mail_events: list[Word] = Field(default_factory=list, description="for example END, FAIL")
    extra_directives: list[Line] = Field(
        default_factory=list, description="more lines for the head of the job script"
    )
    modules: list[Line] = Field(default_factory=list, description="module load …, in this order")
    setup: list[Line] = Field(
        default_factory=list, description="shell lines before the trainer, written as they are"
    )
    environment: dict[VariableName, Text] = Field(
        default_factory=dict, description="variables for the job, quoted"
    )
    launcher: list[Line] = Field(
        default_factory=list, description="words before the trainer's command, for example [srun]"
    )
    template: PlainName | None = Field(
        None, description="a job script template of your own; see docs/sites.md"
    )
    trainer: TrainerProfile = TrainerProfile()
    continuation: Continuation = Field(
        "manual",
        description="who starts the next attempt of a training that is longer than a walltime: "
        "manual (hpctrain resume), resubmit (the job submits the next), requeue (the job requeues "
        "itself), chain (all attempts are submitted ahead, each waiting for the one before)",
    )
    max_attempts: int = Field(10, gt=0, le=99, description="attempts of one training, in all")
    margin: Walltime = Field(
        "00:05:00", description="how long before the walltime the trainer is asked to end"
    )

    @model_validator(mode="after")
    def _margin_fits(self) -> SiteProfile:
        if self.walltime and walltime_seconds(self.margin) >= walltime_seconds(self.walltime):
            raise ValueError(
                f"the margin ({self.margin}) must be shorter than the walltime ({self.walltime})"
            )
        return self
