"""What a job asks of a cluster, and what is known of where it goes: in a profile, and in each of
its targets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hpctrain.fields import Line, Record, Text, VariableName, Walltime, Word
from hpctrain.sites.facts import AccountRule, Charge, Limits, Node, Preemption
from hpctrain.sites.words import (
    ChunkResource,
    Constraint,
    Continuation,
    GpuDialect,
    KeyPath,
    Memory,
    MemoryStyle,
    Option,
    Resource,
)


class Request(Record):
    """The keys that a profile and a target share; a target's come first."""

    description: Line | None = None
    account: Word | None = Field(None, description="who pays; for your own file")
    account_rule: AccountRule = AccountRule()
    queue: Word | None = Field(None, description="PBS: the queue, where one has to be named")
    partition: Word | None = None
    qos: Word | None = None
    constraint: Constraint | None = None
    walltime: Walltime | None = Field(None, description="[D-]HH:MM:SS; the site's own if not given")
    nodes: int | None = Field(None, gt=0)
    tasks: int | None = Field(None, gt=0, description="tasks of the job; the trainer is one")
    cores: int | None = Field(None, gt=0, description="cores per task")
    memory: Memory | None = Field(None, description="number and K, M, G or T; see memory_style")
    memory_style: MemoryStyle = Field(
        "mem",
        description="which option asks for memory; omit: none is wanted; forbidden: the site "
        "refuses jobs that ask",
    )
    gpus: int = Field(0, ge=0, description="GPUs of the job; the trainer uses one at most")
    gpu_type: Word | None = Field(None, description="as the scheduler calls it")
    gpu_dialect: GpuDialect | None = Field(
        None,
        description="which option asks for GPUs: gres on Slurm if not given; on PBS the "
        "resource_style has its own. implicit and pbs-implicit: the target brings them",
    )
    cores_per_gpu: int | None = Field(
        None, gt=0, description="cores that come with each GPU: what is asked for if cores is not"
    )
    cores_per_gpu_rule: Literal["default", "exact"] = Field(
        "default", description="exact: a job with any other number of cores is refused"
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
    extra_directives: list[Line] = Field(
        default_factory=list,
        description="more lines for the head of the job script; a target's follow the profile's",
    )
    required_directives: list[Option] = Field(
        default_factory=list,
        description="options without which the site refuses a job, for example --account",
    )
    forbidden_directives: list[Option] = Field(
        default_factory=list, description="options for which the site refuses a job"
    )
    modules: list[Line] = Field(
        default_factory=list,
        description="module load …, in this order; a target's follow the profile's",
    )
    setup: list[Line] = Field(
        default_factory=list,
        description="shell lines before the trainer, written as they are; a target's follow",
    )
    environment: dict[VariableName, Text] = Field(
        default_factory=dict, description="variables for the job, quoted"
    )
    launcher: list[Line] = Field(
        default_factory=list, description="words before the trainer's command, for example [srun]"
    )
    continuation: Continuation = Field(
        "manual",
        description="who starts the next attempt of a training that is longer than a walltime: "
        "manual (hpctrain resume), resubmit (the job submits the next), requeue (the job requeues "
        "itself), chain (all attempts are submitted ahead, each waiting for the one before)",
    )
    no_chaining: Line | None = Field(
        None, description="the rule, in words, that forbids jobs that follow each other here"
    )
    requeue: Literal["never"] | None = Field(
        None, description="never: the scheduler is told not to start a job again by itself"
    )
    preemption: Preemption | None = Field(None, description="jobs here may be ended for others")
    node: Node = Node()
    node_sharing: Literal["whole", "shared"] | None = Field(
        None, description="whole: a job has its nodes to itself, and pays for them"
    )
    limits: Limits = Limits()
    charge: Charge | None = None
    ask: dict[KeyPath, Line] = Field(
        default_factory=dict,
        description="keys that have to be set and that no shipped file can know, and the question "
        "that is put to whoever has not set them",
    )
    rules: list[Line] = Field(
        default_factory=list, description="what else one has to know here, a sentence each"
    )


class Target(Request):
    """One way to ask a cluster: its GPU nodes, its shared nodes, its debug queue, …"""

    choice: Literal["automatic", "by-name"] = Field(
        "automatic", description="by-name: taken only when it is named"
    )
