"""The console blocks of a page: commands and what they print, compared with what they print today.

In a block a line ``$ COMMAND`` is run, and the lines below it are its output; without such lines
whatever it prints is right. ``…`` alone in a line stands for any lines, within a line for the rest
of it. Numbers, ids, times, columns' widths and the folder count for nothing. A block below a
comment ``<!-- not run: WHY -->`` is left alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

LEFT_OUT = "…"
_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
_DURATION = re.compile(r"(?:[0-9]+ (?:h|min|s)\b ?)+")
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,:]*(?:e[-+]?[0-9]+)?")


@dataclass
class Command:
    """A command of a page: where its output begins, and the lines of it."""

    words: str
    line: int
    output: list[str]


def commands(page: str) -> Iterator[Command]:
    """Yield the commands of all blocks that are run."""
    lines, inside, before = page.splitlines(), False, ""
    command: Command | None = None
    for number, line in enumerate(lines):
        if line == "```console":
            inside = not before.startswith("<!-- not run: ")
        elif line.startswith("```") or not inside:
            inside = False
            if command:
                yield command
            command = None
        elif line.startswith("$ "):
            if command:
                yield command
            command = Command(line[2:].partition("  #")[0].strip(), number + 1, [])
        elif command:
            command.output.append(line)
        if line.strip():
            before = line


def mask(line: str) -> str:
    """Return a line without what differs from run to run."""
    line = _NUMBER.sub("#", _DURATION.sub("# s ", _RUN.sub("RUN", line)))
    return " ".join(line.split())


def fits(shown: list[str], printed: list[str]) -> bool:
    """Say whether what a page shows is what was printed."""
    if not shown:
        return not printed
    if shown[0] == LEFT_OUT:
        return any(fits(shown[1:], printed[place:]) for place in range(len(printed) + 1))
    return bool(printed) and _same(shown[0], printed[0]) and fits(shown[1:], printed[1:])


def _same(shown: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(part.rstrip()) for part in mask(shown).split(LEFT_OUT))
    return re.fullmatch(pattern, mask(printed), re.DOTALL) is not None


def differences(command: Command, printed: list[str]) -> list[str]:
    """Return what a page shows (-) and what is printed (+), without what may differ."""
    shown = [mask(line) for line in command.output]
    return list(difflib.unified_diff(shown, [mask(line) for line in printed], lineterm="", n=0))[2:]


def renew(shown: list[str], printed: list[str]) -> list[str]:
    """Return the lines of a page as they are printed now, with what was left out left out.

    A line that is like none of the printed ones is dropped; printed lines that no line is like
    come in between, unless lines are left out there.
    """
    new: list[str] = []
    place, left_out = 0, False
    for line in shown:
        if line == LEFT_OUT:
            new.append(line)
            left_out = True
            continue
        found = _place_of(line, printed, place)
        if found is None:
            continue
        if not left_out:
            new += printed[place:found]
        new.append(line if _same(line, printed[found]) and LEFT_OUT in line else printed[found])
        place, left_out = found + 1, False
    return new if left_out else new + printed[place:]


def _place_of(line: str, printed: list[str], begin: int) -> int | None:
    """Return where the line that is most like this one is printed, None if none is like it."""
    for place in range(begin, len(printed)):
        if _same(line, printed[place]):
            return place
    likeness = {
        place: difflib.SequenceMatcher(None, mask(line), mask(printed[place])).ratio()
        for place in range(begin, len(printed))
    }
    best = max(likeness, key=lambda place: likeness[place], default=None)
    return best if best is not None and likeness[best] > 0.6 else None
