"""Stands in for pandas where no test needs a table: of each step's seconds it would take most.

As much of it as the stand-ins of the trainers and the steps around them ask for. What it writes,
the real pandas can read.
"""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Series(np.ndarray):
    """A column: numbers, or objects one by one."""

    def to_list(self) -> list[Any]:
        return self.tolist()

    def to_numpy(self, dtype: Any) -> Any:
        return np.asarray(self, dtype)

    def notna(self) -> Any:
        return np.array([value is not None for value in self], dtype=bool)


def _series(values: Sequence[Any]) -> Any:
    objects = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        objects[number] = value
    if all(isinstance(value, (int, float, np.number)) for value in values):
        objects = objects.astype(float)
    return objects.view(Series)


class DataFrame:
    """Columns by their names; made of them, or of rows as the conversion writes them."""

    def __init__(self, data: Any, index: None = None, columns: Sequence[str] = ()) -> None:
        if isinstance(data, dict):
            named = data
        elif columns:
            named = dict(zip(columns, zip(*data)))  # noqa: B905
        else:
            named = {name: [row[name] for row in data] for name in (data[0] if data else ())}
        self._columns = {name: _series(values) for name, values in named.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return DataFrame, ({name: list(column) for name, column in self._columns.items()},)

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def __len__(self) -> int:
        return max(map(len, self._columns.values()), default=0)

    @property
    def iloc(self) -> list[dict[str, Any]]:
        columns = self._columns.items()
        return [{name: column[place] for name, column in columns} for place in range(len(self))]

    def get(self, name: str) -> Any:
        return self._columns.get(name)

    def __getitem__(self, wanted: Any) -> Any:
        if isinstance(wanted, str):
            return self._columns[wanted]
        if isinstance(wanted, np.ndarray):
            return DataFrame({name: list(column[wanted]) for name, column in self._columns.items()})
        return DataFrame({name: self._columns[name] for name in wanted})

    def __setitem__(self, name: str, values: Sequence[Any]) -> None:
        self._columns[name] = _series(values)

    def to_pickle(self, path: str, compression: str) -> None:
        assert compression == "gzip"
        Path(path).write_bytes(gzip.compress(pickle.dumps(self), 1))


def read_pickle(path: str, compression: str = "gzip") -> Any:
    assert compression == "gzip"
    return pickle.loads(gzip.decompress(Path(path).read_bytes()))
