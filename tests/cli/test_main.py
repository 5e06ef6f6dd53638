"""The command line from outside: exit codes, --json, and what goes where."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import resource
import time
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import Any

import click
import pytest
from made_runs import make_run

from hpctrain.cli.main import main
from hpctrain.cli.options import Group, print_message
from hpctrain.errors import HpctrainError
from hpctrain.project import Project


def json_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert isinstance(content, dict)
    return content


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    return project


def test_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                    capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "there is no hpctrain.yaml" in said.err
    assert "hpctrain init" in said.err


@pytest.mark.parametrize("words", [[], ["sites"], ["potentials"]])
def test_a_group_alone_prints_its_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    alone = capsys.readouterr()
    assert main([*words, "--help"]) == 0
    assert alone.out == capsys.readouterr().out
    assert alone.out.startswith(f"Usage: {' '.join(['hpctrain', *words])} [OPTIONS] COMMAND")
    assert alone.err == ""


@pytest.mark.parametrize("words", [[], ["sites"], ["potentials"]])
def test_a_group_with_json_prints_one_object(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json"]) == 2
    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == "hpctrain.error/1"
    assert content["hint"] == f"see: {' '.join(['hpctrain', *words])} --help"


def test_wrong_usage(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submt"]) == 2
    assert "submit" in capsys.readouterr().err
    assert main(["submit", "--set", "cutoff=3"]) == 2
    assert "SECTION.KEY=VALUE" in capsys.readouterr().err
    assert main(["--project", ".", "status"]) == 2
    said = capsys.readouterr().err
    assert "→ write it after the command: hpctrain COMMAND --project …" in said
    assert main(["sites", "--target", "gpu", "show"]) == 2
    assert "hpctrain sites COMMAND --target …" in capsys.readouterr().err
    assert main(["--qqq"]) == 2
    assert "→ see: hpctrain --help" in capsys.readouterr().err


def test_json_before_the_command(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    behind = json_of(capsys, "sites", "list")
    for words in (["--json", "sites", "list"], ["sites", "--json", "list"]):
        assert main(words) == 0
        assert json.loads(capsys.readouterr().out) == behind
    assert main(["--json", "status"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "hpctrain.status/1"


def test_a_command_without_json_says_so() -> None:
    @click.group(cls=Group)
    def program() -> None:
        pass

    @program.command("plain")
    def plain() -> None:
        pass

    with pytest.raises(click.UsageError, match="the command plain has no --json"):
        program.main(["--json", "plain"], standalone_mode=False)
    assert program.main(["plain"], standalone_mode=False) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("submt", "there is no command 'submt' (did you mean 'submit'?)"),
        ("diff", "there is no command 'diff' (did you mean 'potentials diff'?)"),
        ("sites lst", "there is no command 'lst' (did you mean 'list'?)"),
        ("qqq", "there is no command 'qqq' (of "),
        ("submit --wlltime=1", "No such option '--wlltime'. Did you mean '--walltime'?"),
        ("submit --site qqq", "there is no site 'qqq' (of "),
        ("status 1999", "no run's id begins with 1999 (of 6, the nearest: 20261123-000000-0000, "),
        ("status 2026", "the ids of 6 runs begin with 2026 (of 6, the last: 20261123-000001-0000"),
        ("resume 20261123-000005-0001", "did you mean '20261123-000005-0000'"),
        ("potentials show nothing", "there are no potentials yet"),
        ("check --set training.qqq=1", "training.qqq: there is no such key (of "),
        ("check --set site.qqq=1 --site slurm", "qqq: there is no such key (of "),
        ("check --set data.silence=[qqq]", "there is no check 'qqq' (of "),
    ],
)
def test_an_unknown_name_gets_the_nearest_five(
    words: str, said: str, inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    inside.runs.mkdir()
    for number in range(6):
        make_run(inside, f"20261123-00000{number}-0000")
    assert main(words.split()) in (1, 2)
    message = capsys.readouterr().err
    assert said in message
    assert message.partition("  →")[0].count(",") <= 6


def test_an_error_with_json(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "training.cutof=3", "--json"]) == 1
    said = capsys.readouterr()
    content = json.loads(said.out)
    assert content["schema"] == "hpctrain.error/1"
    assert "did you mean 'cutoff'" in content["error"]
    assert "did you mean 'cutoff'" in said.err


def test_a_bug(inside: Project, monkeypatch: pytest.MonkeyPatch,
               capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    def broken(*_: object) -> None:
        raise ZeroDivisionError("something impossible")

    monkeypatch.setattr("hpctrain.runs.actions.status.find_runs", broken)
    assert main(["status"]) == 3
    said = capsys.readouterr().err
    assert "ZeroDivisionError: something impossible" in said
    trace = Path(said.rpartition(" ")[2].strip())
    assert "Traceback" in trace.read_text()
    trace.unlink()


@pytest.mark.parametrize(
    "name",
    ["EIO", "ESTALE", "ETIMEDOUT", "ENOLCK", "EMFILE", "ENFILE", "ENOSPC", "EDQUOT", "EROFS",
     "EACCES", "EPERM", "EFBIG", "ENOMEM", "EBUSY", "ELOOP", "ENAMETOOLONG", "EREMOTEIO", "ENOENT",
     "ENOTDIR", "EISDIR", "EEXIST"],
)  # fmt: skip
def test_a_file_system_that_fails_is_no_bug(
    name: str, inside: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        number = getattr(errno, name)
        raise OSError(number, os.strerror(number), "/somewhere/run.json")

    monkeypatch.setattr("hpctrain.runs.actions.status.find_runs", broken)
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert "hpctrain: /somewhere/run.json: " in said
    assert "then run the command again" in said


def test_no_message_moves_the_cursor_or_is_longer_than_a_screen(
    inside: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise HpctrainError("\x1b[2J\x9b2J" + "x" * 10_000 + "\n\u202e" * 100, "\x07\tmore")

    monkeypatch.setattr("hpctrain.runs.actions.status.find_runs", broken)
    assert main(["status", "--json"]) == 1
    said = capsys.readouterr()
    for text in (said.err, said.out):
        assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(text)
    assert len(said.err.splitlines()) < 24
    assert len(said.err) < 2000
    assert "\x1b[2J" in json.loads(said.out)["error"]


def test_a_clock_a_day_off_removes_no_folder_that_is_in_use(
    inside: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also not with a file server whose clock is behind: its own folder has its times."""
    older, other = inside.runs / ".new-older", inside.runs / ".new-other"
    for folder in (older, other):
        folder.mkdir(parents=True)
    os.utime(older, (0, 0))
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real + 2 * 86400)
    assert main(["submit", "--site", "local", "--set", "training.evaluator=pyace", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)["runs"][0]["run_id"]
    assert (inside.runs / run / "run.json").is_file()
    assert other.is_dir()
    assert not older.exists()
    main(["cancel", run])


def test_to_look_needs_no_permission_to_write(
    inside: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside.runs.mkdir()
    run = make_run(inside, scheduler="local")

    def read_only(path: object, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    for name in ("mkdir", "rename", "replace", "link", "unlink"):
        monkeypatch.setattr(os, name, read_only)
    assert main(["status"]) == 0
    said = capsys.readouterr()
    assert f"{run.run_id}" in said.out
    assert "cannot be finished here" in said.err
    assert "Read-only file system" in said.err


def test_limits_of_the_size_of_files_are_told_with_the_file(
    inside: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever a write fails, the file is named: here by a limit, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    words = []
    try:
        for size in (0, 300, 3_000, 6_000, 20_000, 60_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
            code = main(["submit", "--site", "local", "--set", "training.evaluator=pyace"])
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            said = capsys.readouterr().err
            assert code == 1, said
            words.append(said)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for said in words:
        assert re.search(r"^hpctrain: /\S+: File too large$", said, re.MULTILINE), said


def test_interrupted(inside: Project, monkeypatch: pytest.MonkeyPatch,
                     capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hpctrain.runs.actions.status.find_runs", stopped)
    assert main(["status"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_messages_to_a_disk_that_is_full_end_no_command(
    inside: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said beside the work, and of an error: the exit code stays what it is."""
    full = os.open("/dev/full", os.O_WRONLY)
    with contextlib.closing(TextIOWrapper(FileIO(full, "w"), write_through=True)) as stream:
        monkeypatch.setattr("sys.stderr", stream)
        print_message("a note")
        assert main(["status", "nobody"]) == 1


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "p")]) == 0
    (tmp_path / "p/hpctrain.yaml").write_text("project: mine\n")
    assert main(["init", str(tmp_path / "p")]) == 1
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / "p/hpctrain.yaml").read_text() == "project: mine\n"


def test_export(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    content = json_of(capsys, "export", "out")
    assert content["schema"] == "hpctrain.export/1"
    assert content["skipped"] == []
    assert content["fingerprint"].startswith("sha256:")
    assert content["train"].keys() == {"path", "structures", "atoms", "sha256"}
    assert (content["train"]["structures"], content["test"]["structures"]) == (161, 18)
    again = json_of(capsys, "export", "out")
    assert again == content


def test_check_says_what_is_wrong(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "data.select="]) == 1
    said = capsys.readouterr().err
    assert "no energy: 6 (row 73, 97, 121, 149, 175, 180)" in said
    assert "--skip-bad" in said
    content = json_of(capsys, "check", "--set", "data.select=", "--skip-bad")
    assert content["dataset"]["skipped"][0]["count"] == 6
    assert not (inside.runs).exists() or not list(inside.runs.iterdir())


def test_dry_run(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    content = json_of(
        capsys, "submit", "--site", "slurm", "--dry-run", "--walltime", "12:00:00",
        "--set", "site.partition=gpu", "--set", "training.cutoff=4.5",
    )  # fmt: skip
    assert content["run_dir"] is None
    assert content["argv"][0] == "sbatch"
    script = content["files"]["job.sh"]
    assert "#SBATCH --partition=gpu\n" in script
    assert "#SBATCH --time=12:00:00\n" in script
    assert "rcut: 4.5" in content["files"]["input.yaml"]
    assert not inside.runs.exists()

    assert main(["submit", "--site", "slurm", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("#!/bin/bash\n#SBATCH")  # stdout is the script, and nothing else
    assert "would be submitted with: sbatch" in said.err


def test_no_runs(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    content = json_of(capsys, "status")
    assert content["runs"] == []
    assert json_of(capsys, "collect") == {
        "schema": "hpctrain.collect/1", "potentials": [], "not_ready": [],
    }  # fmt: skip
    assert json_of(capsys, "potentials", "list")["potentials"] == []
    assert main(["status", "2026"]) == 1
    assert "no run's id begins with 2026" in capsys.readouterr().err


def test_sites(inside: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (inside.folder / "site_profiles").mkdir()
    (inside.folder / "site_profiles/odd.yaml").write_text("extends: slurm\npartitoin: x\n")
    assert main(["sites", "list"]) == 0
    said = capsys.readouterr().out
    assert "did you mean 'partition'" in said
    assert "mycluster" in said
    assert json_of(capsys, "sites", "show", "local")["profile"]["scheduler"] == "local"
    schema = json_of(capsys, "sites", "schema")["json_schema"]
    assert "walltime" in schema["properties"]
