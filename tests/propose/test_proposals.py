"""What is proposed for which data, and why."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from hpctrain.data.sources.any_labels import LabelCounts, NamedSet
from hpctrain.data.structures.extxyz import Structure
from hpctrain.propose.look import Facts, Look
from hpctrain.propose.proposal import Proposal
from hpctrain.propose.proposals import Proposals, propose


def structure(atoms: Atoms, **keys: Any) -> Structure:
    a, b, c = (bool(value) for value in atoms.pbc)
    return Structure(
        "1", "x.xyz", atoms.numbers.astype(np.int64), atoms.positions.copy(),
        atoms.cell.array.copy(), (a, b, c), float(keys.pop("energy", -3.0)),
        np.zeros((len(atoms), 3)), None, None, None, keys,
    )  # fmt: skip


def looked_at(*made: Structure) -> Facts:
    look = Look("")
    for one in made:
        look.add(one)
    return look.facts


def proposals(*made: Atoms) -> Proposals:
    return propose(looked_at(*map(structure, made)), "x.xyz", is_database=False)


def training(found: Proposals) -> dict[str, Proposal]:
    return {one.key: one for one in found.training}


def data(facts: Facts, *, is_database: bool = False) -> dict[str, Any]:
    return {p.key: p.value for p in propose(facts, "x", is_database=is_database).data}


@pytest.mark.parametrize(
    ("atoms", "cutoff"),
    [
        (bulk("Al", a=4.05), 6.0), (bulk("Al", a=4.05, cubic=True).repeat(3), 6.0),
        (bulk("Cu"), 5.5), (bulk("C"), 5.0), (bulk("K", a=5.3), 8.0),
        (molecule("CH3CH2OH"), 4.5), (molecule("H2O", vacuum=8, pbc=True), 4.0),
        (molecule("C60"), 6.0), (molecule("C6H6"), 5.0),
    ],
)  # fmt: skip
def test_the_cutoff(atoms: Atoms, cutoff: float) -> None:
    found = training(proposals(atoms, atoms))["cutoff"]
    assert found.value == cutoff
    assert ("neighbours" in found.reason) == (len(atoms) < 3 or atoms.symbols[0] == "Al")


def test_a_molecule_across_the_boundary_of_its_box() -> None:
    atoms = molecule("H2O", vacuum=8, pbc=True)
    atoms.positions -= atoms.positions[0]
    atoms.wrap()
    assert training(proposals(atoms))["cutoff"].value == 4.0


def test_crystals_weigh_more_than_dimers() -> None:
    dimer = Atoms("Cu2", [(0, 0, 0), (0, 0, 2)])
    crystal = bulk("Cu", cubic=True).repeat(2)
    assert training(proposals(*[dimer] * 10, crystal))["cutoff"].value == 5.5


def alone(symbol: str, energy: float = -1.0, box: float = 15.0) -> Structure:
    return structure(Atoms(symbol, cell=[box] * 3, pbc=True), energy=energy)


def test_reference_energies() -> None:
    crystal, alloy = structure(bulk("Cu")), structure(bulk("CuAu", "rocksalt", 5.0))
    cases: list[tuple[list[Structure], Any, str]] = [
        ([crystal, alone("Cu")], "isolated_atoms", "one of Cu"),
        ([crystal, alone("Cu"), alone("Cu", -1.5)], {"Cu": -1.5}, "the lowest"),
        ([crystal, alone("Ag")], "auto", "no isolated atom of Cu"),
        ([crystal, alone("Cu", box=5.0)], "auto", "no isolated atom of Cu"),
        ([crystal, alloy], "auto", "2 independent compositions for 2 elements"),
        ([alloy, alone("Cu")], "auto", "1 independent composition for 2 elements tell no more"),
    ]
    for made, value, why in cases:
        found = propose(looked_at(*made), "x", is_database=False)
        line = training(found)["reference_energies"]
        assert line.value == value
        assert why in line.reason


def test_periodic_in_two_directions() -> None:
    slab = bulk("Cu", cubic=True).repeat(2)
    slab.pbc = (True, True, False)
    assert training(proposals(slab))["evaluator"].value == "pyace"
    slab.pbc = True
    assert "evaluator" not in training(proposals(slab))


def test_large_structures_have_small_batches() -> None:
    large = bulk("Cu", cubic=True).repeat(5)
    assert training(proposals(*[large] * 20))["batch_size"].value < 20
    assert "batch_size" not in training(proposals(*[bulk("Cu")] * 300))


def test_the_size_grows_with_the_labels() -> None:
    crystal = bulk("Cu", cubic=True)
    sizes = [training(proposals(*[crystal] * n))["b_basis_size"] for n in (2, 30, 300)]
    assert [one.value for one in sizes] == [10, 40, 300]
    assert "are wanted" in sizes[0].reason
    assert "fewer than 8 of them for each function" in sizes[1].reason
    assert "the default" in sizes[2].reason


@pytest.mark.parametrize(("rows", "fraction"), [(2, 0.51), (3, 0.34), (10, 0.2), (19, 0.11)])
def test_few_structures(rows: int, fraction: float) -> None:
    found = data(looked_at(*[structure(bulk("Cu"))] * rows))["test_fraction"]
    assert found == pytest.approx(fraction, abs=0.011)
    assert 0 < int(rows * found + 0.5) < rows


def test_the_selection() -> None:
    facts = looked_at(*[structure(bulk("Cu"))] * 20)
    assert data(facts)["select"] == ""
    facts.rows, facts.faults = 21, Counter({"no energy": 1})
    assert data(facts)["select"] == ""
    assert data(facts, is_database=True)["select"] == "energy,forces"
    facts.keys.status = Counter({("ok", True): 20, ("bad", False): 1})
    assert data(facts)["select"] == "status=ok"
    facts.keys.status = Counter({("ok", True): 20, ("ok", False): 1})
    assert data(facts)["select"] == ""
    facts.faults = Counter({"a force is not a finite number": 1})
    found = propose(facts, "x", is_database=True)
    assert found.data[1].value == ""
    assert "1 row cannot be trained on (a force is not a finite number: 1)" in found.warnings[0]
    facts.select = "status=completed"
    assert data(facts)["select"] == "status=completed"


def test_names_of_labels() -> None:
    facts = looked_at(*[structure(bulk("Cu"))] * 20)
    ref = {"energy": "REF_energy", "forces": "REF_forces"}
    facts.usual = 0
    facts.labels = LabelCounts({("REF_energy", "REF_forces"): NamedSet(ref, 20)})
    assert data(facts)["labels"] == ref
    facts.labels.energy_only["dft_energy"] = 1
    found = propose(facts, "x", is_database=False)
    assert "1 single atom without forces: the energy is dft_energy" in found.warnings[0]
    facts.usual = 4
    found = propose(facts, "x", is_database=False)
    lines = [one for one in found.data if one.key == "labels"]
    assert [one.open for one in lines] == [True, True]
    assert len(found.questions) == 1


def test_a_trajectory_without_a_key_is_told() -> None:
    draw, atoms, made = np.random.default_rng(0), bulk("Cu", cubic=True).repeat(2), []
    for _ in range(30):
        atoms.positions += draw.normal(0, 0.02, atoms.positions.shape)
        made.append(structure(atoms.copy(), config_type="md"))
    found = propose(looked_at(*made), "x", is_database=False)
    assert "split" not in {one.key for one in found.data}
    assert "rows follow each other" in found.warnings[0]


def test_strained_crystals_are_no_trajectory() -> None:
    made = [
        structure(bulk("Cu", a=a, cubic=True), config_type=f"kind{n}")
        for n in range(6)
        for a in np.linspace(3.4, 3.9, 8)
    ]
    assert "split" not in data(looked_at(*made))


def test_a_given_split_is_taken() -> None:
    sides = ["training"] * 27 + ["test"] * 3
    made = [structure(bulk("Cu"), set=side) for side in sides]
    found = data(looked_at(*made))
    assert (found["split"], found["side_key"]) == ("given", "set")
    for others in ([structure(bulk("Cu"), set="val")], [structure(bulk("Cu"))], [alone("Cu")]):
        other = propose(looked_at(*made, *others), "x", is_database=False)
        assert "split" not in {one.key for one in other.data}
        assert "the key set tells of" in other.warnings[0]
