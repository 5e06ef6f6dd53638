"""How one cluster wants to be asked: a site's profile, with its targets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hpctrain.fields import (
    Evaluator,
    Line,
    PlainName,
    Record,
    Walltime,
    Word,
    walltime_seconds,
)
from hpctrain.sites.facts import AskAbove, Recognition, Scratch, Source
from hpctrain.sites.site_request import Request, Target
from hpctrain.sites.words import (
    AccountOption,
    OutputName,
    ResourceStyle,
    SchedulerName,
    Umask,
    When,
)


class TrainerProfile(Record):
    """Where the trainer is on a site."""

    python: Line | None = Field(
        None, description="Python of the trainer's environment; hpctrain's own if not given"
    )
    evaluator: Evaluator | None = Field(None, description="what is installed there")


class SiteProfile(Request):
    """How one cluster wants to be asked: ``site_profiles/NAME.yaml``."""

    name: Line | None = Field(None, description="what the cluster is called")
    centre: Line | None = Field(None, description="who runs it, and where")
    scheduler: SchedulerName
    recognise: Recognition = Recognition()
    target: PlainName | None = Field(
        None, description="the target to use; chosen from what is asked for if not given"
    )
    targets: dict[PlainName, Target] = Field(
        default_factory=dict, description="the ways to ask, by name; those to try first come first"
    )
    account_option: AccountOption = Field(
        "A", description="PBS: who pays is told by -A, by -P, or by -W group_list="
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
    max_attempts: int = Field(10, gt=0, le=99, description="attempts of one training, in all")
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
                f"the margin ({self.margin}) must be shorter than the walltime ({self.walltime})"
            )
        return self
