"""Use case: a project to start from."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.project import FILE
from hpctrain.render import render

DEMO_DATABASE = "al_pbe.db"


@dataclass(frozen=True)
class Initialised:
    """The files that were made."""

    folder: Path
    files: list[Path]


def init(folder: Path, *, demo: bool = False) -> Initialised:
    """Write a commented hpctrain.yaml, and with ``demo`` a labelled database to train on.

    Nothing that is there is overwritten; a demo that is there already, unchanged, is left.
    """
    source = DEMO_DATABASE if demo else "labelled.db"
    text = render("hpctrain.yaml.j2", {"project": _project_name(folder), "source": source,
                                       "demo": demo})  # fmt: skip
    file, database = folder / FILE, folder / DEMO_DATABASE
    if file.exists() and not (demo and file.read_text(encoding="utf-8") == text):
        raise HpctrainError(
            f"{file} is there already", "edit it, or name another folder: hpctrain init DIR"
        )
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    if demo and not database.exists():
        shutil.copyfile(resource(f"demo/{DEMO_DATABASE}"), database)
        made.append(database)
    if not file.exists():
        file.write_text(text, encoding="utf-8")
        made.append(file)
    return Initialised(folder, made)


def _project_name(folder: Path) -> str:
    """The folder's name, as it may stand in a job's."""
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", folder.absolute().name).strip("-._+")
    return name[:40] or "project"
