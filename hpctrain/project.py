"""A project: ``hpctrain.yaml`` and the folders beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.settings import ProjectConfig

FILE = "hpctrain.yaml"


@dataclass(frozen=True)
class Project:
    """Where a project keeps what."""

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
        """What the schedulers answered a moment ago."""
        return self.runs / ".cache"

    @property
    def queue(self) -> Path:
        """State of the site ``local``."""
        return self.runs / ".queue"

    def config(self, changes: dict[str, Any] | None = None) -> ProjectConfig:
        """What hpctrain.yaml says, with ``changes`` (nested like the file) on top."""
        from hpctrain.mappings import merged
        from hpctrain.settings import ProjectConfig
        from hpctrain.yamlfile import read_mapping, validated

        content = read_mapping(self.file)
        if changes:
            # First the file alone, so that its mistakes are reported with their lines.
            validated(ProjectConfig, content, self.file)
            return validated(ProjectConfig, merged(content, changes), "--set")
        return validated(ProjectConfig, content, self.file)


def find_project(file: str | None = None) -> Project:
    """The project of ``--project FILE``, else of the nearest hpctrain.yaml here or above."""
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
