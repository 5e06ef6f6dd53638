"""From extxyz to the trainer's own pickles, in the trainer's own environment.

A pickle written by one pandas or numpy cannot always be read by another: it is made where it is
read. Called as: python -m job.pacemaker.convert FILE.extxyz FILE.pckl.gzip [and so on].

What hpctrain writes is read here, several times faster than ASE does; all else is read by ASE.
Structures go into the pickle one by one, so that their number costs no memory.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import re
import sys
from itertools import islice
from typing import Any, Iterator, Tuple

import numpy
import pandas
from ase import Atoms
from ase.data import atomic_numbers

COLUMNS = ["ase_atoms", "energy", "forces", "name"]
Row = Tuple[Atoms, float, Any, str]  # as COLUMNS; evaluated, so not tuple[…] on Python 3.8

# The second line as hpctrain/data/structures/extxyz.py writes it.
_TEXT = r'(?:[A-Za-z_/][A-Za-z0-9_./+-]*|"_JSON (?:[^"\\]|\\.)*")'
_HEAD = re.compile(
    r'Lattice="([^"]*)" Properties=species:S:1:pos:R:3:forces:R:3 energy=([^\s"]+)'
    r'(?: stress="[^"]*")? pbc="([TF]) ([TF]) ([TF])"'
    rf"(?: config_type={_TEXT})?(?: generation=-?[0-9]+)?"
    rf" db_id=([1-9][0-9]*|{_TEXT}) source={_TEXT}\n"
)


class Unreadable(Exception):
    """A structure cannot be used: which one of which file, and why."""


def read_rows(source: str) -> Iterator[Row]:
    """Read the rows of the table; energy in eV, total; forces [n, 3] in eV/Å."""
    number, begin = 0, 1
    try:
        with open(source, encoding="utf-8", errors="replace") as file:
            for count in file:
                number += 1
                atoms = _atoms_in(count, file)
                if atoms is None:
                    break
                lines = [next(file, ""), *islice(file, atoms)]
                head = _HEAD.fullmatch(lines[0])
                if head and atoms:
                    yield _read_own(head, lines[1:], atoms, begin + 2)
                else:
                    yield _read_other(count + "".join(lines), number - 1)
                begin += 2 + atoms
    except Exception as error:  # ase has many errors for a damaged file
        raise Unreadable(
            f"{source}, structure {number} cannot be read: {error or type(error).__name__} "
            f"(it begins in line {begin})"
        ) from error


def _atoms_in(line: str, file: Iterator[str]) -> int | None:
    """Read how many atoms follow, or None if nothing but empty lines is left."""
    if not line.strip() and not any(rest.strip() for rest in file):
        return None
    try:
        return int(line)
    except ValueError:
        raise ValueError(f"{line.strip()[:60]!r} is not its number of atoms") from None


def _read_own(head: re.Match[str], lines: list[str], atoms: int, first: int) -> Row:
    """Read a structure as hpctrain writes it; its atoms begin in the line ``first``."""
    if len(lines) < atoms or not lines[-1].endswith("\n"):
        raise ValueError(f"the file ends within it, in line {first + len(lines) - 1}")
    words = "".join(lines).split()
    species = words[::7]
    del words[::7]
    try:
        numbers = [atomic_numbers[symbol] for symbol in species]
        # Each word by Python's own float: to the last digit, as ASE reads it.
        table = numpy.array(words, dtype=float).reshape(atoms, 6)
    except (KeyError, ValueError):
        raise ValueError(_describe_bad_line(lines, first)) from None
    lattice, energy, a, b, c, name = head.groups()
    return (
        Atoms(
            numbers=numbers,
            positions=table[:, :3],
            cell=numpy.array(lattice.split(), dtype=float).reshape(3, 3),
            pbc=(a == "T", b == "T", c == "T"),
        ),
        float(energy),
        table[:, 3:].copy(),
        _name(name),
    )


def _describe_bad_line(lines: list[str], first: int) -> str:
    for number, line in enumerate(lines, start=first):
        words = line.split()
        try:
            if len(words) == 7 and words[0] in atomic_numbers and [*map(float, words[1:])]:
                continue
        except ValueError:
            pass
        return f"line {number} is {line.strip()[:60]!r}, not an element and six numbers"
    raise AssertionError  # only called for lines of which one is bad


def _name(text: str) -> str:
    if not text.startswith('"'):
        return text
    # Quoted twice: as JSON, and again with backslashes for extxyz.
    return str(json.loads(re.sub(r"\\(.)", r"\1", text[len('"_JSON ') : -1])))


def _read_other(text: str, number: int) -> Row:
    """Read any other structure, through ASE; ``number`` is its name if it has none."""
    # Here, for it imports all of scipy, which takes longer than to convert a few structures.
    import ase.io

    atoms = next(ase.io.iread(io.StringIO(text), format="extxyz"))
    results = atoms.calc.results if atoms.calc else {}
    lacks = [label for label in ("energy", "forces") if label not in results]
    if lacks:
        raise ValueError("it has no " + " and no ".join(lacks))
    plain = Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    name = str(atoms.info.get("db_id", number))
    return plain, float(results["energy"]), results["forces"], name


class _Table:
    """An object that is pickled as a DataFrame of rows that come one by one."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self.count = 0
        self._rows = rows

    def __reduce__(self) -> tuple[Any, ...]:
        return pandas.DataFrame, (_List(self._counted()), None, COLUMNS)

    def _counted(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


class _List:
    """An object that is pickled as a list of what an iterator gives."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._rows


def _reduce_array(array: Any) -> tuple[Any, ...]:
    """Say how to pickle an array: with its type by name, or each brings a copy of its own."""
    return numpy.ndarray, (array.shape, array.dtype.str, bytearray(array.tobytes()))


def convert(source: str, target: str) -> int:
    """Write the structures of a file as a table of the trainer's; return how many there are.

    Columns ``ase_atoms``, ``energy`` (eV, total), ``forces`` ([n, 3], eV/Å), ``name``.
    """
    table = _Table(read_rows(source))
    temporary = f"{target}.{os.getpid()}"
    try:
        with gzip.open(temporary, "wb", compresslevel=1) as file:
            pickler = pickle.Pickler(file, protocol=5)
            # Without a memo, which would keep all that was written: nothing is in there twice.
            pickler.fast = True
            pickler.dispatch_table = {numpy.ndarray: _reduce_array}
            pickler.dump(table)
        if not table.count:
            raise Unreadable(f"{source} holds no structure")
        os.replace(temporary, target)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return table.count


def main(names: list[str]) -> int:
    """Convert each file into the one named after it."""
    for source, target in zip(names[::2], names[1::2]):  # noqa: B905 (Python 3.8)
        try:
            print(f"{target}: {convert(source, target)} structures of {source}", flush=True)
        except Unreadable as problem:
            print(problem)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
