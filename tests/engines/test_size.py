"""How large a basis the data can bear."""

from __future__ import annotations

import pytest

from hpctrain.engines.pacemaker.cost import expected_parameters
from hpctrain.engines.pacemaker.faults import functions_offered
from hpctrain.engines.pacemaker.size import SIZES, choose_batch, choose_functions


@pytest.mark.parametrize(
    ("functions", "elements", "counted"),
    [
        # Counted with python-ace 0.4.0rc1 in the shape that hpctrain writes.
        (20, 1, 145), (60, 1, 336), (100, 1, 464), (300, 1, 936), (600, 1, 1560),
        (40, 2, 430), (100, 2, 1042), (300, 2, 2208), (100, 3, 1347), (200, 3, 2478),
        (300, 3, 3384), (60, 4, 776),
    ],
)  # fmt: skip
def test_the_number_of_parameters(functions: int, elements: int, counted: int) -> None:
    assert expected_parameters(functions, elements) == pytest.approx(counted, rel=0.25)


def test_the_number_of_functions() -> None:
    assert [choose_functions(labels, 1) for labels in (0, 800, 2400, 10**9)] == [10, 100, 300, 300]
    assert choose_functions(2400, 2) == 150
    for elements in range(1, 8):
        least, most = functions_offered(elements)
        for labels in (0, 1000, 10**9):
            chosen = choose_functions(labels, elements)
            assert least <= chosen <= most
            assert chosen in SIZES or chosen == least


def test_the_batch() -> None:
    assert choose_batch(4 * 50, 300) == 100
    assert choose_batch(1000 * 60, 300) == 4
    assert choose_batch(1e9, 300) == 1
