"""The runs that are meant by names: an id, a unique beginning of one, or a name that was given."""

from __future__ import annotations

import re
from pathlib import Path

from hpctrain.errors import HpctrainError
from hpctrain.runs.exports import exports
from hpctrain.runs.run import Run, all_runs
from hpctrain.shapes import RunName, misfit

# What would be taken for the beginning of a run's id, or for a potential.
_OTHERS = re.compile(r"[0-9]+|[0-9]{8}-.*|potential_gen_.*|current")


def find_runs(folder: Path, names: tuple[str, ...]) -> list[Run]:
    """Find the runs with these ids, beginnings of ids, or names; all if none is named."""
    every = list(all_runs(folder))
    if not names:
        return every
    found: list[Run] = []
    for name in names:
        run = _find(folder, every, name)
        if run not in found:
            found.append(run)
    return found


def _find(folder: Path, every: list[Run], name: str) -> Run:
    matches = [run for run in every if run.run_id.startswith(name)]
    exact = [run for run in matches if run.run_id == name]
    if not matches:
        named = run_names(folder)
        exact = [run for run in every if run.run_id == named.get(name)]
    if len(exact or matches) != 1:
        problem = _no_such_run(name, matches, every, [] if matches else list(named))
        raise HpctrainError(problem, "list them with: hpctrain status")
    return (exact or matches)[0]


def _no_such_run(name: str, matches: list[Run], every: list[Run], names: list[str]) -> str:
    """Say that a name fits no run, or several, with the runs that may be meant."""
    from hpctrain.yamlfile import MOST_NAMED, nearest

    ids = [run.run_id for run in matches or every]
    if not matches:
        also = ", and no run has that name" if names else ""
        return f"no run's id begins with {name}{also}{nearest(name, [*names, *ids])}"
    some = ", ".join(ids[-MOST_NAMED:])
    more = f" (of {len(ids)}, the last: {some})" if len(ids) > MOST_NAMED else f": {some}"
    return f"the ids of {len(ids)} runs begin with {name}{more}"


def run_names(folder: Path) -> dict[str, str]:
    """Return the ids of the runs that were given a name, by that name."""
    return {one.name: one.run_id for one in exports(folder) if one.name is not None}


def refuse_name(folder: Path, name: str) -> None:
    """Raise HpctrainError if a new run cannot have this name, or another one has it."""
    problem = None
    if misfit(name, RunName):
        problem = (
            "a name has letters, digits and - _ . (60 at most), and begins with a letter or digit"
        )
    elif _OTHERS.fullmatch(name):
        problem = "that would be taken for the id of a run, or for a potential"
    if problem is not None:
        raise HpctrainError(
            f"a run cannot be called '{name}': {problem}", "for example: --name cutoff6"
        )
    taken = run_names(folder).get(name)
    if taken is not None:
        raise HpctrainError(
            f"the run {taken} is called {name} already",
            f"choose another name, or remove that run: hpctrain rm {name}",
        )
