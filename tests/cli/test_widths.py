"""Lists and results within 80 columns, and narrower."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from paths import RECORDED
from report_example import OF_REPORT, read

from hpctrain.cli.sites import _list
from hpctrain.cli.terminal.cards import card_page, collected_potential, verdict_table
from hpctrain.cli.terminal.choice import choice_table
from hpctrain.cli.terminal.findings import findings
from hpctrain.cli.terminal.potentials import potentials_table
from hpctrain.cli.terminal.sites import sites_table
from hpctrain.data.check.findings import Finding
from hpctrain.data.check.report import Findings
from hpctrain.potentials.bundle import readme
from hpctrain.potentials.collect import Collected

WIDTHS = pytest.mark.parametrize("width", [60, 80, 100, 120])


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


@pytest.fixture(scope="module")
def sites() -> list[dict[str, object]]:
    return _list(None)


@WIDTHS
def test_sites(width: int, sites: list[dict[str, object]]) -> None:
    text = sites_table(sites, width)
    assert widest(text) <= width
    assert all(str(site["name"]) in text for site in sites)
    assert "FILE" in sites_table(sites)


def test_the_result_of_a_test_job_stays(sites: list[dict[str, object]]) -> None:
    words = "passed 2026-11-23 12:00 on target gpu"
    proved = [{**sites[0], "proofs": [{"words": words}]}, *sites[1:]]
    text = sites_table(proved, 80)
    assert widest(text) <= 80
    assert "passed" in text


@WIDTHS
def test_checks_of_a_potential(width: int) -> None:
    verification = json.loads((OF_REPORT / "verification.json").read_text())
    text = verdict_table(verification, width)
    assert widest(text) <= width
    whole = verdict_table(verification)
    assert sorted(text.split()) == sorted(whole.split())  # no word is lost


@WIDTHS
def test_a_card(width: int) -> None:
    text = card_page(read("card.json"), Path("archive"), is_current=True, width=width)
    wide = [line for line in text.splitlines() if len(line) > width]
    # To be copied: paths, and a sum.
    assert all("archive/potential_gen_01" in line or len(line.split()) == 1 for line in wide)


def test_a_card_of_grace() -> None:
    """Its stresses, weights, and the LAMMPS that it needs."""
    card = json.loads((RECORDED / "grace" / "card.json").read_text())
    text = card_page(card, Path("archive"), is_current=False, width=80)
    for words in ("1.277 GPa", "weights 16 : 32 :", "lammps, branch grace", "needs TensorFlow"):
        assert words in " ".join(text.split())
    one = Collected(card["name"], Path("a/p.model"), "", Path("a/p.json"), card, "run", new=True)
    collected = collected_potential(one, 80)
    assert collected.splitlines()[0].split("  ")[-1] == "RMSE stress (GPa)"
    assert "branch grace" in collected
    assert "| test | 23.7 | 0.1032 | 1.277 |" in readme(card)


@WIDTHS
def test_potentials(width: int) -> None:
    errors = {"rmse_energy_mev_per_atom": 25.32, "rmse_force_ev_per_a": 0.0312}
    one = {
        "current": True, "name": "potential_gen_01_r2", "generation": 1, "revision": 2,
        "train": errors, "test": errors, "verdict": "pass, 9 of 11 checks made",
        "archived": "2026-11-23T12:00:00+00:00", "bytes": 123456, "run_id": "20261123-183845-b151",
    }  # fmt: skip
    text = potentials_table([one, {**one, "verdict": None}], width)
    assert widest(text) <= width
    assert "25.32 / 0.0312" in text


@WIDTHS
def test_what_was_chosen(width: int) -> None:
    chosen = [
        {"rank": 1, "id": "md.extxyz#12345", "formula": "Al108", "grade": 12.3, "atom": 14,
         "element": "Al", "adds": 5.6, "reason": "extrapolates most of what is left"},
    ]  # fmt: skip
    facts = {"candidates": 1, "graded": 1, "extrapolating": 1, "chosen": chosen}
    assert widest(choice_table(facts, width)) <= width


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("", "to leave these rows out, in hpctrain.yaml: select: id!=1"),
        ("status=completed", "in hpctrain.yaml: select: status=completed,id!=1"),
        (None, "to leave these rows out, add to data.select: id!=1"),
    ],
)
def test_the_selection_that_leaves_rows_out_is_whole(select: str | None, said: str) -> None:
    found = Findings([Finding("zero_energy", "stop", 1, ("1",), "", False, "id!=1")])
    text = findings(found, select, 80)
    assert widest(text) <= 80
    assert said in text
