"""The page about a potential: whole, safe with any data, and what the browser makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from browser_fixture import Browser
from html_tags import VILE, Tags
from report_example import newer, read, subject

from hpctrain.pages.html import number
from hpctrain.pages.page import page
from hpctrain.pages.subject import Block, Link, Subject
from hpctrain.runs.state.curves import Curves
from hpctrain.text import metrics_table, printable

PHASES = ("fcc", "bcc", "hcp", "sc", "diamond")
FIGURES = [
    "RMSE of energies", "RMSE of forces",
    "Energies, train", "Energies, test", "Force components, train", "Force components, test",
    "Errors of energies", "Errors of force components", "ΔE against E, train",
    "ΔE against E, test", "Dimer Al-Al",
    *(f"{what}, Al ev_{phase}" for what in ("Energy against volume", "Elastic constants", "Phonons")
      for phase in PHASES),
    "NVE run, total energy", "NVE run, temperature",
]  # fmt: skip
WIDTHS = [360, 800, 1400]
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 23, 27)"


def captions(text: str) -> list[str]:
    found = re.findall(r"<figcaption>(.*?)(?: <span|</figcaption>)", text)
    assert len(found) == text.count("<figure")
    return found


def check(name: str) -> dict[str, Any]:
    (found,) = [one for one in read("verification.json")["checks"] if one["name"] == name]
    return dict(found)


def went_on(plain: Subject | None = None) -> Subject:
    """The same with two attempts, stopped early, and the best kept."""
    plain = plain or subject()
    return replace(
        plain,
        curves=replace(plain.curves, seams=[12]),
        stopped="the validation error rises",
        best={
            "iteration": 37,
            "of": 40,
            "by": "validation loss",
            "best": {"rmse_energy_mev_per_atom": 70.79, "rmse_force_ev_per_a": 0.1053},
            "last": {"rmse_energy_mev_per_atom": 72.5, "rmse_force_ev_per_a": None},
        },
        accepted={"when": "2026-11-26", "why": "a first look"},
    )


def test_every_figure_is_there() -> None:
    text = page(subject())
    assert captions(text) == FIGURES
    assert 'class="missing"' not in text


def test_a_phase_above_another_is_told_from_the_lowest() -> None:
    assert page(subject()).count("not the lowest phase") == 2 * (len(PHASES) - 1)


def test_the_same_subject_gives_the_same_page() -> None:
    assert page(subject()) == page(subject())


def test_well_formed_and_alone() -> None:
    seen = Tags()
    seen.feed(page(went_on()))
    assert seen.open == []
    assert not seen.tags & {"script", "img", "iframe", "link", "object", "form"}
    assert not {name for name in seen.attributes if name.startswith("on")} | (
        seen.attributes & {"src", "xlink:href"}
    )
    text = page(newer())
    assert re.findall('<h2 id="([^"]+)"', text) == re.findall('href="#([^"]+)"', text)
    links = re.findall(r'href="([^"]*)"', text)
    assert len(links) > 12
    assert all(re.fullmatch(r"#[a-z]+|\.\./\.\./[\w./]+", link) for link in links)
    assert all(f' id="{link[1:]}"' in text for link in links if link.startswith("#"))
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import", text)


def test_figures_say_what_they_are() -> None:
    pictures = re.findall(r"<svg (.*?)>(.*?)</svg>", page(subject()))
    assert len(pictures) == len(FIGURES) - len(PHASES)  # elastic constants are tables
    for attributes, inner in pictures:
        label = re.search('role="img" aria-label="([^"]+ against [^"]+)"', attributes)
        assert label is not None
        assert inner.startswith(f"<title>{label[1]}</title>")


def test_what_happened_on_the_way_is_marked_and_told() -> None:
    text = page(went_on())
    for words in ("Attempt 2 continued after iteration 12.", "iteration 37 of 40",
                  "70.79 / 0.105; those of the last iteration: 72.5 / -.",
                  "Stopped after iteration 40: the validation error rises."):  # fmt: skip
        assert words in text
    for mark in (">attempt 2</text>", ">best</text>", ">stopped</text>"):
        assert text.count(mark) == 2
    assert "archived all the same: a first look" in text
    plain = page(subject())
    for mark in (">attempt 2</text>", ">best</text>", ">stopped</text>", "Stopped after"):
        assert mark not in plain


def vile(value: Any) -> Any:
    """Every text in it made vile, every name of its own too; what the page reads by name stays."""
    if isinstance(value, dict):
        return {key: vile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [vile(inner) for inner in value]
    return VILE + value if isinstance(value, str) else value


def test_everything_from_the_data_is_escaped() -> None:
    plain = went_on()
    content: dict[str, Any] = dict(plain.verification or {})
    checks = [{**vile(one), "name": one["name"]} for one in content["checks"]]
    for one in checks:
        if one["name"] == "dimers":
            one["data"]["pairs"] = {
                f"{VILE}{n}": p for n, p in enumerate(one["data"]["pairs"].values())
            }
        if one["name"] == "phonons":
            for phase in one["data"]["phases"]:
                phase["points"] = {VILE + name: f for name, f in phase["points"].items()}
        if one["name"] == "parity":
            for side in ("train", "test"):
                kinds = one["data"][side]["kinds"]
                one["data"][side]["kinds"] = {f"{VILE}{n}": k for n, k in enumerate(kinds.values())}
    dataset: dict[str, Any] = dict(plain.dataset)
    dataset |= {"elements": [VILE], "config_types": {VILE: 1}, "generations": {VILE: 1}}
    dataset["skipped"] = [{"reason": VILE, "count": 2, "ids": [VILE]}]
    text = page(replace(
        plain, name=VILE, subtitle=VILE, verification={"verdict": VILE, "checks": checks},
        settings={VILE: {VILE: VILE}, "data": {VILE: [VILE]}}, evaluator=VILE,
        input={VILE: [VILE, {VILE: VILE}]}, dataset=dataset, rows={"train": [VILE], "test": []},
        provenance=[(VILE, VILE)], stopped=VILE, reference_energies={VILE: 1.0},
        use=(Block(VILE, [VILE]), Block(VILE, [VILE], code=False)), cpu=VILE,
        files=(Link(VILE, VILE, "x"),),
        best={"iteration": 3, "of": 9, "by": VILE}, accepted={"why": VILE},
    ))  # fmt: skip
    seen = Tags()
    seen.feed(text)
    assert seen.open == []
    assert not seen.tags & {"script", "img"}
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert text.count("&lt;script&gt;") > 60
    assert "\u202e" not in text


# --- what is missing is told ---


def test_not_verified() -> None:
    text = page(replace(subject(), verification=None, unverified="not verified: no time"))
    # Once, instead of beside each figure that is not there.
    assert text.count("not verified: no time") == 1
    assert '<figure class="missing">' not in text
    assert ">not verified</b>" in text
    assert re.findall('<h2 id="([^"]+)"', text) == re.findall('href="#([^"]+)"', text)


def test_checks_that_were_skipped_say_why() -> None:
    left = [{**one, "verdict": "skipped", "seen": f"no {one['name']} here", "data": {}}
            for one in read("verification.json")["checks"]]  # fmt: skip
    text = page(subject(checks=left))
    for name in ("dimers", "energy_volume", "elastic", "phonons", "nve", "parity"):
        assert f"skipped: no {name} here" in text
    assert "not among the checks" in page(subject(checks=[check("dimers")]))


def test_a_pass_says_how_many_checks_it_is_of() -> None:
    checks = read("verification.json")["checks"]
    skipped = [{**checks[0], "verdict": "skipped"}, *checks[1:]]
    assert "pass</b> 8 of 9 checks made" in page(subject(verdict="pass", checks=skipped))
    assert "checks made" not in page(subject(verdict="warn", checks=skipped))


def test_the_number_of_functions_that_the_job_chose() -> None:
    tried = [{"functions": size, "rmse_energy_ev_per_atom": 0.01 * n, "rmse_force_ev_per_a": 0.1}
             for n, size in enumerate((70, 150), start=1)]  # fmt: skip
    text = page(replace(subject(), basis_size={"chosen": 70, "cap": 480, "tried": tried}))
    assert "70 of up to 480; meV/atom / meV/Å on structures left out of the linear fit: " in text
    assert "70: 10 / 100, 150: 20 / 100" in text
    assert "<dt>functions per element" not in page(subject())


def test_molecules() -> None:
    scan = {"name": "O–H bond of 0.96 Å", "unit": "Å", "rest": 0.96, "along": [0.3, 0.96, 1.4],
            "energies": [90.0, -9.0, -6.0]}  # fmt: skip
    motion = {"time_fs": [0.0, 10.0], "energy_ev_per_atom": [-1.0, -1.0],
              "temperature_k": [300.0, 310.0]}  # fmt: skip
    nothing = {"verdict": "pass", "seen": "", "title": ""}
    checks = [
        {**nothing, "name": "bonds", "data": {"molecules": [{"name": "H2O", "scans": [scan]}]}},
        {**nothing, "name": "vibrations",
         "data": {"molecules": [{"name": "H2O", "frequencies_cm": [-20.0, 1600.0]}]}},
        {**nothing, "name": "nve", "data": {**motion, "molecule": motion}},
    ]  # fmt: skip
    text = page(subject(checks=checks))
    drawn = captions(text)
    for title in ("H2O, O–H bond of 0.96 Å", "Vibrations, H2O", "NVE run without a cell, "
                  "total energy", "NVE run without a cell, temperature"):  # fmt: skip
        assert title in drawn
    assert "−20 cm⁻¹" in text.replace("\u00a0", " ")
    # Data without molecules have no places for them; what was not reached has.
    assert "Vibrations" not in page(subject())
    late = {**nothing, "name": "vibrations", "verdict": "skipped", "seen": "the time was up",
            "data": {"skipped": "time"}}  # fmt: skip
    assert "skipped: the time was up" in page(subject(checks=[late]))
    none = {**late, "data": {"skipped": "not applicable"}}
    assert "Vibrations" not in captions(page(subject(checks=[none])))


def test_what_was_judged_by_kind() -> None:
    group = {"by": "kind", "name": "slab<br>", "structures": 12, "rmse_energy_mev_per_atom": 30.26,
             "energy_spread_mev_per_atom": 60.4, "rmse_force_ev_per_a": 0.02,
             "force_spread_ev_per_a": None, "verdict": "warn"}  # fmt: skip
    (of_parity,) = [one for one in read("verification.json")["checks"] if one["name"] == "parity"]
    with_groups = {**of_parity, "data": {**of_parity["data"], "groups": [group]}}
    text = page(subject(checks=[with_groups]))
    for words in ("slab&lt;br&gt;", "30.3 / 60.4", "0.0200 / –", "RMSE / spread of the labels"):
        assert words in text
    assert "RMSE / spread of the labels" not in page(subject())


def test_no_test_errors() -> None:
    plain = subject()
    text = page(replace(plain, curves=replace(plain.curves, test=[]),
                        metrics={**plain.metrics, "test": None}))  # fmt: skip
    assert text.count("the trainer wrote no test errors") == 3
    assert captions(text)[:2] == FIGURES[:2]


def test_nothing_trained_yet() -> None:
    text = page(replace(subject(), curves=Curves(), no_curves="no iteration yet", metrics={},
                        verification=None, rows={}))  # fmt: skip
    assert "no iteration yet" in text


@pytest.mark.parametrize("points", [1, 2])
def test_a_training_that_has_just_begun(points: int) -> None:
    plain = subject()
    begun = Curves(train=plain.curves.train[:points])
    assert captions(page(replace(plain, curves=begun)))[:2] == FIGURES[:2]


def test_numbers_that_are_none() -> None:
    """Nothing that could not be computed is drawn, or called a number."""
    dimers = check("dimers")
    pair = dimers["data"]["pairs"]["Al-Al"]
    pair["energies"] = [None] * len(pair["energies"])
    nve = check("nve")
    nve["data"]["energy_ev_per_atom"][3:] = [None] * (len(nve["data"]["time_fs"]) - 3)
    nve["data"]["temperature_k"] = None
    phonons = check("phonons")
    phonons["data"]["phases"][0]["points"] = {"X": [None, None, None]}
    text = page(subject(checks=[dimers, nve, phonons]))
    for words in ("none of its energies is", "did not record it", "none of its frequencies is"):
        assert words in text
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_a_large_parity_plot_is_a_small_page() -> None:
    parity = check("parity")
    for side in ("train", "test"):
        parity["data"][side]["kinds"] = {
            f"kind {n}": {
                "structures": 200, "rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.1,
                "energies": [[m * 0.01 * n, m * 0.0101 * n] for m in range(200)],
                "forces": [[m * 0.01 - n, m * 0.0101 - n] for m in range(400)],
            }
            for n in range(10)
        }  # fmt: skip
    text = page(subject(checks=[parity]))
    assert len(text) < 400_000
    assert "2,000 structures" in text
    assert "4,000 points" in text


# --- in the browser ---


@pytest.mark.slow
@pytest.mark.real_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_a_browser(browser: Browser, dark: bool) -> None:
    """Every figure is drawn, nothing overflows or lies on another, the numbers are the card's."""
    card = read("card.json")
    # In the dark, one with all that newer versions tell.
    text = page(went_on(newer() if dark else subject()))
    for width, seen in zip(WIDTHS, browser.measure(text, WIDTHS, dark=dark), strict=True):
        assert seen["scroll"] <= width
        assert seen["right"] <= width
        for title, figure in zip(captions(text), seen["figures"], strict=True):
            assert figure["caption"].startswith(title)
            if title.startswith("Elastic"):
                assert "GPa" in figure["text"]
                continue
            assert figure["drawn"], title
            assert min(figure["width"], figure["height"]) > 150
            assert (title, figure["outside"], figure["meeting"]) == (title, [], [])
        assert seen["background"] == (DARK if dark else LIGHT)
        assert seen["colour"] == ("rgb(230, 233, 237)" if dark else "rgb(27, 31, 36)")
        assert seen["label"] == ("rgb(154, 165, 177)" if dark else "rgb(91, 101, 112)")
        # The numbers.
        shown = [[row[1] for row in cells[1:]] for cells in seen["cells"][:2]]
        told = {name: card["metrics"][name] for name in ("train", "test", "archived_file_on_test")}
        assert list(zip(*shown, strict=True)) == [tuple(row[1:]) for row in metrics_table(told)[1]]
        for one in read("verification.json")["checks"]:
            assert one["title"] in seen["text"]
            assert f"{number(one['value'])} {one['unit']}" in seen["text"]
        for file in card["files"].values():
            assert file["sha256"] in seen["text"]
        assert printable(card["dataset"]["fingerprint"]) in seen["text"]


@pytest.mark.slow
@pytest.mark.real_browser
def test_vile_names_do_not_overflow(browser: Browser) -> None:
    long = "a_very-long.name" * 12
    plain = subject()
    parity = check("parity")
    for side in ("train", "test"):
        kinds = parity["data"][side]["kinds"]
        parity["data"][side]["kinds"] = {f"{long}{n}": k for n, k in enumerate(kinds.values())}
        for errors in ("largest_energy_errors", "largest_force_errors"):
            for row in parity["data"][side][errors]:
                row["id"] = long
    text = page(replace(
        plain, name=long, subtitle=long, verification={"verdict": "pass", "checks": [parity]},
        settings={long: {long: long}}, rows={"train": [long] * 50, "test": [long]},
        provenance=[(long, long)], use=(Block(long, [long]),), stopped=long, cpu=long,
        files=(Link(long, long, long),),
    ))  # fmt: skip
    for width, seen in zip(WIDTHS, browser.measure(text, WIDTHS), strict=True):
        assert seen["scroll"] <= width
        assert seen["right"] <= width


@pytest.mark.slow
@pytest.mark.real_browser
def test_printed(browser: Browser) -> None:
    paper = browser.folder / "page.pdf"
    browser.call(f"--print-to-pdf={paper}", "--no-pdf-header-footer",
                 browser.write(page(went_on())))  # fmt: skip
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 14


@pytest.mark.slow
@pytest.mark.real_browser
def test_the_measuring_runs_no_script_of_the_page(browser: Browser) -> None:
    """So that what is measured above is what is seen with JavaScript off."""
    script = "<!doctype html><body><p>as written<script>document.body.textContent='run'</script>"
    (seen,) = browser.measure(script, [360])
    assert seen["text"].strip() == "as written"
