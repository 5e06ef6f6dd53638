"""Labelled structures in, split extxyz out. Imported late: it brings numpy and ase."""

from __future__ import annotations

import filecmp
import hashlib
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError
from hpctrain.rows import Progress, Row, fingerprint, of_generations, read_rows
from hpctrain.sources import shown
from hpctrain.split import split

if TYPE_CHECKING:
    from hpctrain.models import DataConfig


@dataclass(frozen=True)
class Skipped:
    """Rows that were left out for one reason."""

    reason: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class SplitFile:
    """One side of the split, as written."""

    path: Path
    structures: int
    atoms: int
    sha256: str
    ids: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        return {
            "path": self.path.name,
            "structures": self.structures,
            "atoms": self.atoms,
            "sha256": self.sha256,
        }


@dataclass(frozen=True)
class Dataset:
    """What was exported.

    ``fingerprint`` changes with any structure, label or side of the split, and with nothing else;
    ``rows_fingerprint`` is blind to the split. ``isolated_atoms`` holds, by element, the energies
    (eV) of single atoms without a neighbour within the cutoff.
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
            "config_types": self.config_types,
            "generations": self.generations,
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
    progress: Progress = lambda _: None,
) -> Dataset:
    """Write ``train.extxyz`` and ``test.extxyz`` into ``folder``, whole or not at all.

    Relative sources are looked up in ``base``. ``cutoff`` (Å) decides what an isolated atom is.
    ``mixed_pbc=False`` refuses structures periodic in one or two directions only, which the
    evaluator tensorpot cannot take. Raises HpctrainError, with the rows and the reasons, if a
    selected row cannot be used, unless ``skip_bad``. ``progress`` is told the rows read so far.
    """
    with _made(folder), tempfile.TemporaryFile(dir=folder) as spool:
        rows = read_rows(data, base, spool, cutoff, mixed_pbc, progress)
        rows = of_generations(rows, data, up_to_generation)
        good = [row for row in rows if row.bad is None]
        skipped = _skipped(rows)
        if skipped and not skip_bad:
            raise HpctrainError(
                "\n".join(["these rows are selected but cannot be used:", *map(_said, skipped)]),
                "mend or deselect them (data.select), or leave them out with --skip-bad",
            )
        if skipped and not good:
            raise HpctrainError(
                "\n".join(["no selected row can be used:", *map(_said, skipped)]),
                "mend them, or select others (data.select)",
            )
        if not good:
            raise HpctrainError(
                f"no structure in {shown(data.source)} matches data.select '{data.select}'"
                + (
                    f" and data.generations {data.generations}" if data.generations != "all" else ""
                ),
                "look with: ase db FILE.db  ·  an empty data.select takes every row",
            )
        sides = split([(row.digest, row.row_id) for row in good], data.test_fraction, data.seed)
        chosen = {
            "train": [row for row, test in zip(good, sides, strict=True) if not test],
            "test": [row for row, test in zip(good, sides, strict=True) if test],
        }
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
            files = {side: _write(Path(new), folder, side, chosen[side], spool) for side in chosen}
            _put(Path(new), [file.path for file in files.values()])
    isolated: dict[str, list[float]] = defaultdict(list)
    for row in good:
        if row.isolated is not None:
            isolated[next(iter(row.symbols))].append(row.isolated)
    return Dataset(
        train=files["train"],
        test=files["test"],
        skipped=skipped,
        fingerprint=fingerprint(chosen["train"], chosen["test"]),
        rows_fingerprint=fingerprint(good),
        elements=tuple(sorted(frozenset().union(*(row.symbols for row in good)))),
        isolated_atoms={element: tuple(energies) for element, energies in isolated.items()},
        config_types=dict(Counter(row.config_type or "unnamed" for row in good)),
        generations=dict(Counter(_generation_name(row.generation) for row in good)),
    )


def _generation_name(generation: int | None) -> str:
    return "none" if generation is None else str(generation)


def _skipped(rows: Sequence[Row]) -> tuple[Skipped, ...]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.bad is not None:
            reasons[row.bad].append(row.row_id)
    return tuple(Skipped(reason, tuple(ids)) for reason, ids in reasons.items())


def _said(skipped: Skipped) -> str:
    ids = ", ".join(skipped.ids[:10]) + (", …" if len(skipped.ids) > 10 else "")
    return f"  {skipped.reason}: {len(skipped.ids)} (row {ids})"


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """The folder; after an error, one that was not there before is gone again."""
    there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HpctrainError(f"{folder} cannot be made: {error.strerror}") from error
    try:
        yield
    except BaseException:
        if not there:
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


def _write(new: Path, folder: Path, side: str, rows: Sequence[Row], spool: IO[bytes]) -> SplitFile:
    """One side, in a place that no reader looks at; it is to go to ``folder``."""
    sha = hashlib.sha256()
    path = folder / f"{side}.extxyz"
    with (new / path.name).open("wb") as file:
        for row in rows:
            spool.seek(row.offset)
            text = spool.read(row.length)
            sha.update(text)
            file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return SplitFile(
        path=path,
        structures=len(rows),
        atoms=sum(row.atoms for row in rows),
        sha256=sha.hexdigest(),
        ids=tuple(row.row_id for row in rows),
    )


def _put(new: Path, paths: Sequence[Path]) -> None:
    """Give the files their names; one that says something else is not overwritten."""
    for path in paths:
        if path.exists() and not filecmp.cmp(new / path.name, path, shallow=False):
            raise HpctrainError(
                f"{path} exists and holds other structures",
                "export to another folder, or remove it first",
            )
    for path in paths:
        (new / path.name).replace(path)
