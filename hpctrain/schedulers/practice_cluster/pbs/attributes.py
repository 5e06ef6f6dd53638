"""A job as PBS's attributes: which there are in which state, in what order, and their values."""

from __future__ import annotations

import time
from pathlib import Path

from hpctrain.schedulers.practice_cluster.pbs.resources import NODE, clock
from hpctrain.schedulers.practice_cluster.pbs.server import STARTING_S, Job, Server
from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER
from hpctrain.schedulers.practice_cluster.pbs.variables import encode

# Name, resource or nothing, value.
Attribute = tuple[str, str, str]
# A job that ran shorter ended before anybody heard of its session (qstat_finished_exit0_json).
KNOWN_SESSION_S = 2.0


def attributes(server: Server, job: Job, free: int) -> list[Attribute]:
    """List all that ``qstat -f`` shows, in its order (the recordings qstat_*_json)."""
    facts, letters = job.facts, job.facts["letters"]
    ran = job.started is not None
    elapsed = ((job.ended or server.now) - job.started) if job.started is not None else 0.0
    # With substate 41 nothing has been heard yet from where it runs (select_json).
    heard = ran and job.substate != 41
    found: list[Attribute] = []

    def say(name: str, value: object, when: object = True) -> None:
        if when:
            found.append((name, "", str(value)))

    say("Job_Name", job.name)
    say("Job_Owner", f"{facts['user']}@{SERVER}")
    if heard:
        found += used(facts["lists"]["ncpus"], elapsed)
    say("job_state", job.state)
    say("queue", facts["queue"])
    say("server", SERVER)
    say("Account_Name", letters.get("A"), "A" in letters)
    say("Checkpoint", letters.get("c", "u"))
    say("ctime", date(job.record["submitted"]))
    say("depend", dependencies(job), dependencies(job))
    say("Error_Path", path(job, "e"))
    say("exec_host", f"{SERVER}/0{times(facts['lists']['ncpus'])}", ran)
    say("exec_vnode", facts["vnodes"], ran)
    say("Execution_Time", date(facts.get("at", 0)), "at" in facts and not ran)
    say("group_list", facts["attributes"].get("group_list"), "group_list" in facts["attributes"])
    say("Hold_Types", job.hold)
    say("Join_Path", letters.get("j", "n"))
    say("Keep_Files", letters.get("k", "n"))
    say("Mail_Points", letters.get("m", "a"))
    say("Mail_Users", letters.get("M"), "M" in letters)
    say("mtime", date(changed(job)))
    say("Output_Path", path(job, "o"))
    say("Priority", int(letters.get("p", "0")))
    say("qtime", date(job.record["submitted"]))
    say("Rerunable", letters.get("r", "y") == "y")
    found += [("Resource_List", key, value) for key, value in sorted(facts["lists"].items())]
    say("stime", date(job.started), ran)
    say("obittime", date(job.ended), ran and job.finished)
    say("session_id", job.group, heard and (elapsed >= KNOWN_SESSION_S or job.substate == 42))
    say("Shell_Path_List", letters.get("S"), "S" in letters)
    say("jobdir", server.home, heard)
    say("substate", job.substate)
    say("Variable_List", encode(facts["variables"], facts["queue"]))
    say("comment", comment(server, job, free), comment(server, job, free))
    say("etime", date(job.ready_at), job.hold == "n" and job.state != "W")
    umask = facts["attributes"].get("umask")
    say("umask", f"{int(umask or '0', 8):o}", umask)
    say("run_count", 1, ran)
    # With -k oe nothing is brought anywhere (all_x_json, job koe).
    brought = job.record["moves"] or "d" in letters.get("k", "")
    say("Stageout_status", int(job.delivered), ran and job.finished and brought)
    say("Exit_status", job.exit_status, job.exit_status is not None)
    say("Submit_arguments", facts["words"])
    say("history_timestamp", int(job.ended or 0), job.finished)
    say("project", letters.get("P", "_pbs_project_default"))
    say("Submit_Host", SERVER)
    return found


def used(ncpus: str, elapsed: float) -> list[Attribute]:
    """List ``resources_used``, of which only the time is measured here."""
    values = {
        "cpupercent": "0", "cput": "00:00:00", "mem": "0kb", "ncpus": ncpus, "vmem": "0kb",
        "walltime": clock(elapsed),
    }  # fmt: skip
    return [("resources_used", key, value) for key, value in values.items()]


def times(ncpus: str) -> str:
    """Write the number of cores behind a node's name, where it is not one."""
    return f"*{ncpus}" if int(ncpus) > 1 else ""


def path(job: Job, stream: str) -> str:
    """Return where a stream of the job goes, as ``qstat`` shows it."""
    letters, cwd = job.facts["letters"], job.facts["cwd"]
    asked = letters.get(stream)
    if asked and ":" in asked:
        return str(asked)
    if asked:
        return f"{SERVER}:{Path(cwd, asked)}{'/' if asked.endswith('/') else ''}"
    return f"{SERVER}:{cwd}/{job.name}.{stream}{job.number}"


def dependencies(job: Job) -> str:
    """Write the dependencies that are not met, and the jobs that wait for this one."""
    kinds: dict[str, list[str]] = {}
    for kind, number in [*job.depends, *job.before]:
        kinds.setdefault(kind, []).append(f"{number}.{SERVER}@{SERVER}")
    return ",".join(f"{kind}:{':'.join(ids)}" for kind, ids in kinds.items())


def changed(job: Job) -> float:
    """Return when the job was last changed."""
    moments = [job.record["submitted"], job.started, job.ended, job.held_at, job.released_at]
    return float(max(moment for moment in moments if moment))


def comment(server: Server, job: Job, free: int) -> str:
    """Return the comment that the server, or its scheduler, would write."""
    if job.started is not None:
        run = time.strftime("%a %b %d at %H:%M", time.localtime(job.started))
        text = f"Job run at {run} on {job.facts['vnodes']}"
        if job.held_at is not None and "u" in job.hold:  # it runs on, and only this is seen
            text = f"Job held by {server.user} on {date(job.held_at)}"
        if job.substate == 91 or (job.told and job.state == "R"):
            return f"{text} and terminated by {server.user}@{SERVER}"
        if job.exit_status == -29:
            return f"{text} and exceeded resource walltime"
        ends = {92: " and finished", 93: " and failed"}
        return text + ends.get(job.substate, "")
    if job.substate == 91:
        return f"{job.kept} and terminated" if job.kept else ""
    if job.held_at is not None and "u" in job.hold:
        return f"Job held by {server.user} on {date(job.held_at)}"
    return waiting(server, job, free) if job.substate == 10 else ""


def waiting(server: Server, job: Job, free: int) -> str:
    """Return the comment on a job that waits."""
    if job.facts["never"]:
        return str(job.facts["never"])
    needs = int(job.facts["lists"]["ncpus"])
    if needs <= free:
        # The queue keeps its order; for a moment after it came nobody has looked at it yet.
        looked = server.now - job.ready_at > STARTING_S
        return "Not Running: Job would conflict with reservation or top job" if looked else ""
    most = NODE["ncpus"]
    return f"Not Running: Insufficient amount of resource: ncpus (R: {needs} A: {free} T: {most})"


def date(moment: float | None) -> str:
    """Write a time as ctime() does: ``Mon Nov 23 13:30:46 2026``."""
    return time.ctime(moment or 0)
