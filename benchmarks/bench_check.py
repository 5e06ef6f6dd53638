"""What check finds where units, signs or references are wrong, and how long it takes.

    python benchmarks/bench_check.py FILE…

For each file, a set of labelled structures, its labels are changed, and check's pass over the rows
is made again: a table of what it finds (units, mixed_references), and of what it finds in the data
as they are, and in small parts of them, which should be nothing. The time is that of the pass and
of all findings together, the best of three, in ms per structure.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hpctrain.data.check.report import Findings, find_all
from hpctrain.data.check.scan import Preflight
from hpctrain.data.sources.read import read_source
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.labels import find_fault, is_isolated, mend

CUTOFF = 6.0
PARTS, EACH = (12, 16, 24, 40, 80), 15  # rows, and how many parts of each size
LOOKED_FOR = ("units", "mixed_references")
Change = Callable[[Structure, bool], Structure]


def times(energy: float, force: float) -> Change:
    """Multiply the labels."""

    def change(row: Structure, _: bool) -> Structure:
        assert row.energy is not None
        assert row.forces is not None
        return replace(row, energy=energy * row.energy, forces=force * row.forces)

    return change


def shift(by: float) -> Change:
    """Shift the energies of every second row, by chance, by a constant of each element."""

    def change(row: Structure, chosen: bool) -> Structure:
        assert row.energy is not None
        elements = np.unique(row.numbers, return_inverse=True)[1]
        size = by * float((1 + 0.3 * elements).sum())
        return replace(row, energy=row.energy + size) if chosen else row

    return change


CHANGES: dict[str, Change] = {
    "as they are": times(1, 1),
    "F × −1": times(1, -1),
    "F × 51.42": times(1, 51.42),
    "F / 51.42": times(1, 1 / 51.42),
    "F × 27.2": times(1, 27.2),
    "F / 27.2": times(1, 1 / 27.2),
    "E × 27.2": times(27.2, 1),
    "E / 27.2": times(1 / 27.2, 1),
    "E × 23.06": times(23.06, 1),
    "half of E + 1": shift(1.0),
    "half of E − 4": shift(-4.0),
}


def read(file: Path) -> list[Structure]:
    """Read the rows that can be trained on, isolated atoms too."""
    select = "status=completed" if file.suffix == ".db" else ""
    rows = list(read_source(str(file), Path(), select))
    for row in rows:
        mend(row, CUTOFF)
    return [row for row in rows if find_fault(row) is None]


def check(rows: Iterable[Structure]) -> Findings:
    """Make check's pass, and list its findings."""
    preflight = Preflight(CUTOFF)
    for row in rows:
        preflight.add(row, None)
    return find_all(preflight, references="auto")


def cell(found: Findings) -> str:
    """Say in a word what was found, or that units could not be judged."""
    names = [one.name for one in found.findings if one.name in LOOKED_FOR]
    unknown = found.data["units"]["judged_by"] is None
    return ", ".join(names) or ("not judged" if unknown else "–")


def count_alarms(rows: list[Structure]) -> str:
    """Check parts of a set as it is, drawn by chance or one after the other: all are right."""
    draw = random.Random(2)  # noqa: S311
    alarms = parts = 0
    for size in (size for size in PARTS if size <= len(rows)):
        for number in range(EACH):
            begin = draw.randrange(len(rows) - size + 1)
            some = draw.sample(rows, size) if number % 2 else rows[begin : begin + size]
            alarms += cell(check(some)) not in ("–", "not judged")
            parts += 1
    return f"{alarms} of {parts}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    sets = {file.name.split(".")[0]: read(file) for file in parser.parse_args().files}
    print("| Labels | " + " | ".join(sets) + " |")
    print("|" + "---|" * (len(sets) + 1))
    for name, change in CHANGES.items():
        cells = []
        for rows in sets.values():
            draw = random.Random(1)  # noqa: S311
            found = check(
                row if is_isolated(row, CUTOFF) else change(row, draw.random() < 0.5)
                for row in rows
            )
            cells.append(cell(found))
        print(f"| {name} | " + " | ".join(cells) + " |")
    cells = list(map(count_alarms, sets.values()))
    print("| parts with a finding | " + " | ".join(cells) + " |")
    cells = []
    for rows in sets.values():
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            check(rows)
            seconds.append(time.perf_counter() - began)
        cells.append(f"{1000 * min(seconds) / len(rows):.2f}")
    print("| ms per structure | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
