"""Ids and names of very many rows, in little memory."""

from __future__ import annotations

import re
from array import array
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

_NUMBER = re.compile("[1-9][0-9]{0,8}")
_IN_A_WAY = re.compile("[,<>=!]")  # of a source's name, in a selection


class Ids(Sequence[str]):
    """Many ids in little memory: as numbers where all are, else as one piece of text."""

    def __init__(self) -> None:
        self._numbers = array("I")
        self._bytes, self._ends = bytearray(), array("Q", [0])

    def append(self, row_id: str) -> None:
        """Add the id of the next row."""
        self.extend([row_id])

    def extend(self, ids: Sequence[str]) -> None:
        """Add the ids of the next rows."""
        if len(self._ends) == 1:
            if all(map(_NUMBER.fullmatch, ids)):
                self._numbers.extend(map(int, ids))
                return
            numbers, self._numbers = self._numbers, array("I")
            self._extend_text(map(str, numbers))
        self._extend_text(ids)

    def _extend_text(self, texts: Iterable[str]) -> None:
        for text in texts:
            # An id may begin with the name of a file, which need not be UTF-8.
            self._bytes += text.encode(errors="surrogatepass")
            self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._numbers) or len(self._ends) - 1

    def __getitem__(self, place: Any) -> Any:
        if self._numbers:
            return str(self._numbers[place])
        text = self._bytes[self._ends[place] : self._ends[place + 1]]
        return text.decode(errors="surrogatepass")


class Names:
    """Values that many rows share: each is kept once, and a row holds its number.

    Those beyond ``most``, if that is given, share the number of ``others``.
    """

    def __init__(self, most: int | None = None, others: Hashable = None) -> None:
        self.names: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        self._most, self._others = most, others

    def numbers(self, names: Iterable[Hashable]) -> list[int]:
        """Return the numbers of some names."""
        known = self._numbers
        return [known[name] if name in known else self.number(name) for name in names]

    def number(self, name: Hashable) -> int:
        """Return the number of a name; a new one gets the next."""
        number = self._numbers.get(name)
        if number is not None:
            return number
        if self._most is not None and len(self.names) >= self._most and name != self._others:
            return self.number(self._others)
        self._numbers[name] = len(self.names)
        self.names.append(name)
        return self._numbers[name]


def leaves_out(ids: Iterable[str]) -> str:
    """Return the words of a selection that leave out some rows, by their ids as they are printed.

    Empty where the name of a source cannot stand in a selection.
    """
    numbers: dict[str, list[int]] = {}
    for row_id in ids:
        source, mark, number = row_id.rpartition("#")
        if not number.isdecimal() or _IN_A_WAY.search(source):
            return ""
        numbers.setdefault(source + mark, []).append(int(number))
    words = []
    for source, found in numbers.items():
        runs: list[list[int]] = []
        for place in sorted(set(found)):
            if runs and place == runs[-1][1] + 1:
                runs[-1][1] = place
            else:
                runs.append([place, place])
        for start, end in runs:
            words.append(f"id!={source}{start}" + (f"-{end}" if end > start else ""))
    return ",".join(words)
