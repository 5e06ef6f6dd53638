"""Labelled structures in, split extxyz out. Imported late: it brings numpy and ase."""

from __future__ import annotations

import filecmp
import hashlib
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hpctrain.errors import HpctrainError
from hpctrain.extxyz import Structure, digest, formatted
from hpctrain.sources import SYMBOLS, read_source, shown

if TYPE_CHECKING:
    from hpctrain.models import DataConfig

Progress = Callable[[int], None]


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


@dataclass
class _Entry:
    """What is remembered of a structure between reading and writing."""

    row_id: str
    generation: int | None
    bad: str | None = None
    digest: str = ""
    offset: int = 0
    length: int = 0
    atoms: int = 0
    symbols: frozenset[str] = field(default_factory=frozenset)
    config_type: str | None = None
    isolated: float | None = None


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
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as spool:
        entries = _read(data, base, spool, cutoff, mixed_pbc, progress)
        entries = _of_generations(entries, data, up_to_generation)
        good = [entry for entry in entries if entry.bad is None]
        skipped = _skipped(entries)
        if skipped and not skip_bad:
            raise HpctrainError(
                "\n".join(["these rows are selected but cannot be used:", *map(_said, skipped)]),
                "mend or deselect them (data.select), or leave them out with --skip-bad",
            )
        if not good:
            raise HpctrainError(
                f"no structure in {shown(data.source)} matches data.select '{data.select}'"
                + (
                    f" and data.generations {data.generations}" if data.generations != "all" else ""
                ),
                "look with: ase db FILE.db  ·  an empty data.select takes every row",
            )
        sides = split(
            [(entry.digest, entry.row_id) for entry in good], data.test_fraction, data.seed
        )
        chosen = {
            "train": [entry for entry, test in zip(good, sides, strict=True) if not test],
            "test": [entry for entry, test in zip(good, sides, strict=True) if test],
        }
        files = {side: _write(folder, side, chosen[side], spool) for side in chosen}
        _put([(temporary, file.path) for temporary, file in files.values()])
    isolated: dict[str, list[float]] = defaultdict(list)
    for entry in good:
        if entry.isolated is not None:
            isolated[next(iter(entry.symbols))].append(entry.isolated)
    return Dataset(
        train=files["train"][1],
        test=files["test"][1],
        skipped=skipped,
        fingerprint=_fingerprint(chosen["train"], chosen["test"]),
        rows_fingerprint=_fingerprint(good),
        elements=tuple(sorted(frozenset().union(*(entry.symbols for entry in good)))),
        isolated_atoms={element: tuple(energies) for element, energies in isolated.items()},
        config_types=dict(Counter(entry.config_type or "unnamed" for entry in good)),
        generations=dict(Counter(_generation_name(entry.generation) for entry in good)),
    )


def split(structures: Sequence[tuple[str, str]], test_fraction: float, seed: int) -> list[bool]:
    """For each (digest, id): is it a test structure?

    Exactly round(fraction · n) are, halves rounded up. Each structure draws its own lot from its
    digest and the seed, and the lowest lots are tested on: the order of the rows cannot matter.
    """
    total = len(structures)
    wanted = int(total * test_fraction + 0.5)
    if not 0 < wanted < total:
        empty = "test" if wanted == 0 else "training"
        raise HpctrainError(
            f"data.test_fraction {test_fraction:g} of {total} structure{'s' * (total != 1)} "
            f"leaves no {empty} structure",
            f"with {total} structures it can be from {_fraction_limits(total)}"
            if total > 1
            else "at least two structures are needed",
        )
    lots = [hashlib.sha256(f"{seed}:{key}".encode()).digest() for key, _ in structures]
    order = sorted(range(total), key=lambda i: (lots[i], structures[i][1]))
    sides = [False] * total
    for i in order[:wanted]:
        sides[i] = True
    return sides


def _fraction_limits(total: int) -> str:
    return f"{0.5 / total:.3g} to {1 - 0.51 / total:.3g}"


def _read(
    data: DataConfig,
    base: Path,
    spool: IO[bytes],
    cutoff: float,
    mixed_pbc: bool,
    progress: Progress,
) -> list[_Entry]:
    """Every selected row, checked; the good ones formatted into ``spool``."""
    entries: list[_Entry] = []
    sources = [data.source] if isinstance(data.source, str) else data.source
    if not sources:
        raise HpctrainError("data.source names no file")
    for source in sources:
        for structure in read_source(source, base, data.select, several=len(sources) > 1):
            entry = _Entry(structure.row_id, structure.generation, bad=fault(structure, mixed_pbc))
            if entry.bad is None:
                symbols = [SYMBOLS[number] for number in structure.numbers]
                text = formatted(structure, symbols).encode()
                entry.digest = digest(structure)
                entry.offset, entry.length = spool.tell(), len(text)
                entry.atoms, entry.symbols = len(symbols), frozenset(symbols)
                entry.config_type = structure.config_type
                entry.isolated = structure.energy if _is_isolated(structure, cutoff) else None
                spool.write(text)
            entries.append(entry)
            progress(len(entries))
    return entries


def fault(structure: Structure, mixed_pbc: bool = True) -> str | None:
    """Why a structure cannot be trained on, or None."""
    numbers = structure.numbers
    if len(numbers) == 0:
        return "no atoms"
    impossible = sorted({int(n) for n in numbers if not 1 <= n < len(SYMBOLS)})
    if impossible:
        return f"an element that cannot be (atomic number {', '.join(map(str, impossible))})"
    if structure.energy is None:
        return "no energy"
    if structure.forces is None:
        return "no forces"
    if structure.forces.shape != (len(numbers), 3):
        return "forces do not match the atoms"
    if not np.isfinite(structure.energy):
        return "the energy is not a finite number"
    if not np.isfinite(structure.forces).all():
        return "a force is not a finite number"
    if structure.stress is not None and not np.isfinite(structure.stress).all():
        return "the stress is not a finite number"
    if not (np.isfinite(structure.positions).all() and np.isfinite(structure.cell).all()):
        return "a position or the cell is not a finite number"
    if any(structure.pbc) and abs(np.linalg.det(structure.cell)) < 1e-9:
        return "periodic, but the cell has no volume"
    if not mixed_pbc and len(set(structure.pbc)) > 1:
        return "periodic in some directions only, which the evaluator tensorpot cannot take"
    return None


def _is_isolated(structure: Structure, cutoff: float) -> bool:
    """One atom that sees no other, nor its own periodic image, within the cutoff."""
    if len(structure.numbers) != 1:
        return False
    steps = [(-1, 0, 1) if periodic else (0,) for periodic in structure.pbc]
    images = np.array([(i, j, k) for i in steps[0] for j in steps[1] for k in steps[2]])
    distances = np.linalg.norm(images @ structure.cell, axis=1)
    return bool((distances[np.any(images, axis=1)] > cutoff).all())


def _of_generations(entries: list[_Entry], data: DataConfig, up_to: int | None) -> list[_Entry]:
    wanted: set[int] | None = None
    known = {entry.generation for entry in entries if entry.generation is not None}
    if data.generations == "latest":
        if entries and not known:
            raise HpctrainError(
                "data.generations is 'latest', but no selected row has a generation",
                "give the rows a key 'generation', or set data.generations: all",
            )
        wanted = {max(known)} if known else set()
    elif data.generations != "all":
        wanted = set(data.generations)
        missing = sorted(wanted - known)
        if entries and missing:
            raise HpctrainError(
                f"data.generations asks for {', '.join(map(str, missing))}, "
                f"but the selected rows have: {', '.join(map(str, sorted(known))) or 'none'}"
            )
    return [
        entry
        for entry in entries
        if (wanted is None or entry.generation in wanted)
        and (up_to is None or (entry.generation is not None and entry.generation <= up_to))
    ]


def _generation_name(generation: int | None) -> str:
    return "none" if generation is None else str(generation)


def _skipped(entries: Sequence[_Entry]) -> tuple[Skipped, ...]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.bad is not None:
            reasons[entry.bad].append(entry.row_id)
    return tuple(Skipped(reason, tuple(ids)) for reason, ids in reasons.items())


def _said(skipped: Skipped) -> str:
    ids = ", ".join(skipped.ids[:10]) + (", …" if len(skipped.ids) > 10 else "")
    return f"  {skipped.reason}: {len(skipped.ids)} (row {ids})"


def _fingerprint(*sides: Sequence[_Entry]) -> str:
    sha = hashlib.sha256()
    for side in sides:
        for key in sorted(entry.digest for entry in side):
            sha.update(key.encode())
        sha.update(b"|")
    return f"sha256:{sha.hexdigest()}"


def _write(
    folder: Path, side: str, entries: Sequence[_Entry], spool: IO[bytes]
) -> tuple[Path, SplitFile]:
    """One side, under a name that no reader looks for yet."""
    sha = hashlib.sha256()
    temporary = folder / f".{side}.extxyz.{os.getpid()}"
    with temporary.open("wb") as file:
        for entry in entries:
            spool.seek(entry.offset)
            text = spool.read(entry.length)
            sha.update(text)
            file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return temporary, SplitFile(
        path=folder / f"{side}.extxyz",
        structures=len(entries),
        atoms=sum(entry.atoms for entry in entries),
        sha256=sha.hexdigest(),
        ids=tuple(entry.row_id for entry in entries),
    )


def _put(files: Sequence[tuple[Path, Path]]) -> None:
    """Give both files their names; a file that says something else is not overwritten."""
    try:
        for temporary, path in files:
            if path.exists() and not filecmp.cmp(temporary, path, shallow=False):
                raise HpctrainError(
                    f"{path} exists and holds other structures",
                    "export to another folder, or remove it first",
                )
        for temporary, path in files:
            temporary.replace(path)
    finally:
        for temporary, _ in files:
            temporary.unlink(missing_ok=True)
