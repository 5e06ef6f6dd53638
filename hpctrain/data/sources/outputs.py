"""Structures of programs' outputs and of trajectories, as ASE reads them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hpctrain.data.sources import cp2k
from hpctrain.data.sources.label_names import Raw
from hpctrain.data.sources.names import COMPRESSED, ending, error_text, is_packed
from hpctrain.errors import HpctrainError

# Which energy ASE calls the free energy, by format.
ENERGIES = {
    "vasp-xml": "VASP's free energy (e_fr_energy), without P·V",
    "vasp-out": "VASP's free energy (free energy TOTEN)",
    "espresso-out": "pw.x's total energy (the line with !), with smearing a free energy",
    "aims-output": "FHI-aims' electronic free energy",
    "castep-castep": "CASTEP's final free energy (E-TS)",
    "gpaw-out": "GPAW's free energy",
}
# Formats that are no source of structures here, or are read by another module.
_OTHERS = frozenset({
    "bundletrajectory", "db", "extxyz", "gpw", "json", "mysql", "postgresql", "xyz", "py",
})  # fmt: skip
CP2K = "cp2k"  # no format of ASE's


def read_output(path: Path, name: str) -> Iterator[tuple[int, Raw]]:
    """Read the structures of a file, called ``name`` in errors, with their numbers from 1.

    What ASE cannot read of it becomes a row that cannot be used, after those that it can.
    """
    kind = find_format(path, name)
    if kind == CP2K:
        yield from cp2k.read_cp2k(path, name)
        return
    number = 0
    try:
        for atoms in _iterate(path, kind):
            number += 1
            yield number, to_raw(atoms, f"structure {number} of {name}", ENERGIES.get(kind))
    except HpctrainError:
        raise
    except Exception as error:  # noqa: BLE001  ASE's readers raise whatever a file leads to
        yield number + 1, _unreadable(f"ASE cannot read it as {kind}: {error_text(error)}", name)
        return
    if not number:
        yield 1, _unreadable(f"{kind} without a finished structure", name)


def find_format(path: Path, name: str) -> str:
    """Return ASE's name of a file's format, or CP2K; HpctrainError where none is read here."""
    with path.open("rb") as file:
        head = file.read(100_000)
    if cp2k.MAGIC in head:
        return CP2K
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    try:
        kind: str | None = filetype(str(path), read=True, guess=False)
    except UnknownFileTypeError:
        kind = None
    except Exception as error:
        raise HpctrainError(f"{name} cannot be read: {error_text(error)}") from error
    known = ioformats.get(kind or "")
    # To ASE, all that is called .out is an output of pw.x.
    other = kind == "espresso-out" and not ending(name)[1] and b"PWSCF" not in head
    if known is None or not known.can_read or kind in _OTHERS or other:
        raise HpctrainError(
            f"{name} cannot be read: it is not a database, extxyz file, Pacemaker table, "
            "trajectory or output that ASE knows",
            "unpack it" if is_packed(name) else "name another file",
        )
    return str(kind)


def has_no_keys(path: Path, name: str) -> bool:
    """Say whether a file is an output, whose structures have no keys of their own."""
    if ending(name)[0] in (".xyz", ".extxyz"):
        return False
    kind = find_format(path, name)
    return kind == CP2K or kind in ENERGIES


def count_output(path: Path) -> int | None:
    """Count the structures of a trajectory; of other files that takes reading them."""
    if path.suffix.lower() != ".traj":
        return None
    from ase.io.trajectory import Trajectory

    with Trajectory(str(path)) as trajectory:
        return len(trajectory)


def _iterate(path: Path, kind: str) -> Iterator[Any]:
    import ase.io

    if kind == "traj" and path.suffix.lower() in COMPRESSED:
        raise ValueError("a compressed trajectory has to be unpacked")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what of the file is not labels
        # One after the other, where ASE can; a list otherwise.
        yield from ase.io.iread(str(path), ":", format=kind, do_not_split_by_at_sign=True)


def to_raw(atoms: Any, where: str, energy: str | None = None) -> Raw:
    """Return a structure of ASE's; ``energy`` tells which one its free energy is."""
    results = {} if atoms.calc is None else dict(getattr(atoms.calc, "results", {}))
    a, b, c = (bool(periodic) for periodic in atoms.pbc)
    known = {"numbers", "positions"}
    known_energy = energy if results.get("free_energy") is not None else None
    return Raw(
        where,
        np.asarray(atoms.numbers, dtype=np.int64),
        np.asarray(atoms.positions, dtype=float),
        np.asarray(atoms.cell, dtype=float),
        (a, b, c),
        results,
        dict(atoms.info),
        {key: value for key, value in atoms.arrays.items() if key not in known},
        free_energy=known_energy,
    )


def _unreadable(why: str, name: str) -> Raw:
    empty = np.zeros((0, 3))
    return Raw(
        name, np.zeros(0, dtype=np.int64), empty, np.zeros((3, 3)), (False,) * 3, {}, {},
        fault=why,
    )  # fmt: skip
