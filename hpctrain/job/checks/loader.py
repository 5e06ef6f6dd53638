"""What the checks ask of a trainer: ``job/NAME/potential.py`` is a module that fulfils it."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Protocol, Tuple, cast

from ..trainer import engine_name, import_module_of
from .subject import Potential, Subject

Check = Callable[[Subject], Dict[str, Any]]


class Loader(Protocol):
    """Loads potentials and what the trainer left beside them."""

    @property
    def CHECKS(self) -> Mapping[str, Tuple[str, Check]]:  # noqa: N802
        """Checks of its own, by name: what is checked, in words, and the check."""

    def load(self, path: str) -> Potential:
        """Load a potential: a file, or a folder."""

    def bare(self, path: str) -> Potential | None:
        """Load the same potential as it was fitted, without what was added after the fit.

        None where nothing was added, or where it cannot be taken out again.
        """

    def grades(self, path: str) -> Callable[[Any], Any] | None:
        """Load what gives the extrapolation grade of each atom of a structure, if there is that."""

    def predictions(self, folder: str) -> Dict[str, Tuple[float, Any]] | None:
        """Read the trainer's own predictions in an attempt's folder; None if there are none.

        By the structure's id: energy (eV, without the free atoms) and forces (eV/Å).
        """


def loader_of(request: Mapping[str, Any]) -> Loader:
    """Import what loads the potentials of the engine that a request names."""
    return cast("Loader", import_module_of(engine_name(request), "potential"))
