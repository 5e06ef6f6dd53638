"""``qsub``: it checks as PBS checks, and puts the job into the queue of this machine.

Unlike a real PBS, root may submit. Not imitated, and refused with the usage text and exit code 2:
job arrays (``-J``), interactive jobs, ``-- command``, ``-W block=true``, and dependencies other
than afterany, afterok and afternotok.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from hpctrain.schedulers.local_queue import queue
from hpctrain.schedulers.practice_cluster.pbs import resources, script, variables
from hpctrain.schedulers.practice_cluster.pbs.server import Server
from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER, refusal

# PBS starts a shell, and that starts the script: a script that a signal ends is a shell that ends
# with 128 + n (qstat_finished_segv_json), and only a signal that ends the shell itself is 256 + n.
SHELL = """
n=$HPCTRAIN_LOCAL_JOB_ID; unset HPCTRAIN_LOCAL_JOB_ID
export PBS_JOBID=$n.practice PBS_NODEFILE="$1/aux/$n.practice" TMPDIR="$1/tmp/pbs.$n.practice"
mkdir -p "$1/aux" "$TMPDIR"
for ((i = 0; i < $2; i++)); do echo practice; done > "$PBS_NODEFILE"
script="$1/scripts/$n.practice.SC"
mv -f "$3" "$script"
exec > "${4//%j/$n}" || exit 254
if [ "$5" ]; then exec 2> "${5//%j/$n}" || exit 254; else exec 2>&1; fi
if [ -z "$6" ] && [ -x "$script" ]; then "$script"; else "${6:-bash}" "$script"; fi
code=$?
rm -rf "$TMPDIR"
exit "$code"
"""


def main(server: Server, words: list[str]) -> str:
    """Submit a job, and return what ``qsub`` prints."""
    asked = script.read(words)
    letters, cwd = asked.letters, variables.working_directory()
    sent = variables.variable_list(letters.get("v"), "V" in letters, os.environ, cwd, server.client)
    server.reach("qsub")
    to = letters.get("q", "workq").partition("@")[0] or "workq"
    if to not in (*resources.QUEUES, *server.names("queues")):
        raise refusal("qsub", 170, "Unknown queue")
    lists = resources.resource_list(asked.resources, server.names("resources"))
    if to == "disabled":
        raise refusal("qsub", 173, "Queue is not enabled")
    resources.check_limits(to, lists)
    parents = [
        (kind, server.parent(job))
        for kind, job in script.dependencies(asked.attributes.get("depend", ""))
    ]
    facts: dict[str, Any] = {
        "queue": to, "lists": lists, "letters": letters, "attributes": asked.attributes,
        "variables": variables.decode(sent), "cwd": cwd, "words": " ".join(words),
        "never": resources.why_never(to, lists), "user": server.user,
        "vnodes": resources.vnodes(lists["select"]),
    }  # fmt: skip
    if "a" in letters:
        facts["at"] = script.moment(letters["a"])
    number = put(server, asked, facts, parents)
    for kind, parent in parents:
        server.register(parent, kind, number)
    return "" if "z" in letters else f"{number}.{SERVER}\n"


def put(
    server: Server, asked: script.Asked, facts: dict[str, Any], parents: list[tuple[str, int]]
) -> int:
    """Put the job into the queue of this machine, and return its number."""
    letters, lists = asked.letters, facts["lists"]
    home = server.home
    shell = letters.get("S", "").split("@")[0] or server.shell
    for name in ("scripts", "spool"):
        (server.folder / name).mkdir(exist_ok=True)
    copy = server.folder / "scripts" / f".{os.getpid()}-{time.time_ns()}"
    copy.write_bytes(asked.text)
    copy.chmod(0o700)
    environment = variables.clean_environment(
        home, server.user, shell, str(server.folder / "bin")
    ) | {"PBS_JOBNAME": letters["N"], "PBS_QUEUE": facts["queue"]}
    environment |= {"PBS_O_QUEUE": facts["queue"], "NCPUS": lists["ncpus"]}
    environment["PBS_JOBCOOKIE"] = os.urandom(16).hex().upper()
    environment |= {"OMP_NUM_THREADS": lists["ncpus"], **facts["variables"]}
    streams, moves = places(server.folder, letters, facts["cwd"], home)
    job = {
        "name": letters["N"], "comment": "", "script": "-c", "cwd": facts["cwd"],
        "output": str(server.folder / "spool" / "%j.shell"), "begins_in": home,
        "arguments": [
            SHELL, "PBS", str(server.folder), lists.get("mpiprocs", "1"), str(copy), *streams,
            # Without a first line that names one, the script is the login shell's.
            "" if asked.text.startswith(b"#!") else shell,
        ],
        "walltime_s": None, "grace_s": server.number("kill_delay", 10.0),
        "cores": min(int(lists["ncpus"]), resources.NODE["ncpus"]),
        "room": resources.NODE["ncpus"], "environment": environment, "moves": moves,
        "umask": int(asked.attributes.get("umask", "077"), 8), "after": parents,
        # Who waits for a job that is deleted before it runs, waits for ever: so it was seen.
        "after_begun": True,
        "not_before": facts.get("at", 0), "facts": facts,
    }  # fmt: skip
    if "walltime" in lists:
        # A walltime's end is noticed late: 5 s in the recordings (wall.o22).
        limit = resources.seconds(lists["walltime"])
        job["walltime_s"] = limit + server.number("late", 5.0)
        killed = f"walltime {job['walltime_s']:.0f} exceeded limit {limit}"
        note = f"=>> PBS: job killed: {killed}\n"
        job["notes"] = {"TIMEOUT": [streams[1] or streams[0], note]}
    return queue.put(server.jobs, job, held=bool(facts["never"]) or "h" in letters)


def places(
    folder: Path, letters: dict[str, str], cwd: str, home: str
) -> tuple[list[str], list[list[str]]]:
    """Return where output and errors are written, and what is moved where at the end."""
    join, keep = letters.get("j", "n"), letters.get("k", "n")
    streams, moves = {"o": "", "e": ""}, []
    for stream, spooled in (("o", "OU"), ("e", "ER")):
        name = f"{letters['N']}.{stream}%j"
        target = target_of(letters.get(stream), name, f"%j.{SERVER}.{spooled}", cwd)
        if stream in keep and "n" not in keep:
            # As was seen: -k oed writes where it belongs, and -k oe at home.
            streams[stream] = target if "d" in keep else f"{home}/{name}"
            continue
        streams[stream] = str(folder / "spool" / f"%j.{SERVER}.{spooled}")
        if join == "n" or join[0] == stream:
            moves.append([streams[stream], target])
    if join != "n":
        return [streams[join[0]], ""], moves
    return [streams["o"], streams["e"]], moves


def target_of(asked: str | None, name: str, in_folder: str, cwd: str) -> str:
    """Return where a stream ends up: ``-o path``, ``-o host:path``, or a folder of it."""
    if not asked:
        return f"{cwd}/{name}"
    path = Path(cwd, asked.partition(":")[2] if ":" in asked else asked)
    return str(path / in_folder if path.is_dir() else path)
