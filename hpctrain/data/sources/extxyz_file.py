"""Structures of an extxyz file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hpctrain.data.sources.atom_lines import Table, read_tables
from hpctrain.data.sources.comments import parse_comments
from hpctrain.data.sources.frames import DAMAGED, MENDING, Frame, latin_1, read_frames
from hpctrain.data.sources.key_values import Column, parse_properties
from hpctrain.data.sources.label_names import Raw
from hpctrain.data.sources.names import error_text
from hpctrain.data.sources.pieces import put_together, select_structures
from hpctrain.data.sources.species import read_species
from hpctrain.data.sources.values import NoNumber, Words, to_array
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.data.sources.label_names import Labels, Note
    from hpctrain.data.sources.selection import Selection
    from hpctrain.data.structures.extxyz import Structure

_NUMBERS, _SPECIES, _POSITIONS = ("Z", "numbers"), ("species", "symbols"), ("pos", "positions")
_ATOMS = frozenset((*_NUMBERS, *_SPECIES, *_POSITIONS))
_RESULTS = ("energy", "free_energy", "stress")
_KEYS = {"lattice": "Lattice", "pbc": "pbc", "properties": "Properties"}
_MARK = ";"
_USUAL = "species:S:1:pos:R:3"
ELEMENT = "{{rows}}: {word} is not an element's symbol: read as {symbol}"
ENCODING = "{rows}: the second line is not UTF-8: read as Latin-1"


class Unreadable(ValueError):
    """What is wrong with a frame, and in which of its lines; the first is 0."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True)
class ExtxyzFrames:
    """Some frames of a file, called ``name`` in errors; the ids begin with ``prefix``."""

    name: str
    selection: Selection
    prefix: str
    frames: Sequence[Frame]
    portable: ClassVar[bool] = True

    def structures(self, labels: Labels) -> Iterator[Structure]:
        """Read the selected structures; HpctrainError names the line that cannot be read."""
        return select_structures(self.raws(), self.name, self.selection, self.prefix, labels)

    def raws(self) -> Iterator[tuple[int, Raw]]:
        """Read all, with their numbers."""
        comments = [_decode(frame.comment) for frame in self.frames]
        infos = parse_comments(comments)
        tables = read_tables(self.frames)
        for frame, comment, info, table in zip(self.frames, comments, infos, tables, strict=True):
            notes = [(ENCODING, 0.0)] if comment is not frame.comment else []
            try:
                raw = _parse(frame, self.name, info, table, notes)
            except Unreadable as error:
                raise HpctrainError(
                    f"{self.name}, structure {frame.number}, line {frame.line + error.line}: "
                    f"{error}",
                    MENDING,
                ) from None
            except UnicodeError as error:
                raise _cannot_be_read(self.name, error) from error
            yield frame.number, raw


def read_extxyz(path: Path, name: str, selection: Selection, prefix: str) -> Iterator[ExtxyzFrames]:
    """Read a file, called ``name`` in errors, some frames at a time."""
    try:
        for some in put_together(read_frames(path, name), _size):
            yield ExtxyzFrames(name, selection, prefix, some)
    except (OSError, UnicodeError, *DAMAGED) as error:
        raise _cannot_be_read(name, error) from error


def _size(frame: Frame) -> int:
    return len(frame.body)


def _cannot_be_read(name: str, error: Exception) -> HpctrainError:
    return HpctrainError(f"{name} cannot be read: {error_text(error)}")


def _decode(comment: str) -> str:
    """Return a second line; one with bytes that are not UTF-8 is another string."""
    if not comment.isascii() and any("\udc80" <= char <= "\udcff" for char in comment):
        return latin_1(comment)
    return comment


def _parse(
    frame: Frame, name: str, info: dict[str, Any], table: Table | None, notes: list[Note]
) -> Raw:
    _refuse_other_case(info)
    columns = _columns(info.pop("Properties", None), frame)
    places = {column.name: column for column in columns}
    read: Callable[[Column], Any]
    if table is not None and table.values.shape[1] == _count_numbers(columns):
        numbers, read = table.numbers, table.column
        positions = read(places[_POSITIONS[0]])
    else:
        words = _split(frame, columns)
        numbers = np.array(_read_numbers(places, words, notes), dtype=np.int64)
        positions = _read_positions(places, words, frame, name)
        read = partial(_delay, words, frame.line + 2, name)
    lattice = info.pop("Lattice", None)
    results: dict[str, Any] = {key: info.pop(key) for key in _RESULTS if key in info}
    arrays: dict[str, Any] = {}
    for column in places.values():
        if column.name in _ATOMS or column.kind not in "RI":
            continue
        (results if column.name == "forces" else arrays)[column.name] = read(column)
    return Raw(
        f"line {frame.line + 1} of {name}",
        numbers,
        positions,
        _read_cell(lattice),
        _read_pbc(info.pop("pbc", None), lattice is not None),
        results,
        info,
        arrays,
        notes=tuple(notes),
        text=True,
    )


def _refuse_other_case(keys: Iterable[str]) -> None:
    """Raise Unreadable where a key that has a meaning is written otherwise: ASE overlooks it."""
    if wrong := _find_other_case(tuple(keys)):
        raise Unreadable(1, f"it has {wrong[0]}, which is written {wrong[1]}")


@lru_cache(maxsize=256)
def _find_other_case(keys: tuple[str, ...]) -> tuple[str, str] | None:
    for key in keys:
        name = _KEYS.get(key.lower())
        if name is not None and name not in keys:
            return key, name
    return None


def _columns(properties: Any, frame: Frame) -> tuple[Column, ...]:
    try:
        columns = parse_properties(_USUAL if properties is None else str(properties))
    except ValueError as error:
        raise Unreadable(1, str(error)) from None
    wide = columns[-1].end if columns else 0
    if properties is None and frame.atoms:
        # Plain xyz may have more behind the positions, without a word of what.
        more = len(frame.lines[0].split()) - wide
        columns += (Column("", "S", wide, wide + max(more, 0)),)
    return columns


@lru_cache(maxsize=256)
def _count_numbers(columns: tuple[Column, ...]) -> int | None:
    """Count the numbers of a line, if they stand behind an element's symbol; else None."""
    places = {column.name: column for column in columns}
    position = places.get(_POSITIONS[0])
    if (
        position is None
        or position.end - position.first != 3
        or columns[0] != Column(_SPECIES[0], "S", 0, 1)
        or any(column.kind not in "RI" for column in columns[1:])
        or not _ATOMS.isdisjoint(places.keys() - {_SPECIES[0], _POSITIONS[0]})
    ):
        return None
    return columns[-1].end - 1


def _delay(words: Sequence[Sequence[str]], line: int, name: str, column: Column) -> Words:
    return Words(words[column.first : column.end], line, name)


def _split(frame: Frame, columns: tuple[Column, ...]) -> Sequence[Sequence[str]]:
    """Return the words of the atoms' lines, column by column."""
    wide = columns[-1].end if columns else 0
    # All lines at once, each with a mark at its end.
    if _MARK not in frame.body:
        words = frame.body.replace("\n", f" {_MARK} ").split()
        if words[wide :: wide + 1] == [_MARK] * frame.atoms and words[-1:] == [_MARK]:
            return [words[place :: wide + 1] for place in range(wide)]
    rows = [line.split() for line in frame.lines]
    for place, row in enumerate(rows):
        if len(row) != wide:
            raise Unreadable(2 + place, f"it has {len(row)} columns, and should have {wide}")
    return list(zip(*rows, strict=True)) or [()] * wide


def _first(places: dict[str, Column], names: tuple[str, ...]) -> Column | None:
    return next((places[name] for name in names if name in places), None)


def _read_numbers(
    places: dict[str, Column], words: Sequence[Sequence[str]], notes: list[Note]
) -> list[int]:
    column = _first(places, _NUMBERS) or _first(places, _SPECIES)
    if column is None or column.end != column.first + 1:
        raise Unreadable(1, "Properties names no elements (species:S:1, or Z:I:1)")
    try:
        numbers, read = read_species(words[column.first])
    except ValueError as error:
        word, place = error.args
        word = word.encode("utf-8", "backslashreplace").decode()  # bytes of another encoding
        raise Unreadable(2 + place, f"{word} is not an element") from None
    if column.name not in _NUMBERS:
        notes += [(ELEMENT.format(word=_plain(w), symbol=s), 0.0) for w, s in read.items()]
    return numbers


def _plain(word: str) -> str:
    return word.replace("{", "{{").replace("}", "}}")


def _read_positions(
    places: dict[str, Column], words: Sequence[Sequence[str]], frame: Frame, name: str
) -> Any:
    column = _first(places, _POSITIONS)
    if column is None or column.end != column.first + 3:
        raise Unreadable(1, "Properties names no positions (pos:R:3)")
    try:
        return Words(words[column.first : column.end], frame.line + 2, name).floats()
    except NoNumber as error:
        line = int((error.where or "line 0").split()[1]) - frame.line
        raise Unreadable(line, f"the position {error.text} is not a number") from None


def _read_cell(lattice: Any) -> Any:
    if lattice is None:
        return np.zeros((3, 3))
    try:
        cell = to_array(lattice)
    except NoNumber as error:
        raise Unreadable(1, f"the number {error.text} in Lattice is none") from None
    if cell.size != 9:
        raise Unreadable(1, f"Lattice has {cell.size} numbers, not nine")
    # A matrix was read column by column.
    return cell.reshape(3, 3) if cell.ndim == 1 else np.ascontiguousarray(cell.T)


def _read_pbc(value: Any, has_cell: bool) -> tuple[bool, bool, bool]:
    if value is None:
        return (has_cell,) * 3
    if isinstance(value, bool):
        return (value,) * 3
    try:
        a, b, c = (bool(axis) for axis in value)
    except (TypeError, ValueError):
        raise Unreadable(1, f"pbc is {str(value)!r}, not three of T and F") from None
    if isinstance(value, str):
        raise Unreadable(1, f"pbc is {value!r}, not three of T and F")
    return a, b, c
