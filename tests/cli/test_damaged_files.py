"""One bad file does not blind a project: every file that is read, times every kind of damage.

First each file by itself, then a matrix: all files of two runs and a potential, damaged in the same
way, times every command. None ends as a bug, the damaged file is named, and what is whole is shown
as before.
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
WHOLE = "potential_gen_02"
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


def of_each(change: Callable[[Any], Any]) -> Damage:
    """Change the values of a JSON file, or of each line of one; other files are left alone."""

    def damage(path: Path) -> None:
        lines = path.suffix == ".jsonl"
        if path.suffix in (".json", ".jsonl"):
            parts = path.read_text().splitlines() if lines else [path.read_text()]
            new = [json.dumps(_changed(json.loads(part), change)) for part in parts]
            path.write_text("\n".join(new) + "\n")

    return damage


def _changed(content: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(content, dict):
        return {key: change(_changed(value, change)) for key, value in content.items()}
    if isinstance(content, list):
        return [change(_changed(value, change)) for value in content]
    return content


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


VALUES: dict[str, Damage] = {
    "text for numbers": of_each(lambda value: "text" if is_number(value) else value),
    "NaN for numbers": of_each(lambda value: float("nan") if is_number(value) else value),
    "1e300 for numbers": of_each(lambda value: 1e300 if is_number(value) else value),
    "-1 for numbers": of_each(lambda value: -1 if is_number(value) else value),
    "numbers for texts": of_each(lambda value: 7 if isinstance(value, str) else value),
    "names that lead out": of_each(lambda value: "../../x" if isinstance(value, str) else value),
    "texts that move the cursor": of_each(
        lambda value: f"{value}\x1b[2J" if isinstance(value, str) else value
    ),
    "lists for mappings": of_each(lambda value: [value] if isinstance(value, dict) else value),
    "mappings for lists": of_each(lambda value: {"a": value} if isinstance(value, list) else value),
    "null for all": of_each(lambda value: None),
}

# These stand for the others where there are only seconds.
QUICK = ("torn", "FIFO")
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

OF_THE_ARCHIVE = (
    "potentials/potential_gen_01.json", "potentials/current.json",
    "potentials/report/potential_gen_01/learning_curve.csv",
    "potentials/report/potential_gen_01/verification.json",
    f"potentials/report/{WHOLE}/verification.json",
)  # fmt: skip

ROW = ("7", "RUNNING", "None", "1:00", "1:00:00", f"al.{RUNNING}.01", f"hpctrain:{RUNNING}.01")
SQUEUE = "#!/bin/sh\nprintf '" + "\\037".join(ROW) + "\\n'\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of four runs; whoever damages one leaves out another."""
    base = tmp_path_factory.mktemp("damaged")
    with tarfile.open(RECORDED / "project_0.1.0" / "project.tar.gz") as archive:
        archive.extractall(base, filter="fully_trusted")
    project = base / "al"
    shutil.rmtree(project / "runs" / "20261128-134830-78ef")
    for path in [*(project / "runs").rglob("*"), *(project / "potentials").rglob("*")]:
        if path.name.endswith((".extxyz", ".npy", ".pckl.gzip")):
            path.unlink()
    shutil.rmtree(project / "runs" / ".cache")
    put_potential(project / "potentials")
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


def put_potential(folder: Path) -> None:
    """Archive the potential a second time, under another name, and make the first the current."""
    card = json.loads((folder / "potential_gen_01.json").read_text())
    card["name"], card["generation"] = WHOLE, 2
    for suffix, file in card["files"].items():
        shutil.copy(folder / file["path"], folder / f"{WHOLE}.{suffix}")
        file["path"] = f"{WHOLE}.{suffix}"
    (folder / f"{WHOLE}.json").write_text(json.dumps(card))
    shutil.copytree(folder / "report" / "potential_gen_01", folder / "report" / WHOLE)
    move = {"time": iso(NOW), "by": "ada@here", "from": None, "to": "potential_gen_01"}
    pointer = {"schema": "hpctrain.current/1", "name": "potential_gen_01", "history": [move]}
    (folder / "current.json").write_text(json.dumps(pointer))


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
        # What a run has changed is told against the one before, which may be the damaged one.
        return {one["run_id"]: {**one, "changed": None} for one in json.loads(out)["runs"]}


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


def test_a_number_that_is_not_known_is_not_zero(
    whole: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Project(copy_of(whole, here / "al", COMPLETED), capsys)
    torn(project.folder / "runs" / COMPLETED / "run.json")
    _, shown = project.run("status")
    (row,) = [line for line in shown.splitlines() if line.startswith(f"{COMPLETED}  ")]
    assert "- / -" in row


def put_back(source: Path, target: Path) -> None:
    if target.is_dir():
        target.rmdir()
    else:
        target.unlink()
    shutil.copy2(source, target)


COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "status --json": ("status", "--json"),
    "logs": ("logs", RUNNING),
    "logs --json": ("logs", COMPLETED, "--json"),
    "report of a run": ("report", COMPLETED, "--output", "page.html"),
    "report of a running run": ("report", RUNNING, "--output", "page.html"),
    "report of a potential": ("report", "potential_gen_01", "--output", "page.html"),
    "potentials list": ("potentials", "list"),
    "potentials list --json": ("potentials", "list", "--json"),
    "potentials show": ("potentials", "show", "potential_gen_01"),
    "potentials show --json": ("potentials", "show", "potential_gen_01", "--json"),
    "potentials verify --json": ("potentials", "verify", "--json"),
    "potentials current": ("potentials", "current"),
    "potentials diff": ("potentials", "diff", "potential_gen_01", WHOLE),
    "sites list --json": ("sites", "list", "--json"),
    "collect --json": ("collect", "--json"),
    "cancel": ("cancel", COMPLETED, RUNNING),
    "resume --json": ("resume", COMPLETED, RUNNING, "--json"),
}
# What is whole is in what these print.
SHOWN = {
    "status": (FAILED, COLLECTED),
    "status --json": (FAILED, COLLECTED),
    "potentials list": (WHOLE,),
    "potentials list --json": (WHOLE,),
    "potentials verify --json": (WHOLE,),
    "sites list --json": ("local", "slurm"),
    "collect --json": (FAILED,),
}


def no_number(word: str) -> None:
    raise AssertionError(f"{word} in JSON")


SLOW = ("100 MB", "deep lists")


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in (*DAMAGES, *VALUES)],
)
def test_the_matrix(
    kind: str,
    whole: Path,
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = Project(shutil.copytree(whole / "al", here / "al"), capsys)
    damage = {**DAMAGES, **VALUES}[kind]
    runs = [(run, file) for run in (COMPLETED, RUNNING) for file in files_of(whole, run)]
    for run, file in runs:
        if kind != "100 MB" or Path(file).name in ("run.json", "events.jsonl", "result.json"):
            damage(project.folder / "runs" / run / file)
    for file in OF_THE_ARCHIVE:
        damage(project.folder / file)
    before = sorted(here.iterdir())
    problems = []
    for name, words in COMMANDS.items():
        project.said = ""
        code, out = project.run(*words)
        if code not in (0, 1, 4):
            problems.append(f"{name}: exit code {code}: {project.said}")
        if "\x1b" in project.said:
            problems.append(f"{name}: moves the cursor")
        if words[-1] == "--json":
            json.loads(out, parse_constant=no_number)
        problems += [
            f"{name}: {one} is not shown: {project.said}"
            for one in SHOWN.get(name, ())
            if one not in out
        ]
        (here / "page.html").unlink(missing_ok=True)
    assert not problems, "\n".join(problems)
    assert sorted(here.iterdir()) == before


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


@pytest.mark.slow
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
