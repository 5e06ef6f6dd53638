"""What each run is called and trains on, by its manifest: kept, and read again where it changed.

Whoever submits looks for the same data among all runs, and for the same name. Losing
``runs/.cache/exports.json`` costs time only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hpctrain import __version__
from hpctrain.files import stamp
from hpctrain.records import BadFile
from hpctrain.runs.cache import read_kept, write_kept
from hpctrain.runs.run import MANIFEST, Run, all_runs
from hpctrain.shapes import FileName, RunName, misfit


@dataclass(frozen=True)
class ExportOf:
    """The data of one run: its generation, what they are, and the digests of both files.

    ``key`` is what the export depends on, None where that is not known; ``name`` is the run's,
    None if it has none. The potential of a ``trial`` is never archived.
    """

    run_id: FileName
    generation: int
    rows_fingerprint: str | None
    key: str | None
    train: str | None
    test: str | None
    name: RunName | None
    trial: bool


def exports(runs: Path, damaged: Callable[[BadFile], None] = lambda _: None) -> list[ExportOf]:
    """List what the runs train on, the oldest first; ``damaged`` is told of what cannot be read."""
    path = runs / ".cache" / "exports.json"
    known = read_kept(path, __version__)
    new: dict[str, Any] = {}
    found: list[ExportOf] = []
    for run in all_runs(runs):
        mark = stamp([f"{run.folder}/{MANIFEST}"])
        try:
            one = _kept(known.get(run.run_id), mark) or _read(run)
        except BadFile as bad:
            damaged(bad)
            continue
        new[run.run_id] = {**asdict(one), "stamp": mark}
        found.append(one)
    if new != known:
        write_kept(path, __version__, new, runs)
    return found


def _kept(content: Any, mark: str) -> ExportOf | None:
    if not isinstance(content, dict) or content.get("stamp") != mark or misfit(content, ExportOf):
        return None
    return ExportOf(**{field.name: content[field.name] for field in fields(ExportOf)})


def _read(run: Run) -> ExportOf:
    data = run.manifest["dataset"]
    train, test = data["train"], data["test"]
    return ExportOf(
        run.run_id,
        run.manifest["generation"],
        data["rows_fingerprint"],
        data.get("key"),
        train and train["sha256"],
        test and test["sha256"],
        run.manifest.get("name"),
        run.manifest.get("trial", False),
    )
