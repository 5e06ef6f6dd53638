"""The types that settings and profiles are made of; unknown keys are refused."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

# What may stand in a job's name, a path and a scheduler's argument without being quoted anywhere.
PlainName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)
]
# A scheduler's own word (partition, account, constraint): one word, no quotes, no shell.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:,=+&|()\[\]*@/-]*$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n\x00]+$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

# How much alike two structures are: every number; up to how it is written; nearly.
Likeness = Literal["identical", "same", "near"]

_WALLTIME = re.compile(r"(?:([0-9]+)-)?([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])")


def walltime_seconds(walltime: str) -> int:
    """Return the seconds of ``[D-]HH:MM:SS``; ValueError on anything else, and on zero."""
    match = _WALLTIME.fullmatch(walltime)
    if match is None:
        raise ValueError("a walltime is written [D-]HH:MM:SS, for example 12:00:00 or 2-00:00:00")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total == 0:
        raise ValueError("a walltime must be longer than zero")
    return total


def _check_walltime(walltime: object) -> object:
    if isinstance(walltime, int):
        # YAML 1.1 reads 12:00:00 as a number in base 60.
        raise ValueError('a walltime is written in quotes, for example "12:00:00"')
    if isinstance(walltime, str):
        walltime_seconds(walltime)
    return walltime


Walltime = Annotated[str, BeforeValidator(_check_walltime)]

Evaluator = Literal["tensorpot", "pyace"]


class Record(BaseModel):
    """The base of all records that people write: strict about keys, never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: object, info: ValidationInfo) -> object:
        """Refuse truth values where the key is no switch, and all else where it is one.

        YAML reads yes and no as truth values, and pydantic takes these for 1 and 0, or 1 for true.
        """
        if cls.model_fields[str(info.field_name)].annotation is bool:
            if not isinstance(value, bool):
                raise ValueError("this key is true or false")
        elif isinstance(value, bool):
            raise ValueError(
                "this key does not take true or false; YAML also reads yes and no as these"
            )
        return value
