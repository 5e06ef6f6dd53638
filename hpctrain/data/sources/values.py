"""Numbers as programs write them: read, or named where they are none."""

from __future__ import annotations

import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Fortran's double precision, 1.5D+02, and a three-digit exponent, for which it drops the letter.
_FORTRAN = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[dD]([+-]?[0-9]+)|([+-][0-9]{3}))")
_PYTHON = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_DIGITS = b"0123456789.+-eE,"
# xx yy zz yz xz xy among the nine numbers of a 3 x 3 matrix.
VOIGT = [0, 4, 8, 5, 2, 1]


class NoNumber(ValueError):
    """A value that is no number: its ``text``, and ``where`` it stands, if that is known."""

    def __init__(self, value: object, where: str | None = None) -> None:
        text = repr(value)
        self.text = text if len(text) <= 60 else f"{text[:57]}…"
        self.where = where
        super().__init__(f"{self.text} is not a number")


@dataclass(frozen=True)
class Words:
    """Columns of a text file that are not read yet; ``line`` is that of the first, in ``file``."""

    columns: Sequence[Sequence[str]]
    line: int
    file: str

    @property
    def size(self) -> int:
        """Return how many words there are."""
        return sum(map(len, self.columns))

    def floats(self) -> NDArray[np.float64]:
        """Read them [n, columns], or [n]; NoNumber names the line."""
        count = len(self.columns)
        try:
            flat = to_floats([*chain.from_iterable(self.columns)])
        except NoNumber:
            for place, words in enumerate(zip(*self.columns, strict=True)):
                for word in words:
                    try:
                        read_word(word)
                    except NoNumber:
                        line = f"line {self.line + place} of {self.file}"
                        raise NoNumber(word, line) from None
            raise
        return flat if count == 1 else np.ascontiguousarray(flat.reshape(count, -1).T)


def to_float(value: Any) -> float:
    """Return a number, also of a text, or of a list of one; NoNumber otherwise."""
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        return read_word(value.strip())
    if isinstance(value, np.ndarray) and value.size == 1:
        return to_float(value.reshape(-1)[0].item())
    if isinstance(value, np.generic):
        return to_float(value.item())
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return to_float(value[0])
    if isinstance(value, numbers.Complex) and not isinstance(value, bool) and value.imag == 0:
        return float(value.real)
    raise NoNumber(value)


def read_word(word: str) -> float:
    """Return the number that a word is, in Python's or Fortran's way; NoNumber otherwise."""
    if _PYTHON.fullmatch(word) or _NOT_FINITE.fullmatch(word):
        return float(word)
    fortran = _FORTRAN.fullmatch(word)
    if fortran is None:
        raise NoNumber(word)
    return float(f"{fortran[1]}e{fortran[2] or fortran[3]}")


def to_floats(words: Sequence[str]) -> NDArray[np.float64]:
    """Return the numbers of some texts; NoNumber names the first that is none."""
    found = read_plain(words)
    if found is not None:
        return found
    try:
        numbers = list(map(float, words))
    except ValueError:
        return np.array(list(map(read_word, words)))
    if "_" in "".join(words):  # Python takes 1_0 for ten
        return np.array(list(map(read_word, words)))
    return np.array(numbers, dtype=float)


def read_plain(words: Sequence[str]) -> NDArray[np.float64] | None:
    """Return numbers that are written as in JSON, or None: the same as ``float``, but quicker."""
    text = ",".join(words).encode("utf-8", "surrogatepass")
    # "-0" would become a whole number, which has no sign.
    if text.translate(None, _DIGITS) or b",-0," in b",%b," % text:
        return None
    try:
        found = orjson.loads(b"[%b]" % text)
    except orjson.JSONDecodeError:
        return None  # "1.", ".5", "+1", "1e999", an empty text
    return np.array(found, dtype=float) if len(found) == len(words) else None


def to_array(value: Any) -> NDArray[np.float64]:
    """Return an array of numbers, of whatever holds them; NoNumber names what is none."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        return value
    if isinstance(value, Words):
        return value.floats()
    if isinstance(value, str):
        return to_floats(value.replace(",", " ").split())
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        raise NoNumber(value) from None
    if array.dtype.kind in "fiu":
        return array.astype(float)
    return np.array([to_float(one) for one in array.ravel().tolist()]).reshape(array.shape)


def to_voigt(value: Any) -> NDArray[np.float64]:
    """Return a stress as xx yy zz yz xz xy, of six numbers in that order, nine, or 3 x 3.

    ValueError says what it is instead.
    """
    array = to_array(value)
    if array.size == 9:
        return array.reshape(9)[VOIGT]
    if array.size != 6:
        plural = "number" if array.size == 1 else "numbers"
        raise ValueError(f"it is {array.size} {plural}, neither six nor nine")
    return array.reshape(6)
