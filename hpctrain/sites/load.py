"""Site profiles, one YAML file per cluster: found, and loaded with those they extend."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.yamlfile import merge, nearest, read_mapping, validate

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

FOLDER = "site_profiles"
EXAMPLE = "mycluster"
# Of these a target's follow the profile's own; everything else takes its place.
_ADDED = ("modules", "setup", "extra_directives")
_NOT_IN_A_PROFILE = ("choice",)


@dataclass(frozen=True)
class Site:
    """A profile under its name, and the files it was put together from, the nearest first.

    ``layers`` are their contents, and what was changed on the command line, the nearest last.
    """

    name: str
    profile: SiteProfile
    files: tuple[Path, ...]
    layers: tuple[dict[str, Any], ...] = ()

    def at(self, target: str) -> SiteProfile:
        """Return the profile with the keys of one of its targets.

        In each file a target's keys come before the file's own, and what a nearer file says
        before both. ``targets`` is empty in what is returned, and ``target`` is set.
        """
        from hpctrain.sites.profile import SiteProfile

        content: dict[str, Any] = {}
        steps: list[dict[str, Any]] = []
        for layer in self.layers:
            above = (layer.get("targets") or {}).get(target) or {}
            steps += [layer, above]
            flat = {key: value for key, value in layer.items() if key != "targets"}
            added = {
                key: [*flat[key], *above[key]]
                for key in _ADDED
                if flat.keys() & {key} & above.keys()
            }
            content = merge(merge(merge(content, flat), above), added)
        for key in _NOT_IN_A_PROFILE:
            content.pop(key, None)
        content["target"] = target
        _let_gpus_bring_cores(content, steps)
        return validate(SiteProfile, content, f"{self.files[0]}, target {target}")

    def asks_for_gpus(self, target: str) -> bool:
        """Say whether the profile itself asks for GPUs in this target."""
        asked = ((layer.get("targets") or {}).get(target) or {} for layer in self.layers)
        return any(said.get("gpus") for said in asked)


def _let_gpus_bring_cores(content: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """Take ``cores`` out of a job with GPUs where ``cores_per_gpu`` was said nearer to it."""
    told = [step for step in steps if {"cores", "cores_per_gpu"} & step.keys()]
    brought = bool(told) and told[-1].get("cores_per_gpu") and told[-1].get("cores") is None
    if content.get("gpus") and brought:
        content.pop("cores", None)


def search_path(project_folder: Path | None) -> list[Path]:
    """List the folders of profiles: the project's, the user's, the shipped ones."""
    own = [project_folder / FOLDER] if project_folder else []
    return [*own, users_folder(), resource(FOLDER)]


def users_folder() -> Path:
    """Return the folder of a user's own profiles, for all projects."""
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return configuration / "hpctrain" / FOLDER


def names(project_folder: Path | None) -> dict[str, Path]:
    """Find every site that can be named, with the file that describes it."""
    found: dict[str, Path] = {}
    for folder in search_path(project_folder):
        for file in sorted(folder.glob("*.yaml")):
            found.setdefault(file.stem, file)
    return found


def load(name: str, project_folder: Path | None, changes: dict[str, Any] | None = None) -> Site:
    """Load the site called ``name``, with ``changes`` (from the command line) on top."""
    from hpctrain.sites.profile import SiteProfile

    files = chain(name, project_folder)
    content: dict[str, Any] = {}
    layers: list[dict[str, Any]] = []
    for file in reversed(files):
        layer = read_mapping(file)
        layer.pop("extends", None)
        content.pop("description", None)  # it describes the profile below, not this one
        content = merge(content, layer)
        if file is not files[0]:
            # A mistake in a profile below is reported with that file's name and lines.
            validate(SiteProfile, content, file)
        layers.append(layer)
    source: Path | str = files[0]
    if changes:
        validate(SiteProfile, content, source)
        content, source = merge(content, changes), "--set site"
        layers.append(changes)
    _let_gpus_bring_cores(content, layers)
    profile = validate(SiteProfile, content, source)
    return Site(name, profile, tuple(files), tuple(layers))


def is_example(site: Site) -> bool:
    """Say whether this is the example that is shipped, and not a user's own file of its name."""
    return site.files[0] == resource(FOLDER) / f"{EXAMPLE}.yaml"


def chain(name: str, project_folder: Path | None) -> list[Path]:
    """Return the file of a site, then the one it extends, and so on.

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
