"""A request to sbatch, checked against the one node of a practice Slurm."""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import dataclass

from hpctrain.schedulers.practice_cluster.slurm.jobs import (
    ACCOUNT,
    CORES,
    FEATURES,
    GPU_TYPE,
    GPUS,
    MEMORY_MB,
    PARTITIONS,
    QOS,
)
from hpctrain.schedulers.practice_cluster.slurm.options import (
    Options,
    Refusal,
    megabytes,
    time_limit,
)

FAILED = "sbatch: error: Batch job submission failed: "
NOT_IMITATED = (
    "array", "begin", "batch", "clusters", "contiguous", "core-spec", "deadline", "delay-boot",
    "distribution", "exclude", "export", "export-file", "extra-node-info", "get-user-env", "gid",
    "gpu-bind", "gpu-freq", "gres-flags", "hint", "input", "kill-on-invalid-dep", "licenses",
    "mem-bind", "mincpus", "network", "nice", "no-kill", "nodefile", "nodelist", "ntasks-per-core",
    "ntasks-per-gpu", "ntasks-per-socket", "overcommit", "oversubscribe", "power", "priority",
    "profile", "reservation", "spread-job", "switches", "test-only", "thread-spec",
    "threads-per-core", "time-min", "tmp", "uid", "use-min-nodes", "wait", "wait-all-nodes",
    "wckey",
)  # fmt: skip
OPTIONS = {
    "parsable": "", "quiet": "Q", "job-name=": "J", "comment=": "", "output=": "o", "error=": "e",
    "open-mode=": "", "partition=": "p", "qos=": "q", "account=": "A", "constraint=": "C",
    "time=": "t", "signal=": "", "nodes=": "N", "ntasks=": "n", "ntasks-per-node=": "",
    "cpus-per-task=": "c", "mem=": "", "mem-per-cpu=": "", "mem-per-gpu=": "", "gres=": "",
    "gpus=": "G", "gpus-per-node=": "", "gpus-per-task=": "", "mail-user=": "", "mail-type=": "",
    "requeue": "", "no-requeue": "", "hold": "H", "dependency=": "d", "exclusive?": "",
    "chdir=": "D", "wrap=": "",
    **{f"{name}!": {"array": "a", "begin": "b", "clusters": "M"}.get(name, "")
       for name in NOT_IMITATED},
}  # fmt: skip
MAIL = {
    "NONE", "BEGIN", "END", "FAIL", "REQUEUE", "ALL", "STAGE_OUT", "TIME_LIMIT", "TIME_LIMIT_90",
    "TIME_LIMIT_80", "TIME_LIMIT_50", "ARRAY_TASKS", "INVALID_DEPEND",
}  # fmt: skip
_SIGNAL = re.compile(r"(?:([RB]+):)?(?:SIG)?(\w+)(?:@(\d+))?")
_NODES = re.compile(r"(\d+)(?:-(\d+))?")
_COUNT = re.compile(r"[1-9][0-9]*")
NO_NODE = FAILED + "Requested node configuration is not available"


@dataclass(frozen=True)
class Request:
    """What the controller makes of the options.

    ``never`` is why it waits for ever, ``impossible`` what is said when it is refused, ``warning``
    a signal for the script, and how many seconds before its end.
    """

    partition: str
    cores: int
    nodes: int
    tasks: int
    limit_s: float
    never: str
    impossible: tuple[str, ...]
    warning: tuple[int, int] | None


def check_words(found: Options) -> None:
    """Refuse what sbatch refuses by itself, in the order of the options."""
    for name, value in found.items():
        good = True
        if name == "time":
            good = time_limit(value) is not None
        elif name.startswith("mem"):
            good = megabytes(value) is not None
        elif name == "signal":
            good = _signal(value) is not None
        elif name == "open-mode":
            good = value in ("append", "truncate", "a", "t")
        elif name == "exclusive":
            good = value in ("", "user", "mcs")
        elif name == "mail-type":
            good = {word.upper() for word in value.split(",")} <= MAIL
        elif name in ("ntasks", "cpus-per-task", "ntasks-per-node"):
            if not _COUNT.fullmatch(value):
                raise Refusal(1, f'sbatch: error: Invalid numeric value "{value}" for --{name}.')
        elif name == "nodes" and not _NODES.fullmatch(value):
            raise Refusal(255, f'sbatch: error: "{value}" is not a valid node count')
        if not good:
            raise Refusal(255, f"sbatch: error: Invalid --{name} specification")


def _signal(text: str) -> tuple[bool, int, int] | None:
    """Read ``--signal``: for the script itself?, the number, the seconds before the end."""
    match = _SIGNAL.fullmatch(text)
    if match is None:
        return None
    where, word, seconds = match.groups()
    names = {each.name.removeprefix("SIG"): int(each) for each in signal.Signals}
    number = int(word) if word.isdecimal() else names.get(word.upper())
    return None if not number else ("B" in (where or ""), number, int(seconds or 60))


def unknown_gres(given: Options) -> bool:
    """Say whether anything but GPUs is asked for."""
    return any(part.split(":")[0] != "gpu" for part in given.get("gres", "").split(",") if part)


def gpus_of(given: Options, tasks: int) -> int | None:
    """Count the GPUs; None if the node cannot have them."""
    asked = [part.removeprefix("gpu").lstrip(":") for part in given.get("gres", "").split(",")]
    asked += [given.get(name, "") for name in ("gpus", "gpus-per-node", "gpus-per-task")]
    most = 0
    for index, text in enumerate(asked):
        kind, _, number = text.rpartition(":")
        if text and not number.isdecimal():
            kind, number = text, "1"
        if kind not in ("", GPU_TYPE):
            return None
        most = max(most, int(number or 0) * (tasks if index == len(asked) - 1 else 1))
    if "gpu" in given.get("gres", "").split(","):
        most = max(most, 1)
    return most if most <= GPUS else None


def request(given: Options) -> Request:
    """Return what the controller makes of the options; Refusal for what it refuses."""
    partition = given.get("partition", next(iter(PARTITIONS)))
    if partition not in PARTITIONS:
        raise Refusal(
            1,
            f"sbatch: error: invalid partition specified: {partition}",
            FAILED + "Invalid partition name specified",
        )
    if given.get("account", ACCOUNT) != ACCOUNT:
        raise Refusal(1, FAILED + "Invalid account or account/partition combination specified")
    if given.get("qos", QOS[0]) not in QOS:
        raise Refusal(1, FAILED + "Invalid qos specification")
    features = re.findall(r"[A-Za-z_][\w.-]*", given.get("constraint", ""))
    if not set(features) <= set(FEATURES):
        raise Refusal(1, FAILED + "Invalid feature specification")
    longest, usual = PARTITIONS[partition]
    limit_s = time_limit(given["time"]) if "time" in given else usual
    nodes = int(given.get("nodes", "1").partition("-")[0])
    tasks = int(given.get("ntasks", given.get("ntasks-per-node", "1")))
    if "ntasks" in given and tasks < nodes:
        warning = f"sbatch: Warning: can't run {tasks} processes on {nodes} nodes"
        print(f"{warning}, setting nnodes to {tasks}", file=sys.stderr)
        nodes = tasks
    cores = tasks * int(given.get("cpus-per-task", "1"))
    never = "PartitionConfig" if nodes > 1 or cores > CORES else ""
    if not limit_s or limit_s > longest:
        never = never or "PartitionTimeLimit"
    impossible: tuple[str, ...] = ()
    gpus = gpus_of(given, tasks)
    memory = _memory(given, cores, gpus or 0)
    if gpus is None or memory > MEMORY_MB:
        too_much = "mem" in given and memory > MEMORY_MB
        more = ("sbatch: error: Memory specification can not be satisfied",) if too_much else ()
        impossible = (*more, NO_NODE)
    told = _signal(given["signal"]) if "signal" in given else None
    return Request(
        partition=partition,
        cores=CORES if "exclusive" in given and not never else cores,
        nodes=nodes,
        tasks=tasks,
        limit_s=limit_s or 0.0,
        never=never,
        impossible=impossible,
        # Without B: it is for the steps of a job, and there are none here.
        warning=told[1:] if told and told[0] else None,
    )


def _memory(given: Options, cores: int, gpus: int) -> int:
    for name, times in (("mem", 1), ("mem-per-cpu", min(cores, CORES)), ("mem-per-gpu", gpus)):
        if name in given:
            return (megabytes(given[name]) or 0) * times
    return 0
