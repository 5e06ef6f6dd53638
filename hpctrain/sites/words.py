"""The words that a site's profile is written in: their form, and what they amount to."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

# Slurm's features can stand in brackets and parentheses: [a100|v100]&ib.
Constraint = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9\[(!][A-Za-z0-9._:,=+&|()\[\]*@!/-]*$")
]
# Only %j, so that the file is found again.
OutputName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_](?:[A-Za-z0-9._+-]|%j)*$", max_length=100)
]
Memory = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[KMGT]$")]
Umask = Annotated[str, StringConstraints(pattern=r"^0?[0-7]{3}$")]
# A key of a profile, with dots between nested ones: resources.filesystems
KeyPath = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*(\.[A-Za-z0-9_]+)*$")]
# An option as the scheduler's own manual writes it; of PBS's -l, with the resource: -l filesystems
Option = Annotated[str, StringConstraints(pattern=r"^-{1,2}[A-Za-z][A-Za-z0-9-]*( [a-z_]+)?$")]


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
    StringConstraints(pattern=_RESOURCE),
    _text_or_number(_RESOURCE),
]
ChunkResource = Annotated[
    str,
    BeforeValidator(_number_as_text),
    StringConstraints(pattern=_CHUNK),
    _text_or_number(_CHUNK),
]
Expression = Annotated[str, BeforeValidator(_check_expression)]
Suffix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]
# A year, a month or a day: what is known of when a source was read.
When = Annotated[
    str,
    BeforeValidator(_date_as_text),
    StringConstraints(pattern=_WHEN),
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
SchedulerName = Literal["local", "slurm", "pbs", "practice-slurm", "practice-pbs"]
AccountOption = Literal["A", "P", "group_list"]
ResourceStyle = Literal["select", "flat", "nodes-ppn"]
Continuation = Literal["manual", "resubmit", "requeue", "chain"]

_UNITS = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}


def megabytes(memory: str) -> float:
    """Return the MiB of ``16G``, as schedulers count: with 1024."""
    return int(memory[:-1]) * _UNITS[memory[-1]]
