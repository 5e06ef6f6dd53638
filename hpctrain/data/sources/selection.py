"""ASE selections on structures that are in no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hpctrain.data.sources.names import error_text
from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Selector = Callable[[NDArray[np.int64], Mapping[str, Any]], bool]


def make_selector(select: str) -> Selector:
    """Make a test of a structure's numbers and keys from an ASE selection, as of a row's."""
    if not select.strip():
        return lambda _numbers, _keys: True
    from ase.db.core import ops, parse_selection

    try:
        keys, comparisons = parse_selection(select)
    except Exception as error:  # ASE raises whatever a bad expression leads to
        raise HpctrainError(
            f"data.select '{select}' is no selection: {error_text(error)}"
        ) from error

    def matches(numbers: NDArray[np.int64], pairs: Mapping[str, Any]) -> bool:
        for key in keys:
            if key not in pairs:
                return False
        for key, operator, wanted in comparisons:
            found: Any = len(numbers) if key == "natoms" else pairs.get(key)
            if isinstance(key, int):
                found = int((numbers == key).sum())
            if found is None or not ops[operator](found, wanted):
                return False
        return True

    return matches
