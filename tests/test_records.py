"""The reader of files that other programs wrote: what it refuses, and what it costs."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any, TypedDict

import pytest

from hpctrain.records import BadFile, open_binary, parse, read_lines, read_pieces, read_record
from hpctrain.runs.run import Run
from hpctrain.shapes import FileName, JobId, Seconds, Time, misfit

MB = 1 << 20


class Facts(TypedDict, total=False):
    """Facts of every kind that has bounds."""

    time: Seconds
    when: Time
    job_id: JobId | None
    file: FileName
    counts: dict[str, int]
    rows: list[float]


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"time": -1}, "time is not between"),
        ({"time": 1e300}, "time is too large"),
        ({"time": "now"}, "time is not a number"),
        ({"time": True}, "time is not a number"),
        ({"when": "yesterday"}, "when is not a time"),
        ({"when": "0001-01-01T00:00:00+14:00"}, "when is not a time"),
        ({"job_id": "-v"}, "job_id is not a job id"),
        ({"job_id": "../7"}, "job_id is not a job id"),
        ({"job_id": "7 8"}, "job_id is not a job id"),
        ({"file": "../x"}, "file is not the name of a file"),
        ({"file": ".."}, "file is not the name of a file"),
        ({"counts": {"a": 1.5}}, "counts.a is not a whole number"),
        ({"counts": []}, "counts is not a mapping of keys to values"),
        ({"rows": {}}, "rows is not a list"),
        ({"rows": [1, None]}, r"rows[1] is not a number"),
    ],
)
def test_what_is_not_as_its_type_says(facts: dict[str, Any], problem: str) -> None:
    assert problem in str(misfit(facts, Facts))


def test_what_is_as_its_type_says() -> None:
    good = {"time": 1, "when": "2026-11-28T13:47:05.548+00:00", "job_id": "123[4].pbs-1;gpu",
            "file": "train.extxyz", "counts": {}, "rows": [1, 2.5], "more": "newer"}  # fmt: skip
    assert misfit(good, Facts) is None
    assert misfit({"job_id": None}, Facts) is None


@pytest.mark.parametrize("depth", [60, 65, 100_000])
def test_nesting(depth: int) -> None:
    content = b'{"text": "' + b"[" * 1000 + b'", "a": ' + b"[" * depth + b"]" * depth + b"}"
    if depth < 64:
        assert parse(content)["text"] == "[" * 1000
    else:
        with pytest.raises(ValueError, match="nested too deeply"):
            parse(content)


def peak(path: Path, work: Any) -> int:
    with path.open("wb") as file:
        file.write(b'{"time": "x", "event": "one"}\n')
        file.truncate(64 * MB)
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_line_without_end_costs_no_memory(tmp_path: Path) -> None:
    run, path = Run(tmp_path), tmp_path / "events.jsonl"
    assert peak(path, run.events) < 8 * MB
    with pytest.raises(BadFile, match="does not say any more what was submitted"):
        run.history()
    assert peak(path, lambda: list(read_lines(path, MB, 1 << 30))) < 8 * MB
    assert list(read_lines(path, MB, 1 << 30))[1:] == [None]
    with pytest.raises(BadFile, match="more than 32 MB"):
        list(read_lines(path, MB, 32 * MB))


def test_a_log_line_without_end_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"

    def read() -> None:
        file = open_binary(path)
        assert file is not None
        with file:
            assert sum(map(len, read_pieces(file))) == 64 * MB

    assert peak(path, read) < 12 * MB


def test_a_long_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "result.json"

    def read() -> None:
        with pytest.raises(BadFile, match="it has 64 MB, and such a file at most 4 MB"):
            read_record(path, Facts)

    assert peak(path, read) < MB
