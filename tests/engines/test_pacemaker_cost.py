"""What a training takes, as far as it can be known before."""

from __future__ import annotations

from typing import Any

import pytest

from hpctrain.engines.facts import Task
from hpctrain.engines.pacemaker.engine import PacemakerEngine
from hpctrain.engines.pacemaker.input import input_mapping
from hpctrain.engines.pacemaker.settings import PacemakerTraining

ELEMENTS = ("Al", "Co", "Cr", "Fe", "Ni")


def memory(elements: int, **settings: Any) -> tuple[float, float]:
    """Bytes, and parameters, of a training with the input that these settings give."""
    training = PacemakerTraining(**settings)
    mapping = input_mapping(training, "tensorpot", ELEMENTS[:elements], "auto")
    task = Task(structures=100, atoms=1000, neighbours=50.0, elements=elements, cores=1)
    found = PacemakerEngine().cost(task, training.model_dump(), "tensorpot", mapping)
    return found["memory_bytes"]["likely"], found["parameters"]


@pytest.mark.parametrize(("elements", "matrix"), [(1, True), (5, False)])
def test_a_dense_matrix_where_the_input_names_bfgs(elements: int, matrix: bool) -> None:
    """Five elements have more than 10,000 parameters, and their matrix would be a burden."""
    chosen, parameters = memory(elements, b_basis_size=700)
    without, _ = memory(elements, b_basis_size=700, optimizer="L-BFGS-B")
    assert chosen - without == pytest.approx(3 * 8 * parameters**2 if matrix else 0)
