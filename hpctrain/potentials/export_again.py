"""The data that a potential was trained and tested on, written again from its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from hpctrain.data.export import Dataset, export
from hpctrain.data.read import Progress
from hpctrain.data.sources.names import without_passwords
from hpctrain.errors import HpctrainError
from hpctrain.records import LARGE, BadFile, read_record
from hpctrain.runs.kept import run_or_rest
from hpctrain.runs.manifest import SIDES, RowIds, Side
from hpctrain.shapes import Sha256

if TYPE_CHECKING:
    from hpctrain.potentials.card import Card
    from hpctrain.project import Project
    from hpctrain.settings import DataConfig


class _Side(TypedDict):
    sha256: Sha256


class _Data(TypedDict):
    train: _Side | None
    test: _Side | None
    rows: RowIds | None


class _Source(TypedDict, total=False):
    select: str | None
    test_source: str | list[str] | None


class _DataSettings(_Source):
    source: str | list[str]


class _Training(TypedDict):
    cutoff: float | None


class _Settings(TypedDict):
    data: _DataSettings
    training: _Training


class _CardOfData(TypedDict):
    """What a card says of its data."""

    dataset: _Data
    settings: _Settings


def export_again(
    card: Path, data: DataConfig, base: Path, folder: Path, *, progress: Progress = lambda *_: None
) -> Dataset:
    """Write into ``folder`` the two files that a card names, byte for byte.

    The rows come from the card's own source, looked up in ``base``; ``data`` is the project's, for
    a source whose password the card does not tell. HpctrainError names the rows that have changed,
    or are gone.
    """
    try:
        content = read_record(card, _CardOfData, LARGE)
    except BadFile as bad:
        raise HpctrainError(
            f"{card} is not the card of a potential: it {bad.problem}",
            "name the .json of a potential in potentials/",
        ) from bad
    if content is None:
        raise HpctrainError(f"there is no card {card}")
    known, settings = content["dataset"], dict(content["settings"]["data"])
    rows, sides = known["rows"], {side: known[side] for side in SIDES}
    if rows is None or None in sides.values():
        raise HpctrainError(
            f"{card} does not say what was trained on: the training was made by hand, and adopted "
            "without its data"
        )
    card_rows: dict[str, Any] = {side: rows[side] for side in SIDES}
    card_rows["marks"] = rows.get("marks")
    cutoff = float(content["settings"]["training"]["cutoff"] or 0.0)
    expected = {side: facts and facts["sha256"] for side, facts in sides.items()}
    for name, given in (("source", data.source), ("test_source", data.test_source)):
        if given is not None and settings.get(name) == without_passwords(given):
            settings[name] = given
    tests = settings.get("test_source")
    # The rows are named one by one: how they were chosen does not matter any more.
    # Before there were data.labels, `energy` was taken also where there was a free energy.
    source = type(data).model_validate(
        {
            "source": settings["source"],
            "select": settings.get("select") or "",
            "labels": settings.get("labels", {"energy": "energy"}),
            **({"split": "given", "test_source": tests} if tests else {}),
        }
    )
    dataset = export(source, base, folder, cutoff=cutoff, card_rows=card_rows, progress=progress)
    found = {"train": dataset.train.sha256, "test": dataset.test.sha256}
    if found != expected:
        for file in (dataset.train, dataset.test):
            file.path.unlink()
        raise HpctrainError(
            f"the rows of {card} have the labels they had, but something else of them has changed "
            "(config_type, generation, or the name of the source)",
            "what was trained on is in the run's own folder, as train.extxyz and test.extxyz",
        )
    return dataset


def structures_of(
    card: Card, path: Path, project: Project, folder: Path, say: Callable[[str], None]
) -> dict[Side, Path]:
    """Find what a potential was trained and tested on: its run's, or written again into a folder.

    ``path`` is its card's. HpctrainError as of :func:`export_again`.
    """
    run = run_or_rest(project.runs, card["run"]["run_id"]).folder
    kept: dict[Side, Path] = {side: run / f"{side}.extxyz" for side in SIDES}
    if all(one.is_file() for one in kept.values()):
        return kept
    say("its run is gone: writing its structures again from their source")
    dataset = export_again(path, project.config().data, project.folder, folder)
    return {"train": dataset.train.path, "test": dataset.test.path}
