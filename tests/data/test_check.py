"""The checks of the data: each finds what it is for, and nothing that only looks like it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.data
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import primitive_neighbor_list
from made_structures import copper, labelled, lonely
from paths import DOCS

from hpctrain.cli.terminal.findings import findings
from hpctrain.data.check.elements import RADII
from hpctrain.data.check.facts import summary
from hpctrain.data.check.names import CHECKS
from hpctrain.data.check.report import Findings, Size, find_all
from hpctrain.data.check.scan import Preflight
from hpctrain.data.sources.read import read_source
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.labels import find_fault
from hpctrain.data.structures.neighbours import (
    heights,
    images_within,
    nearest_images,
    whole_cells,
)
from hpctrain.files import resource
from hpctrain.project import DEMO_DATABASE

CUTOFF = 6.0


def looked(structures: Iterable[Structure], *, mixed_pbc: bool = True, **options: Any) -> Findings:
    preflight = Preflight(CUTOFF)
    for structure in structures:
        preflight.add(structure, find_fault(structure, mixed_pbc))
    return find_all(preflight, **options)


def found_in(structures: Iterable[Structure], **options: Any) -> dict[str, Any]:
    return {one.name: one for one in looked(structures, **options).findings}


def test_nothing_is_found_in_good_data() -> None:
    result = looked([lonely(), *copper()])
    assert result.findings == []
    assert not result.stops
    assert "no problem found" in findings(result)
    json.dumps(result.data, allow_nan=False)
    assert result.data["energies_follow_forces"]["slope"] == pytest.approx(1.0, abs=0.25)
    assert "units" in summary(result.data)


# --- labels ---


def test_faults_are_listed_by_reason() -> None:
    rows = [lonely(), *copper(10)]
    rows[3] = replace(rows[3], energy=None)
    rows[5] = replace(rows[5], forces=None)
    rows[7] = replace(rows[7], energy=None)
    unusable = [one for one in looked(rows).findings if one.name == "unusable"]
    assert [(one.seen, one.count, one.ids) for one in unusable] == [
        ("no energy", 2, ("3", "7")), ("no forces", 1, ("5",)),
    ]  # fmt: skip
    assert looked(rows).stops
    assert not looked(rows, skip_bad=True).stops


def test_an_energy_of_exactly_zero() -> None:
    rows = copper(5)
    found = found_in([lonely(energy=0.0), *rows[:4], replace(rows[4], energy=0.0)])
    assert found["zero_energy"].ids == ("5",)
    assert found["zero_energy"].stops


def test_forces_of_exactly_zero_are_right_in_a_crystal() -> None:
    def zero(atoms: Atoms, row: int) -> Structure:
        return labelled(atoms, row, forces=np.zeros((len(atoms), 3)))

    slab = bulk("Cu", cubic=True).repeat((1, 1, 3))
    slab.center(vacuum=6.0, axis=2)
    rattled = bulk("Cu", cubic=True)
    rattled.rattle(0.02, seed=1)
    shifted = bulk("Al", "hcp", a=2.86, c=4.7)
    shifted.positions[1, 2] += 0.05
    crystals = [
        bulk("Cu", cubic=True), bulk("Cu").repeat(3), bulk("Al", "hcp", a=2.86, c=4.7),
        bulk("Cu", "bcc", a=2.9, cubic=True), bulk("Ni", "diamond", a=5.4),
        bulk("NiAl", "cesiumchloride", a=2.9), bulk("CuAl", "zincblende", a=5.6),
        Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 9]]),
    ]  # fmt: skip
    wrong = [slab, rattled, shifted, Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2.4]])]
    rows = [zero(atoms, n) for n, atoms in enumerate([*crystals, *wrong])]
    found = found_in([lonely(), *rows], references="auto")
    # By symmetry a perfect hcp crystal has no forces only along the plane's normal: with the
    # mirror and the threefold axis through each atom, none at all.
    assert found["zero_forces"].ids == tuple(str(n) for n in range(len(crystals), len(rows)))


def test_a_cell_too_flat_to_search_is_left_alone() -> None:
    row = copper(1, size=1)[0]
    flat = replace(row, cell=np.diag([3.6, 3.6, 1e-6]), forces=np.zeros((4, 3)))
    result = looked([lonely(), flat], references="auto")
    assert result.data["cells"]["too_flat_to_search"] == 1
    assert "zero_forces" not in [one.name for one in result.findings]


def test_large_forces_and_forces_that_do_not_cancel() -> None:
    rows = copper(6)
    assert rows[2].forces is not None
    pushed = rows[2].forces.copy()
    pushed[0, 0] += 80.0
    pushed[1, 0] -= 80.0
    fixed = rows[3].forces.copy() if rows[3].forces is not None else None
    assert fixed is not None
    fixed[:8] = 0.0
    rows[2], rows[3] = replace(rows[2], forces=pushed), replace(rows[3], forces=fixed)
    found = found_in([lonely(), *rows])
    assert found["large_force"].ids == ("3",)
    assert found["net_force"].ids == ("4",)
    assert "8" in found["large_force"].seen


def test_absurd_energies_and_stresses() -> None:
    rows = copper(4)
    rows[0] = replace(rows[0], energy=1e9)
    rows[1] = replace(rows[1], stress=np.array([12.0, 0, 0, 0, 0, 0]))
    found = found_in([lonely(), *rows])
    assert found["absurd_energy"].ids == ("1",)
    assert found["large_stress"].ids == ("2",)


# --- energies ---


def test_an_energy_far_from_its_kind() -> None:
    rows = copper(60)
    assert rows[17].energy is not None
    rows[17] = replace(rows[17], energy=rows[17].energy + 32 * 0.6)
    found = found_in([lonely(), *rows])
    assert found["energy_outlier"].ids == ("18",)
    assert "0.6" in found["energy_outlier"].seen


def test_an_outlier_among_alloys_that_all_differ() -> None:
    draw = np.random.default_rng(5)
    rows = []
    for n in range(60):
        atoms = bulk("Cu", cubic=True).repeat(2)
        atoms.numbers[draw.random(32) < draw.random()] = 79
        atoms.cell *= 1.06
        atoms.positions = atoms.positions * 1.06 + draw.normal(0, 0.05, (32, 3))
        # As with total energies, gold lies thousands of eV below copper.
        shift = -1800.0 * int((atoms.numbers == 79).sum())
        row = labelled(atoms, n)
        rows.append(replace(row, energy=row.energy + shift))  # type: ignore[operator]
    assert "energy_outlier" not in found_in(rows, references="auto")
    rows[30] = replace(rows[30], energy=rows[30].energy + 32 * 3.0)  # type: ignore[operator]
    assert found_in(rows, references="auto")["energy_outlier"].ids == ("30",)


def test_energies_per_atom() -> None:
    rows = [*copper(20), *copper(20, size=1, start=21)]
    rows = [replace(row, energy=row.energy - 3.5 * len(row.numbers)) for row in rows]  # type: ignore[operator]
    assert "energy_per_atom" not in found_in([lonely(energy=0.0), *rows])
    wrong = [replace(row, energy=row.energy / len(row.numbers)) for row in rows]  # type: ignore[operator]
    assert "energy_per_atom" in found_in([lonely(energy=0.0), *wrong])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("energy", "force", "position", "words"),
    [
        (1 / 27.211, 1.0, 1.0, "Hartree"),
        (23.06, 1.0, 1.0, "kcal/mol"),
        (1.0, 1 / 51.42, 1.0, "forces in Hartree/Bohr"),
        (1 / 27.211, 1 / 51.42, 1.0, "atomic units"),
        (1.0, -1.0, 1.0, "sign"),
        (1 / 32, 1.0, 1.0, "per atom"),
        (1.0, 1.0, 1 / 0.529177, "Bohr"),
    ],
)
def test_units(energy: float, force: float, position: float, words: str) -> None:
    rows = [
        replace(row, energy=row.energy * energy, forces=row.forces * force,  # type: ignore[operator]
                positions=row.positions * position, cell=row.cell * position)
        for row in copper(60, scatter=0.05)
    ]  # fmt: skip
    assert words in found_in(rows, references="auto")["units"].seen


@pytest.mark.slow
def test_energies_that_do_not_belong_to_the_forces() -> None:
    rows = copper(300, size=1)
    energies = [row.energy for row in rows]
    np.random.default_rng(2).shuffle(energies)
    rows = [replace(row, energy=energy) for row, energy in zip(rows, energies, strict=True)]
    assert "do not follow" in found_in(rows, references="auto")["units"].seen


def test_binding() -> None:
    rows = copper(30)
    assert "kcal" in found_in([lonely(energy=80.0), *rows])["binding"].seen
    assert "Hartree" in found_in([lonely(energy=0.15), *rows])["binding"].seen


def test_isolated_atoms() -> None:
    rows = copper(5)
    assert found_in(rows)["isolated_atoms"].stops
    assert "isolated_atoms" not in found_in(rows, references="auto")
    assert "isolated_atoms" not in found_in(rows, references={"Cu": 3.5})
    two = found_in([lonely(), lonely(energy=3.6, row=901), *rows])["isolated_atoms"]
    assert two.ids == ("900", "901")
    assert "3.5000 to 3.6000" in two.seen


# --- distances ---


def test_distances_agree_with_ase_in_skewed_small_and_open_cells() -> None:
    draw = np.random.default_rng(3)
    for _ in range(150):
        atoms = int(draw.integers(1, 9))
        skew = draw.uniform(-4, 4, (3, 3)) * (draw.random() < 0.7)
        cell = np.diag(draw.uniform(2.5, 7, 3)) + skew
        if abs(np.linalg.det(cell)) < 10:
            continue
        pbc = draw.random(3) < 0.7
        positions = draw.uniform(-9, 12, (atoms, 3))
        reach = float(draw.uniform(2, 7))
        if not pbc.all() and draw.random() < 0.5:
            cell[~pbc] = 0.0
        whole = whole_cells(cell[None], pbc[None])
        height = heights(whole, pbc[None])[0]
        square, seen = nearest_images(
            positions[None], whole, pbc[None], images_within(reach, height),
            np.array([reach]),
        )  # fmt: skip
        i, j, d = primitive_neighbor_list("ijd", pbc, whole[0], positions, reach)
        expected = np.full((atoms, atoms), np.inf)
        np.minimum.at(expected, (i, j), d)
        got = np.sqrt(square[0])
        got[got >= reach] = np.inf
        np.testing.assert_allclose(got, expected, atol=1e-7)
        assert np.bincount(i, minlength=atoms).tolist() == seen[0].tolist()


def test_shortest_distances_by_pair() -> None:
    atoms = bulk("CuAu", "rocksalt", a=5.4, cubic=True)
    row = labelled(atoms, 1)
    result = looked([row, lonely(), lonely("Au", row=901)])
    assert result.data["shortest_distances_a"]["Cu-Au"] == pytest.approx(2.7)
    assert result.data["cells"]["below_cutoff"] == 1


def test_short_distances() -> None:
    def pair(distance: float, row: int) -> Structure:
        return labelled(Atoms("Cu2", positions=[[0, 0, 0], [0, 0, distance]]), row)

    limit = 0.7 * 2 * RADII[29]
    rows = [pair(limit + 0.01, 1), pair(limit - 0.01, 2), pair(0.4, 3), pair(2.4, 4)]
    squeezed = bulk("Cu", "sc", a=1.5)  # the neighbour is the atom's own image
    rows.append(labelled(squeezed, 5, energy=9.0, forces=np.zeros((1, 3))))
    found = found_in([lonely(), *rows])
    assert found["short_distance"].ids == ("2", "5")
    assert found["overlapping"].ids == ("3",)
    assert found["overlapping"].stops


def test_two_atoms_at_one_place() -> None:
    row = copper(1)[0]
    positions = row.positions.copy()
    positions[4] = positions[9] + row.cell[0]
    found = found_in([lonely(), replace(row, positions=positions)])
    assert found["overlapping"].seen.startswith("down to")
    assert found["overlapping"].ids == ("1",)


def test_few_neighbours() -> None:
    away = Atoms("Cu5", positions=[[0, 0, 0], [2.4, 0, 0], [0, 2.4, 0], [0, 0, 2.4], [9, 9, 9]])
    dimer = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2.4]], cell=[20, 20, 20], pbc=True)
    parted = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 7]], cell=[20, 20, 20], pbc=True)
    rows = [labelled(atoms, n) for n, atoms in enumerate((away, dimer, parted), start=1)]
    wire = labelled(Atoms("Cu", cell=[20, 20, 2.4], pbc=True), 4)
    found = found_in([lonely(), *rows, wire, *copper(2, start=5)])
    assert found["few_neighbours"].ids == ("1", "3")


def test_mixed_pbc() -> None:
    slab = replace(copper(1)[0], pbc=(True, True, False))
    assert found_in([lonely(), slab])["mixed_pbc"].ids == ("1",)
    assert found_in([lonely(), slab], mixed_pbc=False)["unusable"].ids == ("1",)


def test_radii_are_those_of_ase() -> None:
    assert ase.data.covalent_radii[: len(RADII)].tolist() == RADII


# --- what the rows tell ---


def test_mixed_theory() -> None:
    rows = [replace(row, keys={"XC": "PBE", "note": str(n)}) for n, row in enumerate(copper(6))]
    assert "mixed_theory" not in found_in([lonely(), *rows])
    rows[3] = replace(rows[3], keys={"xc": "pbesol"})
    rows[4] = replace(rows[4], keys={"xc": "pbe"})
    found = found_in([lonely(), *rows])["mixed_theory"]
    assert found.seen == "xc: pbe (5), pbesol (1), (not given) (1)"
    assert found.count == 1


def test_generations_are_those_that_are_trained_on() -> None:
    rows = [replace(row, generation=n % 3) for n, row in enumerate(copper(9))]
    for wanted, up_to, rows_left in (("all", None, 9), ("latest", None, 3), ([0, 2], None, 6),
                                     ("all", 1, 6)):  # fmt: skip
        preflight = Preflight(CUTOFF, generations=wanted, up_to=up_to)  # type: ignore[arg-type]
        for row in rows:
            preflight.add(row, None)
        assert find_all(preflight).data["rows"] == rows_left


# --- all together ---


def test_the_demo() -> None:
    rows = read_source(str(resource(f"demo/{DEMO_DATABASE}")), Path("/"), "status=completed")
    result = looked(rows)
    assert [one.name for one in result.findings] == ["energy_outlier"]
    # The end of one curve, the cells above 0 eV/atom and the dimers: docs/demo-data.md.
    assert result.findings[0].count == 8
    assert result.data["shortest_distances_a"] == {"Al-Al": 1.8299}
    assert not result.stops


def test_the_first_ids_are_kept_in_order_whatever_the_size() -> None:
    rows = [*copper(30, size=1), *copper(30, start=31)]
    np.random.default_rng(0).shuffle(rows)  # type: ignore[arg-type]
    found = found_in([replace(row, energy=0.0) for row in rows])["zero_energy"]
    assert found.count == 60
    assert found.ids == tuple(row.row_id for row in rows[:20])


def test_silencing() -> None:
    rows = [replace(row, energy=0.0) for row in copper(3)]
    result = looked([lonely(), *rows], silence=["zero_energy"])
    [finding] = [one for one in result.findings if one.name == "zero_energy"]
    assert finding.silenced
    assert not finding.stops
    assert finding.facts()["silenced"] is True
    assert "zero_energy" in findings(result).splitlines()[-1]


def test_no_rows_at_all() -> None:
    result = looked([])
    assert result.findings == []
    json.dumps(result.data, allow_nan=False)
    assert summary(result.data)


def test_ids_cannot_move_the_cursor() -> None:
    row = replace(copper(1)[0], row_id="a\x1b[2J#1", energy=0.0)
    assert "\x1b" not in findings(looked([lonely(), row]))


@pytest.mark.slow
def test_memory_is_flat() -> None:
    row = copper(1)[0]
    preflight = Preflight(CUTOFF)

    def feed(first: int, last: int) -> None:
        for n in range(first, last):
            preflight.add(replace(row, row_id=str(n)), None)
        preflight.finish()

    feed(0, 1000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    feed(1000, 4000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown / 3000 < 100  # bytes a row


def test_the_page_of_checks_is_complete() -> None:
    text = (DOCS / "preflight.md").read_text()
    told = {
        line.split("`")[1]: line.split("|")[2].strip()
        for line in text.splitlines() if line.startswith("| `")
    }  # fmt: skip
    assert told == {name: check.severity for name, check in CHECKS.items()}


# --- the size of the potential ---


def test_more_parameters_than_labels() -> None:
    """Of forces that vanish nothing is learned; of structures that are tested on, neither."""
    rows = list(copper(20))
    (atoms,) = {len(row.numbers) for row in rows}
    rest = [replace(row, forces=np.zeros_like(row.forces)) for row in rows[:5]]

    def judge(parameters: int) -> Any:
        size = Size("300 functions per element", parameters, structures=10, atoms=10 * atoms,
                    smaller=lambda most: f"b_basis_size: {round(most / 10)}")  # fmt: skip
        return found_in([lonely(), *rest, *rows[5:]], size=size).get("many_parameters")

    labels = 10 + round(3 * 15 * atoms * 10 * atoms / (20 * atoms + 1))
    assert judge(labels) is None
    found = judge(labels + 1)
    assert found.severity == "warn"
    assert found.seen == (
        f"about {labels + 1:,} parameters (300 functions per element) for 10 energies and "
        f"{labels - 10:,} force components that do not vanish; b_basis_size: "
        f"{round(labels / 10)} has no more than that"
    )
