"""All findings of a check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from hpctrain.data.check import energies, units
from hpctrain.data.check.facts import describe_data
from hpctrain.data.check.findings import KEPT, NAMED, Finding, Hits
from hpctrain.data.check.names import CHECKS, Severity
from hpctrain.data.check.references import Jump, find_jump
from hpctrain.data.check.sample import make_model
from hpctrain.data.duplicates import search
from hpctrain.data.structures.elements import SYMBOLS
from hpctrain.data.structures.ids import leaves_out
from hpctrain.fields import SAME_ATOM

if TYPE_CHECKING:
    from hpctrain.data.check.scan import Preflight

_UNITS = {
    "absurd_energy": "up to {:.3g} eV per atom",
    "large_force": "up to {:.4g} eV/Å",
    "large_stress": "up to {:.3g} eV/Å^3",
    "net_force": "up to {:.3g} eV/Å per atom",
    "energy_outlier": "up to {:.3g} eV per atom away",
    "overlapping": "down to {:.3g} Å",
    "short_distance": "down to {:.2f} times the sum",
    "few_neighbours": "down to {:.0f} neighbours",
}
# Findings that are of single rows: the data may be good without them.
_OF_ROWS = frozenset({
    "absurd_energy", "binding", "energy_outlier", "few_neighbours", "large_force", "large_stress",
    "leakage", "mixed_pbc", "mixed_references", "mixed_theory", "net_force", "overlapping",
    "short_distance", "unusable", "zero_energy", "zero_forces",
})  # fmt: skip
_DOWN = frozenset({"overlapping", "short_distance", "few_neighbours"})


@dataclass(frozen=True)
class Findings:
    """What a check found: ``findings``, those that stop first; ``data`` is JSON-able."""

    findings: list[Finding]
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def stops(self) -> bool:
        """Say whether one of the findings stops."""
        return any(finding.stops for finding in self.findings)


@dataclass(frozen=True)
class Size:
    """How large the potential is, in words and in parameters.

    ``smaller`` returns the setting that has at most so many parameters. ``structures`` and
    ``atoms`` are those that are trained on.
    """

    words: str
    parameters: int
    structures: int
    atoms: int
    smaller: Callable[[float], str]


def find_all(
    preflight: Preflight,
    *,
    size: Size | None = None,
    silence: Collection[str] = (),
    references: Literal["isolated_atoms", "auto"] | dict[str, float] = "isolated_atoms",
    skip_bad: bool = False,
    leakage: search.Leakage | None = None,
) -> Findings:
    """List all findings, when the preflight has seen every row.

    ``silence``: names of checks; ``references``: training.reference_energies. With ``skip_bad`` the
    rows that cannot be trained on only warn, as they are left out. ``leakage``: the facts of a
    duplicates.search.Search, where there is a split. ``size``: of the potential, where it is known.
    """
    preflight.finish()
    seen = _All.of(preflight)
    found: list[Finding] = []

    def add(name: str, count: int, ids: Iterable[str], seen: str,
            severity: Severity | None = None) -> None:  # fmt: skip
        named = tuple(ids)
        some = name in _OF_ROWS and count == len(named) <= preflight.rows / 2
        some &= name != "mixed_references" or preflight.sample.whole
        found.append(
            Finding(name, severity or CHECKS[name].severity, count, named[:KEPT], seen,
                    name in silence, leaves_out(named) if some else "")
        )  # fmt: skip

    for reason, hits in preflight.faults.items():
        add("unusable", hits.count, hits.ids, reason, "warn" if skip_bad else None)
    for place, distance in energies.find_outliers(preflight.columns):
        preflight.hits["energy_outlier"].add(place, preflight.columns.ids[place], abs(distance))
    for name, hits in preflight.hits.items():
        if name != "unusable" and hits.count:
            add(name, hits.count, hits.ids, _worst_in_words(name, hits))
    _add_isolated_atoms(preflight, references, add)
    _add_of_all_rows(preflight, seen, references, add)
    if size is not None:
        many = find_many_parameters(size, preflight.atoms, preflight.telling_atoms)
        if many:
            add("many_parameters", 0, (), many)
    if leakage is not None:
        _add_of_the_split(leakage, add)
    order = {name: number for number, name in enumerate(CHECKS)}
    found.sort(key=lambda one: (one.silenced, one.severity != "stop", order[one.name]))
    return Findings(found, describe_data(preflight, seen.slope, seen.verdict))


def _worst_in_words(name: str, hits: Hits) -> str:
    if name not in _UNITS:
        return ""
    return _UNITS[name].format(-hits.worst if name in _DOWN else hits.worst)


def _add_isolated_atoms(preflight: Preflight, references: Any, add: Any) -> None:
    """Add elements without an isolated atom, where the settings need one, or with several."""
    if isinstance(references, dict) or not preflight.atoms:
        return
    wanted = references == "isolated_atoms"
    severity = None if wanted else "warn"
    missing = [SYMBOLS[n] for n in sorted(preflight.elements() - preflight.free.keys())]
    if missing and wanted:
        add("isolated_atoms", 0, (), f"none of {', '.join(missing)}")
    for number, atoms in preflight.free.items():
        values = [energy for _, energy in atoms]
        if max(values) - min(values) > SAME_ATOM:
            said = f"{SYMBOLS[number]}: {min(values):.4f} to {max(values):.4f} eV"
            add("isolated_atoms", len(atoms), [row for row, _ in atoms][:KEPT], said, severity)


@dataclass(frozen=True)
class _All:
    """What a slope of pairs and a fit of a sample say of all rows."""

    slope: units.Slope | None
    verdict: units.Verdict
    jump: Jump | None

    @classmethod
    def of(cls, preflight: Preflight) -> _All:
        model = make_model(preflight.sample.structures)
        slope = preflight.pairs_of_rows.slope()
        verdict = units.judge_units(slope, model)
        return cls(slope, verdict, None if model is None else find_jump(model))


def _add_of_all_rows(preflight: Preflight, seen: _All, references: Any, add: Any) -> None:
    """Add what only all rows together show."""
    columns = preflight.columns
    if not len(columns):
        return
    free = {number: atoms[0][1] for number, atoms in preflight.free.items()}
    if isinstance(references, dict):
        free |= {SYMBOLS.index(symbol): energy for symbol, energy in references.items()
                 if symbol in SYMBOLS}  # fmt: skip
    said, places = energies.find_wrong_binding(columns, free)
    if said:
        add("binding", len(places), [columns.ids[place] for place in places[:NAMED]], said)
    per_atom = energies.find_energies_per_atom(columns)
    if per_atom:
        add("energy_per_atom", len(columns), (), per_atom)
    if seen.verdict.wrong:
        add("units", len(columns), (), seen.verdict.wrong)
    if seen.jump is not None:
        add("mixed_references", len(seen.jump.ids), seen.jump.ids, seen.jump.words)
    for said_of_key, rows in preflight.theory.find_mixed():
        add("mixed_theory", rows, (), said_of_key)
    states = preflight.states.find_mixed()
    if states is not None:
        said_of_states, rows, ids = states
        add("mixed_theory", rows, ids, said_of_states)


def find_many_parameters(size: Size, atoms: int, telling_atoms: int) -> str:
    """Say that there are more parameters than energies and forces to determine them, else nothing.

    ``atoms`` of all rows, and ``telling_atoms`` of these, whose force does not vanish.
    """
    components = round(3 * telling_atoms * size.atoms / atoms) if atoms else 0
    labels = size.structures + components
    if size.parameters <= labels:
        return ""
    return (
        f"about {size.parameters:,} parameters ({size.words}) for "
        f"{size.structures:,} energies and {components:,} force components that do not "
        f"vanish; {size.smaller(labels)} has no more than that"
    )


def _add_of_the_split(leakage: search.Leakage, add: Any) -> None:
    """Add structures that are on both sides, and structures with several energies."""
    if leakage["test_structures"]:
        ids = [row_id for one in leakage["first"] for row_id in one["test"]]
        add("leakage", leakage["test_structures"], ids[:KEPT],
            f"{search.count_by_degree(leakage)}; {search.first_pairs(leakage)}")  # fmt: skip
    conflicts = leakage["conflicts"]
    if conflicts["groups"]:
        ids = [row_id for one in conflicts["first"] for row_id in one]
        add("other_energy", conflicts["groups"], ids[:KEPT], search.conflicts_in_words(conflicts))
