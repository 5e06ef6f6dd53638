"""Site profiles: where they are found, and how they extend each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.sites.load import load, names, search_path


class Folders:
    """The places where profiles are looked for."""

    def __init__(self, tmp_path: Path) -> None:
        self.project = tmp_path / "project"
        self.configuration = tmp_path / "config"

    def write(self, place: str, name: str, text: str) -> Path:
        below = {"project": self.project, "user": self.configuration / "hpctrain"}[place]
        path = below / "site_profiles" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def message(self, name: str) -> str:
        with pytest.raises(HpctrainError) as caught:
            load(name, self.project)
        return caught.value.message


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    found = Folders(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(found.configuration))
    return found


def test_the_shipped_profiles_load() -> None:
    shipped = {path.stem for path in resource("site_profiles").glob("*.yaml")}
    assert {"local", "slurm", "mycluster"} <= shipped == set(names(None))
    for name in shipped:
        site = load(name, None)
        assert site.profile.description
        assert site.files[0].parent == resource("site_profiles")
    assert load("local", None).profile.scheduler == "local"
    example = load("mycluster", None)
    assert (example.profile.walltime, example.profile.cores) == ("12:00:00", 8)
    assert [file.stem for file in example.files] == ["mycluster", "slurm"]


def test_the_generic_slurm_profile_asks_for_nothing() -> None:
    given = load("slurm", None).profile.model_dump(exclude_unset=True)
    assert set(given) == {"description", "scheduler"}


def test_the_project_comes_before_the_user_and_both_before_the_shipped(folders: Folders) -> None:
    text = "scheduler: slurm\npartition: {}\n"
    user = folders.write("user", "slurm", text.format("users"))
    assert load("slurm", folders.project).profile.partition == "users"
    project = folders.write("project", "slurm", text.format("projects"))
    site = load("slurm", folders.project)
    assert (site.profile.partition, site.files) == ("projects", (project,))
    assert load("slurm", None).files == (user,)
    assert names(folders.project)["slurm"] == project
    assert names(None)["slurm"] == user
    assert names(None)["local"] == resource("site_profiles") / "local.yaml"


def test_without_xdg_the_users_folder_is_in_their_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("XDG_CONFIG_HOME")
        else:
            monkeypatch.setenv("XDG_CONFIG_HOME", value)
        assert search_path(None)[0] == tmp_path / ".config" / "hpctrain" / "site_profiles"


def test_a_profile_changes_the_one_it_extends(folders: Folders) -> None:
    folders.write("user", "base", "extends: slurm\ncores: 4\nenvironment: {A: a, B: b}\n")
    folders.write("project", "mine", "extends: base\nqos: high\nenvironment: {B: c}\nsetup: [x]\n")
    site = load("mine", folders.project)
    assert site.name == "mine"
    assert [file.stem for file in site.files] == ["mine", "base", "slurm"]
    assert (site.profile.scheduler, site.profile.cores, site.profile.qos) == ("slurm", 4, "high")
    assert site.profile.environment == {"A": "a", "B": "c"}


def test_a_profile_may_extend_its_own_name(folders: Folders) -> None:
    user = folders.write("user", "slurm", "extends: slurm\ncores: 4\naccount: mine\n")
    project = folders.write("project", "slurm", "extends: slurm\ncores: 8\n")
    site = load("slurm", folders.project)
    assert site.files == (project, user, resource("site_profiles") / "slurm.yaml")
    assert (site.profile.cores, site.profile.account) == (8, "mine")


def test_changes_stand_above_the_profile(folders: Folders) -> None:
    folders.write("project", "mine", "extends: slurm\ncores: 4\nenvironment: {A: a}\n")
    site = load("mine", folders.project, {"cores": 2, "environment": {"B": "b"}})
    assert (site.profile.cores, site.profile.environment) == (2, {"A": "a", "B": "b"})


def test_circles(folders: Folders) -> None:
    folders.write("project", "a", "extends: b\nscheduler: slurm\n")
    b = folders.write("project", "b", "extends: a\n")
    assert folders.message("a") == f"{b}: the profiles extend each other in a circle"
    alone = folders.write("project", "alone", "extends: alone\nscheduler: slurm\n")
    assert folders.message("alone") == f"{alone}: the profiles extend each other in a circle"


def test_unknown_names(folders: Folders) -> None:
    assert folders.message("slrum") == "there is no site 'slrum' (did you mean 'slurm'?)"
    message = folders.message("qqqq")
    assert f"there is no site 'qqqq' (of {len(names(None))}, the nearest: " in message
    assert message.count(",") == 5
    mine = folders.write("project", "mine", "extends: slrum\n")
    assert folders.message("mine") == (
        f"{mine}: extends: there is no site 'slrum' (did you mean 'slurm'?)"
    )
    folders.write("project", "cluster9", "extends: slurm\n")
    assert "did you mean 'cluster9'" in folders.message("cluster8")


def test_mistakes_are_told_with_the_file_they_are_in(folders: Folders) -> None:
    base = folders.write("user", "base", "extends: slurm\n\npartitoin: x\n")
    mine = folders.write("project", "mine", "extends: base\ncores: 2\n")
    assert folders.message("mine") == (
        f"{base}, line 3: partitoin: there is no such key (did you mean 'partition'?)"
    )
    base.write_text("extends: slurm\n")
    mine.write_text("extends: base\ncors: 2\n")
    assert folders.message("mine") == (
        f"{mine}, line 2: cors: there is no such key (did you mean 'cores'?)"
    )
    mine.write_text("cores: 2\n")
    assert folders.message("mine") == f"{mine}: scheduler: this key is required"
    mine.write_text("extends: [slurm]\n")
    assert folders.message("mine") == f"{mine}: extends: must be the name of a site"


LAYERS = {
    "base": """
scheduler: slurm
modules: [gcc]
cores: 4
limits: {max_nodes: 2}
targets:
  small: {partition: small, cores: 8, modules: [mkl], limits: {max_walltime: "01:00:00"}}
  large: {partition: large}
""",
    "ours": "extends: base\nmemory: 8G\ntargets:\n  small: {qos: ours}\n",
    "mine": "extends: ours\ncores: 2\naccount: me\ntargets:\n  large: {cores: 64}\n",
}


def test_a_target_stands_above_its_file_and_a_nearer_file_above_both(folders: Folders) -> None:
    for name, text in LAYERS.items():
        folders.write("project", name, text)
    small = load("base", folders.project).at("small")
    assert (small.target, small.targets, small.partition) == ("small", {}, "small")
    assert (small.cores, small.modules) == (8, ["gcc", "mkl"])
    assert (small.limits.max_nodes, small.limits.max_walltime) == (2, "01:00:00")
    assert load("ours", folders.project).at("small").qos == "ours"
    mine = load("mine", folders.project)
    assert (mine.at("small").cores, mine.at("small").memory) == (2, "8G")
    assert (mine.at("large").cores, mine.at("large").account) == (64, "me")
    changed = load("mine", folders.project, {"cores": 1, "modules": ["icc"]})
    assert (changed.at("large").cores, changed.at("small").modules) == (1, ["icc"])


def test_a_profile_without_targets_is_what_it_was(folders: Folders) -> None:
    folders.write("project", "flat", "extends: slurm\npartition: cpu\ncores: 4\n")
    site = load("flat", folders.project)
    given = site.profile.model_dump(exclude_unset=True)
    assert given == {"scheduler": "slurm", "partition": "cpu", "cores": 4}
    assert site.profile.targets == {}


def test_a_mistake_in_a_target_is_told_with_its_line(folders: Folders) -> None:
    path = folders.write("project", "odd", "scheduler: slurm\ntargets:\n  gpu:\n    partitoin: x\n")
    assert folders.message("odd") == (
        f"{path}, line 4: targets.gpu.partitoin: there is no such key (did you mean 'partition'?)"
    )
    path.write_text("scheduler: slurm\ntargets:\n  gpu:\n    limits:\n      max_nods: 2\n")
    assert "line 5: targets.gpu.limits.max_nods: there is no such key" in folders.message("odd")
