"""The data of all runs, in one list: read once, and again where a manifest has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_runs import manifest

from hpctrain.errors import HpctrainError
from hpctrain.runs import exports as module
from hpctrain.runs.exports import ExportOf, exports
from hpctrain.runs.run import Run


def make(runs: Path, name: str, generation: int = 1) -> ExportOf:
    (runs / name).mkdir(parents=True, exist_ok=True)
    content = manifest(name, {"scheduler": "slurm", "output": "job-%j.out"})
    content["generation"] = generation
    content["dataset"] |= {"rows_fingerprint": "rows", "key": "k"}
    (runs / name / "run.json").write_text(json.dumps(content))
    return ExportOf(name, generation, "rows", "k", "0" * 64, "0" * 64, None, False)


def test_each_manifest_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, seen = module._read, []

    def noting(run: Run) -> ExportOf:
        seen.append(run.run_id)
        return read(run)

    monkeypatch.setattr(module, "_read", noting)
    one, two = make(tmp_path, "r1"), make(tmp_path, "r2")
    assert exports(tmp_path) == exports(tmp_path) == [one, two]
    assert seen == ["r1", "r2"]
    changed = make(tmp_path, "r1", generation=2)
    assert exports(tmp_path) == [changed, two]
    assert seen == ["r1", "r2", "r1"]
    for content in ("", "[]", '{"runs": []}', '{"runs": {"r1": {"stamp": 1}}}'):
        (tmp_path / ".cache" / "exports.json").write_text(content)
        assert exports(tmp_path) == [changed, two]


@pytest.mark.parametrize("text", ["{", "{}", '{"generation": "x", "dataset": {}}', "[]"])
def test_a_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    one = make(tmp_path, "r1")
    make(tmp_path, "r2")
    (tmp_path / "r2" / "run.json").write_text(text)
    told: list[HpctrainError] = []
    assert exports(tmp_path, told.append) == [one]
    (error,) = told
    assert str(tmp_path / "r2" / "run.json") in error.message


def test_no_runs(tmp_path: Path) -> None:
    assert exports(tmp_path / "runs") == []
