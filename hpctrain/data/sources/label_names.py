"""Which of a row's values are its labels: by the usual names, or by those of data.labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.sources.values import NoNumber, to_array, to_float, to_voigt
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.labels import NO_STRESS
from hpctrain.data.structures.other_labels import OtherLabels, have_labels, looks_like

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Note = tuple[str, float]

# Prefix of a name that is looked for in row.data of a database only.
DATA = "data."
# Energies (eV) that are nearer count as the same.
SAME_ENERGY = 1e-6
SAME_FORCE = 1e-6  # eV/Å
# Values that are named each, of a source.
MOST_NAMED = 10

FREE_ENERGY = (
    "{rows}: the free energy is taken, of which the forces are the derivatives; it differs from "
    "'energy' by up to {size:.3g} eV per atom (to take the other: data.labels: {{energy: energy}})"
)
TAKEN = "{{rows}}: the energy is {energy}"
SIX = "{rows}: a stress of six numbers is read as xx yy zz yz xz xy, ASE's order"


@dataclass
class Raw:
    """A row as its source holds it, before it is known which of its values are labels.

    ``where``: its place in words; ``results`` are what ASE calls results; ``keys`` the row's own
    pairs; ``arrays`` one value or vector an atom; ``data`` is called where nothing else has a name,
    or where ``has_more`` says that there may be labels in it; ``text``: it was written as text;
    ``free_energy``: which energy of the program that is, in words; ``calculation`` as in a
    Structure.
    """

    where: str
    numbers: NDArray[np.int64]
    positions: Array
    cell: Array
    pbc: tuple[bool, bool, bool]
    results: Mapping[str, Any]
    keys: Mapping[str, Any]
    arrays: Mapping[str, Any] = field(default_factory=dict)
    data: Callable[[], Mapping[str, Any]] = dict
    has_more: bool = False
    text: bool = False
    free_energy: str | None = None
    notes: tuple[Note, ...] = ()
    fault: str | None = None
    calculation: Mapping[str, Any] | None = None

    def find(self, name: str) -> Any:
        """Return what the row has under a name, or None."""
        for place in (self.results, self.arrays, self.keys):
            if place.get(name) is not None:
                return place[name]
        return self.data().get(name.removeprefix(DATA))


class Labels:
    """The labels that data.labels asks for."""

    def __init__(self, names: Mapping[str, str | None]) -> None:
        self.energy, self.forces = names.get("energy"), names.get("forces")
        usual = self.energy in (None, "energy", "free_energy") and self.forces in (None, "forces")
        self.stress = names.get("stress", "stress" if usual and "virial" not in names else None)
        self.virial = names.get("virial")
        # With nothing named, a second set of labels is asked about.
        self.asks = self.energy is None and self.forces is None
        self.usual, self.usual_names = not names, usual
        self.named = 0  # values that are no numbers

    def structure(
        self, raw: Raw, row_id: str, source: str, config_type: str | None, generation: int | None
    ) -> Structure:
        """Return a row with its labels; a label that is no number is the row's fault."""
        notes, faults = list(raw.notes), []
        if raw.fault is not None:
            self.named += 1
            named = self.named <= MOST_NAMED
            faults = [f"{raw.fault} ({raw.where})" if named else raw.fault]
        energy, forces, others = None, None, None
        try:
            energy = self._find_energy(raw, notes)
        except NoNumber as error:
            faults.append(self._in_words("the energy", error, raw))
        try:
            forces = self._find_forces(raw)
        except NoNumber as error:
            faults.append(self._in_words("a force", error, raw))
        if faults:
            pass
        elif energy is None or forces is None:
            others = list_others(raw)
        elif self.asks and (raw.has_more or have_labels((*raw.keys, *raw.arrays))):
            others = find_second_set(raw, energy, forces)
        return Structure(
            row_id, source, raw.numbers, raw.positions, raw.cell, raw.pbc, energy, forces,
            self._find_stress(raw, notes), config_type, generation, raw.keys, tuple(notes),
            faults[0] if faults else None, others, calculation=_calculation(raw),
        )  # fmt: skip

    def _in_words(self, what: str, error: NoNumber, raw: Raw) -> str:
        """Name a value and its place; of very many only the first are named."""
        self.named += 1
        if self.named > MOST_NAMED:
            return f"{what} is not a number"
        return f"{what} is not a number: {error.text} in {error.where or raw.where}"

    def _find_energy(self, raw: Raw, notes: list[Note]) -> float | None:
        if raw.free_energy is not None and self.energy in (None, "free_energy"):
            notes.append((TAKEN.format(energy=raw.free_energy), 0.0))
        if self.energy is not None:
            value = raw.find(self.energy)
            return None if value is None else to_float(value)
        energy, free = raw.results.get("energy"), raw.results.get("free_energy")
        if free is None:
            return None if energy is None else to_float(energy)
        free = to_float(free)
        if energy is not None:
            difference = abs(free - to_float(energy))
            if difference > SAME_ENERGY:
                notes.append((FREE_ENERGY, difference / max(len(raw.numbers), 1)))
        return free

    def _find_forces(self, raw: Raw) -> Array | None:
        value = raw.results.get("forces") if self.forces is None else raw.find(self.forces)
        return None if value is None else to_array(value)

    def _find_stress(self, raw: Raw, notes: list[Note]) -> Array | None:
        name = self.stress or self.virial
        if name is None:
            return None
        value = raw.find(name) if self.virial or name != "stress" else raw.results.get(name)
        if value is None:
            return None
        try:
            stress = to_voigt(value)
            if self.virial:
                volume = abs(np.linalg.det(raw.cell))
                if not (all(raw.pbc) and volume > 0):
                    raise ValueError("a virial needs a cell that is periodic in all directions")
                stress = stress / -volume
        except NoNumber:
            notes.append((NO_STRESS + "it is not a number", 0.0))
            return None
        except ValueError as error:
            notes.append((NO_STRESS + str(error), 0.0))
            return None
        if raw.text and np.size(value) == 6:
            notes.append((SIX, 0.0))
        return stress


class NoLabels(Labels):
    """No labels at all: none is read, so none can be at fault."""

    def __init__(self) -> None:
        super().__init__({})

    def structure(
        self, raw: Raw, row_id: str, source: str, config_type: str | None, generation: int | None
    ) -> Structure:
        """Return a row without labels."""
        return Structure(
            row_id, source, raw.numbers, raw.positions, raw.cell, raw.pbc, None, None, None,
            config_type, generation, raw.keys, tuple(raw.notes),
            raw.fault and f"{raw.fault} ({raw.where})",
        )  # fmt: skip


# One number an atom, or one in all.
_MOMENTS = ("initial_magmoms", "magmoms", "magnetic_moments", "initial_magnetic_moments", "magmom")


def _calculation(raw: Raw) -> Mapping[str, Any] | None:
    """Return what a row has of its calculation beside its keys; None where that is nothing."""
    found: dict[str, Any] = dict(raw.calculation or {})
    for name in _MOMENTS:
        value = raw.arrays.get(name)
        value = raw.results.get(name) if value is None else value
        if value is not None and "magmoms" not in found:
            try:
                moments = to_array(value)
            except ValueError:
                continue
            found["magmom" if moments.size == 1 and name == "magmom" else "magmoms"] = moments
    return found or None


def list_others(raw: Raw) -> OtherLabels:
    """List the keys of a row that lacks a label."""
    found: dict[str, list[str]] = {label: [] for label in ("energy", "forces", "stress", "virial")}
    keys: list[str] = []
    atoms = len(raw.numbers)
    places: list[tuple[str, Mapping[str, Any]]] = [
        ("", {k: v for k, v in raw.results.items() if v is not None}),
        ("", raw.arrays), ("", raw.keys), (DATA, raw.data()),
    ]  # fmt: skip
    for prefix, place in places:
        for name, value in place.items():
            label = looks_like(name)
            hidden = prefix and any(name in other for _, other in places[:3])
            full = f"{prefix if hidden else ''}{name}"
            if label is not None and _has_shape_of(label, value, atoms):
                found[label].append(full)
            elif full not in keys:
                keys.append(full)
    return OtherLabels(**{label: tuple(names) for label, names in found.items()}, keys=tuple(keys))


def _has_shape_of(label: str, value: Any, atoms: int) -> bool:
    try:
        size = to_array(value).size
    except ValueError:
        return False
    return size in {"energy": (1,), "forces": (3 * atoms,)}.get(label, (6, 9))


def find_second_set(raw: Raw, energy: float, forces: Array) -> OtherLabels | None:
    """Return the names of another full set of labels that is not the same, or None."""
    others = list_others(raw)
    different = []
    for labels in others.sets():
        if labels["energy"] in ("energy", "free_energy") and labels["forces"] == "forces":
            continue
        try:
            same = abs(to_float(raw.find(labels["energy"])) - energy) <= SAME_ENERGY
            values = to_array(raw.find(labels["forces"])).reshape(-1, 3)
            same = same and np.allclose(values, forces, rtol=0, atol=SAME_FORCE)
        except ValueError:
            same = False
        if not same:
            different.append(labels)
    return others if different else None
