"""Reading on costs what was appended, and gives what reading everything gives."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from bare_runs import bare_run
from paths import RECORDED

from hpctrain import records
from hpctrain.runs.run import Run
from hpctrain.runs.state import latest as module
from hpctrain.runs.state.curves import curves
from hpctrain.runs.state.latest import Latest, TrainingFiles

OF_PACEMAKER = RECORDED / "pacemaker"
NAMES = ("log.txt", "metrics.txt", "test_metrics.txt")
TRAININGS = ["simple", "ladder", "fit_cycles", "early_stop_train", "lbfgs", "pyace_with_test"]
NOW = 1_800_000_000.0


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "runs/r1/attempts/01").mkdir(parents=True)
    return bare_run(tmp_path / "runs/r1")


Looking = Callable[..., Latest]


@pytest.fixture
def look(run: Run) -> Looking:
    """A look by a new process."""

    def by_a_new_process(now: float = NOW) -> Latest:
        files = TrainingFiles(run.folder.parent / ".cache")
        latest = files.latest(run, now)
        files.save(run.folder.parent)
        return latest

    return by_a_new_process


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many characters the readers were given."""
    given: list[int] = []
    text_of = module.text_of

    def counted(lines: bytes) -> str:
        text = text_of(lines)
        given.append(len(text))
        return text

    monkeypatch.setattr(module, "text_of", counted)
    yield given


def copy(run: Run, training: str, attempt: int = 1, names: tuple[str, ...] = NAMES) -> None:
    run.attempt(attempt).mkdir(exist_ok=True)
    for name in names:
        if (OF_PACEMAKER / training / name).exists():
            shutil.copyfile(OF_PACEMAKER / training / name, run.attempt(attempt) / name)


def check(latest: Latest, run: Run) -> None:
    """As the whole curves say."""
    whole = curves(run)
    assert latest.iteration == whole.iteration
    for found, points in ((latest.train, whole.train), (latest.test, whole.test)):
        assert (found is None) == (not points)
        if found is not None:
            assert (found.rmse_energy, found.rmse_force, found.key) == (
                points[-1].rmse_energy, points[-1].rmse_force, points[-1].key,
            )  # fmt: skip


def check_kept(latest: Latest, run: Run) -> None:
    """It is the test point with the lowest loss, and the training point of the same iteration."""
    whole = curves(run)
    tests = [point for point in whole.test if point.key[2] > 0]
    best = min(tests, key=lambda point: point.loss or 0.0, default=None)
    assert (latest.kept is None) == (best is None)
    if latest.kept is not None and best is not None:
        assert latest.kept.test.key == best.key
        there = {point.key: point for point in whole.train}.get(best.key, whole.train[-1])
        assert latest.kept.train.key == there.key
        assert latest.kept.iteration == there.epoch


@pytest.mark.parametrize("training", [*TRAININGS, "killed"])
def test_what_is_kept(run: Run, look: Looking, training: str) -> None:
    """Also where the tables were read in parts, by many looks."""
    copy(run, training)
    check_kept(look(), run)
    shutil.rmtree(run.attempt(1))
    run.attempt(1).mkdir()
    for part in range(1, 8):
        for name in ("test_metrics.txt", "metrics.txt"):
            content = (OF_PACEMAKER / training / name).read_bytes()
            lines = content.splitlines(keepends=True)
            with (run.attempt(1) / name).open("wb") as file:
                file.writelines(lines[: len(lines) * part // 7])
            latest = look()
    check_kept(latest, run)


def test_what_was_lost_is_not_kept(run: Run, look: Looking) -> None:
    copy(run, "killed", 1)
    first = look().kept
    assert first is not None
    (run.attempt(2) / "resume").mkdir(parents=True)
    (run.attempt(2) / "resume/state.json").write_text(json.dumps({"total": first.iteration - 1}))
    copy(run, "restart", 2)
    kept = look().kept
    assert kept is not None
    assert kept.iteration > first.iteration - 1
    assert kept.test.loss != first.test.loss


def test_nothing_yet(run: Run, look: Looking) -> None:
    assert look() == Latest()
    assert look() == Latest()
    assert (
        TrainingFiles(run.folder.parent / ".cache").latest(bare_run(run.folder / "none"), NOW)
        == Latest()
    )


@pytest.mark.parametrize("training", TRAININGS)
def test_in_one_look(run: Run, look: Looking, training: str) -> None:
    copy(run, training)
    check(look(), run)


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_growing_byte_by_byte(
    run: Run, look: Looking, training: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut anywhere, in the middle of lines too, and seen by a new process each time."""
    monkeypatch.setattr(records, "PIECE", chunk)
    parts = 23
    for part in range(1, parts + 1):
        for name in NAMES:
            source = OF_PACEMAKER / training / name
            if source.exists():
                content = source.read_bytes()
                with (run.attempt(1) / name).open("ab") as file:
                    begin = len(content) * (part - 1) // parts
                    file.write(content[begin : len(content) * part // parts])
        latest = look()
        if part % 6 == 0 or part == parts:
            check(latest, run)


@pytest.mark.parametrize("training", TRAININGS)
def test_the_pace_is_that_of_the_whole_log(run: Run, look: Looking, training: str) -> None:
    log = OF_PACEMAKER / training / "log.txt"
    copy(run, training)
    whole = look().pace
    shutil.rmtree(run.folder.parent / ".cache")
    content = log.read_bytes()
    (run.attempt(1) / "log.txt").write_bytes(content[: len(content) // 2])
    look()
    (run.attempt(1) / "log.txt").unlink()  # another inode: read from the beginning
    (run.attempt(1) / "log.txt").write_bytes(content[: len(content) * 3 // 4])
    look()
    with (run.attempt(1) / "log.txt").open("ab") as file:
        file.write(content[len(content) * 3 // 4 :])
    assert look().pace == whole
    if training == "simple":
        assert whole == pytest.approx(1.663 / 20, rel=1e-2)


def test_reading_on_costs_what_was_appended(run: Run, look: Looking, fed: list[int]) -> None:
    copy(run, "simple")
    look()
    assert sum(fed) == sum((OF_PACEMAKER / "simple" / name).stat().st_size for name in NAMES)
    fed.clear()
    look()
    assert fed == []
    line = "2026-11-23 12:00:00,000 I - Iteration   #21   (22 evals):   Loss: 0.1 | nothing\n"
    with (run.attempt(1) / "log.txt").open("a") as file:
        file.write(line + "half a li")
    look()
    assert fed == [len(line)]
    with (run.attempt(1) / "log.txt").open("a") as file:
        file.write("ne\n")
    look()
    assert fed == [len(line), len("half a line\n")]


def begun_again_in_place(path: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate()
        file.write(b"another start\n" + content + content[-200:])


def begun_again_shorter(path: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate()
        file.write(content[: len(content) // 2])


def replaced(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(path.read_bytes() + path.read_bytes())
    new.replace(path)


@pytest.mark.parametrize("change", [begun_again_in_place, begun_again_shorter, replaced])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_was_begun_again_is_read_again(
    run: Run, look: Looking, fed: list[int], change: Callable[[Path], None], name: str
) -> None:
    copy(run, "simple")
    look()
    fed.clear()
    path = run.attempt(1) / name
    change(path)
    content = path.read_bytes()
    latest = look()
    assert sum(fed) == content.rfind(b"\n") + 1
    check(latest, run)


def test_attempts_go_on_from_their_checkpoint(run: Run, look: Looking) -> None:
    copy(run, "killed", 1)
    before = look()
    copy(run, "restart", 2, names=())
    assert look().iteration == before.iteration
    resume = run.attempt(2) / "resume"
    resume.mkdir()
    (resume / "state.json").write_text(json.dumps({"total": 50}))
    copy(run, "restart", 2)
    latest = look()
    check(latest, run)
    assert latest.iteration == 60
    assert look() == latest


def test_a_run_that_has_ended_is_not_looked_at_any_more(
    run: Run, look: Looking, fed: list[int]
) -> None:
    copy(run, "simple")
    result = run.attempt(1) / "result.json"
    result.write_text("{}")
    os.utime(result, (NOW - 10, NOW - 10))
    latest = look()
    copy(run, "lbfgs")  # the file system lagged
    assert look() != latest
    latest = look(NOW + 600)
    for name in NAMES:
        (run.attempt(1) / name).unlink()
    fed.clear()
    assert look(NOW + 700) == latest
    assert fed == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "runs": {"r1": 3}}', "\0"])
def test_a_torn_cache_costs_time_only(run: Run, look: Looking, text: str) -> None:
    copy(run, "simple")
    (run.folder.parent / ".cache").mkdir()
    (run.folder.parent / ".cache" / "following.json").write_text(text)
    check(look(), run)


def test_what_cannot_be_kept_is_no_error(run: Run, look: Looking) -> None:
    copy(run, "simple")
    (run.folder.parent / ".cache").write_text("a file where the folder should be")
    check(look(), run)


def test_runs_that_are_gone_are_forgotten(run: Run, look: Looking) -> None:
    copy(run, "simple")
    look()
    other = bare_run(run.folder.parent / "r2")
    shutil.copytree(run.folder, other.folder)
    shutil.rmtree(run.folder)
    files = TrainingFiles(run.folder.parent / ".cache")
    files.latest(other, NOW)
    files.save(run.folder.parent)
    kept = json.loads((run.folder.parent / ".cache" / "following.json").read_text())
    assert list(kept["runs"]) == ["r2"]


def test_nothing_new_is_not_written(run: Run, look: Looking) -> None:
    copy(run, "simple")
    look()
    cache = run.folder.parent / ".cache" / "following.json"
    before = cache.stat()
    look()
    assert (cache.stat().st_ino, cache.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


# -- whole curves, while a training is followed


@pytest.fixture
def files(run: Run) -> TrainingFiles:
    return TrainingFiles(run.folder.parent / ".cache")


def append(run: Run, training: str, begin: float, end: float, attempt: int = 1) -> int:
    """Append these parts of a training's files to an attempt's, and return how many bytes."""
    appended = 0
    for name in NAMES:
        source = OF_PACEMAKER / training / name
        if source.exists():
            content = source.read_bytes()
            part = content[int(len(content) * begin) : int(len(content) * end)]
            with (run.attempt(attempt) / name).open("ab") as file:
                file.write(part)
            appended += len(part)
    return appended


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_curves_grow_with_their_files(
    run: Run, files: TrainingFiles, training: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PIECE", chunk)
    parts = 11
    for part in range(parts):
        append(run, training, part / parts, (part + 1) / parts)
        files.latest(run, NOW)
        assert files.curves(run, NOW) == curves(run)
    check(files.latest(run, NOW), run)


def test_a_curve_that_is_followed_costs_what_is_appended(
    run: Run, look: Looking, files: TrainingFiles, fed: list[int]
) -> None:
    """The readers are fed the beginning once more for the curve, and then each byte once."""
    begin = append(run, "simple", 0, 0.5)
    look()
    fed.clear()
    files = TrainingFiles(run.folder.parent / ".cache")
    files.latest(run, NOW)
    assert fed == []
    files.curves(run, NOW)
    assert begin - 600 < sum(fed) <= begin  # whole lines
    already = sum(fed)
    files.latest(run, NOW)
    files.curves(run, NOW)
    assert sum(fed) == already
    rest = append(run, "simple", 0.5, 1)
    files.latest(run, NOW)
    files.curves(run, NOW)
    files.curves(run, NOW)
    assert sum(fed) == begin + rest
    files.save(run.folder.parent)
    fed.clear()
    check(look(), run)  # another process reads on where this one has got to
    assert fed == []


@pytest.mark.parametrize("change", [begun_again_in_place, begun_again_shorter, replaced])
@pytest.mark.parametrize("name", NAMES)
def test_the_curve_of_a_file_that_was_begun_again(
    run: Run, files: TrainingFiles, change: Callable[[Path], None], name: str
) -> None:
    copy(run, "simple")
    assert files.curves(run, NOW) == curves(run)
    change(run.attempt(1) / name)
    assert files.curves(run, NOW) == curves(run)
    (run.attempt(1) / name).unlink()
    assert files.curves(run, NOW) == curves(run)
    copy(run, "lbfgs", names=(name,))
    assert files.curves(run, NOW) == curves(run)


def test_the_curves_of_several_attempts(run: Run, files: TrainingFiles) -> None:
    copy(run, "killed", 1)
    assert files.curves(run, NOW).seams == []
    (run.attempt(2) / "resume").mkdir(parents=True)
    (run.attempt(2) / "resume" / "state.json").write_text(json.dumps({"total": 50}))
    copy(run, "restart", 2)
    joined = files.curves(run, NOW)
    assert joined == curves(run)
    assert (joined.seams, joined.iteration) == ([50], 60)


def test_the_curve_of_an_attempt_that_is_not_looked_at_any_more(
    run: Run, look: Looking, files: TrainingFiles, fed: list[int]
) -> None:
    copy(run, "simple")
    (run.attempt(1) / "result.json").write_text("{}")
    os.utime(run.attempt(1) / "result.json", (NOW - 900, NOW - 900))
    look()
    files = TrainingFiles(run.folder.parent / ".cache")
    assert files.curves(run, NOW) == curves(run)
    fed.clear()
    assert files.curves(run, NOW) == curves(run)
    assert fed == []


def test_a_file_server_that_hiccups_costs_no_point_and_tells_none_twice(
    run: Run, files: TrainingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(run, "simple", 0, 0.3)
    whole_lines = module.read_pieces

    def with_a_hiccup(file: BinaryIO) -> Iterator[bytes]:
        for number, lines in enumerate(whole_lines(file)):
            if number == 1:
                raise OSError(5, "Input/output error")
            yield lines

    monkeypatch.setattr(records, "PIECE", 400)
    files.curves(run, NOW)
    with monkeypatch.context() as broken:
        broken.setattr(module, "read_pieces", with_a_hiccup)
        append(run, "simple", 0.3, 1)
        files.latest(run, NOW)
        files.curves(run, NOW)
    check(files.latest(run, NOW), run)
    assert files.curves(run, NOW) == curves(run)
