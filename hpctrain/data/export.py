"""The export: labelled structures in, split extxyz out. Imported late: it brings numpy and ase."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.duplicates.groups import Signatures
from hpctrain.data.duplicates.search import REASONS, Leakage, Search, with_signatures
from hpctrain.data.notes import label_hint, notes_in_words, refuse_second_set, selection_hint
from hpctrain.data.read import Progress, Scan, read_rows, with_selection
from hpctrain.data.sources.names import Sources, expand_sides, without_passwords
from hpctrain.data.split import UNNAMED, draw_rows, from_card
from hpctrain.data.split_files import SplitFile, make_folder, move_into_place, write_files
from hpctrain.data.structures.rows import (
    NO_GENERATION,
    Rows,
    fingerprint,
    select_generations,
)
from hpctrain.errors import HpctrainError
from hpctrain.files import naming

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.fields import Likeness
    from hpctrain.settings import DataConfig


# Reasons that an error lists.
MOST_REASONS = 20


@dataclass(frozen=True)
class Skipped:
    """Rows that were left out for one reason."""

    reason: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """What was exported.

    ``fingerprint`` changes with any structure, label or side of the split, and with nothing else;
    ``rows_fingerprint`` is blind to the split. ``isolated_atoms`` holds, by element, the energies
    (eV) of single atoms without a neighbour within the cutoff. ``elements_left_out`` occur only as
    such, and are not in ``elements``. ``independent_compositions`` of the training structures: with
    fewer than elements their energies do not tell what each element adds. ``leakage``: what is
    alike on both sides (the facts of a duplicates.search.Search); None where it was not looked for.
    ``notes`` says what was taken otherwise than it stands in the source. ``select`` is data.select,
    or what was chosen where that is not given.
    """

    train: SplitFile
    test: SplitFile
    skipped: tuple[Skipped, ...]
    fingerprint: str
    rows_fingerprint: str
    elements: tuple[str, ...]
    isolated_atoms: dict[str, tuple[float, ...]]
    config_types: dict[str, int]
    generations: dict[str, int]
    leakage: Leakage | None = None
    elements_left_out: tuple[str, ...] = ()
    independent_compositions: int | None = None
    notes: tuple[str, ...] = ()
    select: str = ""

    def facts(self) -> dict[str, Any]:
        """Return the dataset as manifests, cards and ``--json`` have it, without ids of rows."""
        return {
            "fingerprint": self.fingerprint,
            "rows_fingerprint": self.rows_fingerprint,
            "select": self.select,
            "train": self.train.facts(),
            "test": self.test.facts(),
            "skipped": [
                {"reason": one.reason, "count": len(one.ids), "ids": list(one.ids)}
                for one in self.skipped
            ],
            "elements": list(self.elements),
            "elements_left_out": list(self.elements_left_out),
            "independent_compositions": self.independent_compositions,
            "isolated_atoms": {name: list(found) for name, found in self.isolated_atoms.items()},
            "config_types": self.config_types,
            "generations": self.generations,
            "leakage": self.leakage,
            "notes": list(self.notes),
        }

    def rows(self) -> dict[str, Any]:
        """Return the rows on each side, as rows.json has them: ids, and marks of what they are."""
        sides = {"train": self.train, "test": self.test}
        return {
            **{side: list(file.ids) for side, file in sides.items()},
            "marks": {side: file.marks() for side, file in sides.items()},
        }


def export(
    data: DataConfig,
    base: Path,
    folder: Path,
    *,
    cutoff: float,
    mixed_pbc: bool = True,
    stress: bool = False,
    taken_by: str = "the trainer",
    up_to_generation: int | None = None,
    skip_bad: bool = False,
    progress: Progress = lambda *_: None,
    scan: Scan | None = None,
    card_rows: Mapping[str, Any] | None = None,
    look_for: Likeness = "identical",
    sources: Sources | None = None,
) -> Dataset:
    """Write ``train.extxyz`` and ``test.extxyz`` into ``folder``, whole or not at all.

    Relative sources are looked up in ``base``. ``cutoff`` (Å) decides what an isolated atom is.
    ``mixed_pbc=False`` refuses structures periodic in one or two directions only, which
    ``taken_by`` cannot take. With ``stress``, stresses are trained on: one that cannot be used is
    a fault of its row, and not only a note. ``card_rows``, the rows of a card, are written, each on
    its side, instead of those that the settings choose. ``look_for``: how much alike structures on
    both sides of the split must be, to be reported. ``sources`` are those that ``data`` names,
    where that is known already. ``progress`` gets the number of rows read so far, and of all;
    ``scan`` every selected row.

    Raises HpctrainError, with the rows and the reasons, if a selected row cannot be used, unless
    ``skip_bad``.
    """
    signatures = Signatures() if {look_for, data.dedupe} & {"same", "near"} else None
    with (
        make_folder(folder),
        naming(folder),
        tempfile.TemporaryFile(dir=folder, buffering=2**20) as spool,
    ):
        scan = with_signatures(signatures, scan)
        sources = sources or expand_sides(data.source, data.test_source, base)
        data = with_selection(data, sources, base)
        rows = read_rows(
            data, sources, base, spool, cutoff, mixed_pbc, progress, scan,
            stress=stress, who=taken_by,
        )  # fmt: skip
        skipped: tuple[Skipped, ...] = ()
        left_out: tuple[str, ...] = ()
        leakage: Leakage | None = None
        if card_rows is not None:
            sides = from_card(card_rows, rows)
        else:
            chosen = select_generations(rows, data, up_to_generation)
            skipped = _list_skipped(rows, chosen)
            _refuse(data, base, rows, skipped, chosen, skip_bad)
            usable = np.ones(len(rows), dtype=bool)
            usable[list(rows.bad)] = False
            chosen = chosen[usable[chosen]]
            refuse_second_set(rows, chosen)
            chosen, left_out, unbound = _leave_out_elements(rows, chosen)
            skipped += unbound
            search = Search(rows, chosen, spool, signatures, cutoff)
            if data.dedupe is not None:
                search, gone = search.without(data.dedupe)
                skipped += (Skipped(REASONS[data.dedupe], tuple(gone)),) * bool(gone)
            sides = draw_rows(data, rows, search.places)
            leakage = search.facts(sides.tested, look_for)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
            files = write_files(Path(new), folder, rows, sides, spool)
            move_into_place(Path(new), [file.path for file in files.values()])
    elements = map(rows.symbols, np.unique(rows.column("compositions")[sides.places]))
    return Dataset(
        train=files["train"],
        test=files["test"],
        skipped=skipped,
        fingerprint=fingerprint(rows.digests, sides.train, sides.test),
        rows_fingerprint=fingerprint(rows.digests, sides.places),
        elements=tuple(sorted(frozenset[str]().union(*elements))),
        isolated_atoms=_list_isolated(rows, sides.places),
        config_types=_count_by_name(rows.column("kinds")[sides.places], rows.kinds.names),
        generations=_count_generations(rows, sides.places),
        leakage=leakage,
        elements_left_out=left_out,
        independent_compositions=_count_independent(rows, sides.train),
        notes=tuple(notes_in_words(rows, sides.places)),
        select=data.select or "",
    )


def _leave_out_elements(
    rows: Rows, places: NDArray[Any]
) -> tuple[NDArray[Any], tuple[str, ...], tuple[Skipped, ...]]:
    """Leave out the elements that occur only as isolated atoms: nothing could be learned of them.

    Returns the places that are left, the elements, and what was left out. HpctrainError where
    nothing but isolated atoms is there.
    """
    alone = np.isin(places, list(rows.isolated))
    if len(places) and alone.all():
        raise HpctrainError(
            f"the {len(places)} selected structures are isolated atoms, which are only references: "
            "there is nothing to train on",
            "select structures in which atoms have neighbours within training.cutoff",
        )
    compositions = rows.column("compositions")[places]
    bound = frozenset[str]().union(*map(rows.symbols, np.unique(compositions[~alone])))
    left_out: dict[str, list[int]] = defaultdict(list)
    for place in np.flatnonzero(alone).tolist():
        (element,) = rows.symbols(compositions[place])
        if element not in bound:
            left_out[element].append(place)
    kept = np.ones(len(places), dtype=bool)
    for gone in left_out.values():
        kept[gone] = False
    skipped = tuple(
        Skipped(
            f"isolated atom of {element}, which occurs in no other structure: {element} is no "
            "element of the potential",
            tuple(rows.ids[place] for place in places[left_out[element]].tolist()),
        )
        for element in sorted(left_out)
    )
    return places[kept], tuple(sorted(left_out)), skipped


def _count_independent(rows: Rows, places: NDArray[Any]) -> int:
    """Count the linearly independent compositions at some places."""
    there = np.unique(rows.column("compositions")[places])
    counts = [np.frombuffer(rows.compositions.names[number], np.int64) for number in there]
    table = np.zeros((len(counts), max(map(len, counts), default=0)))
    for row, found in zip(table, counts, strict=True):
        row[: len(found)] = found
    return int(np.linalg.matrix_rank(table)) if table.size else 0


def elements_note(elements: Sequence[str]) -> list[str]:
    """Say which elements were left out of the potential, if any."""
    if not elements:
        return []
    names = ", ".join(elements)
    return [
        f"{names} left out of the potential's elements: in these data only as isolated atom"
        f"{'s' * (len(elements) > 1)}, of which no interaction can be learned"
    ]


def _list_isolated(rows: Rows, places: NDArray[Any]) -> dict[str, tuple[float, ...]]:
    """List the energies (eV) of the isolated atoms at some places, by element."""
    compositions = rows.column("compositions")
    energies: dict[str, list[float]] = defaultdict(list)
    used = np.zeros(len(rows), dtype=bool)
    used[places] = True
    for place, energy in sorted(rows.isolated.items()):
        if used[place]:
            (element,) = rows.symbols(compositions[place])
            energies[element].append(energy)
    return {element: tuple(found) for element, found in energies.items()}


def _refuse(
    data: DataConfig,
    base: Path,
    rows: Rows,
    skipped: Sequence[Skipped],
    chosen: NDArray[Any],
    skip_bad: bool,
) -> None:
    """Raise if there is nothing to export, or something that cannot be used."""
    bad = sum(len(one.ids) for one in skipped)
    if skipped and not (skip_bad and bad < len(chosen)):
        lines = list(map(_format_skipped, skipped[:MOST_REASONS]))
        if len(skipped) > MOST_REASONS:
            lines.append(f"  … and {len(skipped) - MOST_REASONS} more reasons")
        there, hint = label_hint(rows, chosen, data.labels)
        first = "these rows are selected but cannot be used:"
        todo = "correct them, leave them out with data.select, or use --skip-bad"
        if skip_bad:
            first, todo = (
                "no selected row can be used:",
                "correct them, or select others (data.select)",
            )
        raise HpctrainError("\n".join([first, *lines, *there]), hint or todo)
    if not len(chosen):
        source = without_passwords(data.source)
        names = source if isinstance(source, str) else ", ".join(source)
        raise HpctrainError(
            f"no structure in {names} matches data.select '{data.select}'"
            + (f" and data.generations {data.generations}" if data.generations != "all" else ""),
            selection_hint(data, base),
        )


def _count_by_name(numbers: NDArray[Any], names: Sequence[Any]) -> dict[str, int]:
    """Count how often each name occurs; ``numbers`` are places in ``names``."""
    counts = np.bincount(numbers, minlength=len(names))
    # An empty name counts with those that have none.
    counted: dict[str, int] = defaultdict(int)
    for number in np.flatnonzero(counts).tolist():
        counted[names[number] or UNNAMED] += int(counts[number])
    return dict(counted)


def _count_generations(rows: Rows, good: NDArray[Any]) -> dict[str, int]:
    found, counts = np.unique(rows.column("generations")[good], return_counts=True)
    return {
        "none" if number == NO_GENERATION else str(number): count
        for number, count in zip(found.tolist(), counts.tolist(), strict=True)
    }


def _list_skipped(rows: Rows, chosen: NDArray[Any]) -> tuple[Skipped, ...]:
    reasons: dict[str, list[str]] = defaultdict(list)
    wanted = set(chosen.tolist()) if rows.bad else set()
    for place, reason in rows.bad.items():
        if place in wanted:
            reasons[reason].append(rows.ids[place])
    return tuple(Skipped(reason, tuple(ids)) for reason, ids in reasons.items())


def _format_skipped(skipped: Skipped) -> str:
    ids = ", ".join(skipped.ids[:10]) + (", …" if len(skipped.ids) > 10 else "")
    return f"  {skipped.reason}: {len(skipped.ids)} (row {ids})"
