"""`hpctrain verify`, and what `collect` makes of a verification."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED
from standin import StandIn
from waiting import wait_for

from hpctrain.cli.main import main
from hpctrain.cli.terminal.cards import verdict_table
from hpctrain.errors import HpctrainError
from hpctrain.launch.submit import submit
from hpctrain.potentials.collect import collect
from hpctrain.potentials.verification import checks_made, is_verification, verification_summary
from hpctrain.potentials.verify import verify
from hpctrain.process import Reply
from hpctrain.project import Project
from hpctrain.runs.actions.status import status

POTENTIALS = RECORDED / "pacemaker" / "verification"


def check(name: str, verdict: str, value: float | None = 1.5) -> dict[str, Any]:
    return {"name": name, "title": f"title of {name}", "verdict": verdict, "value": value,
            "unit": "eV", "limits": {"warn": 1, "fail": 2}, "seen": f"saw {name}",
            "data": {}}  # fmt: skip


def content(verdict: str) -> dict[str, Any]:
    checks = [check("dimers", verdict), check("nve", "skipped", None)]
    return {"schema": "hpctrain.verification/1", "verdict": verdict, "checks": checks,
            "seconds": 1.0}  # fmt: skip


class Checks:
    """Stands in for the program that makes the checks; what it was asked is kept."""

    def __init__(self, leaves: dict[str, Any] | None, code: int | None = 0, err: str = "") -> None:
        self._leaves, self._code, self._err = leaves, code, err
        self.asked: dict[str, Any] = {}

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if argv[1] == "-c":
            return Reply(tuple(argv), 0, "", "")
        assert list(argv[1:3]) == ["-m", "job.checks.main"]
        self.asked = json.loads(argv[3])
        self.found = {side: Path(file).is_file() for side, file in self.asked["sides"].items()}
        if self._leaves is not None:
            Path(self.asked["out"]).write_text(json.dumps(self._leaves))
        return Reply(tuple(argv), self._code, "", self._err)


# --- what verification.json says ---


def test_what_is_whole() -> None:
    assert is_verification(content("warn"))
    assert not is_verification(None)
    assert not is_verification({**content("pass"), "schema": "hpctrain.verification/2"})
    assert not is_verification({**content("pass"), "verdict": "skipped"})
    assert not is_verification({**content("pass"), "checks": [{"name": "dimers"}]})
    assert not is_verification({**content("pass"), "checks": []})


def test_a_card_keeps_numbers_and_words() -> None:
    kept = verification_summary(content("fail"), None)
    assert kept["verdict"] == "fail"
    assert set(kept["checks"][0]) == {"name", "title", "verdict", "value", "unit", "seen"}
    lines = verdict_table(kept).splitlines()
    assert lines[1].split(maxsplit=3) == ["fail", "1.5", "eV", "title of dimers"]
    assert lines[2].strip() == "saw dimers"
    assert lines[3].split(maxsplit=2) == ["skipped", "-", "title of nve"]
    assert lines[-1] == "verdict: fail"


def test_a_pass_says_how_many_checks_it_is_of() -> None:
    """One that was skipped found nothing wrong either."""
    older: Any = content("pass")
    kept = verification_summary({**older, "made": 1, "of": 2}, None)
    assert verdict_table(kept).splitlines()[-1] == "verdict: pass, 1 of 2 checks made"
    assert checks_made({"verification": kept}) == {"made": 1, "of": 2}  # type: ignore[typeddict-item]
    kept = verification_summary(older, None)
    assert verdict_table(kept).splitlines()[-1] == "verdict: pass, 1 of 2 checks made"
    assert checks_made({"verification": kept}) is None  # type: ignore[typeddict-item]
    assert checks_made({}) is None  # type: ignore[typeddict-item]


# --- collect ---


@pytest.mark.slow
def test_collect_refuses_what_has_failed(
    project: Project, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted = submit(project, "local", changes=standin.changes())
    wait_for(lambda: status(project).runs[0].state == "completed", 30, "the training to end")
    path = submitted.run_dir / "attempts/01/verification.json"
    path.write_text(json.dumps(content("fail")))
    run, where = submitted.run_id, ["--project", str(project.folder)]

    (refused,) = collect(project).not_ready
    assert (refused.run_id, refused.state) == (run, "completed")
    assert "dimers (saw dimers)" in refused.reason
    assert not project.potentials.exists()
    assert main(["collect", run, *where]) == 1
    assert f"hpctrain collect {run} --accept" in capsys.readouterr().err
    # What failed does not pass by losing its file.
    result = submitted.run_dir / "attempts/01/result.json"
    said = {**json.loads(result.read_text()), "verification": {"verdict": "fail", "problem": None}}
    result.write_text(json.dumps(said))
    path.write_text("{")
    (refused,) = collect(project).not_ready
    assert "failed: verification.json of its job is gone, or damaged" in refused.reason
    path.write_text(json.dumps(content("fail")))
    # All at once is not accepted, and no reason without it.
    assert main(["collect", "--accept", *where]) == 2
    assert main(["collect", run, "--why", "x", *where]) == 2
    assert not project.potentials.exists()

    capsys.readouterr()
    assert main(["collect", run, "--accept", "--why", "dimers do not matter", *where]) == 0
    told = capsys.readouterr().out
    assert "verdict: fail" in told
    assert "accepted anyway: dimers do not matter" in told
    archived = project.potentials / "report/potential_gen_01/verification.json"
    assert archived.read_bytes() == path.read_bytes()
    card = json.loads((project.potentials / "potential_gen_01.json").read_text())
    assert card["verification"]["accepted"]["why"] == "dimers do not matter"
    assert card["verification"]["accepted"]["when"] <= card["archived"]
    assert main(["collect", run, "--json", *where]) == 0
    (one,) = json.loads(capsys.readouterr().out)["potentials"]
    assert one["verification"] == "fail"


@pytest.mark.slow
def test_collect_tells_what_was_not_verified(
    project: Project, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted = submit(project, "local", changes=standin.changes())
    wait_for(lambda: status(project).runs[0].state == "completed", 30, "the training to end")
    assert main(["collect", "--project", str(project.folder)]) == 0
    assert "not verified: switched off: training.verify_minutes is 0" in capsys.readouterr().out
    (potential,) = collect(project, (submitted.run_id,)).potentials
    assert "verification" not in potential.card

    # Its structures are the run's, while that is there; then those that the card names.
    checks = Checks(content("warn"))
    done = verify(project, "potential_gen_01", program=checks)
    assert [path.parent for path in done.data] == [submitted.run_dir] * 2
    assert checks.asked["free_atoms"] == {"Al": -0.2994}
    assert Path(checks.asked["predictions"], "test_pred.pckl.gzip").is_file()
    shutil.rmtree(submitted.run_dir)
    verify(project, "potential_gen_01", program=checks)
    assert checks.found == {"train": True, "test": True}
    assert checks.asked["predictions"] is None
    assert checks.asked["known_errors"] == potential.card["metrics"]["archived_file_on_test"]


# --- verify ---


@pytest.fixture
def yace(tmp_path: Path) -> Path:
    return Path(shutil.copy(POTENTIALS / "al.yace", tmp_path / "al.yace"))


def test_a_file_without_a_card_and_data(yace: Path) -> None:
    checks = Checks(content("pass"))
    done = verify(None, str(yace), program=checks)
    assert (done.content["verdict"], done.data) == ("pass", [])
    assert done.sha256 == hashlib.sha256(yace.read_bytes()).hexdigest()
    assert done.notes == ["no structures: most checks need them; name a file with --data"]
    assert (checks.asked["sides"], checks.asked["potential"]) == ({}, str(yace))
    assert checks.asked["seconds"] == 300


def test_data_that_are_named(yace: Path, tmp_path: Path) -> None:
    data = tmp_path / "x.extxyz"
    with pytest.raises(HpctrainError, match="there is no file"):
        verify(None, str(yace), data=data, program=Checks(content("pass")))
    data.write_text("")
    checks = Checks(content("pass"))
    done = verify(None, str(yace), data=data, minutes=1, program=checks)
    assert done.data == [data]
    assert (checks.found, checks.asked["seconds"]) == ({"test": True}, 60)


def test_what_there_is_not(project: Project, tmp_path: Path) -> None:
    for what in ("potential_gen_07", str(tmp_path / "gone.yace"), "gone.yace"):
        with pytest.raises(HpctrainError, match="there is no"):
            verify(project, what, program=Checks(content("pass")))


def test_a_file_that_is_not_its_cards(yace: Path) -> None:
    shutil.copyfile(RECORDED / "report" / "card.json", yace.with_suffix(".json"))
    with pytest.raises(HpctrainError, match=r"is not the file that al\.json describes"):
        verify(None, str(yace), program=Checks(content("pass")))


def test_checks_that_broke_or_were_ended(yace: Path) -> None:
    lacks = "Traceback\nModuleNotFoundError: No module named 'pyace'\n"
    with pytest.raises(HpctrainError, match="No module named 'pyace'"):
        verify(None, str(yace), program=Checks(None, 1, lacks))
    done = verify(None, str(yace), program=Checks(content("warn"), 139))
    assert done.notes[-1] == "the checks did not end by themselves: exit code 139"


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_the_command_on_two_elements(
    yace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without structures there is only the scan of the dimers; everything else says why not."""
    import emt_copper_gold

    assert main(["verify", str(yace), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"schema", "path", "sha256", "data", "notes", "verification"}
    verdicts = {one["name"]: one["verdict"] for one in told["verification"]["checks"]}
    assert verdicts.pop("dimers") == "pass"
    assert set(verdicts.values()) == {"skipped"}

    # Aluminium is not copper.
    data = emt_copper_gold.write(tmp_path / "cuau.extxyz")
    assert main(["verify", str(yace), "--data", str(data)]) == 1
    said = capsys.readouterr().out
    assert "verdict: fail" in said
    assert "cannot be computed: Unsupported species" in said
