"""An extxyz file, structure by structure, so that what cannot be read is named with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hpctrain.errors import HpctrainError


@dataclass(frozen=True)
class Frame:
    """The lines of one structure; ``number`` and ``line``, where it begins, count from 1."""

    number: int
    line: int
    text: str


def frames(path: Path, name: str) -> Iterator[Frame]:
    """The structures of a file, called ``name`` in errors. HpctrainError where their lines do not
    add up."""
    line, number = 1, 0
    with path.open(encoding="utf-8") as file:
        for first in file:
            if not first.strip() and not any(rest.strip() for rest in file):
                return  # empty lines at the end
            number += 1
            try:
                atoms = int(first)
            except ValueError:
                raise HpctrainError(
                    f"{name}, structure {number}: line {line} is {first.strip()[:60]!r}, "
                    "not its number of atoms",
                    "mend the file, or name another in data.source",
                ) from None
            lines = list(islice(file, atoms + 1))
            if len(lines) <= atoms:
                raise HpctrainError(
                    f"{name}, structure {number}: it begins in line {line} with {atoms} atoms, "
                    f"and the file ends in line {line + len(lines)}",
                    "the file is cut off: write it again",
                )
            yield Frame(number, line, first + "".join(lines))
            line += 1 + len(lines)
