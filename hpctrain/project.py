"""A project: ``hpctrain.yaml`` and the folders beside it; and how a new one is made."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError
from hpctrain.files import resource, write_text

if TYPE_CHECKING:
    from hpctrain.settings import ProjectConfig

FILE = "hpctrain.yaml"
SCHEMA = "templates/project.schema.json"  # by which editors complete and check it
DEMO_DATABASE = "al_pbe.db"


@dataclass(frozen=True)
class Project:
    """A project, by its hpctrain.yaml; its properties are its folders."""

    file: Path

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def potentials(self) -> Path:
        return self.folder / "potentials"

    @property
    def cache(self) -> Path:
        """Return the folder of what was read and answered a moment ago."""
        return self.runs / ".cache"

    @property
    def queue(self) -> Path:
        """Return the folder of the queue of the site ``local``."""
        return self.runs / ".queue"

    def config(
        self, changes: dict[str, Any] | None = None, notes: list[str] | None = None
    ) -> ProjectConfig:
        """Read hpctrain.yaml, with ``changes`` (nested like the file) on top.

        ``notes`` learns what of the file is not used with them.
        """
        from hpctrain.settings import read_settings
        from hpctrain.yamlfile import read_mapping

        config, found = read_settings(read_mapping(self.file), changes or {}, self.file)
        if notes is not None:
            notes += found
        return config


def find_project(file: str | None = None) -> Project:
    """Find the project of ``--project FILE``, else the nearest hpctrain.yaml here or above."""
    if file is not None:
        path = Path(file).absolute()
        if path.is_dir():
            path /= FILE
        if not path.is_file():
            raise HpctrainError(f"there is no project file {path}", "try: hpctrain init")
        return Project(path)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return Project(folder / FILE)
    raise HpctrainError(
        f"there is no {FILE} in {here} or any folder above it",
        "make one with: hpctrain init  (or, to look around: hpctrain init --demo demo)",
    )


@dataclass(frozen=True)
class NewProject:
    """A folder, and the files that were written into it."""

    folder: Path
    files: list[Path]


def init(folder: Path, *, demo: bool = False) -> NewProject:
    """Write a commented hpctrain.yaml, and with ``demo`` a labelled database to train on.

    Nothing that is there is overwritten; a demo that is there already, unchanged, is left.
    """
    source = DEMO_DATABASE if demo else "labelled.db"
    from hpctrain.render import render

    values = {
        "schema": resource(SCHEMA), "project": project_name(folder), "source": source, "demo": demo,
    }  # fmt: skip
    text = render("hpctrain.yaml.j2", values)
    file, database = folder / FILE, folder / DEMO_DATABASE
    if not (demo and file.exists() and file.read_text(encoding="utf-8") == text):
        refuse_existing(file)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    if demo and not database.exists():
        shutil.copyfile(resource(f"demo/{DEMO_DATABASE}"), database)
        made.append(database)
    if not file.exists():
        write_text(file, text)
        made.append(file)
    return NewProject(folder, made)


def refuse_existing(file: Path) -> None:
    """Raise HpctrainError where a project file is there already."""
    if file.exists() or file.is_symlink():
        raise HpctrainError(
            f"{file} already exists", "edit it, or name another folder: hpctrain init DIR"
        )


def project_name(folder: Path) -> str:
    """Return a folder's name, without what cannot stand in the name of a job."""
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", folder.absolute().name).strip("-._+")
    return name[:40] or "project"
