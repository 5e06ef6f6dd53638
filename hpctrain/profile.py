"""How one cluster wants to be asked: a site's profile."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from hpctrain.records import (
    Evaluator,
    Line,
    PlainName,
    Record,
    Text,
    VariableName,
    Walltime,
    Word,
    walltime_seconds,
)

# Slurm's features can stand in brackets and parentheses: [a100|v100]&ib.
Constraint = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9\[(!][A-Za-z0-9._:,=+&|()\[\]*@!/-]*$")
]
# Only %j, so that the file is found again.
OutputName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_](?:[A-Za-z0-9._+-]|%j)*$", max_length=100)
]
Memory = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[KMGT]$")]
Umask = Annotated[str, StringConstraints(pattern=r"^0?[0-7]{3}$")]


def _number_as_text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError('a truth value is written in quotes here: "True" or "False"')
    return str(value) if isinstance(value, int) else value


# What PBS would read as the next resource, or the next chunk, cannot be in a value.
Resource = Annotated[
    str,
    BeforeValidator(_number_as_text),
    StringConstraints(pattern=r"^[A-Za-z0-9/][A-Za-z0-9._:=+@/-]*$"),
]
ChunkResource = Annotated[
    str,
    BeforeValidator(_number_as_text),
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
]

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
SchedulerName = Literal["local", "slurm", "pbs", "practice-slurm", "practice-pbs"]
AccountOption = Literal["A", "P", "group_list"]
ResourceStyle = Literal["select", "flat", "nodes-ppn"]


class TrainerProfile(Record):
    """Where the trainer is on a site."""

    python: Line | None = Field(
        None, description="Python of the trainer's environment; hpctrain's own if not given"
    )
    evaluator: Evaluator | None = Field(None, description="what is installed there")


class SiteProfile(Record):
    """How one cluster wants to be asked: ``site_profiles/NAME.yaml``."""

    description: Line | None = None
    scheduler: SchedulerName
    account: Word | None = None
    account_option: AccountOption = Field(
        "A", description="PBS: who pays is told by -A, by -P, or by -W group_list="
    )
    queue: Word | None = Field(None, description="PBS: the queue, where one has to be named")
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
    gpu_dialect: GpuDialect | None = Field(
        None,
        description="which option asks for GPUs: gres on Slurm if not given; on PBS the "
        "resource_style has its own, and implicit is the one to choose",
    )
    resource_style: ResourceStyle = Field(
        "select",
        description="PBS: -l select=1:ncpus=…, flat (-l ncpus=…), or nodes-ppn (Torque)",
    )
    chunk: dict[VariableName, ChunkResource] = Field(
        default_factory=dict,
        description="PBS: more resources of each chunk of select, for example {model: mil_ait}",
    )
    place: Word | None = Field(None, description="PBS: -l place=, for example scatter or excl")
    resources: dict[VariableName, Resource] = Field(
        default_factory=dict,
        description="PBS: more resources of the job, one -l each: filesystems, storage, jobfs, …",
    )
    umask: Umask | None = Field(
        None,
        description="who may read the job's files, for example 0027; the site's own if not given",
    )
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
