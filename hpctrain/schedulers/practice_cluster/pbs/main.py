"""The practice PBS: ``qsub``, ``qstat``, ``qselect``, ``qdel``, ``qhold``, ``qrls``, ``pbsnodes``.

They behave as those of OpenPBS 23.06 did in the recordings. The cluster is one node of 4 cores with
the queues workq, short (10 minutes, 2 cores), stopped and disabled, and one user: whoever calls.
Files in its folder change it: ``down`` (the server is unreachable), ``frozen`` (it does not
answer), ``no-history`` (what is over is forgotten), ``client`` (whose qstat it is: 23.06.06,
master, old or torque), ``late`` and ``kill_delay`` (the seconds until a walltime's end is noticed,
and between TERM and KILL), ``queues`` and ``resources`` (names that a site has beside the usual
ones).

What is not imitated: job arrays, interactive jobs, requeueing, mail, measured memory and cpu time,
GPUs that are taken, login shells, and a scheduler that lets a small job overtake a big one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hpctrain.schedulers.local_queue import queue
from hpctrain.schedulers.practice_cluster.pbs import qstat, qsub, queues
from hpctrain.schedulers.practice_cluster.pbs.attributes import comment
from hpctrain.schedulers.practice_cluster.pbs.server import Job, Server, number_of
from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER, Refusal, options, usage_error


def main(folder: Path, program: str, words: list[str]) -> int:
    """Run one of the programs, and return its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder)
    try:
        if program == "pbsnodes":
            sys.stdout.write(queues.nodes(server, words))
            return 0
        if program == "qstat" and "-Q" in words:
            sys.stdout.write(queues.queues(server, words))
            return 0
        if program == "qstat" and "-B" in words:
            server.reach("qstat")
            sys.stdout.write(f"Server: {SERVER}\n    server_state = Active\n\n")
            return 0
        if program == "qstat":
            return qstat.main(server, words)
        if program == "qsub":
            sys.stdout.write(qsub.main(server, words))
            return 0
        if program == "qselect":
            sys.stdout.write(qstat.select(server, words))
            return 0
        doing = {"qdel": delete, "qhold": hold, "qrls": release}
        return each(server, program, words, doing[program])
    except Refusal as no:
        sys.stderr.write(no.text)
        return no.code
    except queue.NotTaken as reason:
        sys.stderr.write(f"{program}: PBS server internal error: {reason}\n")
        return 163


def each(
    server: Server, program: str, words: Sequence[str], do: Callable[[Server, Job, bool], None]
) -> int:
    """Do something to every job that is named; the last failure is the exit code."""
    found, at = options(program, words, "W:x" if program == "qdel" else "h:")
    if not words[at:]:
        raise usage_error(program)
    asked = dict(found)
    if not asked.get("W", "suppress_email=1").startswith("suppress_email="):
        raise usage_error(program, "illegal -W value")  # force is not imitated
    if asked.get("h", "u") not in ("u", "n"):
        raise Refusal(159, f"{program}: Unauthorized Request  {words[at]}\n")  # holds of others
    server.reach(program)
    code = 0
    for word in words[at:]:
        number = number_of(word)
        job = server.job(number) if number else None
        shown = word if "." in word else f"{word}.{SERVER}"
        if not word[:1].isdigit() or (number is None and "." in word):
            code, text = 1, f"illegally formed job identifier: {word}"
        elif job is None:
            code, text = 153, f"Unknown Job Id {shown}"
        elif job.finished and "x" not in asked:
            code, text = 35, f"Job has finished {shown}"
        else:
            do(server, job, "x" in asked)
            continue
        sys.stderr.write(f"{program}: {text}\n")
    return code


def delete(server: Server, job: Job, purge: bool) -> None:
    """End a job; with ``purge``, nobody is told of it any more."""
    folder = server.jobs / str(job.number)
    if not job.finished and job.started is None and (text := comment(server, job, server.free())):
        (folder / "comment").write_text(text, encoding="utf-8")
    if purge:
        (folder / "purged").touch()
    if not job.finished:
        server.cancel(job.number)


def hold(server: Server, job: Job, _: bool) -> None:
    """Hold a job."""
    folder = server.jobs / str(job.number)
    queue.hold(folder)
    (folder / "user-hold").touch()


def release(server: Server, job: Job, _: bool) -> None:
    """Release a job; one that never runs stays held in the queue, where PBS has it waiting."""
    folder = server.jobs / str(job.number)
    if "u" in job.hold:
        (folder / "released").touch()
    (folder / "user-hold").unlink(missing_ok=True)
    if not job.facts["never"]:
        queue.release(folder)
