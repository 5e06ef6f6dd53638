"""The run folder on disk: nothing torn is believed, nothing written is lost."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from made_runs import manifest

from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, write_atomically
from hpctrain.records import BadFile, parse, read_record
from hpctrain.runs.names import find_runs
from hpctrain.runs.result import Result
from hpctrain.runs.run import MANIFEST, Run, all_runs


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return made(tmp_path, "20260101-000000-abcd")


def made(folder: Path, run_id: str, manifest: str = '{"a": 1}') -> Run:
    (folder / run_id).mkdir(parents=True)
    (folder / run_id / "run.json").write_text(manifest)
    return Run(folder / run_id)


def kinds(run: Run) -> list[str]:
    return [event["event"] for event in run.events()]


def test_events_come_back_in_order_with_time_and_facts(run: Run) -> None:
    assert run.events() == []
    run.record("submitting", attempt=1, token="t")
    run.record("submitted", attempt=1, job_id="7")
    first, second = run.events()
    assert (first["event"], first["attempt"], first["token"]) == ("submitting", 1, "t")
    assert (second["event"], second["job_id"]) == ("submitted", "7")
    assert datetime.fromisoformat(first["time"]) <= datetime.fromisoformat(second["time"])
    assert datetime.fromisoformat(first["time"]).tzinfo is not None


def test_an_event_is_on_the_disk_before_record_returns(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(
        os, "fsync", lambda _: synced.append((run.folder / "events.jsonl").read_bytes())
    )
    run.record("one")
    assert len(synced) == 1
    assert b'"one"' in synced[0]


@pytest.mark.parametrize("left", range(1, 20))
def test_a_torn_last_line_is_ignored_and_mended_by_the_next(run: Run, left: int) -> None:
    run.record("one")
    file = run.folder / "events.jsonl"
    whole = file.read_bytes()
    run.record("two")
    file.write_bytes(file.read_bytes()[: len(whole) + left])
    assert kinds(run) == ["one"]
    run.record("three")
    assert kinds(run) == ["one", "three"]
    run.record("four")
    assert kinds(run) == ["one", "three", "four"]
    assert file.read_bytes().startswith(whole)  # nothing is ever taken away


def test_a_line_without_its_end_is_not_believed_even_if_it_parses(run: Run) -> None:
    run.record("one")
    file = run.folder / "events.jsonl"
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert run.events() == []


def test_damaged_lines_do_not_hide_the_others(run: Run) -> None:
    run.record("one")
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'\n{"event": \n[1]\n3\nnull\n"x"\n\xff\xfe\n{"event": "t\xffo"}\n')
    run.record("three")
    assert kinds(run) == ["one", "t\ufffdo", "three"]


@pytest.mark.parametrize(
    "reason",
    ["a\nb", "a\r\nb", "a\rb", "a\u2028b", "a\u2029b", "a\x85b", "a\x0bb\x0c\x1c\x1d\x1eb",
     "Å 铝 😀",
     '"{}\\', "\x00", ""],
)  # fmt: skip
def test_any_text_survives(run: Run, reason: str) -> None:
    run.record("refused", reason=reason)
    run.record("two")
    assert kinds(run) == ["refused", "two"]
    assert run.events()[0]["reason"] == reason


def test_bytes_that_are_no_text_cannot_lose_an_event(run: Run) -> None:
    """A path or a scheduler's words that are not UTF-8 come as lone surrogates."""
    odd = os.fsdecode(b"caf\xe9")
    run.record("submitted", job_id="7", odd=odd)
    assert run.events()[0]["odd"] == odd
    write_atomically(run.folder / "x.json", as_json({"path": odd}))
    assert parse((run.folder / "x.json").read_bytes()) == {"path": odd}


def test_a_short_write_is_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))
    run.record("one", reason="long" * 10)
    run.record("two")
    assert kinds(run) == ["one", "two"]


def test_writers_at_once(run: Run) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: run.record("event", number=n), range(100)))
    assert sorted(event["number"] for event in run.events()) == list(range(100))


def test_writing_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, "before")

    def fail(_: int) -> None:
        assert path.read_text() == "before"
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    write_atomically(path, "after Å")
    assert path.read_text(encoding="utf-8") == "after Å"
    assert list(tmp_path.iterdir()) == [path]


def test_json_has_no_nan() -> None:
    assert json.loads(as_json({"a": "Å"})) == {"a": "Å"}
    with pytest.raises(ValueError, match="JSON"):
        as_json({"a": float("nan")})


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[1]", b"3", b"\xff", b"null"])
def test_json_that_is_not_there_or_not_whole(tmp_path: Path, content: bytes) -> None:
    assert read_record(tmp_path / "x.json", Result) is None
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(BadFile, match=r"x\.json is damaged: "):
        read_record(tmp_path / "x.json", Result)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    run = made(tmp_path, "r", content)
    with pytest.raises(HpctrainError, match=r"run\.json is damaged"):
        _ = run.manifest


def test_attempts_and_results(run: Run) -> None:
    assert run.attempts() == []
    for name in ("02", "10", "01", "x", ".new", "03.tmp"):
        (run.folder / "attempts" / name).mkdir(parents=True)
    assert run.attempts() == [1, 2, 10]
    assert run.attempt(2) == run.folder / "attempts" / "02"
    assert run.result(2) is None
    (run.attempt(2) / "result.json").write_text('{"state": "completed"}')
    assert run.result(2) == {"state": "completed"}


def ids(found: Any) -> list[str]:
    return [run.run_id for run in found]


def test_runs_are_folders_with_a_manifest_the_oldest_first(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    assert ids(all_runs(folder)) == []
    for name in ("20260102-b", "20260101-a", ".new-x", ".queue"):
        made(folder, name)
    (folder / "20260103-empty").mkdir()
    (folder / "file").write_text("")
    assert ids(all_runs(folder)) == ["20260101-a", "20260102-b"]
    assert ids(find_runs(folder, ())) == ["20260101-a", "20260102-b"]


def test_runs_are_found_by_unique_beginnings(tmp_path: Path) -> None:
    for name in ("20260101-a", "20260101-ab", "20260102-b"):
        made(tmp_path, name)
    assert ids(find_runs(tmp_path, ("20260102",))) == ["20260102-b"]
    assert ids(find_runs(tmp_path, ("20260101-ab", "20260102-b"))) == [
        "20260101-ab",
        "20260102-b",
    ]
    # A whole id is meant, also where another begins with it.
    assert ids(find_runs(tmp_path, ("20260101-a",))) == ["20260101-a"]
    for name, words in [
        ("20260101", "the ids of 2 runs begin with 20260101: 20260101-a, 20260101-ab"),
        ("2026", "the ids of 3 runs begin with 2026: 20260101-a, 20260101-ab, 20260102-b"),
        ("", "the ids of 3 runs begin with : 20260101-a, 20260101-ab, 20260102-b"),
        ("x", "no run's id begins with x (there are: 20260101-a, 20260101-ab, 20260102-b)"),
        ("20260102-b-more", "no run's id begins with 20260102-b-more (did you mean '20260102-b'?)"),
    ]:
        with pytest.raises(HpctrainError) as caught:
            find_runs(tmp_path, ("20260102", name))
        assert caught.value.message == words


def test_a_run_named_twice_is_one_run(tmp_path: Path) -> None:
    made(tmp_path, "20260101-a")
    assert ids(find_runs(tmp_path, ("20260101-a", "2026", "20260101-a"))) == ["20260101-a"]


@pytest.mark.parametrize("left", ["job-17.out", "attempts/01/claim.json"])
def test_emptied_events_of_a_run_that_has_had_a_job(run: Run, left: str) -> None:
    """It is not said that it was never submitted: then it would be submitted again."""
    write_atomically(
        run.folder / MANIFEST,
        as_json(manifest(run.run_id, {"scheduler": "slurm", "output": "job-%j.out"})),
    )
    run.record("prepared")
    assert run.history().unfinished
    (run.folder / left).parent.mkdir(parents=True, exist_ok=True)
    (run.folder / left).write_text("{}")
    for text in ("", '{"time": "2026-11-23T12:00:00.000+00:00", "event": "prep'):
        (run.folder / "events.jsonl").write_text(text)
        with pytest.raises(BadFile, match="does not say any more what was submitted"):
            run.history()
