"""hpctrain report: which page, from what, and where it goes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from made_runs import RUN_ID, FakeSlurm, event, leave, make_project, make_run, submitted
from paths import RECORDED
from report_example import NAME, OF_REPORT, archive, read, subject

from hpctrain.cli.main import main
from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, iso, write_atomically
from hpctrain.pages.page import page
from hpctrain.pages.subject import of_potential
from hpctrain.potentials.report import write_page
from hpctrain.project import Project
from hpctrain.runs.run import MANIFEST, Run

NOW = 1_795_435_200.0


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return archive(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that waits in a queue."""
    project = make_project(tmp_path)
    made = make_run(project)
    card = json.loads((OF_REPORT / "card.json").read_text())
    manifest = {
        **made.manifest, "created": iso(NOW), "evaluator": "tensorpot", "versions": {},
        "input": card["input"], "dataset": {**card["dataset"], "rows": None},
    }  # fmt: skip
    write_atomically(made.folder / MANIFEST, as_json(manifest))
    (made.folder / "rows.json").write_text(json.dumps(card["dataset"]["rows"]))
    submitted(made, NOW, 1, "7")
    return Run(made.folder)


def drawn(run: Run, tmp_path: Path) -> str:
    project = Project(tmp_path / "hpctrain.yaml")
    done = write_page(
        project, RUN_ID[:12], tmp_path / "r.html", program=FakeSlurm(), clock=lambda: NOW
    )
    assert (done.name, done.kind) == (RUN_ID, "run")
    return done.path.read_text(encoding="utf-8")


def test_a_potential(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", NAME]) == 0
    assert capsys.readouterr().out == f"wrote {NAME}.html\n"
    text = Path(f"{NAME}.html").read_text(encoding="utf-8")
    plain = subject()
    linked = of_potential(read("card.json"), plain.curves, plain.verification, "potentials")
    assert text == page(linked)
    # Again, over it, and as JSON.
    assert main(["report", NAME, "--output", f"{NAME}.html", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content == {"schema": "hpctrain.report/1", "name": NAME, "kind": "potential",
                       "path": f"{NAME}.html", "verdict": "warn"}  # fmt: skip


def test_links_are_from_where_the_page_is(inside: Project, tmp_path: Path) -> None:
    (tmp_path / "some where").mkdir()
    done = write_page(inside, NAME, Path("some where") / "page.html")
    links = re.findall(r'<a href="([^#"]+)"', done.path.read_text(encoding="utf-8"))
    assert len(links) == 5
    there = {path for link in links if (path := done.path.parent / unquote(link)).is_file()}
    # Of the archive of the test there are no .yace and no .yaml.
    assert {path.name for path in there} == {f"{NAME}.json", "learning_curve.csv",
                                             "verification.json"}  # fmt: skip


def test_a_card_of_before(inside: Project) -> None:
    """Without the keys that came later, and without the files beside it."""
    path = inside.potentials / f"{NAME}.json"
    card = json.loads(path.read_text())
    del card["run"]["seams"], card["use"], card["dataset"]["rows"], card["run"]["environment"]
    path.write_text(json.dumps(card))
    for file in (inside.potentials / "report" / NAME).iterdir():
        file.unlink()
    done = write_page(inside, NAME)
    text = done.path.read_text(encoding="utf-8")
    assert done.verdict is None
    assert "there is no learning_curve.csv beside the card" in text
    assert "not verified: there is no verification.json" in text


def test_the_verdicts_of_the_card_where_the_verification_is_gone(inside: Project) -> None:
    (inside.potentials / "report" / NAME / "verification.json").unlink()
    path = inside.potentials / f"{NAME}.json"
    kept = [
        {key: one[key] for key in ("name", "title", "verdict", "value", "unit", "seen")}
        for one in subject().verification["checks"]
    ]  # type: ignore[index]
    verification = {"verdict": "fail", "checks": kept, "accepted": {"when": "x", "why": "y < z"}}
    path.write_text(json.dumps({**json.loads(path.read_text()), "verification": verification}))
    done = write_page(inside, NAME)
    text = done.path.read_text(encoding="utf-8")
    assert done.verdict == "fail"
    assert "archived all the same: y &lt; z" in text
    assert text.count('<b class="verdict pass">') == 7
    assert "the check left nothing to draw: repulsive below the data" in text


def test_names_that_are_none(inside: Project) -> None:
    with pytest.raises(HpctrainError, match="did you mean 'potential_gen_01'"):
        write_page(inside, "potential_gen_1")
    with pytest.raises(HpctrainError, match="no run and no potential is called '2026'"):
        write_page(inside, "2026")


def test_places_that_are_none(inside: Project, tmp_path: Path) -> None:
    with pytest.raises(HpctrainError, match="is a folder"):
        write_page(inside, NAME, tmp_path)
    with pytest.raises(HpctrainError, match="there is no folder"):
        write_page(inside, NAME, tmp_path / "gone" / "x.html")
    with pytest.raises(HpctrainError, match="in the archive, where nothing is overwritten"):
        write_page(inside, NAME, Path("potentials") / "x.html")
    before = sorted(tmp_path.rglob("*"))
    assert [path.name for path in before if path.suffix == ".html"] == []


def test_a_run_that_waits(run: Run, tmp_path: Path) -> None:
    text = drawn(run, tmp_path)
    assert "no iteration of 100 yet" in text
    assert "the trainer has written no errors yet" in text
    assert "not verified: the job verifies a potential at its end" in text
    assert "161 structures" in text
    links = re.findall(r'<a href="([^#"]+)"', text)
    assert [(tmp_path / link).is_file() for link in links] == [True] * len(links)


def test_what_the_card_will_warn_of_is_on_the_page_of_the_run(run: Run, tmp_path: Path) -> None:
    manifest = {**run.manifest, "warnings": ["the reference energies are not those of free atoms"]}
    write_atomically(run.folder / MANIFEST, as_json(manifest))
    assert "the reference energies are not those of free atoms" in drawn(run, tmp_path)


def test_a_run_that_trains_in_its_second_attempt(run: Run, tmp_path: Path) -> None:
    for attempt, recorded in ((1, "killed"), (2, "restart")):
        leave(run, attempt, "claim.json", NOW, {"job_id": str(6 + attempt), "time": NOW})
        for name in ("metrics.txt", "test_metrics.txt"):
            leave(run, attempt, name, NOW, (RECORDED / "pacemaker" / recorded / name).read_text())
    leave(run, 1, "result.json", NOW, {"state": "timeout", "continues": {"job_id": "8"}})
    leave(run, 2, "resume/state.json", NOW, {"total": 61})
    leave(run, 2, "heartbeat.json", NOW, {"time": NOW, "phase": "train"})
    text = drawn(run, tmp_path)
    assert "iteration 71 of 100" in text
    assert "Attempt 2 continued after iteration 61." in text
    assert text.count(">attempt 2</text>") == 2


def test_a_run_that_has_failed(run: Run, tmp_path: Path) -> None:
    leave(run, 1, "claim.json", NOW, {"job_id": "7", "time": NOW})
    leave(run, 1, "result.json", NOW, {"state": "failed", "reason": "no <memory>", "ended": NOW})
    event(run, NOW, "unknown kind")
    text = drawn(run, tmp_path)
    assert "failed since 2026-11-23 12:00 UTC: no &lt;memory&gt;" in text
    assert "not verified: there is no verification.json" in text
