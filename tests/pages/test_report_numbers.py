"""What the report tells in numbers and points: size, speed, cost, grades, outliers, structures."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from made_structures import copper
from report_example import newer, read, subject

from hpctrain.data.check.scan import Preflight
from hpctrain.pages.check import kinds_by_colour
from hpctrain.pages.html import COLOURS
from hpctrain.pages.kinds import by_colour
from hpctrain.pages.page import page
from hpctrain.pages.ranges import bulk
from hpctrain.pages.structures import draw
from hpctrain.pages.subject import Subject, of_potential

ONE = {
    "symbols": ["Al"], "radii": [1.21], "positions": [[0.0, 0.0, 0.0]], "pbc": [True] * 3,
    "cell": [[2.8, 0.0, 0.0], [0.0, 2.8, 0.0], [0.0, 0.0, 2.8]], "force_errors": [0.0],
}  # fmt: skip


def tiles(text: str) -> dict[str, tuple[str, str]]:
    found = re.findall(
        r"<dt>([^<]*)</dt><dd><b>([^<]*)</b>(?:<span class=\"soft\">([^<]*)</span>)?", text
    )
    return {name: (value, more) for name, value, more in found}


def figure(text: str, title: str) -> str:
    (found,) = re.findall(rf"<figcaption>{re.escape(title)} .*?</figure>", text, re.DOTALL)
    return str(found)


# --- at a glance ---


def test_size_speed_cost_and_extrapolation() -> None:
    seen = tiles(page(newer()))
    assert seen["Parameters"] == ("131", "of 20 basis functions")
    assert seen["Speed"] == (
        "93.2\u00a0µs", "per atom and step: 36 atoms, pyace in ASE, one core of Made Processor",
    )  # fmt: skip
    assert seen["Training"][0] == "12.5\u00a0core-hours"
    assert "2 of 3 attempts; the others did not tell" in seen["Training"][1]
    assert seen["Extrapolating"] == ("1 of 4", "test structures with γ above 1")


def test_what_older_versions_did_not_note_is_unknown_or_left_out() -> None:
    text = page(subject())
    seen = tiles(text)
    assert seen["Parameters"] == ("not counted", "20 functions per element")
    assert seen["Speed"] == ("not measured", "")
    assert not {"Training", "Extrapolating"} & set(seen)
    assert 'id="extrapolation"' not in text
    for absent in ("MAE", "R²", "shortest distance", "|ΔF| against |F|"):
        assert absent not in text


def test_errors_beside_the_rmse() -> None:
    text = page(newer())
    (energies,) = re.findall(r"<th scope=\"col\">Energy, meV/atom</th>.*?</table>", text, re.DOTALL)
    assert re.findall(r"<th scope=\"col\">([^<]*)", energies)[1:] == ["RMSE", "MAE", "largest",
                                                                     "R²"]  # fmt: skip
    # Four digits would say that all is explained.
    assert "<td>50.0</td><td>201.3</td><td>0.999954</td>" in energies
    assert "<td>0.0611</td><td>0.8000</td><td>0.9700</td>" in text


def test_hours_of_gpus_are_told_where_there_are_any() -> None:
    one = replace(newer(), spent={"core_hours": 8, "gpu_hours": 0.5, "attempts": 1, "of": 1})
    value, more = tiles(page(one))["Training"]
    assert (value, more) == ("8\u00a0core-hours, 0.5\u00a0GPU-hours", "in one attempt")


# --- how it is used ---


def used(use: Any) -> Subject:
    return of_potential({**read("card.json"), "use": use}, subject().curves, None, "../..")


def test_each_way_of_use_is_a_block_of_its_own() -> None:
    text = page(used({
        "energy": {"formula": "f", "where": "of all atoms"}, "units": "eV", "ase": ["line a"],
        "lammps": ["line b"], "atom_types": {"1": "Al"}, "cite": ["A & B, doi:10.1/x"],
    }))  # fmt: skip
    blocks = re.findall(r"<h3>([^<]*)</h3>\s*<pre>([^<]*)</pre>", text)
    assert [lines for _, lines in blocks] == ["line a", "line b"]
    for words in ("E(DFT) = E(potential) + n_Al (-0.29938 eV)", "of all atoms",
                  "atom types in LAMMPS: 1 Al", "A &amp; B, doi:10.1/x"):  # fmt: skip
        assert f"<li>{words}</li>" in text


def test_a_use_that_is_none_costs_nothing_else() -> None:
    text = page(used({"ase": 5, "lammps": [], "energy": "x", "atom_types": [1], "cite": None}))
    assert re.findall(r"<h3>([^<]*)", text) == ["Energies and units"]


def test_lines_of_an_older_card_are_one_block() -> None:
    assert "<pre>one\ntwo</pre>" in page(used("one\ntwo"))
    assert "<pre>" in page(used(None))  # the trainer's input
    assert "<h3>" not in page(used(None))


def test_links_lead_to_the_files_of_the_archive() -> None:
    text = page(newer())
    for file in ("potential_gen_01.yace", "potential_gen_01.json",
                 "report/potential_gen_01/verification.json"):  # fmt: skip
        assert f'<a href="../../{file}">' in text
    assert "<a href" not in page(replace(newer(), files=())).partition("</nav>")[2]


# --- colours ---


def test_a_kind_has_one_colour_on_both_pages() -> None:
    names = [f"kind {n % 12}" for n in range(26)]
    preflight = Preflight(6.0)
    for row, name in zip(copper(26), names, strict=True):
        preflight.add(replace(row, config_type=name), None)
    counts = {name: names.count(name) for name in reversed(names)}
    checked = [(name, rows) for name, rows, _ in kinds_by_colour(preflight)]
    assert checked == [(one.name, one.structures) for one in by_colour(counts)]
    assert len(checked) == COLOURS + 1
    # Counted by what was exported, not by what a verification had time for.
    plain = subject()
    legend = re.search(r'class="legend">(.*?)</ul>', page(plain), re.DOTALL)
    assert legend is not None
    shown = re.findall(r"</i>([^<]*) <span", legend[1])
    assert shown[:-1] == [one.name for one in by_colour(plain.dataset["config_types"])][:-1]


# --- points ---


def test_the_bulk_is_shown_and_what_is_far_from_it_is_named() -> None:
    near = [[-3.0 + 0.01 * n, -3.0 + 0.011 * n] for n in range(100)]
    kinds = {"bulk": {"structures": 101, "energies": [*near, [7.0, 7.5]],
                      "ids": [*(f"b{n}" for n in range(100)), "far<1>"]}}  # fmt: skip
    side = {"structures": 101, "of": 101, "kinds": kinds}
    drawn = figure(page(newer(test=side)), "Energies, test")
    assert "far&lt;1&gt; (bulk)\u00a07.000\u00a0→\u00a07.500" in drawn
    assert "5" not in re.findall(r">([^<>]*)</text>", drawn)  # no axis up to there
    assert drawn.count("l5 5m0-5l-5 5") == 1


def test_all_is_shown_where_nothing_is_far() -> None:
    even = [float(n) for n in range(100)]
    assert bulk("", even).high > 99
    assert bulk("", [*even, 1e4]).high < 200
    assert bulk("", [0.0, 1.0, 1e4]).high > 1e4  # too few to tell what is bulk
    assert bulk("", [1.0] * 50).low < 1.0 < bulk("", [1.0] * 50).high
    assert bulk("", []).high > bulk("", []).low


def test_a_point_tells_what_it_is() -> None:
    drawn = figure(page(newer()), "ΔE against E, test")
    assert re.search(r"<title>\w+-0 \(\w+\): −3\.\d{4} → ", drawn)


def test_a_sample_says_so() -> None:
    kinds = {"a": {"structures": 2, "energies": [[-3.0, -3.1]] * 2, "ids": ["1", "2"],
                   "forces": [[0.1, 0.2]] * 3, "norms": [[0.1, 0.2]]}}  # fmt: skip
    rows = [{"id": "9", "kind": "a", "label_ev_per_atom": -2.0, "error_mev_per_atom": 500.0}]
    side = {"structures": 90_000, "atoms": 1_000_000, "kinds": kinds,
            "largest_energy_errors": rows}  # fmt: skip
    text = page(newer(test=side))
    for words in ("2 of 90,000, at random, and the 1 largest errors", "3 of 3,000,000, at random",
                  "1 of 1,000,000 atoms, at random"):  # fmt: skip
        assert words in text


def test_forces_that_are_zero_by_symmetry_are_no_errors() -> None:
    zero = {"structures": 3, "rmse_energy_mev_per_atom": 1.25, "rmse_force_ev_per_a": 1e-4,
            "energies": [[-3.0, -3.1]], "forces": [[1e-4, 0.0]]}  # fmt: skip
    alone = {**zero, "energies": [[0.0, 0.0]], "rmse_energy_mev_per_atom": 0.0}
    side = {"structures": 6, "atoms": 6, "kinds": {"crystal": zero, "atom": alone}}
    group = {"name": "grouped", "structures": 3, "rmse_energy_mev_per_atom": 1.0,
             "energy_spread_mev_per_atom": 2.0, "rmse_force_ev_per_a": 1e-9,
             "force_spread_ev_per_a": 1e-8, "verdict": "pass"}  # fmt: skip
    text = page(newer(test=side, train=None, groups=[group]))
    assert "crystal</th><td>– / 3</td><td>– / 1.2</td><td>– / –</td>" in text
    assert "atom</th><td>– / 3</td><td>– / –</td><td>– / –</td>" in text
    assert "grouped</th><td>3</td><td>1.0 / 2.0</td><td>–</td>" in text


def test_many_structures_are_a_small_page() -> None:
    kinds = {
        f"kind {n}": {
            "structures": 10_000, "rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.1,
            "energies": [[-3 + 0.013 * m * n, -3 + 0.0131 * m * n] for m in range(200)],
            "ids": [f"a-long-name-of-a-file.db#{n}-{m}" for m in range(200)],
            "nearest": [2.0 + 0.003 * m for m in range(200)],
            "forces": [[m * 0.01 - n, m * 0.0101 - n] for m in range(400)],
            "norms": [[0.013 * m + 0.01, 0.001 * m + 0.002 * n] for m in range(400)],
        }
        for n in range(10)
    }  # fmt: skip
    side = {"structures": 100_000, "atoms": 5_000_000, "kinds": kinds}
    highest = {"id": "1", "kind": "a", "grade": 9.0, "atom": 0}
    grades = {"structures": 2000, "of": 100_000, "outside": 3, "highest": highest,
              "points": [[0.5 + 0.001 * n, 0.1 + 0.0001 * n] for n in range(2000)]}  # fmt: skip
    assert len(page(newer(train=side, test=side, grades=grades))) < 1_200_000


# --- grades ---


def test_grades_of_the_test_set() -> None:
    text = page(newer())
    assert "1 of 4 are above 1; the highest is 1.7: 7 (slab), atom 2." in text
    drawn = figure(text, "Largest force error against γ, test")
    assert "1 are left out: their forces are zero by symmetry." in drawn
    assert drawn.count("h0") == 3


@pytest.mark.parametrize(
    ("grades", "words"),
    [
        (None, "no active set was at hand"),
        ({"problem": "OSError: gone"}, "OSError: gone"),
        (
            {
                "points": [[0.0, 0.0]],
                "structures": 1,
                "of": 1,
                "outside": 0,
                "highest": {"id": "1", "kind": "a", "grade": 0.0, "atom": 0},
            },
            "above zero",
        ),
    ],
)
def test_grades_that_are_not_there_say_why(grades: Any, words: str) -> None:
    assert words in page(newer(grades=grades))


# --- the worst structures ---


def test_the_worst_structures_are_drawn() -> None:
    text = page(newer())
    (panel,) = re.findall(r"<figcaption>Row .*?</figure>", text, re.DOTALL)
    assert "2 atoms" in panel
    assert "|ΔF|\u00a00.200\u00a0eV/Å on\u00a0atom\u00a01" in panel
    assert ">Cu1</text>" in panel
    assert 'class="error e6"' in panel


def test_atoms_on_faces_are_drawn_on_all_of_them() -> None:
    picture = draw(ONE, "1")
    assert picture.count("<circle") == 8
    assert picture.count('class="grid"') == 12
    assert draw({**ONE, "pbc": [True, True, False]}, "1").count("<circle") == 4
    alone = draw({**ONE, "cell": [[0.0] * 3] * 3, "pbc": [False] * 3}, "1")
    assert (alone.count("<circle"), alone.count('class="grid"')) == (1, 0)


def test_near_atoms_cover_far_ones() -> None:
    """The eye looks along y, from below: atoms with small y come last."""
    many = {"symbols": ["Al"] * 3, "radii": [1.2] * 3, "pbc": [False] * 3, "cell": [[0.0] * 3] * 3,
            "positions": [[0.0, y, 0.0] for y in (3.0, 0.0, 6.0)],
            "force_errors": [0.0, 0.3, 0.1]}  # fmt: skip
    names = re.findall(r">(\d)</text>", draw(many, "1"))
    assert names == ["2", "0", "1"]


def test_every_atom_of_a_large_structure_is_in_the_picture() -> None:
    places = [[2.0 * (n % 5), 2.0 * (n // 5 % 5), 2.0 * (n // 25)] for n in range(125)]
    big = {"symbols": ["Al"] * 125, "radii": [1.2] * 125, "positions": places, "pbc": [True] * 3,
           "cell": [[10.0, 0.0, 0.0], [0.0, 10.0, 0.0], [0.0, 0.0, 10.0]],
           "force_errors": [0.001 * n for n in range(125)]}  # fmt: skip
    circles = re.findall(r'class="atom" cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', draw(big, "1"))
    assert len(circles) == 125
    for x, y, r in (map(float, circle) for circle in circles):
        assert r <= x <= 300 - r
        assert r <= y <= 240 - r
    shades = [int(n) for n in re.findall(r'class="error e(\d)"', draw(big, "1"))]
    assert max(shades) == 6
    assert any(a != b for a, b in pairwise(shades))
