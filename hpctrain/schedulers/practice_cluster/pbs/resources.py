"""The resources that a job asks for with ``-l``: read, checked, and added up as PBS does.

One node, ``practice``, of 4 ncpus and 2 ngpus, as in the recordings. Memory is not limited.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER, refusal, usage_error

NODE = {"ncpus": 4, "ngpus": 2}
QUEUES = ("workq", "short", "stopped", "disabled")
SHORT = {"walltime": 600, "ncpus": 2}
NUMBERS = ("ncpus", "ngpus", "mpiprocs", "ompthreads", "nodect", "nchunk", "nice")
SIZES = ("mem", "vmem", "pmem", "pvmem", "file")
TIMES = ("walltime", "cput", "pcput", "soft_walltime", "min_walltime", "max_walltime")
OTHERS = ("host", "vnode", "arch", "software", "place", "select", "nodes")
KNOWN = (*NUMBERS, *SIZES, *TIMES, *OTHERS)
OF_A_CHUNK = ("ncpus", "ngpus", "mpiprocs", "ompthreads", "mem", "vmem", "host", "vnode", "arch")
FORMS = {
    NUMBERS: r"[+-]?\d+",
    SIZES: r"\d+([kmgtp]?[bw]?)",
    TIMES: r"(\d+:){0,2}\d+(\.\d+)?",
}
SCALE = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def read_l(values: list[str]) -> dict[str, str]:
    """Read the resources of some ``-l``; later ones replace earlier ones."""
    found = {}
    for text in values:
        for part in text.split(","):
            name, equals, value = part.partition("=")
            if not re.fullmatch(r"[A-Za-z]\w*", name) or not equals or not value:
                raise usage_error("qsub", "illegal -l value")
            found[name] = value
    return found


def resource_list(asked: dict[str, str], custom: Collection[str] = ()) -> dict[str, str]:
    """Return ``Resource_List``, complete, or refuse; ``custom`` are a site's own resources."""
    for name, value in asked.items():
        check(name, value, custom)
    lists = dict(asked)
    if "nodes" in asked:  # not recorded: the older way, as the manual says it is translated
        lists |= {"select": from_nodes(asked["nodes"]), "place": asked.get("place", "scatter")}
    elif "select" in asked:
        for name in asked:
            # qsub_mixed_select_ncpus
            if name in OF_A_CHUNK:
                raise refusal("qsub", 5, '"-lresource=" cannot be used with "select" or "place", '
                           f"resource is: {name}")  # fmt: skip
        lists.setdefault("place", "free")
    elif "place" in asked:
        raise refusal("qsub", 7, 'Cannot have "place" without "select"')
    else:
        parts = [f"{key}={asked[key]}" for key in asked if key in OF_A_CHUNK and key != "ncpus"]
        lists["select"] = ":".join([f"1:ncpus={asked.get('ncpus', 1)}", *parts])
        lists["place"] = "pack"
    found = sums(lists) | {"select": lists["select"], "place": lists["place"]}
    if "walltime" in asked:
        found["walltime"] = clock(seconds(asked["walltime"]))
    return found


def check(name: str, value: str, custom: Collection[str], place: str = "Resource_List") -> None:
    """Refuse a resource that PBS does not know, or that has no value of its kind."""
    if name in custom:
        return
    if name not in KNOWN:
        inside = f": {name}" if place == "select" else f" {place}.{name}"
        raise refusal("qsub", 187, f"Unknown resource{inside}")
    bad = refusal("qsub", 166, f"Illegal attribute or resource value {place}.{name}")
    if name == "select":
        for _, parts in chunks(value):
            for inner in parts.items():
                check(*inner, custom, place="select")
        return
    for names, pattern in FORMS.items():
        if name in names and not re.fullmatch(pattern, value, re.IGNORECASE | re.ASCII):
            raise bad


def chunks(select: str) -> list[tuple[int, dict[str, str]]]:
    """Read a ``select``: how often, and what, for each chunk."""
    found = []
    for text in select.split("+"):
        parts = text.split(":")
        count = int(parts.pop(0)) if parts[0].isdecimal() else 1
        chunk = {}
        for part in parts:
            name, equals, value = part.partition("=")
            if not name or not equals or not value or count < 1:
                raise refusal(
                    "qsub", 166, "Illegal attribute or resource value Resource_List.select"
                )
            chunk[name] = value
        found.append((count, chunk))
    return found


def from_nodes(nodes: str) -> str:
    """Translate ``-l nodes=`` to a ``select``."""
    parts = []
    for text in nodes.split("+"):
        count, _, rest = text.partition(":")
        ppn = re.search(r"ppn=(\d+)", rest)
        number = int(ppn[1]) if ppn else 1
        parts.append(f"{count if count.isdecimal() else 1}:ncpus={number}:mpiprocs={number}")
    return "+".join(parts)


def sums(lists: dict[str, str]) -> dict[str, str]:
    """Add up all chunks, beside what was asked for the whole job."""
    of = chunks(lists["select"])
    totals = {"ncpus": sum(n * int(chunk.get("ncpus", 1)) for n, chunk in of)}
    for name in ("ngpus", "mpiprocs"):
        if any(name in chunk for _, chunk in of):
            totals[name] = sum(n * int(chunk.get(name, 0)) for n, chunk in of)
    together = {key: value for key, value in lists.items() if key not in ("select", "place")}
    together |= {key: str(value) for key, value in totals.items()}
    together["nodect"] = str(sum(n for n, _ in of))
    asked = [(n, chunk["mem"]) for n, chunk in of if "mem" in chunk]
    if asked == [(1, asked[0][1])] if asked else False:
        together["mem"] = asked[0][1]
    elif asked:
        together["mem"] = f"{sum(n * kilobytes(mem) for n, mem in asked)}kb"
    return together


def check_limits(queue: str, asked: dict[str, str]) -> None:
    """Refuse what is beyond the limits of the queue."""
    asks = {"ncpus": int(asked["ncpus"]), "walltime": seconds(asked.get("walltime", "0"))}
    if queue == "short" and any(asks[name] > most for name, most in SHORT.items()):
        raise refusal("qsub", 188, "Job violates queue and/or server resource limits")


def why_never(queue: str, asked: dict[str, str]) -> str:
    """Return why the job is accepted and will never run, as its comment says, or nothing."""
    if queue == "stopped":
        return "Not Running: Queue not started."
    for name, most in NODE.items():
        if int(asked.get(name, 0)) > most:
            numbers = f"(R: {asked[name]} A: {most} T: {most})"
            return f"Can Never Run: Insufficient amount of resource: {name} {numbers}"
    return ""


def vnodes(select: str) -> str:
    """Write ``exec_vnode``: what was given, memory in kilobytes (select_json)."""
    parts = []
    for count, chunk in chunks(select):
        shown = {"ncpus": chunk.get("ncpus", "1")} | {
            key: f"{kilobytes(value)}kb" if key == "mem" else value
            for key, value in chunk.items()
            if key in ("ncpus", "mem", "ngpus")
        }
        inner = ":".join(f"{key}={value}" for key, value in shown.items())
        parts += [f"({SERVER}:{inner})"] * count
    return "+".join(parts)


def kilobytes(size: str) -> int:
    """Return a size in kilobytes, rounded up."""
    match = re.fullmatch(r"(\d+)([kmgtp]?)([bw]?)", size.lower())
    assert match, size
    bytes_: int = int(match[1]) * 1024 ** SCALE[match[2]] * (8 if match[3] == "w" else 1)
    return -(-bytes_ // 1024)


def seconds(time: str) -> int:
    """Read ``[[H:]M:]S``."""
    total = 0.0
    for part in time.split(":"):
        total = total * 60 + float(part)
    return int(total + 0.5)


def clock(time: float) -> str:
    """Write ``HH:MM:SS``."""
    whole = int(time)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
