"""The head of a Slurm job script: what the site's profile says, as sbatch's options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpctrain.errors import HpctrainError
from hpctrain.schedulers import directive_rules
from hpctrain.schedulers.base import JobRequest
from hpctrain.sites.demand import threads_per_core

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

_PLAIN = re.compile(r"[^\s\"'\\#]+")
_CLUSTERS = re.compile(r"(?:^|\s)(?:--clusters?[=\s]\s*|-M\s*)[\"']?([^\s\"'#]+)")


def directives(site: SiteProfile, job: JobRequest) -> list[str]:
    """Return the lines for the head of the job script, without ``#SBATCH``."""
    from hpctrain.fields import walltime_seconds  # slow to import: pydantic

    options = [
        ("job-name", job.name),
        ("comment", job.comment),
        ("output", job.output or site.output),
        ("open-mode", "append"),
        ("partition", site.partition),
        ("qos", site.qos),
        ("account", site.account),
        ("constraint", site.constraint),
        ("time", site.walltime),
        # The job's own clock is its plan; this is for limits that only Slurm knows. B: is the batch
        # script alone, which becomes the driver; behind a launcher the driver is a step.
        ("signal", f"{'' if site.launcher else 'B:'}USR1@{walltime_seconds(site.margin)}"),
        ("nodes", site.nodes),
        ("ntasks", site.tasks),
        ("cpus-per-task", site.cores and site.cores * threads_per_core(site)),
        _memory(site),
        _gpus(site),
        ("mail-user", site.mail_user),
        ("mail-type", ",".join(site.mail_events) or None),
    ]
    lines = [f"--{key}={_quote(key, value)}" for key, value in options if value is not None]
    lines += _requeue(site)
    lines += [line.strip().removeprefix("#SBATCH").lstrip() for line in site.extra_directives]
    directive_rules.check(site, lines, directive_rules.SBATCH)
    return lines


def clusters_named(directives: Sequence[str]) -> str | None:
    """Return the clusters that ``--clusters`` or ``-M`` names; None without."""
    found = None
    for line in directives:
        match = _CLUSTERS.search(line.strip().removeprefix("#SBATCH").lstrip())
        found = match[1] if match else found
    return found


def _requeue(site: SiteProfile) -> list[str]:
    if site.requeue is None:
        return ["--requeue"] if site.continuation == "requeue" else []
    if site.continuation == "requeue":
        raise HpctrainError(
            "continuation: requeue contradicts requeue: never",
            "choose continuation: resubmit, chain or manual",
        )
    return ["--no-requeue"]


def _memory(site: SiteProfile) -> tuple[str, str | None]:
    style, memory = site.memory_style, site.memory
    if style in ("mem-zero", "omit", "forbidden"):
        if memory is not None:
            raise HpctrainError(
                f"memory: {memory} contradicts memory_style: {style}",
                "remove memory from the site, or choose memory_style: mem",
            )
        return "mem", "0" if style == "mem-zero" else None
    if style == "mem-per-gpu" and memory is not None and site.gpus == 0:
        raise HpctrainError(
            "memory_style: mem-per-gpu needs gpus, and the site asks for none",
            "set gpus, or choose memory_style: mem",
        )
    return style, memory


def _gpus(site: SiteProfile) -> tuple[str, str | None]:
    dialect, kind = site.gpu_dialect or "gres", site.gpu_type
    # No line at all for no GPU: many a site refuses gres=gpu:0.
    if dialect == "implicit" or site.gpus == 0:
        return "gpus", None
    if dialect.startswith("pbs-"):
        raise HpctrainError(
            f"gpu_dialect: {dialect} is for PBS", "choose one for Slurm; docs/sites.md lists them"
        )
    if dialect in ("gpus-typed", "gres-typed") and kind is None:
        raise HpctrainError(
            f"gpu_dialect: {dialect} needs gpu_type",
            "set gpu_type in the site; sinfo -o '%P %G' shows the types",
        )
    if dialect in ("gpus", "gpus-per-task", "gres") and kind is not None:
        typed = "gpus-per-node" if dialect == "gpus-per-task" else f"{dialect}-typed"
        raise HpctrainError(
            f"gpu_type: {kind} cannot be asked for with gpu_dialect: {dialect}",
            f"choose gpu_dialect: {typed}, or remove gpu_type from the site",
        )
    if dialect == "constraint-plus-gres" and site.constraint is None:
        raise HpctrainError(
            "gpu_dialect: constraint-plus-gres needs constraint", "set constraint in the site"
        )
    amount = f"{kind}:{site.gpus}" if kind else str(site.gpus)
    if "gres" in dialect:
        return "gres", f"gpu:{amount}"
    return dialect.removesuffix("-typed"), amount


def _quote(key: str, value: str | int) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    if '"' in text or "\\" in text:
        raise HpctrainError(f'{key}: {text!r} has a " or a \\ in it', "choose a plainer one")
    return f'"{text}"'
