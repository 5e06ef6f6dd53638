"""The second lines of many frames at once, where they have the same keys in the same order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from hpctrain.data.sources.key_values import (
    BARE,
    MATRICES,
    QUOTED,
    RAW,
    UNREAD,
    find_plain_pairs,
    parse_comment,
    parse_value,
)
from hpctrain.data.sources.values import read_plain


def parse_comments(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Return the keys of each line with their values, as ``parse_comment`` does."""
    pairs = find_plain_pairs(lines[0]) if lines else None
    if not pairs:
        return list(map(parse_comment, lines))
    found = list(map(_make_pattern(tuple(pairs)).fullmatch, lines))
    texts = [match.groups() for match in found if match is not None]
    if len(texts) < len(lines):
        return list(map(parse_comment, lines))
    columns = {
        key: _parse_values(key, raws)
        for (key, _, _), raws in zip(pairs, zip(*texts, strict=True), strict=True)
        if key not in UNREAD
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


@lru_cache(maxsize=256)
def _make_pattern(pairs: tuple[tuple[str, str, str], ...]) -> re.Pattern[str]:
    """Make a pattern of lines that have the keys of one, and their values in the same quotes."""
    parts = [
        f"{re.escape(key)}=({BARE})" if bare else f'{re.escape(key)}="({QUOTED})"'
        for key, _, bare in pairs
    ]
    return re.compile(r"\s*" + r"\s+".join(parts) + r"\s*")


def _parse_values(key: str, raws: tuple[str, ...]) -> Sequence[Any]:
    """Parse the values that some lines have of a key."""
    if key in RAW:
        return raws
    if key in MATRICES:
        return _parse_matrices(raws) or [parse_value(key, raw) for raw in raws]
    if raws.count(raws[0]) == len(raws):
        return [parse_value(key, raws[0])] * len(raws)
    kind = float if all("." in raw for raw in raws) else int
    try:
        return list(map(kind, raws))
    except ValueError:
        return [parse_value(key, raw) for raw in raws]


def _parse_matrices(raws: tuple[str, ...]) -> Sequence[Any]:
    """Parse nine numbers in each text, column by column; nothing where one has other words."""
    words = [raw.split() for raw in raws]
    if any(len(some) != 9 or "." not in raw for some, raw in zip(words, raws, strict=True)):
        return []
    numbers = read_plain([*chain.from_iterable(words)])
    return [] if numbers is None else list(numbers.reshape(-1, 3, 3).transpose(0, 2, 1))
