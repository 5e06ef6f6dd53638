"""A site's profile, ``site_profiles/NAME.yaml``: its keys, its targets, and its JSON Schema."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from hpctrain.engines import NAMES
from hpctrain.fields import (
    Line,
    Most,
    PlainName,
    Record,
    Text,
    VariableName,
    Walltime,
    Word,
    walltime_seconds,
)
from hpctrain.shapes import SchedulerName
from hpctrain.sites.facts import (
    AccountRule,
    AskAbove,
    Charge,
    Limits,
    Node,
    Preemption,
    Recognition,
    Scratch,
    Source,
)
from hpctrain.sites.words import (
    AccountOption,
    Bind,
    ChunkResource,
    Constraint,
    Continuation,
    GpuDialect,
    Image,
    KeyPath,
    Memory,
    MemoryStyle,
    Option,
    OutputName,
    Resource,
    ResourceStyle,
    Umask,
    When,
)
from hpctrain.yamlfile import nearest

SCHEMA_FILE = "site.schema.json"  # beside the shipped profiles, which name it in their first line


class Request(Record):
    """The keys that a profile and a target share; a target's come first."""

    most: ClassVar[Most] = {
        "nodes": (1_000_000, "no cluster has so many"),
        "tasks": (100_000_000, "no cluster has so many cores"),
        "cores": (1_000_000, "no node has so many"),
        "gpus": (1_000_000, "no cluster has so many"),
        "cores_per_gpu": (1_000_000, "no node has so many"),
    }

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
    require_gpu: bool = Field(
        False,
        description="end an attempt in its first seconds if the trainer sees no GPU; else one that "
        "was given GPUs trains on the CPU, with a warning",
    )
    cores_per_gpu: int | None = Field(
        None, gt=0, description="cores that come with each GPU: what is requested if cores is not"
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
    """One way to request jobs on a cluster: its GPU nodes, its shared nodes, its debug queue, …"""

    choice: Literal["automatic", "by-name"] = Field(
        "automatic", description="by-name: taken only when it is named"
    )


class TrainerEnvironment(Record):
    """Where a trainer is installed on a site."""

    python: Line | None = Field(
        None,
        description="Python of the trainer's environment; hpctrain's own if not given, or python3 "
        "of the container",
    )
    evaluator: Word | None = Field(None, description="what is installed there")
    container: Image | None = Field(
        None,
        description="image that the trainer is in: a file or folder with its whole path, or an "
        "address such as docker://…",
    )
    runtime: Literal["apptainer", "singularity"] = Field(
        "apptainer", description="the program that runs the container"
    )
    binds: list[Bind] = Field(
        default_factory=list,
        description="folders that the container sees besides the run's, each SOURCE, or "
        "SOURCE:TARGET, or SOURCE:TARGET:ro",
    )


class TrainerProfile(TrainerEnvironment):
    """The trainer on a site; trainers in environments of their own stand below it, by name."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, TrainerEnvironment]

    @model_validator(mode="before")
    @classmethod
    def _others_are_trainers(cls, content: object) -> object:
        """Refuse what is neither a key nor a trainer."""
        known = [*cls.model_fields, *NAMES]
        for key in content if isinstance(content, dict) else ():
            if key not in known:
                raise ValueError(f"there is no key or trainer '{key}'{nearest(str(key), known)}")
        return content

    def of(self, engine: str) -> TrainerProfile:
        """Return the environment of one trainer: its own section, else the keys beside it."""
        own = (self.__pydantic_extra__ or {}).get(engine)
        common = {name: getattr(self, name) for name in TrainerEnvironment.model_fields}
        return TrainerProfile.model_validate(common if own is None else own.model_dump())

    @property
    def named(self) -> tuple[str, ...]:
        """Return the trainers that have a section of their own."""
        return tuple(self.__pydantic_extra__ or {})


class SiteProfile(Request):
    """A site's profile: how jobs are requested on one cluster."""

    name: Line | None = Field(None, description="what the cluster is called")
    centre: Line | None = Field(None, description="who runs it, and where")
    scheduler: SchedulerName
    recognise: Recognition = Recognition()
    target: PlainName | None = Field(
        None, description="the target to use; chosen from what is requested if not given"
    )
    targets: dict[PlainName, Target] = Field(
        default_factory=dict, description="the ways to ask, by name; those to try first come first"
    )
    account_option: AccountOption = Field(
        "A", description="PBS: the account is given by -A, by -P, or by -W group_list="
    )
    resource_style: ResourceStyle = Field(
        "select",
        description="PBS: -l select=1:ncpus=…, flat (-l ncpus=…), or nodes-ppn (Torque)",
    )
    umask: Umask | None = Field(
        None,
        description="who may read the job's files, for example 0027; the site's own if not given",
    )
    output: OutputName = Field(
        "job-%j.out", description="file for the script's output, in the run's folder; %j is the id"
    )
    mail_user: Word | None = Field(None, description="for your own file")
    mail_events: list[Word] = Field(default_factory=list, description="for example END, FAIL")
    shell: Literal["plain", "login"] = Field(
        "plain", description="login: the job script begins #!/bin/bash -l"
    )
    template: PlainName | None = Field(
        None, description="a job script template of your own; see docs/sites.md"
    )
    trainer: TrainerProfile = TrainerProfile()
    max_attempts: int = Field(
        10, gt=0, le=99, description="attempts of one training that begin to train"
    )
    margin: Walltime = Field(
        "00:05:00", description="how long before the walltime the trainer is asked to end"
    )
    ask_above: AskAbove = AskAbove()
    internet: Literal["direct", "proxy", "none"] | None = Field(
        None, description="what jobs can reach; proxy: by the variables under environment"
    )
    home_folder: Literal["no-jobs"] | None = Field(
        None, description="no-jobs: jobs must not work below the home folder"
    )
    submit_from: Line | None = Field(None, description="where jobs have to be submitted from")
    scratch: Scratch | None = None
    sources: list[Source] = Field(default_factory=list)
    confidence: Literal["documented", "peer-profile", "uncertain"] | None = Field(
        None,
        description="documented: the centre's own pages were read; peer-profile: taken from what "
        "other tools ship, or from copies of those pages; uncertain: check it on the machine",
    )
    checked: When | None = Field(None, description="when the newest source was read")
    until: When | None = Field(None, description="when the centre closes, or has closed it")

    @model_validator(mode="after")
    def _margin_fits(self) -> SiteProfile:
        if self.walltime and walltime_seconds(self.margin) >= walltime_seconds(self.walltime):
            raise ValueError(
                f"the margin ({self.margin}) must be shorter than the walltime ({self.walltime}); "
                "set a shorter margin, or a longer walltime"
            )
        return self


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema by which editors complete and check a profile's file.

    A file may say ``extends``, and nothing is required of it: a profile that extends another need
    not name the scheduler again.
    """
    schema = SiteProfile.model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "name of the profile that this one changes",
    }
    schema.pop("required", None)
    return schema


def schema_text() -> str:
    """Return the JSON Schema as it is written into :data:`SCHEMA_FILE`."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
