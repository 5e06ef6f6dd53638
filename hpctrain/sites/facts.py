"""Facts about a cluster: its nodes, limits, prices and rules.

All of it may be left out. What is left out is not established, and nothing is concluded from it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hpctrain.fields import Line, Record, VariableName, Walltime
from hpctrain.sites.words import Expression, Memory, Suffix, When


class Node(Record):
    """One node, as jobs see it."""

    cores: int | None = Field(None, gt=0, description="cores")
    usable_cores: int | None = Field(
        None, gt=0, description="cores that a job may have, where the system keeps some for itself"
    )
    threads: int | None = Field(
        None,
        gt=0,
        description="hardware threads, where the scheduler counts these; with cores beside it, the "
        "job script asks for the threads of the cores that are requested",
    )
    memory: Memory | None = Field(None, description="memory that a job may ask for, or all of it")
    gpus: int | None = Field(None, gt=0, description="GPUs, counted as the scheduler counts them")
    gpu: Line | None = Field(None, description="which GPU, in words")
    arch: Literal["x86_64", "aarch64"] | None = Field(
        None, description="processor; the trainer's environment must be made for it"
    )


class WalltimeStep(Record):
    """The longest walltime of jobs up to so many nodes."""

    max_nodes: int | None = Field(None, gt=0, description="up to so many nodes; any, if left out")
    max_walltime: Walltime


class Limits(Record):
    """What a job, and a user's jobs together, may be; per job where nothing else is said."""

    min_walltime: Walltime | None = Field(None, description="[D-]HH:MM:SS")
    max_walltime: Walltime | None = Field(None, description="[D-]HH:MM:SS")
    default_walltime: Walltime | None = Field(
        None, description="[D-]HH:MM:SS that a job gets which asks for none"
    )
    max_walltime_by_nodes: list[WalltimeStep] = Field(
        default_factory=list, description="the first step that holds the job's nodes counts"
    )
    min_nodes: int | None = Field(None, gt=0)
    max_nodes: int | None = Field(None, gt=0)
    max_cores: int | None = Field(None, gt=0)
    cores_multiple_of: int | None = Field(None, gt=0)
    default_memory_per_core: Memory | None = Field(
        None, description="memory for each core of a job that asks for none"
    )
    min_memory: Memory | None = Field(None, description="for targets that are for big jobs")
    max_memory: Memory | None = Field(None, description="of a job on one node")
    max_gpus: int | None = Field(None, gt=0)
    running_per_user: int | None = Field(None, gt=0, description="jobs of a user that run at once")
    submitted_per_user: int | None = Field(
        None, gt=0, description="jobs of a user, waiting and running together"
    )
    submitted_per_project: int | None = Field(
        None, gt=0, description="jobs of a project or group, waiting and running together"
    )
    submissions_per_minute: int | None = Field(None, gt=0)


class Charge(Record):
    """The price of an hour."""

    by: Literal["node", "core", "gpu", "nothing"] = Field(
        description="what is counted; nothing: jobs are free of charge"
    )
    rate: float = Field(1.0, gt=0, description="units for one of these and an hour")
    factor: float = Field(
        1.0, gt=0, description="what is cheaper or dearer than the rest, for example 0.8"
    )
    unit: Line | None = Field(None, description="what the centre calls its unit, for example SU")
    memory_per_core: Memory | None = Field(
        None, description="a job that asks for more memory than this a core pays for more cores"
    )
    memory_share: bool = Field(
        False,
        description="by core: a job pays at least for the share of a node's cores that it has of "
        "the node's memory",
    )
    cores_per_gpu: int | None = Field(
        None, gt=0, description="by GPU: a job with more cores than this a GPU pays for more GPUs"
    )
    memory_per_gpu: Memory | None = Field(
        None, description="by GPU: a job with more memory than this a GPU pays for more GPUs"
    )
    step: int | None = Field(
        None, gt=0, description="by core: cores are charged in multiples of this"
    )


class Preemption(Record):
    """The rule that a job may be ended for the sake of others."""

    then: Literal["requeued", "ended"] | None = Field(
        None, description="what becomes of the job; left out if not established"
    )
    after: Walltime | None = Field(None, description="not before it has run so long")
    warning: Walltime | None = Field(None, description="between the first signal and the end")


class AccountRule(Record):
    """Which account has to be given, and how. The account itself is in the user's own file."""

    needed: Literal["always", "sometimes", "never"] | None = None
    pattern: Expression | None = Field(
        None, description="regular expression that every account of the site fits as a whole"
    )
    suffix: Suffix | None = Field(
        None,
        description="what the account's name ends in here, added where it is not there yet",
    )
    variable: VariableName | None = Field(
        None, description="variable of the login session with the account to take if none is set"
    )
    list_command: Line | None = Field(None, description="the command that lists a user's accounts")


class Recognition(Record):
    """How this cluster is recognised. A variable is believed before a host name is."""

    variable: dict[VariableName, list[Line]] = Field(
        default_factory=dict, description="variables, and the values that they have there"
    )
    host: list[Expression] = Field(
        default_factory=list,
        description="regular expressions; one fits the whole host name of a login node",
    )


class Scratch(Record):
    """Where large files go. Variables in it are the job's own."""

    folder: Line = Field(description="for example $SCRATCH; {account} is the account")
    purge: Line | None = Field(None, description="after how long files are removed")
    node_local: Line | None = Field(None, description="a folder on the node, for the job alone")


class Source(Record):
    """Where the facts come from."""

    title: Line
    where: Line = Field(description="the page, or the file in a repository")
    checked: When | None = Field(None, description="when it was read, or how old it was then")


class AskAbove(Record):
    """What a training may cost in all, with the attempts that follow, without a question."""

    core_hours: float = Field(5000.0, gt=0)
    gpu_hours: float = Field(500.0, gt=0)
