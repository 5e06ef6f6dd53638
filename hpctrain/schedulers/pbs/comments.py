"""The comments that PBS's scheduler and server put on a job: what each means.

The forms are those of the table ``fctt`` in ``src/scheduler/job_info.cpp`` of OpenPBS (April 2026;
those marked "seen" were recorded from a server), and of src/server. ``{}`` stands for a name, a
number or the like. What is not listed is shown as it is.
"""

from __future__ import annotations

import re

NOT_NOW, NEVER = "Not Running", "Can Never Run"  # src/scheduler/constant.h

_YOURS = "your limit is reached; it waits for your other jobs, or requests too much"
_GROUPS = "the group's limit is reached; it waits for its other jobs, or requests too much"
_PROJECTS = "the project's limit is reached; it waits for its other jobs, or requests too much"
_ALL = "the limit of all jobs together is reached; it waits for others"
_FREE = "waits for free cores, memory or GPUs"
_AHEAD = "waits for a reservation, or a job that is ahead, to end"
_PROVISION = "waits for a node with the system that it asks for, or none can be set up so"

# Beginnings of the comments; those that say more stand before those that say less.
WAITS: tuple[tuple[str, str], ...] = (
    ("Internal Scheduling Error", "the scheduler made a mistake; ask the site"),
    ("Job not in queued state", "the scheduler does not look at it in this state"),
    ("Queue not started", "the queue is stopped; qstat -Q shows which are started"),  # seen
    ("Queue not an execution queue", "the queue hands jobs on and runs none; it waits for that"),
    ("Queue {} job limit has been reached", _ALL),
    ("Server job limit has been reached", _ALL),
    ("User has reached server running job limit", _YOURS),
    ("User has reached queue {} running job limit", _YOURS),
    ("Group has reached server running limit", _GROUPS),
    ("Group has reached queue {} running limit", _GROUPS),
    ("Project has reached server running limit", _PROJECTS),
    ("Project has reached queue {} running limit", _PROJECTS),
    ("Dedicated", "the cluster is reserved, for example for maintenance"),
    ("Job would cross dedicated time boundary", "it would not end before the cluster is reserved, "
     "for example for maintenance; a shorter walltime may fit"),
    ("Job would not finish before", "it would not end before the cluster is reserved, for example "
     "for maintenance; a shorter walltime may fit"),
    ("Not enough of the right type of nodes", "waits for free nodes of the kind it asks for"),
    ("Not enough free nodes", "waits for free nodes"),
    ("Not enough total nodes", "the cluster has fewer nodes than it asks for"),
    ("Job would interfere with", _AHEAD),
    ("Job would conflict with", _AHEAD),
    ("Job would break strict", "jobs are ahead"),
    ("Job will run in primetime only", "the queue runs jobs in prime time only"),
    ("Job will run in nonprimetime only", "the queue runs jobs outside prime time only"),
    ("Job will cross into {}", "it would not end before prime time begins, or ends; a shorter "
     "walltime may fit"),
    ("Specified {} does not exist", "what it asks for does not exist; check chunk and resources"),
    ("No available resources on nodes", _FREE),
    ("Can't preempt enough work to run job", "not enough jobs of lower priority can give way"),
    ("Queue {} per-user limit reached on resource {}", _YOURS),
    ("Server per-user limit reached on resource {}", _YOURS),
    ("Queue {} per-group limit reached on resource {}", _GROUPS),
    ("Server per-group limit reached on resource {}", _GROUPS),
    ("Queue {} per-project limit reached on resource {}", _PROJECTS),
    ("Server per-project limit reached on resource {}", _PROJECTS),
    ("Job has zero shares for fairshare", "its account has no share of the cluster; ask the site"),
    ("Node is in an ineligible state", "a node it needs is down, or reserved"),
    ("Node is of an ineligible type", "waits for nodes of another kind"),
    ("Nodes not available", "waits for free nodes"),
    ("{} is requesting an exclusive node and node is in use", "waits for a node without other "
     "jobs"),
    ("Node has reached job run limit", "as many jobs run on the node as are allowed"),
    ("Node has reached user run limit", "as many of your jobs run on the node as are allowed"),
    ("Node has reached group run limit", "as many of your group's jobs run on the node as are "
     "allowed"),
    ("Node can't satisfy a multi-node job", "the nodes take jobs of one node only"),
    ("Node has no PBS license", "a node has no licence of PBS; ask the site"),
    ("Max number of small cpusets has been reached", _FREE),
    ("Node ineligible because job requested pack placement", "no node has room for all of it; "
     "change place, or ask for less"),
    ("Node not eligible for advance reservation", "the node takes no reservations"),
    ("Queue {} job limit reached for group {}", _GROUPS),
    ("Server job limit reached for group {}", _GROUPS),
    ("Queue {} job limit reached for user {}", _YOURS),
    ("Server job limit reached for user {}", _YOURS),
    ("Queue {} job limit reached for project {}", _PROJECTS),
    ("Server job limit reached for project {}", _PROJECTS),
    ("would exceed group {}'s limit on resource {}", _GROUPS),
    ("would exceed user {}'s limit on resource {}", _YOURS),
    ("would exceed project {}'s limit on resource {}", _PROJECTS),
    ("would exceed overall limit on resource {}", _ALL),
    ("Cannot provision", _PROVISION),
    ("Provisioning for job would interfere", _AHEAD),
    ("Provision conflict with existing job/reservation", _AHEAD),
    ("PBS Error: ", "PBS tried to start it and could not, and will try again"),
    ("{} set {} has too few free resources", _FREE),
    ("can't fit in the largest placement set", "no group of nodes that belong together has room "
     "for all of it; change place, or ask for less"),
    ("Invalid Job/Resv", "PBS finds a mistake in it; ask the site"),
    ("Job is under job_sort_formula threshold value", "its priority is too low to run; ask the "
     "site"),
    ("Number of concurrent running subjobs limit reached", "as many parts of the array run as are "
     "allowed"),
    ("Job would exceed mission CPU share", _GROUPS),
    ("Job exceeds total mission share", "it requests more than the group may have"),
    ("Too few free resources", _FREE),
)  # fmt: skip

# Words that stand for several comments, and those whose rest says more.
_VAGUE = {words for form, words in WAITS if "{}" in form or form.endswith(": ")}

# "Insufficient amount of resource: ncpus (R: 8 A: 1 T: 64)"; of other resources, in words.
_AMOUNT = re.compile(
    r"Insufficient amount of(?: queue| server)? resource: (\S+) \(R: (\S+) A: (\S+) T: (\S+)\)"
)
_INSUFFICIENT = re.compile(r"Insufficient amount of(?: queue| server)? resource: (\S+)")


def sentence(comment: str) -> str:
    """Explain the comment on a queued job; what is not listed stays as it is."""
    prefix, _, rest = comment.partition(": ")
    if prefix == NEVER:
        return f"it will never run: {_why_never(rest)}"
    if prefix != NOT_NOW:
        return comment
    if amount := _AMOUNT.match(rest):
        what, asked, free, total = amount.groups()
        return f"waits for free {what}: {asked} asked, {free} free of {total}"
    if what := _INSUFFICIENT.match(rest):
        return f"waits for a node with the {what[1]} that it asks for ({rest})"
    words = meaning(rest)
    if words is None:
        return rest
    # Whose limit, which queue or resource: PBS alone tells.
    return f"{words} ({rest})" if words in _VAGUE else words


def meaning(text: str) -> str | None:
    """Find what a comment means, without its prefix."""
    return next((words for form, words in WAITS if _pattern(form).match(text)), None)


def _why_never(rest: str) -> str:
    """Say what is too much, and what to change."""
    if amount := _AMOUNT.match(rest):
        what, asked, _, total = amount.groups()
        return f"it asks for {asked} of {what}, and there are {total}; ask for less ({rest})"
    if what := _INSUFFICIENT.match(rest):
        return f"no node has the {what[1]} that it asks for; check chunk and resources ({rest})"
    words = meaning(rest)
    return f"{words}; ask for less ({rest})" if words else f"ask for less ({rest})"


def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(r".+?".join(re.escape(part) for part in form.split("{}")), re.IGNORECASE)
