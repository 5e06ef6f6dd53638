"""sites init and sites check on clusters that answer: the suite's real Slurm, a practice PBS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slurm_fixture import Slurm

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.launch.site_check import SiteCheck, check, init
from hpctrain.sites.load import Site
from hpctrain.sites.profile import SiteProfile
from hpctrain.yamlfile import read_mapping, validate


@dataclass
class Live:
    """A cluster to ask; ``queue`` is where a practice cluster is looked for."""

    scheduler: str
    folder: Path

    @property
    def queue(self) -> Path:
        return self.folder / "runs" / ".queue"

    def init(self, name: str = "here") -> Path:
        return init(name, self.folder / "profiles", self.queue, self.scheduler)

    def site(self, content: dict[str, Any]) -> Site:
        content = {"scheduler": self.scheduler, **content}
        profile = SiteProfile.model_validate(content)
        return Site("here", profile, (Path("here.yaml"),), (content,))

    def check(self, content: dict[str, Any], **options: Any) -> SiteCheck:
        return check(self.site(content), self.queue, **options)


@pytest.fixture(params=[pytest.param("slurm", marks=pytest.mark.real_slurm), "practice-pbs"])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Live]:
    if request.param == "slurm":
        request.getfixturevalue("slurm")
    yield Live(request.param, tmp_path)


def wrong(checked: SiteCheck) -> dict[str | None, str]:
    found = [finding for finding in checked.findings if finding.severity == "wrong"]
    return {finding.target: finding.words for finding in reversed(found)}


def test_what_init_writes_stands_up_to_check(live: Live) -> None:
    path = live.init()
    content = read_mapping(path)
    profile = validate(SiteProfile, content, path)
    checked = live.check(content)
    assert checked.findings == []
    assert checked.ok
    assert checked.targets == list(profile.targets)
    names = {target.partition or target.queue for target in profile.targets.values()}
    if live.scheduler == "slurm":
        assert checked.tried == checked.targets
        assert {"cpu", "short"} <= names
    else:
        assert checked.tried == []
        assert names == {"workq", "short"}
        assert "# Closed when this was written: stopped, disabled" in path.read_text()
    assert profile.targets["short"].limits.max_walltime == "00:10:00"


def test_init_overwrites_nothing(live: Live) -> None:
    path = live.init()
    path.write_text("mine")
    with pytest.raises(HpctrainError, match="is there already"):
        live.init()
    assert path.read_text() == "mine"
    assert list(path.parent.iterdir()) == [path]


def test_a_partition_that_is_not_there_and_a_limit_above_the_real_one(live: Live) -> None:
    key = "partition" if live.scheduler == "slurm" else "queue"
    targets = {
        "absent": {key: "nowhere", "limits": {"max_walltime": "01:00:00"}},
        "longer": {key: "short", "limits": {"max_walltime": "02:00:00"}},
        "right": {key: "short", "limits": {"max_walltime": "00:10:00"}},
        "dearer": {key: "short", "cores": 3000, "limits": {"max_walltime": "00:10:00"}},
    }
    checked = live.check({"targets": targets})
    assert not checked.ok
    found = wrong(checked)
    assert set(found) == {"absent", "longer", "dearer"}
    assert f"there is no {key} nowhere" in found["absent"]
    assert found["longer"] == "max_walltime is 02:00:00, and short allows 00:10:00"
    assert "3000 cores are requested, and nodes there have" in found["dearer"]
    assert live.check({"targets": targets}, target="right").ok


def test_flags_that_contradict_each_other_and_questions(live: Live) -> None:
    checked = live.check(
        {
            "targets": {
                "both": {"memory": "1G", "memory_style": "omit"},
                "open": {"ask": {"walltime": "How long?"}},
            }
        }
    )
    messages = [(finding.target, finding.words) for finding in checked.findings]
    assert ("both", "memory: 1G contradicts memory_style: omit") in messages
    assert ("open", "not tried: walltime is open") in messages
    assert "open" not in checked.tried


@pytest.mark.real_slurm
def test_sbatch_itself_is_asked(slurm: Slurm, tmp_path: Path) -> None:
    live = Live("slurm", tmp_path)
    said = wrong(live.check({"partition": "cpu", "extra_directives": ["--gres=nonsense:1"]}))
    assert "sbatch --test-only: " in said[None]
    assert live.check({"partition": "cpu", "cores": 1}).tried == [None]
    assert live.check({"partition": "cpu", "cores": 1, "qos": "long", "account": "materials"}).ok
    assert wrong(live.check({"qos": "nosuch"})) != {}
    assert wrong(live.check({"account": "nobodys"})) != {}


def test_where_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(HpctrainError, match="the scheduler local has no cluster to ask"):
        Live("local", tmp_path).init()
    with pytest.raises(SiteUnreachable, match="neither sbatch and sinfo nor qsub and qstat"):
        init("x", tmp_path, tmp_path / "queue", which=lambda _: None)
    (tmp_path / "runs" / ".practice-pbs").mkdir(parents=True)
    (tmp_path / "runs" / ".practice-pbs" / "down").touch()
    with pytest.raises(SiteUnreachable) as caught:
        Live("practice-pbs", tmp_path).init()
    assert "login node" in str(caught.value.hint)
    assert not (tmp_path / "profiles").exists()


def test_the_scheduler_is_known_by_its_commands(tmp_path: Path) -> None:
    """Both are found on some clusters: Slurm brings wrappers with the names of PBS's."""
    asked: list[str] = []

    def found(name: str) -> str | None:
        asked.append(name)
        return name if name in ("qstat", "qsub") else None

    def program(argv: Any, *, cwd: str | None = None) -> Any:
        raise SiteUnreachable(f"asked: {argv[0]}")

    with pytest.raises(SiteUnreachable, match="asked: qstat"):
        init("x", tmp_path, tmp_path / "queue", program=program, which=found)
    with pytest.raises(SiteUnreachable, match="asked: scontrol"):
        init("x", tmp_path, tmp_path / "queue", program=program, which=lambda name: name)
