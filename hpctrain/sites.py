"""Finds and loads site profiles: one YAML file per cluster."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError
from hpctrain.mappings import merged
from hpctrain.resources import resource
from hpctrain.yamlfile import nearest, read_mapping, validated

if TYPE_CHECKING:
    from hpctrain.profile import SiteProfile

FOLDER = "site_profiles"


@dataclass(frozen=True)
class Site:
    """A profile under its name, and the files it was put together from, the nearest first."""

    name: str
    profile: SiteProfile
    files: tuple[Path, ...]


def search_path(project_folder: Path | None) -> list[Path]:
    """Folders of profiles: the project's, the user's, the shipped ones."""
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    own = [project_folder / FOLDER] if project_folder else []
    return [*own, configuration / "hpctrain" / FOLDER, resource(FOLDER)]


def names(project_folder: Path | None) -> dict[str, Path]:
    """Every site that can be named, with the file that describes it."""
    found: dict[str, Path] = {}
    for folder in search_path(project_folder):
        for file in sorted(folder.glob("*.yaml")):
            found.setdefault(file.stem, file)
    return found


def load(name: str, project_folder: Path | None, changes: dict[str, Any] | None = None) -> Site:
    """The site called ``name``, with ``changes`` (from the command line) on top."""
    from hpctrain.profile import SiteProfile

    files = _chain(name, project_folder)
    content: dict[str, Any] = {}
    for file in reversed(files):
        layer = read_mapping(file)
        layer.pop("extends", None)
        content.pop("description", None)  # it describes the profile below, not this one
        content = merged(content, layer)
        if file is not files[0]:
            # A mistake in a profile below is reported with that file's name and lines.
            validated(SiteProfile, content, file)
    profile = validated(SiteProfile, content, files[0])
    if changes:
        profile = validated(SiteProfile, merged(content, changes), "--set site")
    return Site(name, profile, tuple(files))


def _chain(name: str, project_folder: Path | None) -> list[Path]:
    """The file of a site, then the one it extends, and so on.

    A file that extends its own name means the next one of that name on the search path.
    """
    chain: list[Path] = []
    wanted: str | None = name
    while wanted is not None:
        candidates = [folder / f"{wanted}.yaml" for folder in search_path(project_folder)]
        file = next((c for c in candidates if c.is_file() and c not in chain), None)
        if file is None and any(candidate in chain for candidate in candidates):
            raise HpctrainError(f"{chain[-1]}: the profiles extend each other in a circle")
        if file is None:
            known = list(names(project_folder))
            where = f"{chain[-1]}: extends: " if chain else ""
            raise HpctrainError(
                f"{where}there is no site '{wanted}'{nearest(wanted, known)}",
                "list them with: hpctrain sites list",
            )
        chain.append(file)
        wanted = read_mapping(file).get("extends")
        if wanted is not None and not isinstance(wanted, str):
            raise HpctrainError(f"{file}: extends: must be the name of a site")
    return chain
