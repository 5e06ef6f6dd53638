"""What may differ from the parent's input when a training goes on from it, and what not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hpctrain.engines.pacemaker.input import input_mapping
from hpctrain.engines.pacemaker.parent import obstacles, without_ladder
from hpctrain.engines.pacemaker.settings import PacemakerTraining
from hpctrain.engines.reference_energies import parents_energies
from hpctrain.errors import HpctrainError


def potential(elements: tuple[str, ...] = ("Al",), **training: Any) -> dict[str, Any]:
    config = PacemakerTraining.model_validate({"b_basis_size": 100, **training})
    found = input_mapping(config, "pyace", elements, dict.fromkeys(elements, 0.0))
    section: dict[str, Any] = found["potential"]
    return section


PARENT = potential()


def found(**training: Any) -> list[str]:
    return [*obstacles(PARENT, potential(**training))]


def test_the_same_and_a_larger_basis() -> None:
    assert found() == []
    assert found(b_basis_size=101) == []
    larger = copy.deepcopy(PARENT)
    larger["functions"]["UNARY"] = {"nradmax_by_orders": [16, 6, 4, 3, 2, 2, 1],
                                    "lmax_by_orders": [0, 3, 3, 2, 2, 1, 0]}  # fmt: skip
    assert [*obstacles(PARENT, larger)] == []


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"b_basis_size": 99}, "99 functions per element for 1 element are fewer than the "
         "parent's 100 for 1 (training.b_basis_size); 100 or more are needed"),
        ({"cutoff": 5.0}, "potential.bonds.ALL.rcut is 6.0 in the parent and 5.0 now"),
        ({"overrides": {"potential": {"bonds": {"ALL": {"radbase": "ChebExpCos"}}}}},
         "potential.bonds.ALL.radbase is SBessel in the parent and ChebExpCos now"),
        ({"overrides": {"potential": {"embeddings": {"ALL": {"ndensity": 1}}}}},
         "potential.embeddings.ALL.ndensity is 2 in the parent and 1 now"),
        ({"overrides": {"potential": {"deltaSplineBins": 0.01}}},
         "potential.deltaSplineBins is 0.001 in the parent and 0.01 now"),
        ({"overrides": {"potential": {"functions": {"UNARY": {"lmax_by_orders": [0, 2, 2]}}}}},
         "potential.functions.UNARY has fewer orders, n or l than the parent's"),
        ({"overrides": {"potential": {"filename": "x.yaml"}}},
         "potential.filename is not there in the parent and x.yaml now"),
    ],
)  # fmt: skip
def test_what_the_trainer_would_ignore(training: dict[str, Any], said: str) -> None:
    assert found(**training) == [said]


def test_elements() -> None:
    """Two elements have four blocks, which share the cap: each gets half of it."""
    assert [*obstacles(PARENT, potential(("Al", "Ni"), b_basis_size=200))] == []
    (few,) = obstacles(PARENT, potential(("Al", "Ni"), b_basis_size=198))
    assert few.startswith("198 functions per element for 2 elements are fewer than the parent's "
                          "100 for 1")  # fmt: skip
    assert few.endswith("200 or more are needed")
    lost, *_ = obstacles(potential(("Al", "Ni")), PARENT)
    assert lost.startswith("the parent has Ni, which the selected data do not hold")


def energies(
    wanted: Any, isolated: dict[str, tuple[float, ...]], *, shift: float = 0.0,
    elements: tuple[str, ...] = ("Al",),
) -> tuple[dict[str, float], list[str]]:  # fmt: skip
    config = PacemakerTraining.model_validate({"reference_energies": wanted})
    return parents_energies({"Al": -0.2994}, shift, config, elements, isolated)


def test_reference_energies_are_the_parents() -> None:
    assert energies("isolated_atoms", {"Al": (-0.29945,)}) == ({"Al": -0.2994}, [])
    found, notes = energies("isolated_atoms", {})
    assert found == {"Al": -0.2994}
    assert notes == ["reference energies: the parent's; the data hold no isolated Al"]
    found, notes = energies("auto", {"Al": (5.0,)}, shift=0.2)
    assert found == {"Al": -0.2994, "shift": 0.2}
    assert "instead of fitting them" in notes[0]


def test_an_isolated_atom_with_another_energy() -> None:
    with pytest.raises(HpctrainError, match=r"is -0\.2994 eV, and the isolated atom .* -0\.3014"):
        energies("isolated_atoms", {"Al": (-0.3014,)})


def test_given_energies_are_taken_and_the_distance_is_told() -> None:
    assert energies({"Al": -0.2994}, {}) == ({"Al": -0.2994}, [])
    found, notes = energies({"Al": -0.2}, {}, shift=0.1)
    assert found == {"Al": -0.2}
    assert "Al +0.1994 eV per atom" in notes[0]


def test_reference_energies_of_new_elements() -> None:
    both = ("Al", "Ni")
    assert energies("isolated_atoms", {"Ni": (-1.0,)}, elements=both, shift=0.5)[0] == {
        "Al": -0.2994, "Ni": -0.5, "shift": 0.5,
    }  # fmt: skip
    with pytest.raises(HpctrainError, match="no isolated atom of Ni"):
        energies("isolated_atoms", {}, elements=both)
    with pytest.raises(HpctrainError, match="no reference energy of Ni"):
        energies("auto", {}, elements=both)


def test_a_ladder_is_left_out() -> None:
    asked = {"fit": {"ladder_step": 10, "ladder_type": "power_order", "maxiter": 3}, "seed": 1}
    assert without_ladder(asked) == ({"fit": {"maxiter": 3}, "seed": 1}, True)
    assert without_ladder({"fit": {"maxiter": 3}}) == ({"fit": {"maxiter": 3}}, False)
