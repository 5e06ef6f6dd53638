"""The two files of a dataset: written whole, or not at all."""

from __future__ import annotations

import filecmp
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hpctrain.data.split import Sides
from hpctrain.data.structures.rows import Rows
from hpctrain.errors import HpctrainError
from hpctrain.files import naming

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPAN = 1000  # rows that are copied together at most


class SomeIds(Sequence[str]):
    """The ids of some rows, each made when it is asked for."""

    def __init__(self, rows: Rows, places: NDArray[Any]) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: Any) -> Any:
        return self._rows.ids[self._places[place]]


@dataclass(frozen=True)
class SplitFile:
    """One side of the split, as written.

    ``marks()``: 8 hexadecimal digits of each row's digest, made when they are asked for, as the ids
    are.
    """

    path: Path
    structures: int
    atoms: int
    sha256: str
    ids: Sequence[str]
    marks: Callable[[], str] = str

    def facts(self) -> dict[str, Any]:
        """Return the file as manifests, cards and ``--json`` have it."""
        return {
            "path": self.path.name,
            "structures": self.structures,
            "atoms": self.atoms,
            "sha256": self.sha256,
        }


@contextmanager
def make_folder(folder: Path) -> Iterator[None]:
    """Make a folder; after an error, one that was not there before is removed again."""
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


def write_files(
    new: Path, folder: Path, rows: Rows, sides: Sides, spool: IO[bytes]
) -> dict[str, SplitFile]:
    """Write both sides into ``new``, where no reader looks; they are to go to ``folder``.

    The texts of all rows are in ``spool``.
    """
    ends, atoms = rows.column("ends"), rows.column("atoms")
    spool.flush()
    files = {}
    for side, places in (("train", sides.train), ("test", sides.test)):
        sha = hashlib.sha256()
        path = folder / f"{side}.extxyz"
        with naming(path), (new / path.name).open("wb", buffering=0) as file:
            for begin, end in _spans(places, ends):
                text = os.pread(spool.fileno(), end - begin, begin)
                sha.update(text)
                left = memoryview(text)
                while left:  # a disk that becomes full takes a part, and says nothing
                    left = left[file.write(left) :]
            os.fsync(file.fileno())
        files[side] = SplitFile(
            path=path,
            structures=len(places),
            atoms=int(atoms[places].sum()),
            sha256=sha.hexdigest(),
            ids=SomeIds(rows, places),
            marks=partial(_format_marks, rows, places),
        )
    return files


def _format_marks(rows: Rows, places: NDArray[Any]) -> str:
    text: str = rows.digests[:, :4][places].tobytes().hex()
    return text


def _spans(places: NDArray[Any], ends: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Find the texts of some rows in the spool; those behind each other are read together."""
    if not len(places):  # an adopted training may have no test set
        return
    for part in np.split(places, range(SPAN, len(places), SPAN)):
        for run in np.split(part, np.flatnonzero(np.diff(part) != 1) + 1):
            yield int(ends[run[0]]), int(ends[run[-1] + 1])


def move_into_place(new: Path, paths: Sequence[Path]) -> None:
    """Give files in ``new`` their names.

    HpctrainError if one is there and says something else; it is not overwritten.
    """
    for path in paths:
        if path.exists() and not filecmp.cmp(new / path.name, path, shallow=False):
            raise HpctrainError(
                f"{path} exists and holds other structures",
                "export to another folder, or remove it first",
            )
    for path in paths:
        (new / path.name).replace(path)
