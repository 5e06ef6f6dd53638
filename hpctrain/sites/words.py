"""The words that a site's profile is written in: their form, and what they amount to."""

from __future__ import annotations

import datetime
import math
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from hpctrain.fields import Form

# Slurm's features can stand in brackets and parentheses: [a100|v100]&ib.
Constraint = Annotated[
    str,
    Form(
        r"^[A-Za-z0-9\[(!][A-Za-z0-9._:,=+&|()\[\]*@!/-]*$",
        "features as Slurm writes them, without blanks and quotes, for example [a100|v100]&ib",
    ),
]
# Only %j, so that the file is found again.
OutputName = Annotated[
    str,
    Form(
        r"^[A-Za-z0-9_](?:[A-Za-z0-9._+-]|%j)*$",
        "the name of a file, in which %j becomes the job's id, for example job-%j.out",
        longest=100,
    ),
]
MEMORY_WORDS = "must be a whole number and K, M, G or T, for example 16G"
# 16G, and what people write for it: 16g, 16GB, 16 GiB.
_MEMORY = r"0*([1-9][0-9]{0,11})\s*([KMGTkmgt])(?:[Ii]?[Bb])?"
_UNITS = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}
LARGEST_MB = 100_000 * _UNITS["T"]


def _check_memory(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    text = str(value) if isinstance(value, str) or abs(value) < 1e18 else "1e18"
    if match := re.fullmatch(_MEMORY, text.strip(" ")):
        memory = f"{match[1]}{match[2].upper()}"
        if megabytes(memory) > LARGEST_MB:
            raise ValueError("more than 100,000T is surely a mistake: no node has so much")
        return memory
    if re.fullmatch(r"0+(\.0*)?", text):
        raise ValueError(f"{MEMORY_WORDS}; for all of a node's: memory_style: mem-zero")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"which unit? {MEMORY_WORDS}")
    if part := re.fullmatch(r"([0-9]{1,6}\.[0-9]{1,6})\s*([MGTmgt])(?:[Ii]?[Bb])?", text):
        unit = part[2].upper()
        below = "KMGT"["KMGT".index(unit) - 1]
        instead = f"{math.ceil(float(part[1]) * 1024)}{below}"
        raise ValueError(f"{MEMORY_WORDS}; for {text}, write {instead}")
    raise ValueError(MEMORY_WORDS)


Memory = Annotated[
    str,
    BeforeValidator(_check_memory),
    WithJsonSchema({"type": "string", "pattern": f"^ *{_MEMORY} *$"}),
]
# A container's image. A path from elsewhere would be looked for in the run's folder.
Image = Annotated[
    str,
    Form(
        r"^(/|[a-z][a-z0-9+.-]*://)[^\r\n\x00]+$",
        "the whole path of an image, or an address, for example /project/pace.sif",
    ),
]
# With a comma the next folder would begin.
Bind = Annotated[
    str,
    Form(
        r"^/[^,:\r\n\x00]*(:/[^,:\r\n\x00]*(:(ro|rw))?)?$",
        "a folder with its whole path and without commas, for example /scratch/me:/data:ro",
    ),
]
Umask = Annotated[
    str, Form(r"^0?[0-7]{3}$", 'three digits from 0 to 7, in quotes, for example "0027"')
]
# A key of a profile, with dots between nested ones: resources.filesystems
KeyPath = Annotated[
    str,
    Form(
        r"^[a-z][a-z_]*(\.[A-Za-z0-9_]+)*$",
        "a key of a profile, with dots between nested ones, for example resources.filesystems",
    ),
]
# An option as the scheduler's own manual writes it; of PBS's -l, with the resource: -l filesystems
Option = Annotated[
    str,
    Form(
        r"^-{1,2}[A-Za-z][A-Za-z0-9-]*( [a-z_]+)?$",
        "an option as the scheduler's manual writes it, for example --account or -l walltime",
    ),
]


def _text_or_number(pattern: str) -> WithJsonSchema:
    """Let editors accept a number: YAML reads 2026 as one, which is text here."""
    return WithJsonSchema({"type": ["string", "integer"], "pattern": pattern})


def _number_as_text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError('a truth value is written in quotes here: "True" or "False"')
    return str(value) if isinstance(value, int) else value


def _date_as_text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime.date) else _number_as_text(value)


def _check_expression(value: object) -> object:
    if isinstance(value, str):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"this is not a regular expression: {error}") from error
    return value


_RESOURCE = r"^[A-Za-z0-9/][A-Za-z0-9._:=+@/-]*$"
_CHUNK = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_WHEN = r"^20\d\d(-\d\d(-\d\d)?)?$"
# What PBS would read as the next resource, or the next chunk, cannot be in a value.
Resource = Annotated[
    str,
    BeforeValidator(_number_as_text),
    Form(_RESOURCE, "a value without blanks, commas and quotes, for example home:eagle"),
    _text_or_number(_RESOURCE),
]
ChunkResource = Annotated[
    str,
    BeforeValidator(_number_as_text),
    Form(_CHUNK, "one word of letters, digits and . _ -, for example mil_ait"),
    _text_or_number(_CHUNK),
]
Expression = Annotated[str, BeforeValidator(_check_expression)]
Suffix = Annotated[
    str, Form(r"^[A-Za-z0-9_.@-]+$", "letters, digits and _ . @ -, for example _gpu")
]
# A year, a month or a day: what is known of when a source was read.
When = Annotated[
    str,
    BeforeValidator(_date_as_text),
    Form(_WHEN, "a year, a month or a day, for example 2026-11"),
    _text_or_number(_WHEN),
]

GpuDialect = Literal[
    "gpus-per-node",
    "gpus",
    "gpus-typed",
    "gpus-per-task",
    "gres",
    "gres-typed",
    "constraint-plus-gres",
    "implicit",
    "pbs-select-ngpus",
    "pbs-l-ngpus",
    "pbs-node-type",
    "pbs-implicit",
]
MemoryStyle = Literal["mem", "mem-zero", "mem-per-cpu", "mem-per-gpu", "omit", "forbidden"]
AccountOption = Literal["A", "P", "group_list"]
ResourceStyle = Literal["select", "flat", "nodes-ppn"]
Continuation = Literal["manual", "resubmit", "requeue", "chain"]


def megabytes(memory: str) -> float:
    """Return the MiB of ``16G``, as schedulers count: with 1024."""
    return int(memory[:-1]) * _UNITS[memory[-1]]
