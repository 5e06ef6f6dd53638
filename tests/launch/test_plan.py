"""Where a training would go: the site, its target, its cost, and who is asked."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from hpctrain.cli.main import main
from hpctrain.errors import HpctrainError
from hpctrain.launch.plan import plan
from hpctrain.project import Project
from hpctrain.sites.facts import Recognition
from hpctrain.sites.recognise import Rule, recognise

DEAR = "extends: slurm\ncores: 64\nwalltime: '100:00:00'\n"


def site(project: Project, name: str, text: str) -> None:
    folder = project.folder / "site_profiles"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text)


def unnamed(project: Project) -> None:
    path = project.file
    path.write_text(path.read_text().replace("site: local", "site: null"))


def test_variables_come_before_host_names_and_extending_before_extended() -> None:
    rules = [
        Rule("a", Recognition(variable={"HERE": ["a", "b"]}), ()),
        Rule("b", Recognition(host=[r"b\d+"]), ()),
        Rule("mine", Recognition(variable={"HERE": ["a"]}), ("a",)),
    ]
    assert [s.name for s in recognise(rules, {"HERE": "a"}, "b1")] == ["mine"]
    assert [(s.name, s.by) for s in recognise(rules, {"HERE": "b"}, "b1")] == [("a", "HERE=b")]
    assert [(s.name, s.by) for s in recognise(rules, {}, "b1")] == [("b", "host name b1")]
    assert recognise(rules, {"HERE": "c"}, "b") == []


def test_the_example_is_no_cluster_until_it_is_a_file_of_the_users(project: Project) -> None:
    with pytest.raises(HpctrainError, match="mycluster is an example to copy") as caught:
        plan(project, "mycluster", None)
    assert "hpctrain sites init mycluster" in (caught.value.hint or "")
    site(project, "mycluster", "extends: mycluster\npartition: cpu\n")
    assert plan(project, "mycluster", None).profile.partition == "cpu"


def test_the_site_this_machine_belongs_to(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed(project)
    with pytest.raises(HpctrainError, match="no site is named"):
        plan(project, None, None)
    monkeypatch.setenv("CC_CLUSTER", "narval")
    changes = {"site": {"account": "def-me", "walltime": "12:00:00"}}
    planned = plan(project, None, changes)
    assert (planned.site.name, planned.target) == ("narval", "cpu")
    assert planned.notes[0] == "site narval, known by CC_CLUSTER=narval"
    assert plan(project, "local", None).site.name == "local"
    site(project, "ours", "extends: narval\naccount: def-group\nwalltime: '12:00:00'\n")
    assert plan(project, None, None).site.name == "ours"
    site(project, "theirs", "extends: narval\n")
    with pytest.raises(HpctrainError, match=r"may be any of: ours .*, theirs "):
        plan(project, None, None)


def test_an_account_that_follows_from_the_rules_is_told(project: Project) -> None:
    changes = {"site": {"account": "m1", "gpus": 1, "walltime": "12:00:00"}}
    assert "account m1_g, by the site's account_rule" in plan(project, "perlmutter", changes).notes
    changes = {"site": {"account": "m1_g", "gpus": 1, "walltime": "12:00:00"}}
    assert not any("account" in note for note in plan(project, "perlmutter", changes).notes)


def test_broken_profiles_are_nobody(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    unnamed(project)
    site(project, "broken", "recognise: {variable: {CC_CLUSTER: narval}}\n")
    site(project, "torn", "recognise: {")
    monkeypatch.setenv("CC_CLUSTER", "narval")
    answers = {"site": {"account": "a", "walltime": "12:00:00"}}
    assert plan(project, None, answers).site.name == "narval"


def test_what_costs_nothing_is_not_counted(project: Project) -> None:
    assert plan(project, "local", None).cost is None
    assert plan(project, "practice-slurm", None).cost is None


def test_above_the_threshold(project: Project) -> None:
    site(project, "dear", DEAR)
    planned = plan(project, "dear", None)
    assert planned.cost is not None
    assert (planned.cost.hours, planned.is_expensive) == (6400.0, True)
    assert not plan(project, "dear", {"site": {"ask_above": {"core_hours": 7000}}}).is_expensive
    assert plan(project, "dear", {"site": {"gpus": 6, "walltime": "90:00:00"}}).is_expensive
    assert not plan(project, "dear", {"site": {"gpus": 4}}).is_expensive


def argv(project: Project, *more: str) -> list[str]:
    return ["submit", "--site", "dear", "--project", str(project.folder), *more]


def test_a_script_has_to_say_yes(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site(project, "dear", DEAR)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(argv(project)) == 1
    said = capsys.readouterr().err
    assert "cost: at most 6,400 core-hours\n" in said
    assert (
        "this costs at most 6,400 core-hours, and without a terminal hpctrain cannot ask you"
        in said
    )
    assert "--yes" in said
    assert list(project.runs.glob("2*")) == []
    assert main(argv(project, "--dry-run")) == 0
    assert "--time=100:00:00" in capsys.readouterr().out


def sbatch_that_takes_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 17\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "flags", "submitted"),
    [("n\n", (), False), ("y\n", (), True), ("", ("--yes",), True)],
)
def test_on_a_terminal_one_is_asked(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    answer: str,
    flags: tuple[str, ...],
    submitted: bool,
) -> None:
    site(project, "dear", DEAR)
    sbatch_that_takes_all(tmp_path, monkeypatch)
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(argv(project, "--json", *flags)) == (0 if submitted else 1)
    out, err = capsys.readouterr()
    assert ("submit it?" in err) == (not flags)
    told = json.loads(out)
    assert told["runs"][0]["job_id"] == "17" if submitted else told["error"] == "not submitted"


@pytest.mark.parametrize("command", [("check",), ("submit", "--dry-run"), ("submit", "--yes")])
def test_each_note_is_printed_once(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: tuple[str, ...],
) -> None:
    sbatch_that_takes_all(tmp_path, monkeypatch)
    base = ["--project", str(project.folder), "--site", "lumi", "--set", "site.account=project_1"]
    assert main([*command, *base, "--gpus", "1", "--walltime", "24:00:00"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert "note: target gpu-shared" in said
    assert len([line for line in said if line]) == len({line for line in said if line})


def test_targets_on_the_command_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["submit", "--project", str(project.folder), "--site", "lumi", "--dry-run"]
    account = ["--set", "site.account=project_1"]
    assert main([*base, *account, "--gpus", "1", "--walltime", "24:00:00"]) == 0
    out, err = capsys.readouterr()
    assert "#SBATCH --partition=small-g\n" in out
    assert out.startswith("#!/bin/bash -l\n")
    assert "cost: at most 24 GPU-hours, charged as 12 GPU-hours\n" in err
    assert "note: target gpu-shared\n" in err
    assert "note: the GPUs are AMD's, and PyPI's TensorFlow uses NVIDIA's only" in err
    account += ["--walltime", "02:00:00"]
    assert main([*base, *account, "--target", "cpu-shared", "--memory", "2G"]) == 0
    assert "#SBATCH --mem-per-cpu=2G\n" in capsys.readouterr().out
    assert main([*base, "--target", "cpu"]) == 1
    assert "account: Which account pays?" in capsys.readouterr().err
    manifest = ["--json", *account, "--target", "gpu-dev"]
    assert main([*base, *manifest]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    run = json.loads(files["run.json"])["site"]
    assert (run["name"], run["target"], run["profile"]["targets"]) == ("lumi", "gpu-dev", {})


def test_sites_on_the_command_line(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ["--project", str(project.folder)]
    monkeypatch.setenv("NERSC_HOST", "perlmutter")
    assert main(["sites", "list", "--json", *where]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)["sites"]}
    assert [name for name, row in listed.items() if row["here"]] == ["perlmutter"]
    assert listed["perlmutter"]["targets"][:2] == ["gpu-shared", "cpu-shared"]
    assert (listed["lumi"]["confidence"], listed["lumi"]["checked"]) == ("documented", "2026-11")
    assert main(["sites", "show", "lumi", "--target", "gpu", "--json", *where]) == 0
    shown = json.loads(capsys.readouterr().out)["profile"]
    assert (shown["partition"], shown["node"]["usable_cores"]) == ("standard-g", 56)
    assert main(["sites", "show", "lumi", *where]) == 0
    assert "\n# gpu-shared, gpu, gpu-dev: the GPUs are AMD's, and " in capsys.readouterr().out
    assert main(["sites", "show", "lumi", "--target", "gpuu", *where]) == 1
    assert "did you mean 'gpu'?" in capsys.readouterr().err
    init = ["sites", "init", "mine", "--scheduler", "practice-pbs", "--here", *where]
    assert main([*init, "--json"]) == 0
    path = project.folder / "site_profiles" / "mine.yaml"
    assert json.loads(capsys.readouterr().out)["file"] == str(path)
    assert main(["sites", "check", "mine", *where]) == 0
    assert capsys.readouterr().out == "ok: 4 targets checked\n"
    wrong = ["sites", "check", "mine", "--target", "short", "--set", "site.queue=gone"]
    assert main([*wrong, "--json", *where]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["findings"][0]["severity"] == "wrong"


def test_variables_of_the_shell_that_are_ignored(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sbatch would take them before the script's own lines; the site local asks no scheduler."""
    site(project, "hal", "extends: slurm\npartition: cpu\naccount: mat\n")
    for name, value in {"SBATCH_PARTITION": "debug", "SBATCH_ACCOUNT": "MAT"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    around, ignored = plan(project, "hal", None).notes
    assert "SLURM_JOB_ID=4711" in around
    assert ignored == (
        "SBATCH_PARTITION=debug of your shell is ignored; the profile decides; "
        "to use it: --set site.partition=debug"
    )
    assert plan(project, "local", None).notes == []
