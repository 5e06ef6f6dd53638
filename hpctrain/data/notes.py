"""What is said of the rows as they were read: notes, and labels under other names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.sources.names import ending, expand_sides, is_packed, without_password
from hpctrain.data.sources.read import is_database
from hpctrain.data.structures.other_labels import (
    OtherLabels,
    as_line,
    convention,
    full_sets,
)
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hpctrain.data.structures.rows import Rows
    from hpctrain.settings import DataConfig

_IDS = 3
_MOST_KEYS = 20
_WHERE = "write it under data: in hpctrain.yaml"


def notes_in_words(rows: Rows, places: NDArray[Any]) -> list[str]:
    """Return what was taken otherwise than it stands in the source, of the rows at some places."""
    used = _mask(rows, places)
    said = []
    for sentence, (noted, sizes) in rows.notes.items():
        which = np.flatnonzero(used[np.frombuffer(noted, noted.typecode)])
        if len(which):
            ids = [rows.ids[noted[place]] for place in which[:_IDS].tolist()]
            ids += ["…"] * (len(which) > _IDS)
            count = f"{len(which)} row{'s' if len(which) > 1 else ''} ({', '.join(ids)})"
            said.append(sentence.format(rows=count, size=max(sizes[p] for p in which.tolist())))
    return said


def _mask(rows: Rows, places: NDArray[Any]) -> NDArray[np.bool_]:
    used = np.zeros(len(rows), dtype=bool)
    used[places] = True
    return used


def _others(rows: Rows, places: NDArray[Any]) -> Counter[OtherLabels]:
    """Count the rows, at some places, by the keys that they have beside their labels."""
    used = _mask(rows, places)
    counts = {
        others: int(used[np.frombuffer(found, found.typecode)].sum())
        for others, found in rows.others.items()
    }
    return Counter({others: count for others, count in counts.items() if count})


def label_hint(
    rows: Rows, chosen: NDArray[Any], labels: Mapping[str, str | None]
) -> tuple[list[str], str | None]:
    """Return lines about the keys of rows that lack a label, and what to write, or None.

    ``labels``: data.labels. Nothing where no row lacks an energy or forces.
    """
    lacking = np.array([p for p in chosen.tolist() if p in rows.bad], dtype=int)
    others = _others(rows, lacking)
    if not others:
        return [], None
    most = 2 * len(lacking) >= len(chosen)
    if not most and not any(map(_has_candidates, others)):
        return [], None  # calculations that have failed
    names: Counter[str] = Counter()
    for one, count in others.items():
        names.update(dict.fromkeys(one.names(), count))
    if not names:
        return ["  these rows have no other keys"], None
    shown = [f"{name} ({count})" for name, count in names.most_common(_MOST_KEYS)]
    more = ", …" if len(names) > _MOST_KEYS else ""
    lines = [f"  their keys, and rows that have them: {', '.join(shown)}{more}"]
    lines += [
        f"  data.labels names {name}, which is not among them"
        for label, name in labels.items()
        if name is not None and label in ("energy", "forces") and name not in names
    ]
    return lines, _line_to_write(others)


def _has_candidates(one: OtherLabels) -> bool:
    return bool({*one.energy, *one.forces} - {"energy", "free_energy", "forces"})


def _line_to_write(others: Counter[OtherLabels]) -> str | None:
    sets = full_sets(others)
    if len(sets) == 1:
        way = convention(sets[0])
        called = f"the labels are all there as {way}" if way else "there is one set of labels"
        return f"{called}; to take them, {_WHERE}: {as_line(sets[0])}"
    if sets:
        return f"say which labels are meant, and {_WHERE}: {'  ·  or  '.join(map(as_line, sets))}"
    energies = {name for one in others for name in one.energy}
    forces = {name for one in others for name in one.forces}
    if len(energies) == 1 and len(forces) == 1:
        return f"if these are the labels, {_WHERE}: " + as_line(
            {"energy": energies.pop(), "forces": forces.pop()}
        )
    if energies and forces:
        names = f"{', '.join(sorted(energies))} and of {', '.join(sorted(forces))}"
        return (
            f"say which of {names} are the labels, and {_WHERE}: labels: {{energy: …, forces: …}}"
        )
    return None


def refuse_second_set(rows: Rows, places: NDArray[Any]) -> None:
    """Raise HpctrainError where rows have a second full set of labels, which differ."""
    others = _others(rows, places)
    if not others:
        return
    sets = full_sets(others)
    count = sum(others.values())
    ways = " and ".join(f"{one['energy']}, {one['forces']}" for one in sets)
    raise HpctrainError(
        f"{count} of {len(places)} rows have several sets of labels, which differ: {ways}",
        f"say which is meant, and {_WHERE}: {'  ·  or  '.join(map(as_line, sets))}",
    )


def selection_hint(data: DataConfig, base: Path) -> str:
    """Say where no row is selected how to look at the rows, by the kind of the source."""
    source = expand_sides(data.source, data.test_source, base)[0][0]
    shown = without_password(source)
    if is_database(source, base / source):
        hints = [f"look at the rows with: ase db {shown}"]
    elif ending(source)[0] in (".xyz", ".extxyz"):
        show = "zcat" if is_packed(source) else "cat"
        hints = [f"a structure's keys are in its second line: {show} {shown} | head -n 2"]
    else:
        hints = ["select by what every structure has, such as id, natoms, energy or fmax"]
    hints += ["an empty data.select takes every row"] * bool(data.select)
    hints += ["data.generations: all takes every generation"] * (data.generations != "all")
    return "  ·  ".join(hints)
