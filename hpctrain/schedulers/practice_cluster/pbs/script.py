"""The options of ``qsub``, from its words and from the ``#PBS`` lines in the head of the script.

An option on the command line wins over the same one in the script; each ``-l`` resource and each
``-W`` attribute by itself; and of two in the same place, the later one.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpctrain.schedulers.practice_cluster.pbs.resources import read_l
from hpctrain.schedulers.practice_cluster.pbs.usage import (
    QSUB,
    Refusal,
    options,
    refusal,
    usage_error,
)

LETTERS = "a:A:c:C:e:fhIj:J:k:l:m:M:N:o:p:q:r:R:S:u:v:VW:XzP:"
DEPENDENCIES = ("afterany", "afterok", "afternotok")
# Not imitated: arrays, interactive jobs, and what else nobody trains with.
REFUSED = "JIXR"
MOST_NAME = 236


@dataclass
class Asked:
    """What ``qsub`` was asked: options by their letter, ``-l`` and ``-W`` by their names."""

    words: Sequence[str]
    script: str = ""
    text: bytes = b""
    letters: dict[str, str] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    def take(self, found: list[tuple[str, str]]) -> None:
        """Add these options."""
        for letter, value in found:
            if letter in REFUSED:
                raise usage_error("qsub", f"illegal -{letter} value")
            if letter == "W":
                self.attributes |= attributes(value)
            elif letter == "l":
                self.resources |= read_l([value])
            else:
                self.letters[letter] = check_value(letter, value)


def read(words: Sequence[str]) -> Asked:
    """Read everything that ``qsub`` was asked for, from its words and from the script."""
    on_line, at = options("qsub", words, LETTERS)
    if len(words) - at > 1 or "--" in words:
        raise usage_error("qsub")
    asked = Asked(words, script=words[at] if len(words) > at else "")
    by_line = Asked(words)
    by_line.take(on_line)
    asked.text = script_text(asked.script)
    prefix = by_line.letters.get("C") or os.environ.get("PBS_DPREFIX") or "#PBS"
    for line in directives(asked.text, prefix):
        parts: list[str] = []
        try:
            parts = shlex.split(line)
            found, _ = options("qsub", parts, LETTERS)
            asked.take(found)
        except ValueError:
            raise refusal("qsub", 1, "unmatched ") from None
        except Refusal as no:
            first = no.text.replace(QSUB, "")
            # Some values it looks at only when it has all; then the line is not named.
            if first == no.text or re.match(r"qsub: illegal -[NjkmpW] ", first):
                raise
            raise Refusal(1, f"{first}qsub: directive error: {' '.join(parts)} \n") from None
    asked.letters |= by_line.letters
    asked.resources |= by_line.resources
    asked.attributes |= by_line.attributes
    asked.letters.setdefault("N", Path(asked.script).name or "STDIN")
    return asked


def script_text(script: str) -> bytes:
    """Read the script, or refuse it."""
    if script in ("", "-"):
        text = sys.stdin.buffer.read()
    else:
        path = Path(script)
        try:
            if not path.is_file():
                path.stat()
                raise refusal("qsub", 1, "script not a file")
            text = path.read_bytes()
        except FileNotFoundError:
            raise refusal("qsub", 1, f"script file:: {os.strerror(errno.ENOENT)}") from None
        except OSError as error:
            raise refusal("qsub", 8, f"opening script file:: {error.strerror}") from None
    if b"\r\n" in text:
        raise refusal("qsub", 1, "script contains cr, lf")
    return text


def directives(script: bytes, prefix: str) -> list[str]:
    """Return what stands behind ``#PBS``, up to the first line that does something."""
    found: list[str] = []
    lines = iter(script.decode("utf-8", "surrogateescape").split("\n"))
    for each in lines:
        line = each.strip()
        if line.startswith(prefix):
            while line.endswith("\\"):
                line = line[:-1] + next(lines, "").strip().removeprefix(prefix)
            found.append(line.removeprefix(prefix))
        elif line and line[0] not in "#:":
            break
    return found


def attributes(text: str) -> dict[str, str]:
    """Read ``-W name=value,name=value``; values with commas are in quotes."""
    found = {}
    # The value of depend holds commas: a name is what stands before "=".
    for part in re.split(r",(?=\w+=)", text.strip()):
        name, equals, value = part.partition("=")
        value = value.strip("\"'")
        if not equals:
            raise usage_error("qsub", "illegal -W value")
        if name not in ("depend", "umask", "group_list", "block"):
            raise refusal("qsub", 154, "Error (15002) submitting job")
        if name == "block" and value.lower() != "false":
            raise usage_error("qsub", "illegal -W value")  # not imitated: qsub would wait
        if name == "umask" and not re.fullmatch(r"[0-7]{1,4}", value):
            raise refusal("qsub", 166, "Illegal attribute or resource value umask")
        if name == "depend":
            dependencies(value)
        found[name] = value
    return found


def dependencies(text: str) -> list[tuple[str, str]]:
    """Read pairs of kind and job. Others of PBS's kinds are not imitated."""
    pairs = []
    for part in text.split(",") if text else []:
        kind, *jobs = part.split(":")
        if kind not in DEPENDENCIES or not jobs or not all(job[:1].isdigit() for job in jobs):
            raise usage_error("qsub", "illegal -W value")
        pairs += [(kind, job) for job in jobs]
    return pairs


def check_value(letter: str, value: str) -> str:
    """Return the value of an option, or refuse it."""
    if letter == "N" and len(value) > MOST_NAME:
        raise refusal("qsub", 2, "Job name is too long ")
    good = {
        "N": r"[\w.+-]+",
        "j": "oe|eo|n",
        "k": "n|[oed]{1,3}",
        "m": "n|[abe]{1,3}",
        "r": "[yn]",
        "p": r"[+-]?(\d{1,3}|10[01]\d|102[0-3])",
    }
    if letter in good and not re.fullmatch(good[letter], value, re.ASCII):
        raise usage_error("qsub", f"illegal -{letter} value")
    if letter == "a":
        moment(value)
    return value


def moment(text: str) -> float:
    """Read ``-a [[[[CC]YY]MM]DD]hhmm[.SS]``; what is left out makes it the next such moment."""
    match = re.fullmatch(r"((\d\d)?\d\d)?(\d\d)?(\d\d)?(\d\d)(\d\d)(\.\d\d)?", text)
    if not match or len(text.split(".")[0]) not in (4, 6, 8, 10, 12):
        raise usage_error("qsub", "illegal -a value")
    digits, _, second = text.partition(".")
    now = time.localtime()
    full = time.strftime("%Y%m%d%H%M", now)
    whole = full[: 12 - len(digits)] + digits
    try:
        at = time.mktime(time.strptime(whole + (second or "00"), "%Y%m%d%H%M%S"))
    except ValueError:
        raise usage_error("qsub", "illegal -a value") from None
    if at <= time.time() and len(digits) == 4:
        at += 86400
    return at
