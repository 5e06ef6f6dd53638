"""Elements as people write them: Cu, 29, Cu1, cu, Cu_pv, D."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hpctrain.data.structures.elements import NUMBERS, SYMBOLS

_ISOTOPES = {"D": "H", "T": "H"}


def read_species(words: Sequence[str]) -> tuple[list[int], dict[str, str]]:
    """Return the atomic numbers, and notes by the first word that is no symbol of an element.

    ValueError is raised with the first word that cannot be read; its ``args`` are word and place.
    """
    try:
        return [NUMBERS[word] for word in words], {}
    except KeyError:
        pass
    numbers: list[int] = []
    notes: dict[str, str] = {}
    known = dict(NUMBERS)
    for place, word in enumerate(words):
        number = known.get(word)
        if number is None:
            number = _read_word(word)
            if number is None:
                raise ValueError(word, place)
            known[word] = number
            notes.setdefault(SYMBOLS[number], word)
        numbers.append(number)
    return numbers, {word: symbol for symbol, word in notes.items()}


def _read_word(word: str) -> int | None:
    if word.isdecimal() and int(word) < len(SYMBOLS):
        return int(word)
    if word in _ISOTOPES:
        return NUMBERS[_ISOTOPES[word]]
    if word.capitalize() in NUMBERS:
        return NUMBERS[word.capitalize()]
    found = re.fullmatch(r"([A-Z][a-z]?|[a-z]{1,2})(?:[0-9]+[+-]?|[+-]|[_.@:-].*)", word)
    return None if found is None else NUMBERS.get(found[1].capitalize())
