"""Labelled structures in, split extxyz out. Imported late: it brings numpy and ase."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.duplicates.groups import Signatures
from hpctrain.data.duplicates.search import REASONS, Search, with_signatures
from hpctrain.data.split import UNNAMED, draw_rows, from_card
from hpctrain.data.split_files import SplitFile, make_folder, move_into_place, write_files
from hpctrain.data.structures.rows import (
    NO_GENERATION,
    Progress,
    Rows,
    Scan,
    fingerprint,
    read_rows,
    select_generations,
)
from hpctrain.data.structures.sources import without_password
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpctrain.fields import Likeness
    from hpctrain.settings import DataConfig


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
    (eV) of single atoms without a neighbour within the cutoff. ``leakage``: what is alike on both
    sides (hpctrain.alike); None where it was not looked for.
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
    leakage: dict[str, Any] | None = None

    def facts(self) -> dict[str, Any]:
        """The dataset as manifests, cards and ``--json`` tell it; row ids are told apart."""
        return {
            "fingerprint": self.fingerprint,
            "rows_fingerprint": self.rows_fingerprint,
            "train": self.train.facts(),
            "test": self.test.facts(),
            "skipped": [
                {"reason": one.reason, "count": len(one.ids), "ids": list(one.ids)}
                for one in self.skipped
            ],
            "elements": list(self.elements),
            "isolated_atoms": {name: list(found) for name, found in self.isolated_atoms.items()},
            "config_types": self.config_types,
            "generations": self.generations,
            "leakage": self.leakage,
        }

    def rows(self) -> dict[str, Any]:
        """The rows on each side: their ids, and marks by which a change shows."""
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
    up_to_generation: int | None = None,
    skip_bad: bool = False,
    progress: Progress = lambda *_: None,
    scan: Scan | None = None,
    card_rows: Mapping[str, Any] | None = None,
    look_for: Likeness = "identical",
) -> Dataset:
    """Write ``train.extxyz`` and ``test.extxyz`` into ``folder``, whole or not at all.

    Relative sources are looked up in ``base``. ``cutoff`` (Å) decides what an isolated atom is.
    ``mixed_pbc=False`` refuses structures periodic in one or two directions only, which the
    evaluator tensorpot cannot take. ``card_rows``, the rows of a card, are written, each on its
    side, instead of those that the settings choose. ``look_for``: how much alike structures on both
    sides of the split must be, to be reported. ``progress`` gets the number of rows read so far,
    and of all; ``scan`` every selected row.

    Raises HpctrainError, with the rows and the reasons, if a selected row cannot be used, unless
    ``skip_bad``.
    """
    search = Signatures() if {look_for, data.dedupe} & {"same", "near"} else None
    leakage = None
    with make_folder(folder), tempfile.TemporaryFile(dir=folder, buffering=2**20) as spool:
        scan = with_signatures(search, scan)
        rows = read_rows(data, base, spool, cutoff, mixed_pbc, progress, scan)
        if card_rows is not None:
            skipped: tuple[Skipped, ...] = ()
            sides = from_card(card_rows, rows)
        else:
            chosen = select_generations(rows, data, up_to_generation)
            skipped = _list_skipped(rows, chosen)
            _refuse(data, skipped, len(chosen), skip_bad)
            usable = np.ones(len(rows), dtype=bool)
            usable[list(rows.bad)] = False
            found = Search(rows, chosen[usable[chosen]], spool, search, cutoff)
            if data.dedupe is not None:
                found, gone = found.without(data.dedupe)
                skipped += (Skipped(REASONS[data.dedupe], tuple(gone)),) * bool(gone)
            sides = draw_rows(data, rows, found.places)
            leakage = found.facts(sides.tested, look_for)
        good = sides.places
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
            files = write_files(
                Path(new), folder, rows, {"train": sides.train, "test": sides.test}, spool
            )
            move_into_place(Path(new), [file.path for file in files.values()])
    isolated: dict[str, list[float]] = defaultdict(list)
    compositions = rows.column("compositions")
    for place, energy in rows.isolated.items():
        if place in good:
            isolated[next(iter(rows.symbols(compositions[place])))].append(energy)
    elements = frozenset[str]().union(*map(rows.symbols, np.unique(compositions[good])))
    return Dataset(
        train=files["train"],
        test=files["test"],
        skipped=skipped,
        fingerprint=fingerprint(rows.digests, sides.train, sides.test),
        rows_fingerprint=fingerprint(rows.digests, good),
        elements=tuple(sorted(elements)),
        isolated_atoms={element: tuple(energies) for element, energies in isolated.items()},
        config_types=_count_by_name(rows.column("kinds")[good], rows.kinds.names),
        generations=_count_generations(rows, good),
        leakage=leakage,
    )


def _refuse(data: DataConfig, skipped: Sequence[Skipped], chosen: int, skip_bad: bool) -> None:
    """Raise if there is nothing to export, or something that cannot be used."""
    bad = sum(len(one.ids) for one in skipped)
    if skipped and not skip_bad:
        raise HpctrainError(
            "\n".join(
                ["these rows are selected but cannot be used:", *map(_format_skipped, skipped)]
            ),
            "mend or deselect them (data.select), or leave them out with --skip-bad",
        )
    if skipped and bad == chosen:
        raise HpctrainError(
            "\n".join(["no selected row can be used:", *map(_format_skipped, skipped)]),
            "mend them, or select others (data.select)",
        )
    if not chosen:
        raise HpctrainError(
            f"no structure in {without_password(data.source)} matches data.select '{data.select}'"
            + (f" and data.generations {data.generations}" if data.generations != "all" else ""),
            "look with: ase db FILE.db  ·  an empty data.select takes every row",
        )


def _count_by_name(numbers: NDArray[Any], names: Sequence[Any]) -> dict[str, int]:
    """How many there are of each name; names are numbered in the order in which they come."""
    counts = np.bincount(numbers, minlength=len(names))
    # An empty name counts with those that have none.
    told: dict[str, int] = defaultdict(int)
    for number in np.flatnonzero(counts).tolist():
        told[names[number] or UNNAMED] += int(counts[number])
    return dict(told)


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
