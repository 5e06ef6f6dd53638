"""One bad file does not blind a project: every file that is read, times every kind of damage.

The project has three runs. Of one, a file is damaged; then every command is tried. None ends as a
bug, the damaged file is named, and the other two runs are shown as before.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_runs import manifest
from paths import RECORDED

from hpctrain.cli.main import main
from hpctrain.files import iso
from hpctrain.potentials import collect as collecting

COLLECTED, COMPLETED, FAILED = (
    "20261128-134705-475b", "20261128-134744-dec9", "20261128-134820-c03e",
)  # fmt: skip
RUNNING = "20261128-140000-abcd"
NOW = 1795873625.0
# Nothing of these is read by a command that is tried here.
UNREAD = (".extxyz", ".sh", ".pckl.gzip", ".yace", ".asi", ".npy", ".yaml", "verify.out")

Damage = Callable[[Path], None]


def write(content: bytes) -> Damage:
    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def huge(path: Path) -> None:
    """Hollow: it takes no room, and reads as zeros."""
    os.truncate(path, 100 << 20)


def long_line(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x" * (3 << 20) + b"\n")


def forbidden(path: Path) -> None:
    """A file that only its owner may read; for root there is none, and a folder stands for it."""
    folder(path) if os.getuid() == 0 else path.chmod(0)


DAMAGES: dict[str, Damage] = {
    "torn": torn,
    "empty": write(b""),
    "foreign": write(b'{"colour": "blue"}\n'),
    "list": write(b"[1, 2, 3]\n"),
    "text": write(b"hello\n"),
    "deep": write(b'{"a": ' * 100_000 + b"}" * 100_000 + b"\n"),
    "deep lists": write(b"[" * 100_000 + b"]" * 100_000 + b"\n"),
    "control characters": write(b'{"state": "\\u001b[2J", "event": "\x1b[31m"}\n'),
    "not UTF-8": write(b'{"state": "\xff\xfe"}\n'),
    "NaN": write(b'{"time": NaN, "started": Infinity}\n'),
    "huge number": write(b'{"time": 1e999, "attempt": ' + b"9" * 5000 + b"}\n"),
    "FIFO": fifo,
    "link to /dev/zero": link,
    "folder": folder,
    "100 MB": huge,
    "long line": long_line,
    "forbidden": forbidden,
}
# These stand for the others where there are only seconds.
QUICK = ("torn", "foreign", "NaN", "FIFO")
EACH_DAMAGE = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in DAMAGES
]
# What a killed writer leaves, too: it is no damage to speak of.
# Nor is what says nothing of what is read.
USUAL = {
    "events.jsonl": ("torn", "empty"),
    ".txt": tuple(DAMAGES),
    ".out": tuple(DAMAGES),
    "claim.json": ("foreign",),
    "environment.json": ("foreign",),
    "evaluation.json": ("foreign",),
    "heartbeat.json": ("foreign",),
    "settings.json": ("foreign",),
    "next.json": ("foreign",),
    "state.json": ("foreign",),
}
NOT_READ = {"continuation.json", "next.json", "settings.json", "pace_activeset.out",
            "ladder_metrics.txt", "cycle_metrics.txt", "test_ladder_metrics.txt",
            "test_cycle_metrics.txt", "evaluate.out"}  # fmt: skip
OF_THE_RUNNING = {"heartbeat.json", "log.txt", "test_metrics.txt"}
OF_THE_PAGE = ("environment.json", "evaluation.json", "verification.json", "rows.json", ".out")
SURELY_NAMED = ("FIFO", "link to /dev/zero", "folder", "forbidden")

ROW = ("7", "RUNNING", "None", "1:00", "1:00:00", f"al.{RUNNING}.01", f"hpctrain:{RUNNING}.01")
SQUEUE = "#!/bin/sh\nprintf '" + "\\037".join(ROW) + "\\n'\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of four runs; whoever damages one leaves out another."""
    base = tmp_path_factory.mktemp("damaged")
    with tarfile.open(RECORDED / "project_0.1.0" / "project.tar.gz") as archive:
        archive.extractall(base)
    project = base / "al"
    shutil.rmtree(project / "runs" / "20261128-134830-78ef")
    for path in [*(project / "runs").rglob("*"), *(project / "potentials").rglob("*")]:
        if path.name.endswith((".extxyz", ".npy", ".pckl.gzip")):
            path.unlink()
    shutil.rmtree(project / "runs" / ".cache")
    run = project / "runs" / RUNNING
    (run / "job").mkdir(parents=True)
    content = manifest(RUNNING, {"scheduler": "slurm", "output": "job-%j.out"})
    (run / "run.json").write_text(json.dumps(content))
    (run / "job" / "settings.json").write_text('{"margin_s": 300, "max_attempts": 3}')
    events = [
        {"time": iso(NOW), "event": "submitting", "attempt": 1, "host": "here"},
        {"time": iso(NOW), "event": "submitted", "attempt": 1, "job_id": "7"},
    ]
    (run / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    attempt = run / "attempts" / "01"
    shutil.copytree(project / "runs" / FAILED / "attempts" / "01", attempt)
    (attempt / "result.json").unlink()
    (attempt / "claim.json").write_text(json.dumps({"job_id": "7", "time": NOW}))
    (attempt / "heartbeat.json").write_text(json.dumps({"phase": "train", "time": NOW}))
    (attempt / "next.json").write_text(json.dumps({"attempt": 2, "job_id": "8"}))
    (attempt / "resume").mkdir()
    (attempt / "resume" / "state.json").write_text(json.dumps({"total": 3}))
    programs = base / "bin"
    programs.mkdir()
    for name, text in (("squeue", SQUEUE), ("scancel", "#!/bin/sh\n"), ("sacct", "#!/bin/sh\n"),
                       ("sbatch", "#!/bin/sh\necho 8\n")):  # fmt: skip
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return base


@pytest.fixture
def here(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{whole / 'bin'}:{os.environ['PATH']}")
    # A picture and a page of each collected run would take most of the time.
    monkeypatch.setattr(collecting, "_put_curves", lambda *_: None)
    monkeypatch.setattr(collecting, "_put_page", lambda *_: None)
    yield tmp_path


def copy_of(whole: Path, target: Path, hurt: str) -> Path:
    """Copy three of the runs: the damaged one, and two others."""
    if target.exists():
        shutil.rmtree(target)
    left_out = COMPLETED if hurt == RUNNING else RUNNING
    return shutil.copytree(whole / "al", target, ignore=shutil.ignore_patterns(left_out))


def files_of(whole: Path, run: str) -> list[str]:
    folder = whole / "al" / "runs" / run
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [name for name in found if not name.endswith(UNREAD) and "checkpoint" not in name]


class Project:
    """A copy of the project, and the program in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.said = ""
        self.bugs: list[str] = []
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str]:
        code = main([*words, "--project", str(self.folder)])
        answer = self._capsys.readouterr()
        self.said += answer.out + answer.err
        if code == 3:
            self.bugs.append(f"{words[0]}: {answer.err}")
        return code, answer.out

    def states(self) -> dict[str, Any]:
        _, out = self.run("status", "--json")
        return {one["run_id"]: one for one in json.loads(out)["runs"]}

    def all_commands(self, hurt: str) -> None:
        """Try everything; what changes things comes last."""
        self.run("status")
        self.run("logs", hurt, "--json")
        self.run("report", hurt, "--output", str(self.folder / "page.html"))
        self.run("collect", "--json")
        self.run("cancel", hurt)
        self.run("resume", hurt, "--json")
        self.run("status", "--json")


def is_named(project: Project, hurt: str, file: str, damage: str) -> bool:
    usual = next((kinds for end, kinds in USUAL.items() if file.endswith(end)), ())
    if damage in usual and damage not in SURELY_NAMED:
        return True
    not_read = NOT_READ | (OF_THE_RUNNING if hurt != RUNNING else set())
    return Path(file).name in not_read or Path(file).name in project.said


def others(states: dict[str, Any], hurt: str) -> dict[str, Any]:
    return {name: one for name, one in states.items() if name != hurt}


@pytest.mark.parametrize("damage", EACH_DAMAGE)
@pytest.mark.parametrize("hurt", [COMPLETED, RUNNING])
def test_each_file_of_a_run(
    hurt: str, damage: str, whole: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of(whole, here / "al", hurt)
    run = folder / "runs" / hurt
    before = others(Project(folder, capsys).states(), hurt)
    problems = []
    for file in files_of(whole, hurt):
        project = Project(folder, capsys)
        DAMAGES[damage](run / file)
        shutil.rmtree(folder / "runs" / ".cache", ignore_errors=True)
        if others(project.states(), hurt) != before:
            problems.append(f"{file}: the other runs are not shown as before")
        if file.endswith(OF_THE_PAGE):
            project.run("report", hurt, "--output", str(here / "page.html"))
            project.run("logs", hurt, "--json")
        if not is_named(project, hurt, file, damage):
            problems.append(f"{file}: is not named")
        problems += [f"{file}: {bug}" for bug in project.bugs]
        put_back(whole / "al" / "runs" / hurt / file, run / file)
    assert not problems, "\n".join(problems)


def put_back(source: Path, target: Path) -> None:
    if target.is_dir():
        target.rmdir()
    else:
        target.unlink()
    shutil.copy2(source, target)


@pytest.mark.parametrize("damage", EACH_DAMAGE)
@pytest.mark.parametrize("hurt", [COMPLETED, RUNNING, COLLECTED])
def test_every_file_at_once_and_every_command(
    hurt: str, damage: str, whole: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Project(copy_of(whole, here / "al", hurt), capsys)
    before = others(project.states(), hurt)
    for file in files_of(whole, hurt):
        if damage != "100 MB" or file in ("run.json", "events.jsonl", "attempts/01/result.json"):
            DAMAGES[damage](project.folder / "runs" / hurt / file)
    assert others(project.states(), hurt) == before
    project.run("status")
    project.run("logs", hurt, "--json")
    project.run("report", hurt, "--output", str(here / "page.html"))
    _, out = project.run("collect", "--json")
    if hurt == RUNNING:
        assert json.loads(out)["potentials"] == []
    else:
        other = COMPLETED if hurt == COLLECTED else COLLECTED
        assert other in {one["run_id"] for one in json.loads(out)["potentials"]} or (
            other == COLLECTED
        )
    project.run("cancel", hurt)
    project.run("resume", hurt, "--json")
    assert others(project.states(), hurt).keys() == before.keys()
    assert project.bugs == []
    assert "run.json" in project.said


def paths_in(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List where the values of a JSON file are; of a list, its first."""
    if path:
        yield path
    inside = content.items() if isinstance(content, dict) else enumerate(content[:1])
    for key, value in inside:
        if isinstance(value, (dict, list)):
            yield from paths_in(value, (*path, key))
        else:
            yield (*path, key)


WRONG = ["text", -1, 1e300, [], {}, None, True, "../../x", "\x1b[2J"]


@pytest.mark.parametrize(
    ("hurt", "file"),
    [(COMPLETED, f"attempts/01/{name}.json") for name in ("result", "claim", "evaluation",
     "environment", "verification")]
    + [(RUNNING, f"attempts/01/{name}.json") for name in ("claim", "heartbeat", "next")]
    + [(RUNNING, "run.json"), (RUNNING, "job/settings.json"), (COMPLETED, "rows.json")],
)  # fmt: skip
def test_every_value_of_another_kind(
    hurt: str, file: str, whole: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of(whole, here / "al", hurt)
    path = folder / "runs" / hurt / file
    content = json.loads(path.read_text())
    before = others(Project(folder, capsys).states(), hurt)
    problems = []
    places = sorted(set(paths_in(content)), key=str)
    for number, place in enumerate(places[:: 1 + len(places) // 40]):
        changed = copy.deepcopy(content)
        holder = changed
        for key in place[:-1]:
            holder = holder[key]
        for wrong in WRONG[number % 3 :: 3]:
            holder[place[-1]] = wrong
            path.write_text(json.dumps(changed))
            project = Project(folder, capsys)
            shown = before if file.endswith(OF_THE_PAGE) else others(project.states(), hurt)
            if shown != before:
                problems.append(f"{place}: {wrong!r}: the other runs are not shown as before")
            if not file.endswith("heartbeat.json"):
                project.run("report", hurt, "--output", str(here / "page.html"))
            problems += [f"{place}: {wrong!r}: {bug}" for bug in project.bugs]
            assert "\x1b" not in project.said
    assert not problems, "\n".join(problems)
