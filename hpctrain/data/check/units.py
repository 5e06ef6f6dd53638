"""Tests of units: ΔE against -F·Δx between nearly equal structures, or both against a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hpctrain.data.check.sample import Model, without_composition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.data.structures.extxyz import Structure

# Structures of a trajectory, or displaced from the same one, follow each other in most databases.
_MOST_TRIED = 20_000
_MOST_KEPT = 2_000
_STEP = 0.5  # Å: further apart, the forces at the two ends do not give the energy between
_REMEMBERED = 64  # compositions
_ENOUGH = 20
_CLEAR = 0.5  # relative scatter
_HARTREE, _RYDBERG, _BOHR = 27.211386, 13.605693, 0.529177
_KCAL, _KJ = 0.0433641, 0.0103643  # eV

# ΔE / (-F·Δx) where the units are not eV and eV/Å.
_FACTORS = {
    "energies in Hartree, forces in eV/Å": 1 / _HARTREE,
    "energies in Rydberg, forces in eV/Å": 1 / _RYDBERG,
    "energies in kcal/mol, forces in eV/Å": 1 / _KCAL,
    "energies in kJ/mol, forces in eV/Å": 1 / _KJ,
    "energies in eV, forces in Hartree/Bohr": _HARTREE / _BOHR,
    "energies in eV, forces in Rydberg/Bohr": _RYDBERG / _BOHR,
    "energies in eV, forces in kcal/mol/Å": _KCAL,
    "energies in eV, forces in kJ/mol/Å": _KJ,
    "energies and forces in atomic units (Hartree, Hartree/Bohr)": 1 / _BOHR,
    "positions in Bohr": _BOHR,
    "gradients instead of forces (the sign)": -1.0,
}


@dataclass(frozen=True)
class Slope:
    """The slope of ΔE over -F·Δx: 1 where energies and forces belong together.

    ``spread`` is its relative scatter, ``per_atom`` the slope if the energies were meant per atom.
    """

    pairs: int
    value: float
    spread: float
    per_atom: float
    per_atom_spread: float


class NearlyEqualPairs:
    """Structures, each compared with the last one of the same atoms in the same cell."""

    def __init__(self) -> None:
        self._last: dict[bytes, Structure] = {}
        self._tried = 0
        self._found: list[tuple[float, float, int]] = []

    def add(self, structure: Structure) -> None:
        """Compare the next structure, as long as there are not enough pairs."""
        if self._tried >= _MOST_TRIED or len(structure.numbers) < 2:
            return
        key = structure.numbers.tobytes()
        last = self._last.pop(key, None)
        self._last[key] = structure
        if len(self._last) > _REMEMBERED:
            del self._last[next(iter(self._last))]
        if last is None or last.pbc != structure.pbc:
            return
        self._tried += 1
        if np.array_equal(last.cell, structure.cell) and len(self._found) < _MOST_KEPT:
            self._compare(last, structure)

    def _compare(self, last: Structure, structure: Structure) -> None:
        assert last.forces is not None
        assert structure.forces is not None
        assert last.energy is not None
        assert structure.energy is not None
        moved = structure.positions - last.positions
        if any(structure.pbc) and abs(np.linalg.det(structure.cell)) > 1e-9:
            turns = np.rint(moved @ np.linalg.inv(structure.cell)) * structure.pbc
            moved = moved - turns @ structure.cell
        if not 1e-4 < np.abs(moved).max() <= _STEP:
            return
        work = -0.5 * float(((last.forces + structure.forces) * moved).sum())
        self._found.append((work, structure.energy - last.energy, len(structure.numbers)))

    def slope(self) -> Slope | None:
        """Return the slope; None where fewer than 20 pairs say something."""
        if len(self._found) < 2 * _ENOUGH:
            return None
        work, change, atoms = np.array(self._found).T
        # The half with the most work: there the noise of the energies matters least.
        strong = np.argsort(-np.abs(work))[: len(work) // 2]
        strong = strong[np.abs(work[strong]) > 0]
        if len(strong) < _ENOUGH:
            return None
        value, spread = _robust(change[strong] / work[strong])
        per_atom = _robust(change[strong] * atoms[strong] / work[strong])
        return Slope(len(self._found), value, spread, *per_atom)


def _robust(ratios: Any) -> tuple[float, float]:
    """Return the median, and the scatter relative to it."""
    middle = float(np.median(ratios))
    scatter = 1.4826 * float(np.median(np.abs(ratios - middle)))
    return middle, scatter / abs(middle) if middle else float("inf")


@dataclass(frozen=True)
class Verdict:
    """What is known of the units: ``wrong`` says what is wrong, or ``unknown`` why it is not known.

    ``by``: pairs of rows, a fit, or None.
    """

    by: Literal["pairs", "fit"] | None
    wrong: str | None = None
    unknown: str | None = None
    structures: int = 0


def judge_units(slope: Slope | None, model: Model | None) -> Verdict:
    """Judge by pairs of nearly equal rows, and where they do not say it, by a fit."""
    if slope is not None:
        wrong = find_wrong_units(slope)
        if wrong or slope.spread <= _CLEAR:
            return Verdict("pairs", wrong)
    fit = fit_units(model) if model is not None else None
    if fit is None:
        return Verdict(None, unknown="too few structures, or no forces that differ from zero")
    if fit.verdict == "unknown":
        return Verdict(
            None,
            unknown=f"a linear fit of {fit.structures} structures explains energies and forces as "
            "well in other units",
        )
    wrong = fit.words if fit.verdict == "wrong" else None
    return Verdict("fit", wrong, structures=fit.structures)


def find_wrong_units(slope: Slope) -> str | None:
    """Say what is wrong with the units, or return None."""
    if slope.spread > _CLEAR:
        if slope.pairs >= 100 and slope.spread > 3:
            return (
                f"between {slope.pairs} pairs of nearly equal structures, the energies do not "
                "follow the forces at all"
            )
        return None
    # Far displaced structures give down to 0.73: the force is not a straight line between them.
    if 0.65 <= slope.value <= 1.45:
        return None
    said = (
        f"between {slope.pairs} pairs of nearly equal structures, the energy changes by "
        f"{slope.value:.3g} times what the forces predict"
    )
    factors = {**_FACTORS, "energies in eV per atom": slope.value / slope.per_atom}
    off = {
        name: abs(float(np.log(slope.value / factor)))
        for name, factor in factors.items()
        if slope.value * factor > 0
    }
    # Where the structures have several sizes, only the right division makes the slopes agree.
    if off.get("energies in eV per atom", 1) < 0.4 and slope.per_atom_spread < 0.7 * slope.spread:
        return f"{said}: energies in eV per atom?"
    near = [name for name in sorted(off, key=off.__getitem__) if off[name] < 0.3][:2]
    return f"{said}: {', or '.join(near)}?" if near else said


# A fit of energies and forces together is wrong by this much less with other units …
_BETTER = 0.6
_NO_FIT = 0.8  # … and this is wrong by so much that it says nothing (2 is all)
_FEWEST = 20  # structures
# Where these units fit, others may fit better by chance: then only if they are better by this.
_FITS, _MUCH_BETTER = 0.2, 0.25
_WRONG = 0.03  # below, nothing is wrong
_NO_FORCE = 3e-6  # eV/Å, root mean square: what symmetry leaves


@dataclass(frozen=True)
class Fit:
    """How well one linear model fits energies and forces, in these units and in others.

    ``wrong`` and ``least`` are shares of the squares that are not explained, of energies and of
    forces, added: in the units as they are, and in the ``best`` others, which change the energies
    by so much times what the forces predict.
    """

    structures: int
    wrong: float
    best: float
    least: float

    @property
    def verdict(self) -> Literal["right", "wrong", "unknown"]:
        """Say whether energies and forces belong together."""
        better = _BETTER if self.wrong > _FITS else _MUCH_BETTER
        if self.least < better * self.wrong and self.least < _NO_FIT and self.wrong > _WRONG:
            return "wrong"
        if self.wrong < _BETTER * self.least and self.wrong < _NO_FIT:
            return "right"
        return "unknown"

    @property
    def words(self) -> str:
        """Say what is wrong, of a fit that says so."""
        near = _name_slope(self.best)
        return (
            f"in a linear fit of {self.structures} structures, energies and forces contradict each "
            f"other: {self.wrong / 2:.0%} of both is not explained, and {self.least / 2:.0%} in "
            f"other units: {', or '.join(near)}?"
        )


def fit_units(model: Model) -> Fit | None:
    """Fit energies and forces together in all units that are in use.

    None where there is nothing to fit: too few structures, or neither forces nor energies differ.
    """
    (energies,) = without_composition(model.shares, model.energies)
    usable = _near_the_others(energies)
    energies, features = without_composition(
        model.shares[usable], model.energies[usable], model.features[usable]
    )
    of_energies, of_forces = float((energies**2).sum()), float((model.forces**2).sum())
    if len(energies) < _FEWEST or of_energies < 1e-12:
        return None
    if of_forces < _NO_FORCE**2 * len(model.forces):
        return None
    scale = np.sqrt(
        (model.slopes**2).sum(axis=0) / of_forces + (features**2).sum(axis=0) / of_energies
    )
    seen = scale > 0
    slopes, features = model.slopes[:, seen] / scale[seen], features[:, seen] / scale[seen]
    of_slopes = (slopes.T @ slopes / of_forces, slopes.T @ model.forces / of_forces)
    of_features = (features.T @ features, features.T @ energies)
    damped = 1e-6 * np.eye(slopes.shape[1])

    def unexplained(slope: float) -> float:
        # Energies in the forces' unit.
        meant = of_energies / slope**2
        square = of_slopes[0] + of_features[0] / meant
        square += damped * max(np.trace(square) / len(square), 1e-6)
        side = of_slopes[1] + of_features[1] / slope / meant
        found = np.linalg.solve(square, side)
        rest = ((features @ found - energies / slope) ** 2).sum() / meant
        return float(rest + ((slopes @ found - model.forces) ** 2).sum() / of_forces)

    others = sorted((unexplained(slope), slope) for slope in _OTHER_SLOPES)
    return Fit(len(energies), unexplained(1.0), others[0][1], others[0][0])


def _near_the_others(energies: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Leave out energies by which all others would count for nothing."""
    off = np.abs(energies - np.median(energies))
    scatter = float(np.quantile(off, 0.75))
    near: NDArray[np.bool_] = off <= 20 * scatter if scatter > 0 else off >= 0
    return near


# Those that are near 1 would need a better model.
_FAR = [slope for slope in _FACTORS.values() if not 0.4 < slope < 2.5 and slope > 0]
_OTHER_SLOPES = sorted({-1.0, *_FAR, *(-slope for slope in _FAR)})


def _name_slope(slope: float) -> list[str]:
    """Name the units that give about a slope, and the sign."""
    if slope == -1.0:
        return ["gradients instead of forces (the sign)"]
    off = {
        name: abs(math.log(abs(slope) / factor)) for name, factor in _FACTORS.items() if factor > 0
    }
    names = [name for name in sorted(off, key=off.__getitem__) if off[name] < 0.8][:3]
    return [f"{name}, as gradients (the sign)" for name in names] if slope < 0 else names
