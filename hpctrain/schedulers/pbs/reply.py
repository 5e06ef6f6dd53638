"""The replies of PBS's programs: what they print, and what they exit with.

qstat's JSON is broken by what jobs carry in their variables: bare NaN, numbers with leading zeros,
unescaped quotes, bytes that are no text (all seen, or reported for some release). So a reply that
does not parse is cut into jobs, and a job that does not parse is read line by line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JOB_ID = re.compile(r"\d+(\[\d*\])?(\.[\w.-]+)?")

# qstat and qselect where the server answered: 153 unknown job, 35 finished and asked without -x.
ANSWERS = frozenset({0, 35, 153})
# PBSE_JOBHISTNOTSET: said with exit code 0, and without a single job.
NO_HISTORY = ("not configured to maintain job history", "job_history_enable is set to false")
NOT_UNDERSTOOD = ("usage:", "invalid option", "illegal option", "conflicting option",
                  "unrecognized option", "unknown option")  # fmt: skip
# qdel: what was asked is so already.
OVER = ("Unknown Job", "Job has finished", "finished array subjob", "invalid state for job - COM")

# Exit codes of qsub that are decided before there is a job: its own (1, 2, 8), or the number in
# pbs_error.h modulo 256; and what to do about it.
REFUSALS: dict[int, str] = {
    1: "",  # the script
    2: "",  # usage
    4: "see chunk in the site",  # PBSE_INVALSELECTRESC
    5: "the site may want resource_style: flat, or not want these resources",  # PBSE_INVALJOBRESC
    6: "the site may want resource_style: select",  # PBSE_INVALNODEPLACE
    7: "set cores or nodes in the site, or remove place",  # PBSE_PLACENOSELECT
    8: "",  # the script cannot be opened
    12: "see chunk in the site",  # PBSE_DUPRESC
    32: "a rule of the site's own",  # PBSE_HOOKERROR
    38: "wait for your other jobs, or cancel some",  # PBSE_ENTLIMCT
    39: "ask for less, or wait for your other jobs",  # PBSE_ENTLIMRESC
    40: "",  # PBSE_ATVALERANGE
    58: "",  # PBSE_MAX_NO_MINWT
    59: "",  # PBSE_MIN_GT_MAXWT
    65: "a rule of the site's own",  # PBSE_HOOK_REJECT
    69: "",  # PBSE_JOBNBIG
    71: "",  # PBSE_JOBSCRIPTMAXSIZE
    125: "",  # PBSE_HISTDEPEND
    154: "",  # PBSE_NOATTR
    155: "",  # PBSE_ATTRRO
    159: "PBS does not let you; ask the site",  # PBSE_PERM
    166: "correct that value in the site",  # PBSE_BADATVAL
    170: "set queue in the site; qstat -Q lists them",  # PBSE_UNKQUE
    173: "set another queue in the site; qstat -Q lists them",  # PBSE_QUNOENB
    174: "set another queue in the site; qstat -Q lists them",  # PBSE_QACESS
    175: "PBS takes no jobs of this user, and of root never",  # PBSE_BADUSER
    187: "see chunk, resources and gpus in the site",  # PBSE_UNKRESC
    188: "ask for less, or set another queue; qstat -Q -f shows the limits",  # PBSE_EXCQRESC
    189: "set queue in the site; qstat -Q lists them",  # PBSE_QUENODFLT
    191: "ask for less, or set queue in the site; qstat -Q lists them",  # PBSE_ROUTEREJ
    197: "correct account in the site",  # PBSE_BADGRP
    198: "wait for your other jobs, or set another queue",  # PBSE_MAXQUED
    200: "ask for less",  # PBSE_EXLIMIT
    201: "correct account, or account_option, in the site",  # PBSE_BADACCT
    206: "",  # PBSE_BADDEPEND
    207: "",  # PBSE_DUPLIST
}
HOOKS = frozenset({32, 65})  # PBSE_HOOKERROR, PBSE_HOOK_REJECT
# With one of these on stderr nothing is proved, whatever the code but a hook's.
NO_ANSWER = ("cannot connect", "couldn't connect", "connection", "unknown host", "timed out",
             "protocol error", "internal error", "system error", "shutting down",
             "no server", "end of file")  # fmt: skip

# The server's name in `qstat -B -f`, and in whatever is printed as JSON.
SERVER = re.compile(r'^Server:[ \t]*(\S+)|"pbs_server"[ \t]*:[ \t]*"([^"]+)"', re.MULTILINE)

_JOB = re.compile(rf'^[ \t]*"({JOB_ID.pattern})"[ \t]*:[ \t]*(?=\{{[ \t]*$)', re.MULTILINE)
_MEMBER = re.compile(r'[ \t]*"([^"]*)"[ \t]*:[ \t]*(.*?),?[ \t]*')
_CLOSED = re.compile(r"[ \t]*\},?[ \t]*")
_ATTRIBUTE = re.compile(r" {4}([\w.]+) = (.*)")
_TOKEN = re.compile(r"""HPCTRAIN_TOKEN["'=:\s]{1,8}(\d{8}-\d{6}-[0-9a-z]+\.\d{2,})""")
_FOLDER = re.compile(r"(?:^|,)PBS_O_WORKDIR=((?:\\.|[^,\\])*)")
_DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=str, strict=False
)  # a job called 1e5, 12 or NaN keeps its name


@dataclass(frozen=True)
class Job:
    """One job: its attributes by their names in ``qstat -f`` (``Resource_List.walltime``)."""

    job_id: str
    attributes: Mapping[str, str]
    text: str = ""

    def get(self, name: str) -> str | None:
        """Return an attribute, if the job has it."""
        return self.attributes.get(name)

    @property
    def token(self) -> str | None:
        """Return the token that ``qsub -v`` gave the job.

        Its arguments come first: they hold one token alone, whatever ``-V`` passed on.
        """
        for text in (self.get("Submit_arguments"), self.get("Variable_List"), self.text):
            match = _TOKEN.search(text or "")
            if match:
                return match[1]
        return None

    @property
    def folder(self) -> str | None:
        """Return the folder that the job was submitted from, which is where ours work."""
        match = _FOLDER.search(self.get("Variable_List") or "")
        return re.sub(r"\\(.)", r"\1", match[1]) if match else None


def from_json(text: str) -> tuple[list[Job], bool]:
    """Read the jobs of ``qstat -f -F json``, and whether the reply is whole."""
    begin = text.find("{")
    whole = _object(text, begin) if begin >= 0 else None
    if whole is not None:
        jobs = whole.get("Jobs", {})
        pairs = jobs.items() if isinstance(jobs, dict) else ()
        return [Job(name, _flat(job)) for name, job in pairs if isinstance(job, dict)], True
    places = list(_JOB.finditer(text))
    ends = [place.start() for place in places[1:]] + [len(text)]
    found = []
    for place, end in zip(places, ends, strict=False):
        part = text[place.end() : end]
        job = _object(part, 0)
        found.append(Job(place[1], _lines(part) if job is None else _flat(job), part))
    return found, bool(places) and text.rstrip().endswith("\n}")


def from_text(text: str) -> list[Job]:
    """Read the jobs of ``qstat -f``."""
    jobs = []
    for part in re.split(r"^Job Id:", text, flags=re.MULTILINE)[1:]:
        first, *lines = part.split("\n")
        attributes: dict[str, str] = {}
        last = ""
        for line in lines:
            match = _ATTRIBUTE.fullmatch(line)
            if match:
                last = match[1] if match[1] not in attributes else ""
                if last:
                    attributes[last] = match[2]
            elif last:
                # A long value goes on after a tab, cut anywhere (Torque) or after a comma.
                attributes[last] += line.removeprefix("\t")
        if JOB_ID.fullmatch(first.strip()):
            jobs.append(Job(first.strip(), attributes, part))
    return jobs


def _object(text: str, begin: int) -> dict[str, Any] | None:
    try:
        found, _ = _DECODER.raw_decode(text, begin)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _flat(job: Mapping[str, Any]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in job.items():
        if name == "Variable_List" and isinstance(value, dict):
            attributes[name] = ",".join(f"{key}={item}" for key, item in value.items())
        elif isinstance(value, dict):
            attributes.update({f"{name}.{key}": str(item) for key, item in value.items()})
        elif value is not None:
            attributes[name] = str(value)
    return attributes


def _lines(part: str) -> dict[str, str]:
    """Read what can be read of a job that is no JSON: every member is on a line of its own."""
    found: dict[str, Any] = {}
    inner: dict[str, Any] | None = None
    for line in part.split("\n")[1:]:
        if _CLOSED.fullmatch(line):
            inner = None
            continue
        match = _MEMBER.fullmatch(line)
        if match is None:
            continue
        name, value = match[1], match[2]
        if value == "{":
            inner = {}
            found.setdefault(name, inner)
        elif not value.startswith("{"):
            plain = value.removeprefix('"').removesuffix('"')
            (found if inner is None else inner).setdefault(name, plain)
    return _flat(found)
