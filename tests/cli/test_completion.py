"""What the shell offers for Tab."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from made_runs import make_run

from hpctrain.cli.main import cli, main
from hpctrain.cli.shells import Bash
from hpctrain.project import Project

RUNS = ["20261124-120000-abcd", "20261123-120000-abcd"]


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two runs, which nobody has submitted, and two potentials."""
    monkeypatch.chdir(project.folder)
    project.runs.mkdir()
    for run_id in RUNS:
        make_run(project, run_id)
    project.potentials.mkdir()
    for name in ("potential_gen_01", "potential_gen_02", "current"):
        (project.potentials / f"{name}.yace").touch()
    return project


def offered(line: str) -> list[str]:
    """What can stand where the line ends; what is offered of files is theirs alone to know."""
    words = line.split(" ")
    found = ShellComplete(cli, {}, "hpctrain", "_HPCTRAIN_COMPLETE").get_completions(
        words[:-1], words[-1]
    )
    return [item.value if item.type == "plain" else f"({item.type}s)" for item in found]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("che", ["check"]),
        ("--json sta", ["status"]),
        ("sites --json sh", ["show"]),
        ("potentials d", ["diff"]),
        ("submit --wa", ["--walltime", "--wait"]),
        ("submit --site loc", ["local"]),
        ("sites show per", ["perlmutter"]),
        ("submit --site leonardo --target gpu", ["gpu", "gpu-long", "gpu-dev"]),
        ("sites test leonardo --target cpu-", ["cpu-long", "cpu-dev"]),
        ("status ", RUNS),
        ("cancel 20261123-120000-abcd ", RUNS[:1]),
        ("report potential", ["potential_gen_02", "potential_gen_01"]),
        ("report 20261123", RUNS[1:]),
        ("potentials show ", ["potential_gen_02", "potential_gen_01", "current"]),
        ("submit --from cur", ["current"]),
        ("verify pot", ["(files)", "potential_gen_02", "potential_gen_01"]),
        ("init --from al", ["(files)"]),
        ("check --set ", ["data.", "training.", "site."]),
        ("check --set training.cut", ["training.cutoff="]),
        ("check --set training.b_b", ["training.b_basis_size="]),
        ("check --set training.stress", ["training.stress_weight="]),
        ("check --set training.engine=", ["training.engine=pacemaker", "training.engine=grace"]),
        ("check --set site.trainer.e", ["site.trainer.evaluator="]),
        ("check --set site.trainer.py", ["site.trainer.python="]),
        ("check --set site.trai", ["site.trainer."]),
        ("check --set data.split=g", ["data.split=grouped", "data.split=given"]),
        ("check --set training.active_set=", ["training.active_set=true",
                                              "training.active_set=false"]),
        ("check --set training.cutoff=", []),
        ("check --set qqq.", []),
        ("submit --site qqq --target ", []),
    ],
)  # fmt: skip
def test_what_is_offered(line: str, words: list[str], inside: Project) -> None:
    assert offered(line) == words


def test_runs_have_names_too(inside: Project) -> None:
    manifest = inside.runs / RUNS[0] / "run.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "name": "cutoff6"}))
    assert offered("status ") == ["cutoff6", *RUNS]
    assert offered("status cut") == ["cutoff6"]


def test_settings_are_explained(inside: Project) -> None:
    complete = ShellComplete(cli, {}, "hpctrain", "_HPCTRAIN_COMPLETE")
    (item,) = complete.get_completions(["check", "--set"], "training.cut")
    assert item.help == "Å; every bond's rcut"


def commands(group: click.Group) -> list[click.Command]:
    found: list[click.Command] = []
    for command in group.commands.values():
        found += commands(command) if isinstance(command, click.Group) else [command]
    return found


def test_whatever_names_a_thing_is_completed(inside: Project) -> None:
    """A new command that takes a run, a potential, a site or a setting offers them too."""
    for command in commands(cli):
        for parameter in command.params:
            named = re.search(r"\b(RUN|POTENTIAL|KEY=VALUE)\b", parameter.metavar or "")
            if named or parameter.name == "site":
                context = click.Context(command)
                assert parameter.shell_complete(context, ""), (command.name, parameter.name)


def files(folder: Path) -> list[Path]:
    """All that is in a folder, but for what is kept to be quick."""
    return sorted(path for path in folder.rglob("*") if ".cache" not in path.parts)


@pytest.mark.parametrize("damage", ["no folder", "hpctrain.yaml", "profile", "runs"])
def test_nothing_is_raised_asked_or_changed(
    damage: str,
    inside: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    programs: list[object] = []
    monkeypatch.setattr("subprocess.Popen", programs.append)
    if damage == "no folder":
        shutil.rmtree(inside.folder)
    elif damage == "runs":
        shutil.rmtree(inside.runs)
        inside.runs.write_text("no folder")
    elif damage == "profile":
        profiles = inside.folder / "site_profiles"
        profiles.mkdir()
        (profiles / "local.yaml").write_text("{")
    else:
        inside.file.write_text("{")
    before = files(inside.folder)
    for words in ("status ", "submit --site local --target ", "submit --target ", "report ",
                  "submit --site ", "check --set site.", "potentials show "):  # fmt: skip
        monkeypatch.setenv("COMP_WORDS", f"hpctrain {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) + 1))
        monkeypatch.setenv("_HPCTRAIN_COMPLETE", "bash_complete")
        assert main([]) == 0
        assert capsys.readouterr().err == ""
    assert files(inside.folder) == before
    assert programs == []


@pytest.mark.parametrize(
    ("words", "place", "arguments", "begun", "value", "put_in"),
    [
        ("hpctrain sta", 1, [], "sta", "status", "status"),
        ("hpctrain submit --set a", 3, ["submit", "--set"], "a", "ab=", "ab="),
        ("hpctrain submit --set a =", 4, ["submit", "--set"], "a=", "a=b", "b"),
        ("hpctrain submit --set a = b", 5, ["submit", "--set"], "a=b", "a=bc", "bc"),
        ("hpctrain submit --set a = b ", 6, ["submit", "--set", "a=b"], "", "--yes", "--yes"),
        ("hpctrain submit --walltime 1 : 00 : 00 --s", 8,
         ["submit", "--walltime", "1:00:00"], "--s", "--set", "--set"),
        ("hpctrain submit --site = lo", 4, ["submit"], "--site=lo", "local", "local"),
    ],
)  # fmt: skip
def test_what_bash_takes_apart_is_put_together(
    words: str, place: int, arguments: list[str], begun: str, value: str, put_in: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from click.shell_completion import CompletionItem

    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(place))
    bash = Bash(cli, {}, "hpctrain", "_HPCTRAIN_COMPLETE")
    assert bash.get_completion_args() == (arguments, begun)
    assert bash.format_completion(CompletionItem(value)) == f"plain,{put_in}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed here")
def test_a_real_bash(inside: Project, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "hpctrain"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hpctrain "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_HPCTRAIN_COMPLETE=bash_source hpctrain)"
        complete -p hpctrain
        COMP_WORDS=(hpctrain submit --set data.split = s) COMP_CWORD=5
        _hpctrain_completion hpctrain
        echo "${COMPREPLY[@]}"
    """
    reply = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert reply.stdout == "complete -o nosort -F _hpctrain_completion hpctrain\nstable\n"
    assert reply.stderr == ""
