"""Use case: take a training that was made by hand as a run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hpctrain.engines import NAMES, engine_of
from hpctrain.engines.base import Engine
from hpctrain.engines.by_hand import UNKNOWN, LogFacts
from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, now, write_atomically
from hpctrain.potentials import archive
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.actions.status import status
from hpctrain.runs.lock import hold_lock
from hpctrain.runs.manifest import DatasetFacts, Manifest
from hpctrain.runs.names import refuse_name
from hpctrain.runs.run import MANIFEST, Run, all_runs, new_run_id
from hpctrain.runs.state.adopted import NO_SCHEDULER, ORIGIN, SITE, look, reader_of
from hpctrain.yamlfile import read_mapping

if TYPE_CHECKING:
    from hpctrain.settings import DataConfig

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class AdoptedRun:
    """A training as a run; ``new`` if this call made it. ``unknown`` is what is not known of it."""

    run_id: str
    name: str | None
    folder: str
    state: str
    reason: str
    unknown: list[str]
    new: bool


def adopt(
    project: Project,
    folder: Path,
    *,
    name: str | None = None,
    generation: int | None = None,
    progress: Progress = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> AdoptedRun:
    """Make a run of a folder in which a trainer was run by hand, or still runs.

    The folder is only read. A folder that is a run already stays that run. HpctrainError if it has
    no trainer's input and log, or neither tells for which elements it is.
    """
    folder = folder.absolute()
    known = _find(project, folder)
    if known is not None:
        return _report(project, known, folder, say, new=False)
    engine = _trainer_of(folder)
    if name is not None:
        refuse_name(project.runs, name)
    given = read_mapping(folder / reader_of(engine).input)
    log = look(engine, folder, time.time()).log
    project.runs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=project.runs, prefix=".new-", ignore_cleanup_errors=True
    ) as temporary:
        new = Run(Path(temporary) / "run")
        new.folder.mkdir()
        manifest = _manifest(project, engine, folder, new.folder, given, log, name, progress)
        new.record("adopted", folder=str(folder))
        with hold_lock(project.runs, "adopt", say=say):
            if name is not None:
                refuse_name(project.runs, name)
            manifest["generation"] = archive.generation_of(
                project, manifest["dataset"]["rows_fingerprint"], generation, say
            )
            write_atomically(new.folder / MANIFEST, as_json(manifest))
            run = Run(project.runs / manifest["run_id"])
            new.folder.rename(run.folder)
    return _report(project, run, folder, say, new=True)


def _trainer_of(folder: Path) -> Engine:
    """Return the trainer whose files a folder has."""
    adoptable = [engine for name in NAMES if (engine := engine_of(name)).by_hand is not None]
    lacks = []
    for engine in adoptable:
        files = (reader_of(engine).input, reader_of(engine).log)
        missing = [file for file in files if not (folder / file).is_file()]
        if not missing:
            return engine
        lacks.append(f"{folder} has no {missing[0]}: {engine.title} was not run in it")
    wanted = [f"{reader_of(engine).input} and {reader_of(engine).log}" for engine in adoptable]
    raise HpctrainError("\n".join(lacks), f"name the folder with its {', or its '.join(wanted)}")


def _find(project: Project, folder: Path) -> Run | None:
    for run in all_runs(project.runs):
        try:
            if run.history().adopted == str(folder):
                return run
        except BadFile:
            continue
    return None


def _report(
    project: Project, run: Run, folder: Path, say: Callable[[str], None], *, new: bool
) -> AdoptedRun:
    (found,) = status(project, (run.run_id,), say=say).runs
    unknown = run.manifest.get("unknown", [])
    return AdoptedRun(run.run_id, found.name, str(folder), found.state, found.reason, unknown, new)


def _manifest(
    project: Project,
    engine: Engine,
    folder: Path,
    target: Path,
    given: dict[str, Any],
    log: LogFacts,
    name: str | None,
    progress: Progress,
) -> Manifest:
    """Put together what is known of a training, and say what is not."""
    by_hand = reader_of(engine)
    training = by_hand.training_settings(given, log)
    data, dataset, unknown = _data(engine, folder, target, given, training["cutoff"], progress)
    elements = by_hand.elements(given) or dataset["elements"]
    if not elements:
        raise HpctrainError(
            f"neither {by_hand.input} nor the data of {folder} say for which elements it is",
            f"write potential: {{elements: [...]}} in {folder / by_hand.input}",
        )
    unknown += by_hand.unknown(given, log)
    if engine.version_of not in log.versions:
        unknown.append(f"the version of {engine.title}")
    if not log.host:
        unknown.append("the machine")
    unknown.append("the site, the job, and how it was submitted")
    return {
        "schema": "hpctrain.run/1",
        "run_id": new_run_id(),
        "project": project.config().project,
        "created": now(),
        "generation": 0,
        "site": {
            "name": SITE,
            "target": None,
            "files": [],
            "profile": {"scheduler": NO_SCHEDULER, "output": "job-%j.out"},
        },
        "settings": {"data": data, "training": training},
        "evaluator": by_hand.evaluator(given),
        "dataset": {**dataset, "elements": elements, "key": None},
        "reference_energies": UNKNOWN,
        "input": given,
        "versions": log.versions,
        "files": {},
        "name": name,
        "trial": False,
        "origin": ORIGIN,
        "unknown": unknown,
    }


def _data(
    engine: Engine,
    folder: Path,
    target: Path,
    given: dict[str, Any],
    cutoff: float | None,
    progress: Progress,
) -> tuple[dict[str, Any], DatasetFacts, list[str]]:
    """Export what the trainer has kept of its data; return settings, facts, what is not known."""
    from hpctrain.settings import DataConfig

    by_hand = reader_of(engine)
    tables = {side: folder / file for side, file in by_hand.data.items()}
    why = f"{tables['train'].name} is not in the folder"
    if tables["train"].is_file() and cutoff is not None:
        if by_hand.has_test_set(given) and not tables["test"].is_file():
            why = f"{tables['test'].name} is not in the folder"
        else:
            for labels in by_hand.labels:
                data = DataConfig.model_validate(_settings(tables, labels.names))
                try:
                    facts = _export(data, tables, folder, target, cutoff, progress)
                except HpctrainError as problem:
                    why = why if labels.names else problem.message
                    continue
                return data.model_dump(mode="json"), facts, labels.unknown
    nothing: DatasetFacts = {
        "fingerprint": None,
        "rows_fingerprint": None,
        "train": None,
        "test": None,
        "skipped": [],
        "elements": [],
        "isolated_atoms": {},
        "config_types": {},
        "generations": {},
        "notes": [],
    }
    named = given.get("data")
    source = named.get("filename") if isinstance(named, dict) else None
    files = source if isinstance(source, (str, list)) else UNKNOWN
    return {"source": files}, nothing, [f"the data and their split: {why.splitlines()[0]}"]


def _settings(tables: dict[str, Path], labels: dict[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = {"source": str(tables["train"]), "select": "", "labels": labels}
    if tables["test"].is_file():
        settings |= {"split": "given", "test_source": str(tables["test"])}
    return settings


def _export(
    data: DataConfig,
    tables: dict[str, Path],
    base: Path,
    target: Path,
    cutoff: float,
    progress: Progress,
) -> DatasetFacts:
    from hpctrain.data.export import export

    rows = None
    if data.test_source is None:
        # No test set: every row was trained on.
        from hpctrain.data.sources.pickles import read_pickle

        count = sum(1 for _ in read_pickle(tables["train"], tables["train"].name))
        rows = {"train": [str(number) for number in range(1, count + 1)], "test": []}
    dataset = export(data, base, target, cutoff=cutoff, card_rows=rows, progress=progress)
    write_atomically(target / "rows.json", as_json(dataset.rows()))
    facts = dataset.facts()
    if facts["leakage"] is None:  # it was not looked for
        del facts["leakage"]
    return cast("DatasetFacts", facts)
