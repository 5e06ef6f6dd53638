"""The head of a PBS job script: what the site's profile says, as qsub's options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hpctrain.errors import HpctrainError
from hpctrain.schedulers import directive_rules
from hpctrain.schedulers.base import refuse_foreign
from hpctrain.schedulers.times import clock
from hpctrain.sites.demand import threads_per_core

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

FOREIGN = ("partition", "qos", "constraint")

# What hpctrain says itself: in extra_directives it would be said twice, and differently.
_TAKEN_OPTIONS = {
    "v": "environment: passes variables to the job, and -V passes all of yours",
    "N": "hpctrain names its jobs, so that it finds them again",
    "o": "output: names the file of the job's output",
    "e": "the job's errors are in the file that output: names",
    "k": "hpctrain writes the job's output where it can be followed",
    "J": "a run is one job, not an array",
    "t": "a run is one job, not an array",
    "I": "an interactive job cannot be waited for",
    "z": "without the job's id hpctrain does not know its job",
    "r": "a job must not be run again by PBS: continuation: says who starts the next attempt",
    "C": "the lines must begin with #PBS",
}
_TAKEN_ATTRIBUTES = {
    "depend": "continuation: chain makes jobs wait for each other",
    "block": "hpctrain submit --wait waits for the job",
    "umask": "set umask",
}
# Resources that keys of the profile's own ask for.
_OWN_RESOURCES = {
    "walltime": "walltime", "select": "cores, nodes and chunk", "nodes": "nodes", "place": "place",
    "ncpus": "cores", "mpiprocs": "tasks", "ngpus": "gpus", "mem": "memory",
}  # fmt: skip
# The target, the queue or the kind of node brings the GPUs; nothing asks for them.
_IMPLICIT = ("implicit", "pbs-implicit", "pbs-node-type")
_STYLE_OF = {"pbs-select-ngpus": "select", "pbs-l-ngpus": "flat"}
_OPTION = re.compile(r"-([fhVXz]*)([A-Za-z])(.*)")


def directives(site: SiteProfile) -> list[str]:
    """Return the lines for the head of the job script, without ``#PBS``."""
    _check(site)
    # -r n: PBS must not run it again by itself, the next attempt is hpctrain's.
    lines = ["-S /bin/bash", "-j oe", "-r n"]
    if site.queue is not None:
        lines.append(f"-q {site.queue}")
    if site.account is not None:
        lines.append(_account(site.account, site.account_option))
    lines += [f"-l {resource}" for resource in _resources(site)]
    if site.umask is not None:
        lines.append(f"-W umask={site.umask:0>4}")
    if site.mail_user is not None:
        lines.append(f"-M {site.mail_user}")
    if site.mail_events:
        lines.append(f"-m {_mail(site.mail_events)}")
    lines += [_extra(line) for line in site.extra_directives]
    directive_rules.check(site, lines, {})
    return lines


def _check(site: SiteProfile) -> None:
    refuse_foreign(
        site,
        FOREIGN,
        "pbs",
        "take these keys out of the site's profile: they are for Slurm; "
        "PBS has queue, chunk, place and resources",
    )
    if site.continuation == "requeue":
        raise HpctrainError(
            "continuation: requeue is not possible: PBS lets no user requeue a job",
            "choose continuation: resubmit, or chain where compute nodes may not submit",
        )
    if site.memory_style not in ("mem", "omit", "forbidden"):
        raise HpctrainError(
            f"memory_style: {site.memory_style} is for Slurm; PBS has no such option",
            "choose memory_style: mem, or omit",
        )
    if site.memory_style != "mem" and site.memory is not None:
        raise HpctrainError(
            f"memory: {site.memory} contradicts memory_style: {site.memory_style}",
            "remove memory from the site, or choose memory_style: mem",
        )
    _check_gpu_dialect(site)
    if site.gpu_type is not None:
        raise HpctrainError(
            f"gpu_type: {site.gpu_type} cannot be asked for: PBS has no name of its own for it",
            f"say chunk: {{gpu_type: {site.gpu_type}}}, with the site's own name before the colon",
        )
    for key, amounts in (("chunk", site.chunk), ("resources", site.resources)):
        for name in amounts:
            if name in _OWN_RESOURCES:
                raise HpctrainError(
                    f"{key}: {name} is requested by keys of the site's own",
                    f"set {_OWN_RESOURCES[name]} instead",
                )


def _check_gpu_dialect(site: SiteProfile) -> None:
    dialect = site.gpu_dialect
    if dialect not in (None, *_IMPLICIT, *_STYLE_OF):
        raise HpctrainError(
            f"gpu_dialect: {dialect} is for Slurm; on PBS, resource_style says how to ask for GPUs",
            "remove gpu_dialect from the site, or choose implicit where the queue gives them",
        )
    style = _STYLE_OF.get(dialect or "", site.resource_style)
    if style != site.resource_style:
        raise HpctrainError(
            f"gpu_dialect: {dialect} goes with resource_style: {style}",
            f"the site says resource_style: {site.resource_style}; change one of the two",
        )
    if dialect == "pbs-node-type" and "node_type" not in site.chunk:
        raise HpctrainError(
            "gpu_dialect: pbs-node-type needs the node's type",
            "say chunk: {node_type: NAME} in the site",
        )


def _resources(site: SiteProfile) -> list[str]:
    style = {"select": _select, "flat": _flat, "nodes-ppn": _nodes_ppn}[site.resource_style]
    found = style(site)
    if site.walltime is not None:
        from hpctrain.fields import walltime_seconds  # slow to import: pydantic

        found.append(f"walltime={clock(walltime_seconds(site.walltime), days=False)}")
    return found + [f"{name}={value}" for name, value in site.resources.items()]


def _select(site: SiteProfile) -> list[str]:
    nodes, tasks = _shared(site, "tasks")
    gpus = _shared(site, "gpus")[1] if _gpus(site) else 0
    asked = (site.cores, site.nodes, site.tasks, site.memory, gpus or None)
    if all(value is None for value in asked) and not site.chunk:
        if site.place is not None:
            raise HpctrainError(
                "place: needs cores, nodes or a chunk: PBS places chunks, and there is none",
                "set cores in the site, or remove place",
            )
        return []
    chunk = [str(nodes)]
    if site.cores is not None or site.tasks is not None:
        chunk.append(f"ncpus={_cpus(site) * tasks}")
    if site.tasks is not None:
        chunk.append(f"mpiprocs={tasks}")
    if gpus:
        chunk.append(f"ngpus={gpus}")
    if site.memory is not None:
        chunk.append(f"mem={_memory(site.memory)}")
    chunk += [f"{name}={value}" for name, value in site.chunk.items()]
    found = [f"select={':'.join(chunk)}"]
    if site.place is not None:
        found.append(f"place={_one(site.place, 'place')}")
    return found


def _flat(site: SiteProfile) -> list[str]:
    _only_select(site)
    if site.nodes is not None:
        raise HpctrainError(
            "nodes: cannot be asked for with resource_style: flat, which is for the whole job",
            "remove nodes from the site, or choose resource_style: select",
        )
    found = []
    if site.cores is not None or site.tasks is not None:
        found.append(f"ncpus={_cpus(site) * (site.tasks or 1)}")
    if _gpus(site):
        found.append(f"ngpus={site.gpus}")
    if site.memory is not None:
        found.append(f"mem={_memory(site.memory)}")
    return found


def _nodes_ppn(site: SiteProfile) -> list[str]:
    _only_select(site)
    nodes, tasks = _shared(site, "tasks")
    gpus = _shared(site, "gpus")[1] if _gpus(site) else 0
    found = []
    if (site.cores, site.nodes, site.tasks) != (None, None, None) or gpus:
        place = f"nodes={nodes}:ppn={_cpus(site) * tasks}"
        found.append(f"{place}:gpus={gpus}" if gpus else place)
    if site.memory is not None:
        found.append(f"mem={_memory(site.memory)}")
    return found


def _only_select(site: SiteProfile) -> None:
    for key in ("chunk", "place"):
        if getattr(site, key):
            raise HpctrainError(
                f"{key}: cannot be asked for with resource_style: {site.resource_style}",
                f"remove {key} from the site, or choose resource_style: select",
            )


def _gpus(site: SiteProfile) -> bool:
    return site.gpus > 0 and site.gpu_dialect not in _IMPLICIT


def _cpus(site: SiteProfile) -> int:
    """Return what the scheduler calls the cores of a task: hardware threads, if it counts them."""
    return (site.cores or 1) * (threads_per_core(site) if site.cores else 1)


def _shared(site: SiteProfile, key: str) -> tuple[int, int]:
    """Return the nodes, and how many of the job's tasks or GPUs each of them has."""
    nodes, amount = site.nodes or 1, getattr(site, key)
    if amount is None:
        return nodes, 1
    if amount % nodes:
        raise HpctrainError(
            f"{key}: {amount} cannot be shared evenly by nodes: {nodes}",
            f"choose {key} as a multiple of nodes",
        )
    return nodes, amount // nodes


def _account(account: str, option: str) -> str:
    if option == "group_list":
        return f"-W group_list={_one(account, 'account')}"
    return f"-{option} {account}"


def _one(value: str, key: str) -> str:
    """Return a value, unless it has a comma: at one PBS would begin the next value."""
    if "," in value:
        raise HpctrainError(
            f"{key}: {value} has a comma, at which PBS would begin the next value",
            f"give one value to {key}; more resources go into resources:",
        )
    return value


def _memory(memory: str) -> str:
    """Write ``16G`` as PBS does."""
    return f"{memory.lower()}b"


def _mail(events: list[str]) -> str:
    letters = "".join(events)
    if not (letters == "n" or set(letters) <= set("abe")):
        raise HpctrainError(
            f"mail_events: {', '.join(events)} are not letters that PBS knows",
            "choose of a (aborted), b (begun), e (ended), or n (none), for example [a, e]",
        )
    return "".join(sorted(set(letters)))


def _extra(line: str) -> str:
    line = line.strip().removeprefix("#PBS").strip()
    words = line.split()
    for number, word in enumerate(words):
        match = _OPTION.fullmatch(word)
        if match is None:
            continue
        option = "z" if "z" in match[1] else match[2]
        advice = _TAKEN_OPTIONS.get(option)
        if option == "W":
            value = match[3] or " ".join(words[number + 1 : number + 2])
            names = [part.partition("=")[0] for part in value.split(",")]
            option, advice = next(
                ((f"W {name}", _TAKEN_ATTRIBUTES[name]) for name in names
                 if name in _TAKEN_ATTRIBUTES),
                (option, None),
            )  # fmt: skip
        if advice is not None:
            raise HpctrainError(f"extra_directives: -{option} is not allowed there: {line}", advice)
    return line
