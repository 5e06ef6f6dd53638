"""The tutorial is walked word by word: its commands are run, and print what stands there.

Here the trainer is a stand-in, and the verdicts of the checks are made; numbers do not count. `make
tutorial` walks it with the real trainer, and writes what is printed into the page.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import standin_pyace
import yaml
from console_blocks import Command, commands, differences, fits, renew
from paths import DOCS
from standin import OF_PACEMAKER, StandIn
from waiting import wait_for

from hpctrain.cli.main import main
from hpctrain.job.checks.report import SCHEMA, TITLES
from hpctrain.job.pacemaker.potential import CHECKS
from hpctrain.project import FILE, init

PAGE = DOCS / "tutorial.md"
WRITE = bool(os.environ.get("WRITE_TUTORIAL"))
HOME, RUN = "/home/me", "20261123-183845-b151"


class Walk:
    """Somebody who types the commands of the page."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._home, self._monkeypatch = home, monkeypatch
        self.run = ""
        monkeypatch.chdir(home)

    def type(self, line: str) -> list[str]:
        """Run one line, and return what it prints; what is behind a pipe is not run."""
        if self.run:
            line = line.replace(RUN[:13], self.run)
        words = shlex.split(line)
        if words[0] == "cd":
            self._monkeypatch.chdir(words[1])
            return []
        assert words[0] == "hpctrain", line
        words = words[: words.index("|")] if "|" in words else words
        with io.StringIO() as screen:
            with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
                self.code = main(words[1:])
            text = screen.getvalue()
        if words[1] == "submit":
            self.run = sorted(path.name for path in Path("runs").glob("[0-9]*"))[-1]
        text = text.replace(str(self._home), HOME).replace(self.run or RUN, RUN)
        return text.rstrip("\n").splitlines()


def end_of(run: Path) -> Path | None:
    """Wait for the job's end, and nothing more: the file is written last."""
    result = run / "attempts/01/result.json"
    return result if result.exists() else None


def make_verdicts(run: Path) -> None:
    """Write that all checks of today have passed."""
    result = wait_for(lambda: end_of(run), 300, "the stand-in to end")
    titles = {**TITLES, **{name: title for name, (title, _) in CHECKS.items()}}
    checks: list[dict[str, Any]] = [
        {"name": name, "title": title, "verdict": "pass", "value": 1e-9, "unit": "relative",
         "limits": None, "seen": "as it should be", "data": {}} for name, title in titles.items()
    ]  # fmt: skip
    found = {"verdict": "pass", "made": len(checks), "of": len(checks)}
    content = {"schema": SCHEMA, **found, "checks": checks, "seconds": 1.0}
    result.with_name("verification.json").write_text(json.dumps(content))
    told = json.loads(result.read_text())
    result.write_text(json.dumps({**told, "verification": {**found, "problem": None}}))


@pytest.fixture
def trainer(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StandIn | None:
    """Make the site local train with the stand-in, unless the page is to be written."""
    if WRITE:
        return None
    standin: StandIn = request.getfixturevalue("standin")
    profiles = tmp_path / "config/hpctrain/site_profiles"
    profiles.mkdir(parents=True)
    overlay = request.getfixturevalue("overlay")
    packages = overlay(
        ("tensorpotential", "0.6.2.1", "tensorpotential"),
        ("tensorflow-cpu", "2.20.0", "tensorflow"),
        ("numpy", "2.3.5", None),
    )
    environment = {"STANDIN": "", "STANDIN_RECORDED": str(OF_PACEMAKER), **packages}
    profile = {"extends": "local", "trainer": {"python": str(standin.python)},
               "environment": environment}  # fmt: skip
    (profiles / "local.yaml").write_text(json.dumps(profile))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return standin


@pytest.mark.slow
def test_the_tutorial_is_walked(
    trainer: StandIn | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    home = tmp_path / "me"
    home.mkdir()
    walk = Walk(home, monkeypatch)
    wrong: list[str] = []
    renewed: list[tuple[Command, list[str]]] = []
    for command in commands(text):
        printed = walk.type(command.words)
        if command.words == "hpctrain init demo --demo" and trainer:
            settings = home / "demo/hpctrain.yaml"
            short = settings.read_text().replace(
                "max_iter: 200", "max_iter: 4\n  verify_minutes: 0"
            )
            settings.write_text(short)
        if command.words.startswith("hpctrain submit") and trainer:
            make_verdicts(home / "demo/runs" / walk.run)
        if command.output and not fits(command.output, printed):
            wrong += [f"line {command.line}: $ {command.words}", *differences(command, printed)]
        if command.output:
            renewed.append((command, renew(command.output, printed)))
    if trainer:
        monkeypatch.setitem(sys.modules, "pyace", standin_pyace)
    with contextlib.redirect_stdout(io.StringIO()) as screen:
        exec(block(text, "python"), {})
    printed = screen.getvalue().splitlines()
    if not fits(block(text, "text").splitlines(), printed):
        wrong += ["the lines of Python:", *printed]
    assert float(printed[-1].split()[-2]) > 0.001, "forces are compared with others than zero"
    if WRITE:
        lines = text.splitlines()
        for command, new in reversed(renewed):
            lines[command.line : command.line + len(command.output)] = new
        whole = "\n".join(lines) + "\n"
        whole = whole.replace(block(whole, "text"), screen.getvalue())
        PAGE.write_text(whole, encoding="utf-8")
    else:
        assert not wrong, "\n".join(["to write what is printed: make tutorial", *wrong])


def block(text: str, language: str) -> str:
    """Return the first block of this language."""
    return text.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_settings_shown_are_those_of_the_demo(tmp_path: Path) -> None:
    real = yaml.safe_load(init(tmp_path, demo=True).folder.joinpath(FILE).read_text())
    shown = yaml.safe_load(block(PAGE.read_text(encoding="utf-8"), "yaml"))
    for section, keys in shown.items():
        if isinstance(keys, dict):
            assert keys.items() <= real[section].items()
        else:
            assert keys == real[section]


def test_what_fits() -> None:
    printed = ["data  161 structures", "took 3 min 20 s", "run 20261123-183845-b151 in /x"]
    assert fits(["data 9 structures", "took 12 s", "run 20271123-183845-b151 in /x"], printed)
    assert fits(["…", "run 20271123-183845-b151 …"], printed)
    assert fits(["data 1 structures", "…"], printed)
    assert not fits(["data 1 structures"], printed)
    assert not fits(["…", "took 1 h 05 min"], printed)
    assert not fits(["data 1 atoms", "…"], printed)


def test_what_is_renewed() -> None:
    printed = ["data  161 structures", "a line that is new", "took 3 min 20 s", "end"]
    assert renew(["data 9 structures", "took 12 s", "gone", "end"], printed) == printed
    assert renew(["…", "took 12 s", "…"], printed) == ["…", "took 3 min 20 s", "…"]
    assert renew(["data 9 …", "…", "end"], printed) == ["data 9 …", "…", "end"]


def test_blocks() -> None:
    page = "```console\n$ a  # why\nout\n\n$ b\n```\n\n<!-- not run: no -->\n```console\n$ c\n```\n"
    assert list(commands(page)) == [Command("a", 2, ["out", ""]), Command("b", 5, [])]
