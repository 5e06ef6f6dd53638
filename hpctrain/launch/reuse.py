"""Exports that runs share, by hard links: data that have not changed are not exported again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hpctrain import __version__
from hpctrain.data.export import Dataset, Skipped
from hpctrain.data.split_files import SplitFile
from hpctrain.errors import HpctrainError
from hpctrain.files import sha256_of
from hpctrain.runs.exports import exports
from hpctrain.runs.manifest import SIDES, RowIds, known_side, read_manifest, read_rows
from hpctrain.runs.run import MANIFEST

if TYPE_CHECKING:
    from hpctrain.data.duplicates.search import Leakage
    from hpctrain.settings import DataConfig

FILES = ("train.extxyz", "test.extxyz")
ROWS = "rows.json"
# Raised when the same settings and data give other files: 2, isolated atoms are not drawn.
DRAW = 2
# Of the head of an SQLite file: the counter that every transaction raises (its format, 1.3.7).
_COUNTER = slice(24, 28)


@dataclass(frozen=True)
class Earlier:
    """An export of an earlier run: the run's folder, and the ids of the rows."""

    folder: Path
    rows: RowIds


def key(data: DataConfig, sources: Sequence[str], base: Path, **options: Any) -> str | None:
    """Return a hash of all that an export depends on; None where a change would not be noticed.

    ``sources`` are those that ``data`` names. Of a file that is its size, its times, its number,
    and, where it is an SQLite database, its counter of changes; also those of a journal beside it.
    Of a server nothing is known.
    """
    if any("://" in source for source in sources):
        return None
    files = [list(_file_states(base / source)) for source in sources]
    made_by = {"version": __version__, "draw": DRAW}
    settings = {"data": data.model_dump(mode="json"), **made_by, **options}
    text = json.dumps([files, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _file_states(path: Path) -> Iterator[list[Any]]:
    """Read what changes with every write, of a file and of the journals beside it."""
    for name in (path, *(path.with_name(path.name + end) for end in ("-wal", "-journal"))):
        try:
            with name.open("rb") as file:
                head, stat = file.read(100), os.fstat(file.fileno())
        except OSError:
            continue
        yield [name.name, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns,
               stat.st_ctime_ns, head[_COUNTER].hex()]  # fmt: skip


def find(
    runs: Path, wanted: str, fits: Callable[[Path], object] = lambda _: True
) -> Earlier | None:
    """Find the newest run with that export whose files are as they were written.

    ``fits`` says of a run whether it serves besides.
    """
    for one in reversed(exports(runs)):
        run = runs / one.run_id
        if one.key == wanted and fits(run):
            rows = _rows_if_whole(run, (one.train, one.test))
            if rows is not None:
                return Earlier(run, rows)
    return None


def _rows_if_whole(folder: Path, known: tuple[str | None, str | None]) -> RowIds | None:
    try:
        for sha256, name in zip(known, FILES, strict=True):
            if sha256_of(folder / name) != sha256:
                return None
        return read_rows(folder / ROWS)
    except (OSError, HpctrainError):
        return None


def keep(runs: Path, dataset: Dataset) -> None:
    """Write-protect an export; what another run has too is linked, and takes no room twice."""
    others = exports(runs)
    for side, file in enumerate((dataset.train, dataset.test)):
        file.path.chmod(file.path.stat().st_mode & ~0o222)
        for other in reversed(others):
            if (other.train, other.test)[side] == file.sha256:
                same = runs / other.run_id / file.path.name
                with suppress(OSError, HpctrainError):
                    if sha256_of(same) == file.sha256:
                        _link(same, file.path)
                break


def _link(existing: Path, path: Path) -> None:
    new = path.with_name(f".{path.name}.link")
    with suppress(OSError):  # another file system, or one without links
        os.link(existing, new)
        new.replace(path)


def take(earlier: Earlier, folder: Path) -> Dataset:
    """Put the export of an earlier run into ``folder``: linked, or copied where that fails."""
    run, rows = earlier.folder, earlier.rows
    manifest = read_manifest(run / MANIFEST)
    assert manifest is not None  # its key was found in it
    known = manifest["dataset"]
    files = {}
    for side, name in zip(SIDES, FILES, strict=True):
        try:
            os.link(run / name, folder / name)
        except OSError:
            shutil.copyfile(run / name, folder / name)
        files[side] = SplitFile(
            folder / name,
            known_side(known, side)["structures"],
            known_side(known, side)["atoms"],
            known_side(known, side)["sha256"],
            rows[side],
            partial(str, rows.get("marks", {}).get(side, "")),
        )
    return Dataset(
        train=files["train"],
        test=files["test"],
        skipped=tuple(Skipped(one["reason"], tuple(one["ids"])) for one in known["skipped"]),
        fingerprint=str(known["fingerprint"]),
        rows_fingerprint=str(known["rows_fingerprint"]),
        elements=tuple(known["elements"]),
        isolated_atoms={
            name: tuple(energies) for name, energies in known["isolated_atoms"].items()
        },
        config_types=known["config_types"],
        generations=known["generations"],
        leakage=cast("Leakage", known["leakage"]),
        elements_left_out=tuple(known.get("elements_left_out") or ()),
        independent_compositions=known.get("independent_compositions"),
        notes=tuple(known.get("notes", ())),
        select=known.get("select", ""),
    )
