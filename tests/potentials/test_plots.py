"""What the checks leave to draw: held against shapes, so that a page is drawn whatever is there."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED
from report_example import newer

from hpctrain.pages.glance import tiles
from hpctrain.pages.grades import grades
from hpctrain.pages.parity import by_kind, histograms, judged, largest, parity
from hpctrain.pages.physics import physics
from hpctrain.pages.points import colours
from hpctrain.pages.residuals import residuals
from hpctrain.pages.structures import worst
from hpctrain.pages.subject import Checks
from hpctrain.potentials.plots import plot_misfit
from hpctrain.potentials.verification import read_verification
from hpctrain.records import BadFile

WHOLE = json.loads((RECORDED / "report" / "verification.json").read_text())
SUBJECT = newer()
NEWER: dict[str, Any] = dict(SUBJECT.verification or {})
DRAWN = ("parity", "dimers", "energy_volume", "elastic", "phonons", "nve", "bonds", "vibrations")
OF_MOLECULES: dict[str, Any] = {
    "bonds": {"molecules": [{"name": "H2O", "structures": 3, "scans": [
        {"name": "O–H bond of 0.96 Å", "unit": "Å", "rest": 0.96, "along": [0.9, 0.96, 1.0],
         "energies": [0.5, 0.0, None]}]}]},
    "vibrations": {"molecules": [{"name": "H2O", "frequencies_cm": [-20.0, 1600.0, 3700.0]}]},
    "nve": {"us_per_atom_and_step": 12.5, "atoms": 36,
            "molecule": {"time_fs": [0.0, 1.0], "energy_ev_per_atom": [-1.0, -1.0],
                         "temperature_k": [300.0, 310.0]}},
}  # fmt: skip
WRONG = ("text", -1, 1e300, float("nan"), [], {}, None, True, [[]], 10**400, "\x1b[2J")


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List where the values are; of a list, the first of them."""
    inside: Any = ()
    if isinstance(content, dict):
        inside = content.items()
    elif isinstance(content, list):
        inside = enumerate(content[:1])
    for key, value in inside:
        yield (*path, key)
        yield from places(value, (*path, key))


def of(name: str) -> dict[str, Any]:
    content = NEWER if name == "parity" else WHOLE
    known = [check["data"] for check in content["checks"] if check["name"] == name]
    return copy.deepcopy({**(known[0] if known else {}), **OF_MOLECULES.get(name, {})})


def put(content: Any, place: tuple[Any, ...], value: Any) -> None:
    for key in place[:-1]:
        content = content[key]
    content[place[-1]] = value


def draw(check: str, data: dict[str, Any]) -> None:
    content = {"checks": [{"name": check, "verdict": "pass", "seen": "", "data": data}]}
    checks = Checks(content, "")
    for make in (histograms, judged, largest, physics, grades, worst):
        make(checks)
    for draw_kinds in (parity, residuals, by_kind):
        draw_kinds(checks, colours(checks, {"slab": 10}))
    tiles(SUBJECT, checks)


@pytest.mark.parametrize("check", DRAWN)
def test_what_is_whole(check: str) -> None:
    assert plot_misfit(check, of(check)) is None
    assert plot_misfit(check, {"skipped": "time"}) is None


@pytest.mark.slow
@pytest.mark.parametrize("check", DRAWN)
def test_what_fits_can_be_drawn(check: str) -> None:
    """Every place, times other values: either it is told of, or it is drawn."""
    told = 0
    every = list(places(of(check)))
    for number, place in enumerate(every[:: 1 + len(every) // 60]):
        for wrong in WRONG[number % 2 :: 2]:
            data = of(check)
            put(data, place, wrong)
            if plot_misfit(check, data) is None:
                draw(check, data)
            else:
                told += 1
    assert told


def test_the_verdict_of_a_damaged_check_stands(tmp_path: Path) -> None:
    content = copy.deepcopy(WHOLE)
    names = [check["name"] for check in content["checks"]]
    number = names.index("dimers")
    content["checks"][number]["data"]["pairs"]["Al-Al"]["energies"].pop()
    path = tmp_path / "verification.json"
    path.write_text(json.dumps(content))
    noted: list[BadFile] = []
    read = read_verification(path, noted.append)
    assert read is not None
    assert [check["verdict"] for check in read["checks"]] == [
        check["verdict"] for check in WHOLE["checks"]
    ]
    assert [check["name"] for check in read["checks"] if not check["data"]] == [
        check["name"] for check in WHOLE["checks"] if not check["data"] or check["name"] == "dimers"
    ]
    (bad,) = noted
    assert f"checks[{number}].data.pairs.Al-Al has lists of other lengths" in bad.problem
