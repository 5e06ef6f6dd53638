"""PBS's letters and numbers, and what they mean here. What is not listed is unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hpctrain.schedulers.base import JobState
from hpctrain.schedulers.pbs.comments import sentence
from hpctrain.schedulers.pbs.reply import Job
from hpctrain.schedulers.times import seconds

# Letter and substate: job.h of OpenPBS 23.06; "seen" are those recorded from a server.
# None: the exit code tells.
STATES: dict[tuple[str, str], tuple[JobState | None, str]] = {
    ("T", "0"): ("queued", "is being taken"),
    ("T", "1"): ("queued", "is being taken"),
    ("T", "2"): ("queued", "is being moved to another queue"),
    ("T", "3"): ("queued", "is being moved to another queue"),
    ("Q", "10"): ("queued", ""),  # seen
    ("Q", "11"): ("queued", "waits for its files to be copied in"),
    ("Q", "13"): ("queued", "waits for the jobs that start with it"),
    ("Q", "14"): ("queued", "its files are being copied in"),
    ("Q", "15"): ("queued", "its files are being copied in"),
    ("Q", "16"): ("queued", ""),
    ("H", "20"): ("held", ""),  # seen
    ("H", "21"): ("queued", "waits for the jobs that start with it"),
    ("H", "22"): ("queued", "waits for another job"),  # seen
    ("W", "30"): ("queued", "waits for its start time"),
    ("W", "37"): ("held", "its files could not be copied in"),
    ("R", "41"): ("running", ""),  # seen: given to the node
    ("R", "42"): ("running", ""),  # seen
    ("R", "71"): ("queued", "the compute node is being made ready"),
    ("R", "72"): ("running", ""),
    ("S", "43"): ("held", "suspended; its cores are given to others"),
    ("S", "45"): ("held", "suspended by PBS for a job of higher priority"),
    ("U", "43"): ("held", "suspended while somebody uses the workstation"),
    ("E", "50"): ("stopping", ""),
    ("E", "51"): ("stopping", ""),  # seen: its output is being copied back
    ("E", "52"): ("stopping", ""),
    ("E", "53"): ("stopping", ""),
    ("E", "54"): ("stopping", ""),
    ("E", "57"): ("stopping", ""),
    ("E", "58"): ("stopping", ""),
    ("E", "60"): ("stopping", "it is put back into the queue"),
    ("E", "61"): ("stopping", "it is put back into the queue"),
    ("E", "62"): ("stopping", "it is put back into the queue"),
    ("E", "63"): ("stopping", "it is put back into the queue"),
    ("B", "70"): ("running", ""),  # seen: an array of which something has begun
    ("F", "91"): ("cancelled", ""),  # seen
    ("F", "92"): (None, ""),  # seen
    ("F", "93"): (None, ""),  # seen
    ("X", "69"): (None, ""),
    ("X", "91"): ("cancelled", ""),
    ("X", "92"): (None, ""),  # seen: a part of an array that goes on
    ("X", "93"): (None, ""),
    ("M", "94"): ("unknown", "PBS moved it to another server; ask there, with qstat -x"),
}
# The letter alone: Torque, and substates that are not listed. "C" is Torque's word for ended.
LETTERS: dict[str, tuple[JobState | None, str]] = {
    "T": STATES["T", "2"], "Q": STATES["Q", "10"], "H": STATES["H", "20"], "W": STATES["W", "30"],
    "R": STATES["R", "42"], "S": STATES["S", "43"], "U": STATES["U", "43"], "E": STATES["E", "51"],
    "B": STATES["B", "70"], "F": (None, ""), "X": (None, ""), "M": STATES["M", "94"],
    "C": (None, ""),
}  # fmt: skip

MEMORY = "it used more memory than it requested; request more"
LIMIT = "it ran to its time limit"
# Negative Exit_status, JOB_EXEC_… in job.h; -29 was seen. Unlisted ones are failures too.
EXITS: dict[int, tuple[JobState, str]] = {
    -1: ("failed", "PBS could not start it"),
    -2: ("failed", "PBS could not start it"),
    -3: ("failed", "PBS could not start it, and was to try again"),
    -4: ("failed", "the compute node failed"),
    -5: ("failed", "the compute node failed"),
    -6: ("failed", "the compute node failed"),
    -10: ("failed", "the compute node does not know the user or the group"),
    -11: ("failed", "PBS ended it to run it again"),
    -12: ("failed", "PBS wrote a checkpoint of it and ended it"),
    -14: ("failed", "a compute node of it failed"),
    -16: ("failed", "a rule of the site's own ended it"),
    -17: ("failed", "a rule of the site's own ended it"),
    -18: ("failed", "a rule of the site's own ended it"),
    -19: ("failed", "a rule of the site's own ended it"),
    -20: ("failed", "its first compute node could not be reached"),
    -22: ("failed", "a rule of the site's own went wrong"),
    -24: ("failed", "it used more cores than it asked for"),
    -25: ("failed", "it used more cores than it asked for"),
    -26: ("out_of_memory", MEMORY),
    -27: ("out_of_memory", MEMORY),  # seen, where the node enforces it
    -28: ("failed", "it used up the processor time it may have; see cput in resources"),
    -29: ("timeout", LIMIT),  # seen
    -30: ("failed", "a compute node of it could not be joined"),
}
# Torque calls other things by the same numbers (its administrator's guide, "Job Exit Status").
TORQUE_EXITS: dict[int, tuple[JobState, str]] = {
    -10: ("out_of_memory", MEMORY),
    -11: ("timeout", LIMIT),
    -12: EXITS[-28],
}

HOLDS: tuple[tuple[str, str], ...] = (
    ("o", "held by an operator; ask the site"),
    ("s", "held by PBS; ask the site"),
    ("p", "held for a bad password; ask the site"),
    ("u", "held by its owner; qrls JOB lets it go on"),
)


@dataclass(frozen=True)
class Judgement:
    """A job's state, PBS's own word for it, why, and the exit code as a shell says it.

    ``moved_to`` is the server that has it now.
    """

    state: JobState
    raw: str
    reason: str = ""
    exit_code: int | None = None
    moved_to: str | None = None


def judge(job: Job, user: str) -> Judgement:
    """Judge a job by its attributes."""
    letter, substate = job.get("job_state") or "", job.get("substate") or ""
    raw = "/".join(filter(None, [letter, substate]))
    if not letter:
        return Judgement("unknown", "?", "what qstat printed of it cannot be read")
    state, words = STATES.get((letter, substate)) or LETTERS.get(letter) or ("unknown", "")
    code = _number(job.get("Exit_status") or job.get("exit_status"))  # Torque writes it small
    if state is None:
        return _judge_ended(job, raw, code)
    if state == "cancelled":
        exit_code, signal = _as_shell(code)
        return Judgement(state, raw, _who_cancelled(job, user) or signal, exit_code)
    if letter == "H":
        return _judge_held(job, raw, state, words)
    comment = job.get("comment") or ""
    if letter == "M":
        return _judge_moved(job, raw, comment, words)
    if state == "queued":
        return Judgement(state, raw, words or sentence(comment))
    if letter == "R" and _who_cancelled(job, user):  # seen for the seconds it takes to end
        return Judgement("stopping", raw, f"it is being cancelled {_who_cancelled(job, user)}")
    if letter == "B":
        counts = re.findall(r"(\w+):([1-9]\d*)", job.get("array_state_count") or "")
        words = ", ".join(f"{number} {name.lower()}" for name, number in counts)
    return Judgement(state, raw, words)


def _judge_moved(job: Job, raw: str, comment: str, words: str) -> Judgement:
    """Name the server that a job was moved to, and how to ask there (qstat(1B), job ids)."""
    match = re.search(r"@([\w.-]+)", comment) or re.search(r"@([\w.-]+)", job.get("queue") or "")
    if match is None:
        return Judgement("unknown", raw, words, moved_to="another server")
    words = (
        f"PBS moved it to another server ({match[1]}); ask there, with "
        f"qstat -x {job.job_id}@{match[1]}"
    )
    return Judgement("unknown", raw, words, moved_to=match[1])


def _judge_ended(job: Job, raw: str, code: int | None) -> Judgement:
    if code is None:
        # Seen: F/92, no exit code, no start, and the hold of a dependency still on it.
        began = job.get("stime") or job.get("exec_host") or job.get("resources_used.walltime")
        if raw.startswith("F/92") and not began:
            if "after" in (job.get("depend") or "") or "s" in (job.get("Hold_Types") or ""):
                return Judgement(
                    "failed", raw, "it never ran: a job it waited for did not end as asked"
                )
            return Judgement("failed", raw, "it never ran, and PBS does not say why")
        return Judgement("unknown", raw, "PBS calls it ended, and does not say how")
    if code < 0:
        table = {**EXITS, **TORQUE_EXITS} if raw.startswith("C") else EXITS
        state, words = table.get(code, ("failed", f"PBS ended it (Exit_status {code})"))
        return Judgement(state, raw, words)
    exit_code, signal = _as_shell(code)
    if signal:
        # Servers that know no -29 leave the signal alone.
        used = seconds(job.get("resources_used.walltime"))
        limit = seconds(job.get("Resource_List.walltime"))
        if signal.endswith((" 15", " 9")) and used and limit and used >= limit:
            return Judgement("timeout", raw, LIMIT, exit_code)
        return Judgement("failed", raw, signal, exit_code)
    if code:
        return Judgement("failed", raw, f"ended with exit code {code}", code)
    if not raw.endswith("/93"):
        return Judgement("completed", raw, "", 0)
    # Seen: an array's own Exit_status is 0 whatever became of its parts.
    parts = "[]" in job.job_id
    words = "a part of it failed" if parts else "PBS calls it failed, though its script ended well"
    return Judgement("failed", raw, words, None if parts else 0)


def _judge_held(job: Job, raw: str, state: JobState, words: str) -> Judgement:
    """Judge whose hold it is; one that waits for another job (a system hold) is not held."""
    types, comment = job.get("Hold_Types") or "", job.get("comment") or ""
    others = types.replace("s", "")
    waits = state == "queued" or (types == "s" and job.get("depend") and "/" not in raw)
    if waits and others in ("", "n"):
        return Judgement("queued", raw, words or STATES["H", "22"][1])
    for letter, whose in HOLDS:
        if letter in (others if waits else types):
            own = f" ({comment})" if letter != "u" and comment else ""
            return Judgement("held", raw, f"{whose}{own}")
    return Judgement("held", raw, comment or "held; qstat -f JOB may say by whom")


def _who_cancelled(job: Job, user: str) -> str:
    """Say who cancelled a job that had begun: PBS writes it into the job's comment."""
    match = re.search(r" and terminated by (\S+)$", job.get("comment") or "")
    if match is None:
        return ""
    return "by you" if match[1].split("@")[0] == user else f"by {match[1]}"


def _as_shell(code: int | None) -> tuple[int | None, str]:
    """Return the exit code as a shell says it, and a signal in words, of PBS's 256+n."""
    if code is None or code < 256:
        return (None if code is None or code < 0 else code), ""
    return 128 + code - 256, f"ended by signal {code - 256}"


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"-?\d{1,9}", text) else None
