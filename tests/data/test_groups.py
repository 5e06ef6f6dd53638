"""Structures that are alike are found, whatever way they are written; no others are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import ase.build
import ase.db
import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from hpctrain.data.duplicates import candidates as candidates_module
from hpctrain.data.duplicates import groups as groups_module
from hpctrain.data.duplicates.candidates import find_candidates
from hpctrain.data.duplicates.groups import (
    Duplicate,
    Signatures,
    choose_dropped,
    find_across,
    find_conflicts,
    find_duplicates,
)
from hpctrain.data.duplicates.likeness import difference, neighbourhood
from hpctrain.data.duplicates.signatures import UNKNOWN
from hpctrain.data.structures.extxyz import Structure
from hpctrain.data.structures.neighbours import pairs_within, shortest_distances, whole_cells
from hpctrain.files import resource

Change = Callable[[Atoms, np.random.Generator], Atoms]


def structure(atoms: Atoms, energy: float = -1.0, row_id: str = "1") -> Structure:
    a, b, c = (bool(periodic) for periodic in atoms.pbc)
    return Structure(
        row_id, "x", atoms.numbers.astype(np.int64), atoms.positions.copy(),
        np.asarray(atoms.cell).copy(), (a, b, c), energy, np.zeros((len(atoms), 3)), None, None,
        None,
    )  # fmt: skip


def geometry(one: Structure) -> bytes:
    return hashlib.sha256(
        one.numbers.tobytes() + one.positions.tobytes() + one.cell.tobytes() + bytes(one.pbc)
    ).digest()


def found(structures: Sequence[Atoms | Structure], **options: Any) -> list[Duplicate]:
    given = [one if isinstance(one, Structure) else structure(one) for one in structures]
    signatures = Signatures()
    for one in given:
        signatures.add(one)
    geometries = np.frombuffer(b"".join(map(geometry, given)), dtype=np.uint8).reshape(-1, 32)
    return find_duplicates(signatures.arrays(), geometries, given.__getitem__, **options)


def kinds(*structures: Atoms, **options: Any) -> list[str]:
    return [one.kind for one in found(structures, **options)]


# --- what a structure may be, and how else it may be written ---


def rattled(atoms: Atoms, amount: float = 0.1, seed: int = 0) -> Atoms:
    atoms = atoms.copy()
    atoms.positions += np.random.default_rng(seed).normal(0, amount, atoms.positions.shape)
    return atoms


def alloy() -> Atoms:
    atoms = ase.build.bulk("Cu", cubic=True) * (2, 2, 1)
    atoms.numbers[::3] = 13
    return rattled(atoms)


def slab() -> Atoms:
    atoms = ase.build.fcc111("Al", (2, 2, 3), vacuum=8.0)
    atoms.pbc = True
    return rattled(atoms)


def mixed() -> Atoms:
    return rattled(ase.build.fcc111("Al", (2, 2, 3), vacuum=8.0), seed=1)


def wire() -> Atoms:
    return rattled(Atoms("CuAu", [[0, 0, 0], [0.3, 0.2, 1.4]], cell=[0, 0, 2.9], pbc=(0, 0, 1)))


SUBJECTS: dict[str, Callable[[], Atoms]] = {
    "fcc": lambda: ase.build.bulk("Al"),
    "hcp": lambda: ase.build.bulk("Mg"),
    "rock salt": lambda: ase.build.bulk("NaCl", "rocksalt", a=5.64),
    "rattled": lambda: rattled(ase.build.bulk("Al", cubic=True) * 2),
    "two atoms": lambda: rattled(ase.build.bulk("Si")),
    "alloy": alloy,
    "slab": slab,
    "mixed pbc": mixed,
    "wire": wire,
    "molecule": lambda: ase.build.molecule("CH3CH2OH"),
    "dimer": lambda: Atoms("Al2", [[0, 0, 0], [0, 0, 2.4]]),
    "atom": lambda: Atoms("Al"),
}


def translated(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    atoms = atoms.copy()
    atoms.translate(draw.uniform(-20, 20, 3))
    return atoms


def rotated(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    turn = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    return moved(atoms, turn)


def mirrored(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    return moved(atoms, np.diag([1.0, 1.0, -1.0]))


def moved(atoms: Atoms, turn: Any) -> Atoms:
    atoms = atoms.copy()
    atoms.positions, atoms.cell = atoms.positions @ turn, np.asarray(atoms.cell) @ turn
    return atoms


def permuted(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    return atoms[draw.permutation(len(atoms))]


def imaged(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    """Atoms in other images of the cell."""
    atoms = atoms.copy()
    shifts = draw.integers(-3, 4, (len(atoms), 3)) * atoms.pbc
    atoms.positions += shifts @ np.asarray(atoms.cell)
    return atoms


def sheared(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    """Other vectors of the same lattice."""
    atoms = atoms.copy()
    cell = np.asarray(atoms.cell).copy()
    for i, j in ((0, 1), (1, 2), (2, 0)):
        if atoms.pbc[i] and atoms.pbc[j]:
            cell[i] += draw.integers(-2, 3) * cell[j]
    atoms.cell = cell
    return atoms


def niggli(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    atoms = sheared(atoms, draw)
    if atoms.pbc.all():
        ase.build.niggli_reduce(atoms)
    return atoms


def repeated(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    return atoms * tuple(np.where(atoms.pbc, draw.integers(1, 4, 3), 1))


def supercell(atoms: Atoms, draw: np.random.Generator) -> Atoms:
    if not atoms.pbc.all():
        return atoms
    return ase.build.make_supercell(atoms, [[1, 1, 0], [-1, 1, 0], [0, 1, 2]])


CHANGES: list[Change] = [
    translated, rotated, mirrored, permuted, imaged, sheared, niggli, repeated, supercell,
]  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_same_written_differently(subject: str) -> None:
    for change in CHANGES:
        before = SUBJECTS[subject]()
        after = change(before, np.random.default_rng(3))
        [one] = found([before, after])
        assert one.kind in {"same", "identical"}, change
        assert one.indices == (0, 1), change


@given(
    st.sampled_from(sorted(SUBJECTS)),
    st.lists(st.sampled_from(CHANGES), min_size=2, max_size=4),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_any_of_it_together(subject: str, changes: list[Change], seed: int) -> None:
    before = after = SUBJECTS[subject]()
    for change in changes:
        if len(after) < 60:
            after = change(after, np.random.default_rng(seed))
    assert [one.indices for one in found([before, after])] == [(0, 1)]


def test_all_subjects_together_are_told_apart() -> None:
    subjects = [make() for make in SUBJECTS.values()]
    draw = np.random.default_rng(1)
    again = [rotated(permuted(repeated(one, draw), draw), draw) for one in subjects]
    groups = found([*subjects, *again])
    assert [one.indices for one in groups] == [(i, i + len(subjects)) for i in range(len(subjects))]


# --- how near ---


@pytest.mark.parametrize("subject", ["rattled", "alloy", "slab", "mixed pbc", "molecule", "wire"])
@pytest.mark.parametrize(
    ("amount", "expected"),
    [(1e-6, ["same"]), (1e-4, ["same"]), (4.9e-3, ["near"]), (3e-2, []), (0.1, [])],
)
def test_displaced_by_at_most(subject: str, amount: float, expected: list[str]) -> None:
    """Two steps of 4.9 mÅ, one of each atom of a pair, stay below 10 mÅ: certain to be found."""
    before = SUBJECTS[subject]()
    for seed in range(5):
        after = before.copy()
        steps = np.random.default_rng(seed).normal(size=after.positions.shape)
        after.positions += amount * steps / np.linalg.norm(steps, axis=1)[:, None]
        assert kinds(before, after) == expected


@pytest.mark.parametrize(("strain", "expected"), [(1e-4, ["same"]), (1e-3, ["near"]), (0.01, [])])
def test_strained(strain: float, expected: list[str]) -> None:
    """Distances of up to 6 Å change by up to 6 Å times the strain."""
    before = ase.build.bulk("Al", cubic=True)
    after = before.copy()
    after.set_cell(before.cell * (1 + strain), scale_atoms=True)
    assert kinds(before, after) == expected


def test_the_reach() -> None:
    """Nothing beyond it counts; a neighbour that crosses it changes nothing at once."""
    pairs = [Atoms("Al2", [[0, 0, 0], [0, 0, z]]) for z in (5.995, 6.004, 7.0, 9.0)]
    groups = found(pairs)
    assert [(one.kind, one.indices) for one in groups] == [
        ("near", (0, 1)), ("same", (1, 2, 3)),
    ]  # fmt: skip
    assert found(pairs, reach=20.0) == [Duplicate("near", (0, 1), ((0, 1),))]


def test_more_vacuum_and_no_repetition_through_it_are_not_seen() -> None:
    some, more, mixed = (ase.build.fcc111("Al", (1, 1, 4), vacuum=v) for v in (8.0, 12.0, 8.0))
    some.pbc = more.pbc = True
    atom, boxed = Atoms("Al"), Atoms("Al", cell=np.eye(3) * 12, pbc=True)
    assert [one.indices for one in found([some, more, mixed, atom, boxed])] == [(0, 1, 2), (3, 4)]


def test_frames_of_a_trajectory() -> None:
    """Harmonic, amplitudes of 0.1 Å, 40 steps a period: neighbours in time are not near."""
    base = ase.build.bulk("Al", cubic=True) * 2
    draw = np.random.default_rng(0)
    size, phase = draw.normal(0, 0.15, (2, *base.positions.shape))
    frames = []
    for step in range(40):
        frame = base.copy()
        frame.positions += size * np.sin(2 * np.pi * step / 40 + 40 * phase)
        frames.append(frame)
    assert found(frames) == []
    assert len(found(frames, near=0.2)) == 1


# --- what is different, and must not be called the same ---


def test_stackings() -> None:
    """Equal first neighbours; the layers ABC, AB, ABAC, and ABCACB differ further out."""
    a, layer = 2.86, 2.86 * np.sqrt(2 / 3)
    places = {"A": 0.0, "B": 1 / 3, "C": 2 / 3}
    stacks = []
    for stacking in ("ABC", "AB", "ABAC", "ABCACB", "ABABAC"):
        cell = [[a, 0, 0], [a / 2, a * np.sqrt(3) / 2, 0], [0, 0, layer * len(stacking)]]
        scaled = [
            [places[name], places[name], height / len(stacking)]
            for height, name in enumerate(stacking)
        ]
        stacks.append(Atoms("Al" * len(stacking), scaled_positions=scaled, cell=cell, pbc=True))
    assert found(stacks) == []


def test_exchanged_atoms() -> None:
    before = ase.build.bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (2, 1, 1)
    after = before.copy()
    after.numbers[[0, 1]] = after.numbers[[1, 0]]
    other = before.copy()
    other.numbers = np.where(before.numbers == 11, 19, 17)
    assert found([before, after, other]) == []
    # Sodium for chlorine everywhere is a translation.
    swapped = before.copy()
    swapped.numbers = np.where(before.numbers == 11, 17, 11)
    assert kinds(before, swapped) == ["same"]


def test_like_environments_in_other_shares() -> None:
    """The same atoms' surroundings, 1 : 3 and 2 : 2: every atom has its like in the other."""
    molecules = [Atoms("Al2", [[0, 0, 0], [0, 0, z]]) for z in (2.5, 3.0)]

    def together(*which: int) -> Atoms:
        whole = Atoms()
        for place, number in enumerate(which):
            one = molecules[number].copy()
            one.translate([30.0 * place, 0, 0])
            whole += one
        return whole

    assert found([together(0, 1, 1, 1), together(0, 0, 1, 1)]) == []
    assert kinds(together(0, 0, 1, 1), together(0, 1)) == ["same"]


@pytest.mark.parametrize("atoms", [1, 2, 4, 32])
def test_random_structures_are_not_alike(atoms: int) -> None:
    cells = [rattled(ase.build.bulk("Al") * (atoms, 1, 1), 0.1, seed) for seed in range(100)]
    for seed, one in enumerate(cells):
        strain = np.random.default_rng(seed).normal(0, 0.05, (3, 3))
        one.set_cell(one.cell @ (np.eye(3) + strain), scale_atoms=True)
    assert found(cells) == []


def test_mirror_images_cannot_be_told_apart() -> None:
    """Distances are the same in both hands: a limit that docs/data.md states."""
    hand = Atoms("CHFClBr", [[0, 0, 0], [0, 0, 1.1], [1.3, 0, -0.4], [-0.8, 1.5, -0.5],
                             [-0.9, -1.6, -0.6]])  # fmt: skip
    assert kinds(hand, mirrored(hand, np.random.default_rng(0))) == ["same"]


# --- the parts ---


def structures_of_the_demo() -> list[Structure]:
    rows = ase.db.connect(resource("demo/al_pbe.db")).select("status=completed")
    return [structure(row.toatoms(), row.energy, str(row.id)) for row in rows]


def test_the_demo() -> None:
    """Judged by hand: rows 10 and 11 are fcc, 4.062 and 4.067 Å; 53 and 59, 55 and 57 are fcc
    sheared by as much to either side, which a rotation of the cubic crystal makes the same."""
    rows = structures_of_the_demo()
    groups = found(rows)
    assert [(one.kind, [rows[index].row_id for index in one.indices]) for one in groups] == [
        ("near", ["10", "11"]), ("same", ["53", "59"]), ("same", ["55", "57"]),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("near", [0.01, 0.1, 0.3])
def test_candidates_miss_nothing(near: float) -> None:
    """Against every pair of the demo."""
    rows = structures_of_the_demo()
    signatures = Signatures()
    for one in rows:
        signatures.add(one)
    neighbourhoods = [neighbourhood(one, 6.0) for one in rows]
    every = {
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(neighbourhoods), 2)
        if a is not None and b is not None and difference(a, b, near) <= near
    }
    pairs = [
        tuple(sorted(pair))
        for some in find_candidates(*signatures.arrays(), np.arange(len(rows)), near)
        for pair in some.tolist()
    ]
    assert every <= set(pairs)
    assert len(set(pairs)) == len(pairs) < len(rows) ** 2 / 4


def test_pairs_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawers that hold more than is looked at together, and a memory of two structures."""
    atoms = [rattled(ase.build.bulk("Al") * (2, 1, 1), 1e-3, seed) for seed in range(25)]
    expected = found(atoms)
    assert {one.kind for one in expected} <= {"near", "same"}
    monkeypatch.setattr(candidates_module, "_CHUNK", 7)
    monkeypatch.setattr(groups_module, "_KEPT", 1)
    assert found(atoms) == expected


@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, False)])
@pytest.mark.parametrize("atoms", [1, 3, 20])
def test_distances(atoms: int, pbc: tuple[bool, bool, bool]) -> None:
    """Both ways of finding them agree with ASE's neighbour list."""
    from ase.neighborlist import neighbor_list

    draw = np.random.default_rng(atoms)
    for _ in range(5):
        made = Atoms("Al" * atoms, draw.uniform(-9, 9, (atoms, 3)), pbc=pbc)
        made.cell = np.eye(3) * 4 + draw.uniform(-1, 1, (3, 3))
        expected = np.sort(neighbor_list("d", made, 5.0))
        pairs = pairs_within(made.positions, np.asarray(made.cell), pbc, 5.0)
        assert pairs is not None
        np.testing.assert_allclose(np.sort(pairs[2]), expected, atol=1e-9)
        repeat = np.array([pbc])
        a, b, c = (2 * repeat[0]).tolist()
        short = shortest_distances(
            made.positions[None], whole_cells(np.asarray(made.cell)[None], repeat), repeat,
            (a, b, c), 5.0, 5, None,
        )  # fmt: skip
        for atom in range(atoms):
            own = np.sort(pairs[2][pairs[0] == atom])[:5]
            np.testing.assert_allclose(short[0, atom, : len(own)], own, atol=1e-4)


def test_a_cell_that_cannot_be_searched() -> None:
    """It is compared by its digest alone."""
    flat = Atoms("Al", cell=np.diag([0.001, 0.001, 5000.0]), pbc=True)
    signatures = Signatures()
    signatures.add(structure(flat))
    assert (signatures.arrays()[1] == UNKNOWN).all()
    assert neighbourhood(structure(flat), 6.0) is None
    assert kinds(flat, flat) == ["identical"]
    assert kinds(flat, translated(flat, np.random.default_rng(0))) == []


def test_signatures_do_not_depend_on_what_is_worked_on_together() -> None:
    rows = structures_of_the_demo() * 3
    together = Signatures()
    for one in rows:
        together.add(one)
    _, features = together.arrays()
    for place in (0, 50, 178, 400):
        alone = Signatures()
        alone.add(rows[place])
        np.testing.assert_allclose(alone.arrays()[1][0], features[place], atol=1)


def test_nothing_and_one() -> None:
    assert found([]) == []
    assert found([Atoms("Al")]) == []


# --- groups, sides, and what is left out ---


def test_groups_of_every_kind() -> None:
    base = rattled(ase.build.bulk("Al", cubic=True))
    draw = np.random.default_rng(0)
    turned = rotated(base, draw)
    step = base.copy()
    step.positions[0, 0] += 0.008
    step_on = step.copy()
    step_on.positions[0, 0] += 0.008
    other = rattled(ase.build.bulk("Al", cubic=True), seed=9)
    groups = found([base, other, turned, step, base, other, step_on])
    assert groups == [
        Duplicate("same", (0, 2, 4)),
        Duplicate("near", (0, 3, 6), ((0, 3), (3, 6))),
        Duplicate("identical", (1, 5)),
    ]


GROUPS = [
    Duplicate("same", (0, 2, 4)),
    Duplicate("near", (0, 3, 6), ((0, 3), (3, 6))),
    Duplicate("identical", (1, 5)),
]


def test_across() -> None:
    def sides(*tested: int) -> Any:
        return np.isin(np.arange(7), tested)

    assert find_across(GROUPS, sides()) == []
    assert find_across(GROUPS, sides(1, 5)) == []
    assert find_across(GROUPS, sides(5)) == [GROUPS[2]]
    # 2 and 4 are the same as 0, so 3 is near them too.
    assert find_across(GROUPS, sides(0, 2, 4)) == [Duplicate("near", (0, 2, 3, 4), ((0, 3),))]
    assert find_across(GROUPS, sides(6)) == [Duplicate("near", (3, 6), ((3, 6),))]


def test_the_first_in_order_stays() -> None:
    energies = [-1.0] * 7
    assert choose_dropped(GROUPS, range(7), energies) == (2, 4, 5)
    assert choose_dropped(GROUPS, range(7, 0, -1), energies) == (0, 1, 2)
    # 0 stays; 3 is near it and goes; 6 is near 3 only.
    assert choose_dropped(GROUPS, range(7), energies, "near") == (2, 3, 4, 5)
    # 6 stays; 3 goes; of 0, 2 and 4 the last is the first in order.
    assert choose_dropped(GROUPS, range(7, 0, -1), energies, "near") == (0, 1, 2, 3)
    # 3 stays, and what is near it goes with all that are the same.
    assert choose_dropped(GROUPS, [5, 5, 5, 1, 5, 5, 5], energies, "near") == (0, 2, 4, 5, 6)


def test_labels_in_conflict_stay() -> None:
    energies = np.full(7, -1.0)
    energies[4] += 0.0051
    for level in ("same", "near"):
        assert choose_dropped(GROUPS, range(7), energies, level) == (
            (5,) if level == "same" else (3, 5)
        )
    assert find_conflicts(GROUPS, energies) == [GROUPS[0]]
    energies[4] = -1.0049
    assert find_conflicts(GROUPS, energies) == []


@given(st.integers(2, 12), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_what_is_left_is_not_alike(count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    base = SUBJECTS["two atoms"]()
    atoms = []
    for _ in range(count):
        one = base.copy()
        one.positions[0] += draw.choice([0.0, 0.004, 0.008, 0.2], 3)
        atoms.append(rotated(one, draw))
    order = draw.permutation(count)
    left_out = choose_dropped(found(atoms), order, [0.0] * count, "near")
    assert found([one for index, one in enumerate(atoms) if index not in left_out]) == []
    assert int(np.argmin(order)) not in left_out


def test_one_structure_is_read_again_only_to_confirm() -> None:
    rows = [replace(structure(rattled(SUBJECTS["fcc"]() * 2, seed=seed))) for seed in range(50)]
    signatures = Signatures()
    for one in rows:
        signatures.add(one)
    geometries = np.frombuffer(b"".join(map(geometry, rows)), dtype=np.uint8).reshape(-1, 32)

    def refuse(index: int) -> Structure:
        raise AssertionError(index)

    assert find_duplicates(signatures.arrays(), geometries, refuse) == []
