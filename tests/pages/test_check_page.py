"""The report as a page: complete, safe with any data, and not wider than a phone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from browser_fixture import Browser
from html_tags import VILE, Tags
from made_structures import copper, lonely

from hpctrain.cli.main import main
from hpctrain.data.check.report import find_all
from hpctrain.data.check.scan import Preflight
from hpctrain.pages.check import page
from hpctrain.project import Project


def written(kinds: int = 12) -> str:
    preflight = Preflight(6.0)
    for n, row in enumerate([lonely(), *copper(60)]):
        vile = replace(
            row,
            row_id=f"{VILE}#{n}",
            config_type=f"{VILE}{n % kinds}" * 3,
            keys={"xc": f"{VILE}{n % 2}"},
            energy=0.0 if n % 3 else row.energy,
        )
        preflight.add(vile, None)
    for n in range(3):
        preflight.add(lonely(), f"{VILE} is no reason {n}")
    return page(find_all(preflight, silence=["mixed_theory"]), preflight, VILE, VILE)


def test_everything_from_the_data_is_escaped() -> None:
    text = written()
    seen = Tags()
    seen.feed(text)
    assert seen.open == []
    assert not seen.tags & {"script", "img", "iframe", "link", "object"}
    assert not {name for name in seen.attributes if name.startswith("on")} | (
        seen.attributes & {"src", "href", "xlink:href"}
    )
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://", text)


@pytest.mark.slow
def test_kinds_beyond_the_colours_share_one() -> None:
    assert "other kinds" in written(kinds=30)
    assert "other kinds" not in written(kinds=9)


def test_a_page_without_rows() -> None:
    preflight = Preflight(6.0)
    assert "Nothing found" in page(find_all(preflight), preflight, "t", "u")


@pytest.mark.slow
@pytest.mark.real_browser
def test_nothing_overflows_in_a_browser(browser: Browser) -> None:
    widths = [360, 800, 1400]
    for width, measured in zip(widths, browser.measure(written(), widths), strict=True):
        assert measured["scroll"] <= width
        assert measured["right"] <= width
        assert len(measured["figures"]) == 4
        for figure in measured["figures"]:
            assert figure["drawn"]
            assert figure["texts"] > 4
            assert (figure["outside"], figure["meeting"]) == ([], [])


# --- the command ---


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    return project


def test_check_tells_the_findings(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "energy_outlier" in said
    assert "s per iteration" in said
    assert main(["check", "--json", "--html", "report.html"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["ok"] is True
    assert [one["name"] for one in content["findings"]] == ["energy_outlier"]
    assert content["data"]["training"]["rough"] is True
    assert content["dataset"]["train"]["structures"] == 161
    assert "<svg" in (inside.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_memory_is_that_of_the_optimizer_in_the_input(
    inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*settings: str) -> dict[str, Any]:
        argv = [word for setting in settings for word in ("--set", f"training.{setting}")]
        assert main(["check", "--json", *argv]) == 0
        training: dict[str, Any] = json.loads(capsys.readouterr().out)["data"]["training"]
        return training

    chosen = told()
    memory = {
        optimizer: told(f"optimizer={optimizer}")["memory_bytes"]
        for optimizer in ("BFGS", "L-BFGS-B")
    }
    assert chosen["memory_bytes"] == memory["BFGS"]
    # BFGS's dense matrix, and twice as much for its update.
    matrix = memory["BFGS"]["likely"] - memory["L-BFGS-B"]["likely"]
    assert matrix == pytest.approx(3 * 8 * chosen["parameters"] ** 2)
    overridden = "overrides={fit: {optimizer: L-BFGS-B, options: {gtol: 1e-8}}}"
    assert told(overridden)["memory_bytes"] == memory["L-BFGS-B"]


def test_check_tells_all_of_bad_rows(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "data.select="]) == 1
    said = capsys.readouterr()
    assert "unusable" in said.out
    assert "energy_outlier" in said.out
    assert "--skip-bad" in said.err
    assert main(["check", "--set", "data.select=", "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == "hpctrain.check/1"
    assert content["ok"] is False
    assert "no energy: 6" in content["error"]["error"]
    assert {one["name"]: one["severity"] for one in content["findings"]}["unusable"] == "stop"
    assert main(["check", "--set", "data.select=", "--json", "--skip-bad"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["severity"] for one in content["findings"]}["unusable"] == "warn"


def test_what_stops(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    import ase.db

    database = ase.db.connect(inside.folder / "al_pbe.db")
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 2.7]], cell=[15, 15, 15], pbc=True)
    forces = [[0, 0, 0.1], [0, 0, -0.1]]
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=forces)
    row = database.write(atoms, status="completed")
    assert main(["check"]) == 1
    said = capsys.readouterr().out
    assert re.search(rf"stop +zero_energy +1 +{row}\n", said)
    assert "data.silence" in said
    assert main(["check", "--set", "data.silence=[zero_energy]", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["findings"][-1]["silenced"] is True
    assert main(["check", "--set", "data.silence=[zero_enrgy]"]) == 1
    assert "did you mean 'zero_energy'" in capsys.readouterr().err


def test_the_run_records_what_was_silenced(
    inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["submit", "--site", "local", "--dry-run", "--json",
          "--set", "data.silence=[units]"])  # fmt: skip
    manifest = json.loads(json.loads(capsys.readouterr().out)["files"]["run.json"])
    assert manifest["settings"]["data"]["silence"] == ["units"]
