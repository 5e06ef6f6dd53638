"""Core-hours and GPU-hours of a run, from what its attempts have told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hpctrain.runs.run import Run
from hpctrain.runs.spent import spent


def made(folder: Path, attempts: dict[int, tuple[float | None, int | None]], gpus: Any) -> Run:
    for number, (seconds, cores) in attempts.items():
        there = folder / "attempts" / f"{number:02d}"
        there.mkdir(parents=True)
        if seconds is not None:
            result = {"state": "timeout", "seconds": {"total": seconds}}
            (there / "result.json").write_text(json.dumps(result))
        if cores is not None:
            (there / "environment.json").write_text(json.dumps({"cores": cores}))
    run = Run(folder)
    run.__dict__["manifest"] = {"site": {"profile": {"gpus": gpus}}}
    return run


def test_attempts_add_up(tmp_path: Path) -> None:
    run = made(tmp_path, {1: (3600.0, 4), 2: (1800.0, 8)}, 2)
    assert spent(run) == {"core_hours": 8.0, "gpu_hours": 3.0, "attempts": 2, "of": 2}


def test_attempts_that_told_nothing_are_not_counted(tmp_path: Path) -> None:
    run = made(tmp_path, {1: (None, 4), 2: (1800.0, None), 3: (900.0, 4)}, None)
    assert spent(run) == {"core_hours": 1.0, "gpu_hours": 0.0, "attempts": 1, "of": 3}
