"""Use case: retire a potential. It leaves lists and generation numbers, and its files stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, now, write_atomically
from hpctrain.potentials import archive
from hpctrain.potentials.current import who
from hpctrain.project import Project
from hpctrain.runs.lock import hold_lock


@dataclass(frozen=True)
class Retirement:
    """Whether a potential is retired now, since when and by whom; ``changed`` if it is news."""

    name: str
    retired: bool
    changed: bool
    time: str | None
    by: str | None


def retire(
    project: Project,
    name: str,
    *,
    undo: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Retirement:
    """Retire a potential of the archive, or with ``undo`` list it again.

    HpctrainError if there is no such potential, or it is the current one. One file is written, by
    rename: a kill leaves the potential as it was, or retired.
    """
    folder = project.potentials
    with hold_lock(project.runs, "potentials retire", say=say):
        name = archive.find_card(folder, name)["name"]
        known = archive.read_retired(folder)
        before = known.get(name)
        if not undo and archive.current_name(folder) == name:
            raise HpctrainError(
                f"{name} is the current potential, and was not retired",
                "choose another one first: hpctrain potentials current NAME",
            )
        if undo != (before is None):
            left = {one: mark for one, mark in known.items() if one != name}
            if not undo:
                before = {"time": now(), "by": who()}
                left[name] = before
            content = {"schema": "hpctrain.retired/1", "retired": left}
            write_atomically(folder / archive.RETIRED, as_json(content))
            changed = True
        else:
            changed = False
    mark = None if undo else before
    return Retirement(name, not undo, changed, mark and mark["time"], mark and mark["by"])
