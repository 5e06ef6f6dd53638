"""The number of basis functions that an attempt has chosen, for those that follow.

Standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from .. import evidence

# Written by inside/basis_size.py, once in a run.
FILE = "basis_size.json"
CAP = "number_of_functions_per_element"


def chosen(run: Path) -> dict[str, Any]:
    """Return what was tried and chosen in any attempt; empty if nothing was."""
    for file in sorted((run / "attempts").glob(f"*/{FILE}")):
        content = evidence.read_json(file)
        if isinstance(content.get("chosen"), int):
            return content
    return {}


def read_input(run: Path) -> dict[str, Any]:
    """Read the first attempt's input, with the number of functions that was chosen since."""
    content: dict[str, Any] = copy.deepcopy(evidence.read_json(run / "job" / "input.json"))
    found = chosen(run)
    number = found.get("chosen")
    if number is not None:
        content["potential"]["functions"][CAP] = number
    if found.get("optimizer"):
        content["fit"]["optimizer"] = found["optimizer"]
        content["fit"].pop("options", None)
    return content
