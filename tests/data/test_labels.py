"""Labels under other names, several sets of them, and values that are no numbers."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from intake import PROPERTIES, TWICE, exported, frame, frames, put, read, refused
from pydantic import ValidationError

from hpctrain.data.structures.other_labels import OtherLabels, as_line, full_sets, looks_like
from hpctrain.settings import DataConfig

REFERENCE = {
    "properties": "species:S:1:pos:R:3:REF_forces:R:3",
    "head": 'REF_energy=-7.5 REF_stress="1 0 0 0 2 0 0 0 3" temperature=300',
}


@pytest.mark.parametrize(
    ("energy", "forces", "way"),
    [
        ("REF_energy", "REF_forces", "REF_*"),
        ("ref_energy", "ref_force", "ref_*"),
        ("dft_energy", "dft_forces", "dft_*"),
        ("energy_dft", "forces_dft", "*_dft"),
        ("DFT_energy", "DFT_forces", "DFT_*"),
        ("energy_ref", "forces_ref", "*_ref"),
        ("pbe_total_energy", "pbe_forces", "pbe_*"),
        ("E_pbe", "F_pbe", "*_pbe"),
    ],
)
def test_a_convention_is_named_and_never_taken_silently(
    tmp_path: Path, energy: str, forces: str, way: str
) -> None:
    text = frames(properties=f"species:S:1:pos:R:3:{forces}:R:3", head=f"{energy}=-7.5")
    source = put(tmp_path, text)
    error = refused(source)
    assert "no energy: 4 (row 1, 2, 3, 4)" in error.message
    assert f"{energy} (4)" in error.message
    line = f"labels: {{energy: {energy}, forces: {forces}}}"
    assert f"all there as {way};" in str(error.hint)
    assert line in str(error.hint)
    result = exported(source, labels={"energy": energy, "forces": forces})
    atoms = read(result)["1"]
    assert atoms.get_potential_energy() == -7.5
    assert atoms.get_forces().tolist() == [[0.25, -0.5, 0.125], [-0.25, 0.5, -0.125]]


def test_the_refusal_lists_the_keys_that_are_there(tmp_path: Path) -> None:
    error = refused(put(tmp_path, frames(head="mystery=1 U0=-3", properties=PROPERTIES)))
    assert "their keys, and rows that have them: forces (4), mystery (4), U0 (4)" in error.message
    error = refused(put(tmp_path, frames(**REFERENCE)), labels={"energy": "REF_enery"})
    assert "data.labels names REF_enery, which is not among them" in error.message


def test_forces_in_the_second_line(tmp_path: Path) -> None:
    head = 'energy=-7.5 forces="_JSON [[1, 2, 3], [4, 5, 6]]"'
    source = put(tmp_path, frames(properties="species:S:1:pos:R:3:vel:R:3", head=head))
    assert "labels: {energy: energy, forces: forces}" in str(refused(source).hint)
    result = exported(source, labels={"energy": "energy", "forces": "forces"})
    assert read(result)["1"].get_forces().tolist() == [[1, 2, 3], [4, 5, 6]]


def test_calculations_that_failed_are_listed_as_before(tmp_path: Path) -> None:
    error = refused(put(tmp_path, frames() + frame(5, head="status=failed")))
    assert error.message.splitlines()[1:] == ["  no energy: 1 (row 5)"]
    assert "--skip-bad" in str(error.hint)


def test_a_stress_is_taken_with_the_others_if_it_is_named(tmp_path: Path) -> None:
    source = put(tmp_path, frames(**REFERENCE))
    names = {"energy": "REF_energy", "forces": "REF_forces"}
    assert "stress: REF_stress" in str(refused(source).hint)
    assert "stress" not in read(exported(source, labels=names))["1"].calc.results
    (tmp_path / "out" / "train.extxyz").unlink()
    (tmp_path / "out" / "test.extxyz").unlink()
    result = exported(source, labels={**names, "stress": "REF_stress"})
    assert read(result)["2"].get_stress().tolist() == [1, 2, 3, 0, 0, 0]


def test_a_virial_is_minus_stress_times_volume(tmp_path: Path) -> None:
    head = 'energy=-7.5 virial="68.88 0 0 0 137.76 0 0 0 0"'
    result = exported(put(tmp_path, frames(head=head)), labels={"virial": "virial"})
    assert np.allclose(read(result)["1"].get_stress(), [-1, -2, 0, 0, 0, 0], atol=1e-12)


def test_a_virial_without_a_volume_is_left_out(tmp_path: Path) -> None:
    head = 'energy=-7.5 virial="68.88 0 0 0 137.76 0 0 0 0"'
    result = exported(put(tmp_path, frames(head=head, cell="")), labels={"virial": "virial"})
    assert "a virial needs a cell" in result.notes[0]


def test_a_stress_that_is_not_wanted(tmp_path: Path) -> None:
    head = 'energy=-7.5 stress="1 0 0 0 2 0 0 0 3"'
    result = exported(put(tmp_path, frames(head=head)), labels={"stress": None})
    assert "stress" not in read(result)["1"].calc.results


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"energie": "x"}, "there is no label 'energie'"),
        ({"energy": None}, "energy cannot be left out"),
        ({"forces": " "}, "the name of forces is empty"),
        ({"stress": "a", "virial": "b"}, "stress and virial are the same label"),
    ],
)
def test_labels_that_cannot_be(labels: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DataConfig.model_validate({"source": "x.db", "labels": labels})


# --- two sets of labels ---


def test_a_second_full_set_is_asked_about(tmp_path: Path) -> None:
    source = put(tmp_path, frames(**TWICE))
    error = refused(source)
    assert "4 of 4 rows have several sets of labels, which differ" in error.message
    for line in ("{energy: energy, forces: forces}", "{energy: REF_energy, forces: REF_forces}"):
        assert f"labels: {line}" in str(error.hint)
    result = exported(source, labels={"energy": "energy", "forces": "forces"})
    assert read(result)["1"].get_potential_energy() == -7.5


def test_a_second_set_is_taken_by_its_name(tmp_path: Path) -> None:
    names = {"energy": "REF_energy", "forces": "REF_forces"}
    result = exported(put(tmp_path, frames(**TWICE)), labels=names)
    assert read(result)["1"].get_forces().tolist() == [[0.5] * 3] * 2


def test_the_same_labels_twice_are_no_question(tmp_path: Path) -> None:
    text = "".join(
        f"2\nProperties={PROPERTIES}:REF_forces:R:3 energy=-{n} REF_energy=-{n}\n"
        f"Cu 0 0 {n} 0 0 {n} 0 0 {n}\nCu 0 2 {n} 0 0 {n} 0 0 {n}\n"
        for n in range(1, 5)
    )
    assert exported(put(tmp_path, text)).notes == ()


def test_a_second_energy_alone_is_no_second_set(tmp_path: Path) -> None:
    assert exported(put(tmp_path, frames(head="energy=-7.5 REF_energy=-7"))).train.structures == 2


def test_names_of_labels() -> None:
    assert [looks_like(name) for name in ("corrected_total_energy", "Forces", "virials", "E")] == [
        "energy", "forces", "virial", "energy",
    ]  # fmt: skip
    for name in ("energy_per_atom", "formation_energy", "time", "reference", "fermi_energy", "ie"):
        assert looks_like(name) is None, name
    others = OtherLabels(("corrected_total_energy", "x_energy"), ("force",), ("stress",))
    (only,) = full_sets([others, others])
    assert as_line(only) == (
        "labels: {energy: corrected_total_energy, forces: force, stress: stress}"
    )


# --- databases ---


def atoms(number: int = 0, **labels: Any) -> Atoms:
    made = Atoms("Cu2", [[0, 0, number / 16], [2, 2, 2]], cell=[4, 4, 4], pbc=True)
    if labels:
        made.calc = SinglePointCalculator(made, **labels)
    return made


FORCES = np.array([[0.25, 0, 0], [-0.25, 0, 0]])


def database(path: Path, *, keys: Any = None, data: Any = None, **labels: Any) -> Path:
    with ase.db.connect(path) as db:
        for number in range(4):
            db.write(atoms(number, **labels), key_value_pairs=keys or {}, data=data or {})
    return path


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_labels_in_the_data_of_rows(tmp_path: Path, name: str) -> None:
    source = database(tmp_path / name, data={"energy": [-3.5], "forces": FORCES})
    error = refused(source)
    assert "labels: {energy: energy, forces: forces}" in str(error.hint)
    result = exported(source, labels={"energy": "energy", "forces": "forces"})
    assert read(result)["1"].get_potential_energy() == -3.5
    assert read(result)["1"].get_forces().tolist() == FORCES.tolist()


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_labels_in_keys_and_data(tmp_path: Path, name: str) -> None:
    source = database(tmp_path / name, keys={"energy_dft": -3.5}, data={"forces_dft": FORCES})
    assert "labels: {energy: energy_dft, forces: forces_dft}" in str(refused(source).hint)
    result = exported(source, labels={"energy": "energy_dft", "forces": "forces_dft"})
    assert read(result)["2"].get_potential_energy() == -3.5


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_a_second_set_in_the_data_of_rows(tmp_path: Path, name: str) -> None:
    source = database(
        tmp_path / name, data={"energy": -9.0, "forces": FORCES}, energy=-3.5, forces=FORCES
    )
    hint = str(refused(source).hint)
    assert "labels: {energy: data.energy, forces: data.forces}" in hint
    result = exported(source, labels={"energy": "data.energy", "forces": "data.forces"})
    assert read(result)["1"].get_potential_energy() == -9.0


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_the_free_energy_is_taken_where_it_differs(tmp_path: Path, name: str) -> None:
    source = database(tmp_path / name, energy=-3.5, free_energy=-3.75, forces=FORCES)
    result = exported(source)
    assert read(result)["1"].get_potential_energy() == -3.75
    (note,) = result.notes
    assert note.startswith("4 rows (1, 2, 3, …): the free energy is taken")
    assert "0.125 eV per atom" in note
    assert result.facts()["notes"] == [note]


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_the_other_energy_by_its_name(tmp_path: Path, name: str) -> None:
    source = database(tmp_path / name, energy=-3.5, free_energy=-3.75, forces=FORCES)
    result = exported(source, labels={"energy": "energy"})
    assert read(result)["1"].get_potential_energy() == -3.5
    assert result.notes == ()


def test_an_equal_free_energy_is_no_news(tmp_path: Path) -> None:
    source = database(tmp_path / "a.db", energy=-3.5, free_energy=-3.5, forces=FORCES)
    assert exported(source).notes == ()


def test_the_free_energy_in_extxyz(tmp_path: Path) -> None:
    result = exported(put(tmp_path, frames(head="energy=-7.5 free_energy=-7.75")))
    assert read(result)["1"].get_potential_energy() == -7.75
    assert "the free energy is taken" in result.notes[0]


# --- what is no number ---


def test_fortrans_exponents_are_read(tmp_path: Path) -> None:
    cell = 'Lattice="0.4D+01 0.0 0.0 0.0 4.1 0.0 0.0 0.0 4.2d0"'
    first = "2.5D-01 -0.5 0.125-100"
    result = exported(put(tmp_path, frames(head="energy=-0.75D+01", cell=cell, first=first)))
    found = read(result)["1"]
    assert found.get_potential_energy() == -7.5
    assert found.cell.lengths().tolist() == [4.0, 4.1, 4.2]
    assert found.get_forces()[0].tolist() == [0.25, -0.5, 0.125e-100]


@pytest.mark.parametrize("value", ["****", "abc", "1+2j", "None", "1_0", "0x1p3", "1,5"])
def test_a_force_that_is_no_number_is_named(tmp_path: Path, value: str) -> None:
    source = put(tmp_path, frames() + frame(5, first=f"0.25 {value} 0.125"))
    error = refused(source)
    said = f"a force is not a number: '{value}' in line 19 of data.xyz: 1 (row 5)"
    assert said in error.message
    assert exported(source, skip_bad=True).skipped[0].ids == ("5",)


@pytest.mark.parametrize("value", ["****", "abc", "1+2j", "T", '"_JSON [1, 2]"', '"1 2"'])
def test_an_energy_that_is_no_number_is_named(tmp_path: Path, value: str) -> None:
    source = put(tmp_path, frames() + frame(5, head=f"energy={value}"))
    said = refused(source).message
    assert "the energy is not a number: " in said
    assert "in line 18 of data.xyz: 1 (row 5)" in said


@pytest.mark.parametrize("value", ["nan", "-inf", "NaN"])
def test_a_label_that_is_not_finite(tmp_path: Path, value: str) -> None:
    source = put(tmp_path, frames() + frame(5, head=f"energy={value}"))
    assert "the energy is not a finite number: 1 (row 5)" in refused(source).message
    source = put(tmp_path, frames() + frame(5, first=f"0.25 {value} 0.125"))
    assert "a force is not a finite number: 1 (row 5)" in refused(source).message


@pytest.mark.parametrize("value", ["abc", "-0.35D+01", b"\x01\x02", "****"])
def test_an_energy_in_a_database_that_is_none(tmp_path: Path, value: Any) -> None:
    source = database(tmp_path / "a.db", energy=-3.5, forces=FORCES)
    with sqlite3.connect(source) as connection:
        connection.execute("update systems set energy = ? where id = 3", (value,))
    connection.close()
    if value == "-0.35D+01":
        assert read(exported(source))["3"].get_potential_energy() == -3.5
    else:
        said = refused(source).message
        assert f"the energy is not a number: {value!r} in row 3 of a.db: 1 (row 3)" in said


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("forces", "abc", "a force is not a number: 'abc' in row 3 of a.db: 1 (row 3)"),
        ("forces", b"", "forces do not match the atoms: 1 (row 3)"),
        ("positions", b"\0" * 24, "the positions do not match the atoms: 1 (row 3)"),
        ("positions", "abc", "row 3 is damaged"),
        ("pbc", "abc", "row 3 is damaged"),
        ("cell", b"\0" * 24, "row 3 is damaged"),
        ("key_value_pairs", "[1]", "row 3 is damaged: its key_value_pairs are not pairs"),
    ],
)
def test_a_row_that_is_damaged_is_named(tmp_path: Path, column: str, value: Any, said: str) -> None:
    source = database(tmp_path / "a.db", energy=-3.5, forces=FORCES)
    with sqlite3.connect(source) as connection:
        connection.execute(f"update systems set {column} = ? where id = 3", (value,))
    connection.close()
    assert said in refused(source).message


@pytest.mark.parametrize("value", [[["a", 1, 2], [1, 2, 3]], [[1, 2, 3], [1, 2]], {"x": 1}, True])
def test_forces_in_json_that_are_no_numbers(tmp_path: Path, value: Any) -> None:
    source = database(tmp_path / "a.json", energy=-3.5, forces=FORCES)
    content = json.loads(source.read_text())
    content["3"]["forces"] = value
    source.write_text(json.dumps(content))
    assert "a force is not a number: " in refused(source).message
    assert "in row 3 of a.json: 1 (row 3)" in refused(source).message


def test_many_values_that_are_none_are_counted(tmp_path: Path) -> None:
    said = refused(put(tmp_path, frames(9) * 4, name="many.xyz"), labels={"energy": "pbc"})
    assert said.message
    text = frames(9, head="energy=****") * 4
    lines = refused(put(tmp_path, text)).message.splitlines()
    assert len(lines) == 12
    assert lines[-1].startswith("  the energy is not a number: 26 (row 11, 12")


@pytest.mark.parametrize(
    ("stress", "why"),
    [
        ("0.125", "it is 1 number, neither six nor nine"),
        ('"1 2 3 4 5 6 7"', "it is 7 numbers, neither six nor nine"),
        ('"1 0 0 0 **** 0 0 0 3"', "it is not a number"),
        ('"1 0 0 0 nan 0 0 0 3"', "it is not a finite number"),
        ("T", "it is not a number"),
    ],
)
def test_a_stress_that_cannot_be_read_is_left_out(tmp_path: Path, stress: str, why: str) -> None:
    result = exported(put(tmp_path, frames(head=f"energy=-7.5 stress={stress}")))
    (note,) = result.notes
    assert note.startswith("4 rows (1, 2, 3, …): the stress is left out")
    assert note.endswith(why)
    assert "stress" not in read(result)["1"].calc.results


def test_a_stress_of_six_numbers_is_read_in_ases_order(tmp_path: Path) -> None:
    result = exported(put(tmp_path, frames(head='energy=-7.5 stress="1 2 3 4 5 6"')))
    assert read(result)["1"].get_stress().tolist() == [1, 2, 3, 4, 5, 6]
    assert "xx yy zz yz xz xy" in result.notes[0]


def test_a_stress_of_a_database_that_is_not_finite(tmp_path: Path) -> None:
    stress = np.array([1.0, np.nan, 0, 0, 0, 0])
    source = database(tmp_path / "a.db", energy=-3.5, forces=FORCES, stress=stress)
    result = exported(source)
    assert "the stress is left out" in result.notes[0]


# --- isolated atoms ---


def test_an_isolated_atom_has_no_forces_by_symmetry(tmp_path: Path) -> None:
    alone = "1\nProperties=species:S:1:pos:R:3 energy=3.5\nCu 0 0 0\n"
    box = '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3 energy=3.5\nCu 1 0 0\n'
    result = exported(put(tmp_path, frames() + alone + box))
    assert result.isolated_atoms == {"Cu": (3.5, 3.5)}
    assert read(result)["5"].get_forces().tolist() == [[0, 0, 0]]
    assert "2 rows (5, 6): an isolated atom without forces" in result.notes[0]


def test_one_atom_that_sees_its_images_is_not_isolated(tmp_path: Path) -> None:
    crystal = '1\nLattice="2 0 0 0 2 0 0 0 2" Properties=species:S:1:pos:R:3 energy=3.5\nCu 0 0 0\n'
    assert "no forces: 1 (row 5)" in refused(put(tmp_path, frames() + crystal)).message
