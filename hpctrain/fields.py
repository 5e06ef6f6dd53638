"""The types that settings and profiles are made of; unknown keys are refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

# Isolated atoms of one element may differ by so much (eV) before somebody has to choose.
SAME_ATOM = 1e-3


class Form:
    """The form of a text: a pattern for machines, and words with an example for people."""

    def __init__(self, pattern: str, words: str, *, longest: int | None = None) -> None:
        self.pattern, self.words, self.longest = pattern, words, longest
        self._matches = re.compile(pattern.removeprefix("^").removesuffix("$")).fullmatch

    def check(self, text: str) -> str:
        """Return the text; ValueError says how it is written."""
        if not self._matches(text):
            raise ValueError(f"must be {self.words}")
        if self.longest is not None and len(text) > self.longest:
            raise ValueError(f"must have at most {self.longest} characters")
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        json: dict[str, Any] = handler(schema)
        if json.get("type") == "string":  # else the type says itself how editors check it
            json["pattern"] = self.pattern
            if self.longest is not None:
                json["maxLength"] = self.longest
        return json


# What may stand in a job's name, a path and a scheduler's argument without being quoted anywhere.
PlainName = Annotated[
    str,
    Form(
        r"^[A-Za-z0-9][A-Za-z0-9._+-]*$",
        "letters, digits and . _ + - without blanks, beginning with a letter or a digit, for "
        "example al-pbe",
        longest=60,
    ),
]
# A scheduler's own word (partition, account, constraint): one word, no quotes, no shell.
Word = Annotated[
    str,
    Form(
        r"^[A-Za-z0-9][A-Za-z0-9._:,=+&|()\[\]*@/-]*$",
        "one word without blanks, quotes and characters of the shell, for example gpu_long",
    ),
]
Text = Annotated[str, Form(r"^[^\x00]*$", "text without NUL characters")]
Line = Annotated[str, Form(r"^[^\r\n\x00]+$", "one line of text, and not an empty one")]
VariableName = Annotated[
    str,
    Form(
        r"^[A-Za-z_][A-Za-z0-9_]*$",
        "a name of letters, digits and _, not beginning with a digit, for example OMP_PROC_BIND",
    ),
]
# How much alike two structures are: every number; up to how it is written; nearly.
Likeness = Literal["identical", "same", "near"]

_WALLTIME = re.compile(r"(?:([0-9]+)-)?([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])")


# No cluster lets a job run so long; schedulers' own numbers end soon after.
LONGEST_DAYS = 3660
TOO_LONG = "a walltime of more than ten years is surely a mistake; it is written [D-]HH:MM:SS"


def walltime_seconds(walltime: str) -> int:
    """Return the seconds of ``[D-]HH:MM:SS``; ValueError on anything else, and on zero."""
    match = _WALLTIME.fullmatch(walltime)
    if match is None:
        raise ValueError("a walltime is written [D-]HH:MM:SS, for example 12:00:00 or 2-00:00:00")
    if len(match[1] or "") > len(str(LONGEST_DAYS)):
        raise ValueError(TOO_LONG)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total == 0:
        raise ValueError("a walltime must be longer than zero")
    if total > LONGEST_DAYS * 86400:
        raise ValueError(TOO_LONG)
    return total


def _check_walltime(walltime: object) -> object:
    if isinstance(walltime, int):
        # YAML 1.1 reads 12:00:00 as a number in base 60.
        raise ValueError('a walltime is written in quotes, for example "12:00:00"')
    if isinstance(walltime, str):
        walltime_seconds(walltime)
    return walltime


Walltime = Annotated[str, BeforeValidator(_check_walltime)]

# The largest number that a key may sensibly be, and why.
Most = dict[str, tuple[float, str]]


class Record(BaseModel):
    """The base of all records that people write: strict about keys, never changed after reading.

    ``most`` has the largest number that a key may sensibly be, and why, by key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    most: ClassVar[Most] = {}

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

    @field_validator("*", mode="after")
    @classmethod
    def _no_absurd_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse numbers that can only be mistakes, and would fail somewhere else, later."""
        limit, why = cls.most.get(str(info.field_name), (LARGEST, "no number here is so large"))
        for number in _numbers(value):
            if abs(number) > limit:
                raise ValueError(f"more than {limit:,} is surely a mistake: {why}")
        return value


# Seeds may have 64 bits; nothing else comes near.
LARGEST = 2**64


def _numbers(value: object) -> list[int | float]:
    """List a number itself, or those in a list or mapping."""
    if isinstance(value, dict):
        value = list(value.values())
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, (int, float))]
