"""What the checks of a verification leave to draw, by the name of the check.

Every key may be missing: a check that was skipped, or was of an older version, leaves less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from hpctrain.shapes import Count, Limit, between, misfit

Numbers = list[float | None]
_Known = Annotated[list[float], Limit(bool, "is empty")]
_Pair = Annotated[Numbers, Limit(lambda pair: len(pair) == 2, "is not a pair of numbers")]


def _as_long(*keys: str) -> Limit:
    """Return the limit of a mapping whose lists, as far as they are there, are of one length."""

    def within(value: Mapping[str, Any]) -> bool:
        return len({len(value[key]) for key in keys if value.get(key) is not None}) < 2

    return Limit(within, f"has lists of other lengths ({', '.join(keys)})")


def _is_histogram(value: Mapping[str, Any]) -> bool:
    edges, counts = value["edges"], value["counts"]
    if not counts:
        return True
    return len(edges) == len(counts) + 1 and edges[0] < edges[-1]


class _NewerOfDimer(TypedDict, total=False):
    shortest_in_data: float | None


class _Dimer(_NewerOfDimer):
    distances: _Known
    energies: Numbers


class _Dimers(TypedDict, total=False):
    pairs: dict[str, Annotated[_Dimer, _as_long("distances", "energies")]] | None


class _NewerOfPhase(TypedDict, total=False):
    ground_state: bool | None


class _NewerOfCurve(_NewerOfPhase, total=False):
    labels: list[_Pair] | None
    v0: float | None
    a0: float | None
    label_a0: float | None
    bulk_modulus_gpa: float | None
    label_bulk_modulus_gpa: float | None


class _Curve(_NewerOfCurve):
    name: str
    volumes: _Known
    energies: Numbers


class _Volumes(TypedDict, total=False):
    phases: list[Annotated[_Curve, _as_long("volumes", "energies")]] | None


class _NewerOfConstants(_NewerOfPhase, total=False):
    smallest_eigenvalue_gpa: float | None


class _Constants(_NewerOfConstants):
    name: str
    c_gpa: list[Numbers]


class _Elastic(TypedDict, total=False):
    phases: list[_Constants] | None


class _NewerOfModes(_NewerOfPhase, total=False):
    lowest_thz: float | None


class _Modes(_NewerOfModes):
    name: str
    points: dict[str, Numbers]


class _Phonons(TypedDict, total=False):
    phases: list[_Modes] | None


class _NewerOfScan(TypedDict, total=False):
    unit: str
    rest: float | None


class _Scan(_NewerOfScan):
    name: str
    along: _Known
    energies: Numbers


class _Scanned(TypedDict):
    name: str
    scans: list[Annotated[_Scan, _as_long("along", "energies")]]


class _Bonds(TypedDict, total=False):
    molecules: list[_Scanned] | None


class _Vibrating(TypedDict):
    name: str
    frequencies_cm: list[float]


class _Vibrations(TypedDict, total=False):
    molecules: list[_Vibrating] | None


class _OneMotion(TypedDict, total=False):
    atoms: Count
    us_per_atom_and_step: float | None
    time_fs: list[float] | None
    energy_ev_per_atom: Numbers | None
    temperature_k: Numbers | None


_AS_LONG = _as_long("time_fs", "energy_ev_per_atom", "temperature_k")


class _Motion(_OneMotion, total=False):
    molecule: Annotated[_OneMotion, _AS_LONG] | None


class _Kind(TypedDict, total=False):
    structures: Count
    rmse_energy_mev_per_atom: float | None
    rmse_force_ev_per_a: float | None
    energies: list[_Pair] | None
    ids: list[str | int] | None
    nearest: Numbers | None
    forces: list[_Pair] | None
    norms: list[_Pair] | None


class _NewerOfBins(TypedDict, total=False):
    beyond: Count


class _Bins(_NewerOfBins):
    edges: list[float]
    counts: list[Count]


_Histogram = Annotated[_Bins, Limit(_is_histogram, "has edges that do not fit its counts")]


_Grade = Annotated[list[float], Limit(lambda pair: len(pair) == 2, "is no pair of numbers")]
_Vector = Annotated[list[float], Limit(lambda vector: len(vector) == 3, "is no vector")]


class _Structure(TypedDict):
    symbols: list[str]
    radii: list[Annotated[float, between(0.01, 10)]]
    positions: Annotated[list[_Vector], Limit(bool, "is empty")]
    cell: Annotated[list[_Vector], Limit(lambda cell: len(cell) == 3, "is no cell")]
    pbc: Annotated[list[bool], Limit(lambda pbc: len(pbc) == 3, "is not for three directions")]
    force_errors: list[float]


class _Row(TypedDict, total=False):
    id: str | int
    kind: str
    error_mev_per_atom: float | None
    error_ev_per_a: float | None
    label_ev_per_atom: float | None
    atoms: Count
    atom: Count
    structure: Annotated[_Structure, _as_long("symbols", "radii", "positions", "force_errors")]


class _Side(TypedDict, total=False):
    structures: Count
    of: Count
    atoms: Count
    rmse_energy_mev_per_atom: float | None
    rmse_force_ev_per_a: float | None
    kinds: dict[str, Annotated[_Kind, _as_long("energies", "ids", "nearest")]] | None
    energy_error_histogram: _Histogram | None
    force_error_histogram: _Histogram | None
    largest_energy_errors: list[_Row] | None
    largest_force_errors: list[_Row] | None


class _Group(TypedDict, total=False):
    name: str
    structures: Count
    rmse_energy_mev_per_atom: float | None
    energy_spread_mev_per_atom: float | None
    rmse_force_ev_per_a: float | None
    force_spread_ev_per_a: float | None
    verdict: str


class _OneGrade(TypedDict):
    id: str
    kind: str
    grade: float
    atom: Count


class _FoundGrades(TypedDict):
    structures: Count
    of: Count
    outside: Count
    points: list[_Grade]
    highest: _OneGrade


class _NoGrades(TypedDict):
    problem: str


class _Parity(TypedDict, total=False):
    grades: _FoundGrades | _NoGrades | None
    groups: list[_Group] | None
    train: _Side | None
    test: _Side | None


_SHAPES: dict[str, Any] = {
    "dimers": _Dimers,
    "bonds": _Bonds,
    "energy_volume": _Volumes,
    "elastic": _Elastic,
    "phonons": _Phonons,
    "vibrations": _Vibrations,
    "nve": Annotated[_Motion, _AS_LONG],
    "parity": _Parity,
}


def plot_misfit(check: str, data: Mapping[str, Any]) -> str | None:
    """Say what of a check's data cannot be drawn, by its keys; None if all of it can."""
    shape = _SHAPES.get(check)
    return None if shape is None else misfit(data, shape)
