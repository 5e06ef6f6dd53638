"""Use case: compare potentials with what was archived: files, write protection, data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hpctrain.data.read import Progress
from hpctrain.data.sources.names import expand_sides
from hpctrain.errors import HpctrainError
from hpctrain.files import files_in, sha256_of, sum_of
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card
from hpctrain.potentials.export_again import export_again
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.kept import run_or_rest
from hpctrain.runs.manifest import SIDES, Side

State = Literal["ok", "changed", "gone", "not checked"]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked; ``why`` is empty where it is as it was."""

    what: str
    state: State
    why: str = ""

    @property
    def wrong(self) -> bool:
        """Say whether it is not as it was."""
        return self.state in ("changed", "gone")


@dataclass(frozen=True)
class Audit:
    """All that was checked of one potential."""

    name: str
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong."""
        return not any(finding.wrong for finding in self.findings)


def audit(
    project: Project, names: tuple[str, ...] = (), *, progress: Progress = lambda *_: None
) -> list[Audit]:
    """Check the named potentials, or all that are not retired; nothing is changed.

    Also those without a card that can be read: something is wrong with them.
    """
    folder = project.potentials
    there = archive.names(folder)
    retired = archive.read_retired(folder)
    wanted = [
        archive.current_name(folder) or name if name == "current" else name for name in names
    ] or [name for name in there if name not in retired]
    audits = []
    for name in wanted:
        if name not in there:
            archive.find_card(folder, name)  # says that there is none, and which there are
        try:
            card = archive.read_named_card(folder, name)
        except BadFile as bad:
            audits.append(Audit(name, [Finding(f"{name}.json", "changed", bad.problem)]))
            continue
        audits.append(Audit(name, [*_findings(project, name, card, progress)]))
    return audits


def _findings(
    project: Project, name: str, card: Card | None, progress: Progress
) -> Iterator[Finding]:
    path = project.potentials / f"{name}.json"
    if card is None:
        yield Finding(path.name, "gone", "there is no card of these files")
        return
    run = run_or_rest(project.runs, card["run"]["run_id"])
    collected = [e for e in run.events() if e.get("event") == "collected" and e.get("name") == name]
    known = collected[-1].get("card_sha256") if collected else None
    yield _check_file(path, known, "the run's folder, which has its sum, is gone"
                if not run.folder.is_dir() else "its sum was not recorded")  # fmt: skip
    for file in card["files"].values():
        yield _check_file(project.potentials / file["path"], file["sha256"])
    for side in SIDES:
        yield _check_exported(run.folder, side, card)
    yield _check_source(project, path, card, progress)


def _check_file(path: Path, known: str | None, unknown: str = "") -> Finding:
    """Check that what is archived is there, read-only, and has the sum that is known."""
    if not path.exists():
        return Finding(path.name, "gone", f"{path} is not there")
    try:
        files = [*files_in(path).values()] if path.is_dir() else [path]
        found = sum_of(path)
    except HpctrainError as error:
        return Finding(path.name, "changed", error.message)
    if known is not None and found != known:
        return Finding(path.name, "changed", f"not what was archived (sha256 {known[:12]}…)")
    for file in files:
        if file.stat().st_mode & 0o222:
            why = f"it can be written to; protect it: chmod a-w {file}"
            return Finding(path.name, "changed", why)
    if known is None:
        return Finding(path.name, "not checked", unknown)
    return Finding(path.name, "ok")


def _check_exported(folder: Path, side: Side, card: Card) -> Finding:
    """Check what the trainer was given, as the run keeps it."""
    path, known = folder / f"{side}.extxyz", card["dataset"][side]
    if known is None:
        return Finding(f"{side}.extxyz of the run", "not checked", "its data are not known")
    if not folder.is_dir():
        return Finding(f"{side}.extxyz of the run", "not checked", f"{folder} is gone")
    if not path.is_file():
        return Finding(f"{side}.extxyz of the run", "gone", f"{path} is not there")
    if sha256_of(path) != known["sha256"]:
        return Finding(f"{side}.extxyz of the run", "changed", f"{path} is not what was exported")
    return Finding(f"{side}.extxyz of the run", "ok")


def _check_source(project: Project, path: Path, card: Card, progress: Progress) -> Finding:
    """Check that the rows which the card names still give its fingerprint."""
    data = card["settings"]["data"]
    source, tests = data["source"], data.get("test_source")
    sources = [*_as_list(source), *_as_list(tests or [])]
    what = f"the source {', '.join(sources)}"
    if card["dataset"]["train"] is None:
        return Finding(what, "not checked", "its data are not known")
    try:
        expand_sides(source, tests, project.folder)
    except HpctrainError as error:
        return Finding(what, "gone", error.message)
    try:
        settings = project.config().data
    except HpctrainError as error:
        return Finding(what, "not checked", f"hpctrain.yaml cannot be read: {error.message}")
    with tempfile.TemporaryDirectory(prefix="hpctrain-") as temporary:
        try:
            again = export_again(
                path, settings, project.folder, Path(temporary) / "data", progress=progress
            )
        except HpctrainError as error:
            # A database that does not answer says nothing about its rows.
            unread = "cannot be read" in error.message and "://" in what
            return Finding(what, "not checked" if unread else "changed", error.message)
    if again.fingerprint != card["dataset"]["fingerprint"]:
        return Finding(what, "changed", "its rows give another fingerprint")
    return Finding(what, "ok")


def _as_list(source: str | list[str]) -> list[str]:
    return [source] if isinstance(source, str) else source
