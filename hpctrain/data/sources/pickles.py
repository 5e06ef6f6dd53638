"""Pacemaker's own tables, ``.pckl.gzip``: read by a process that can construct little else.

A pickle is a program. It is run only where the file belongs to the user, in a process of its own,
and there ``pickle_process`` lets it construct arrays, tables and structures only.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hpctrain.data.sources.label_names import Raw
from hpctrain.errors import HpctrainError
from hpctrain.process import run

ENDINGS = (".pckl", ".pkl", ".pickle")
_COMPRESSED = (".gzip", ".gz", ".bz2", ".xz")
_PROGRAM = "hpctrain.data.sources.pickle_process"
TIME_LIMIT_S = 3600.0
TABLE = "a table in Pacemaker's format needs the columns ase_atoms, energy and forces"


def is_pickle(name: str) -> bool:
    """Say whether a file is called as a pickled table."""
    path = Path(name.lower())
    return (path.stem if path.suffix in _COMPRESSED else path.name).endswith(ENDINGS)


def read_pickle(path: Path, name: str) -> Iterator[tuple[int, Raw]]:
    """Read the rows of a table, called ``name`` in errors, with their numbers from 1.

    HpctrainError where the file is another user's, or holds what is not let through.
    """
    if path.stat().st_uid != os.geteuid():
        raise HpctrainError(
            f"{name} belongs to another user: a pickle is a program, and only your own are read",
            "check where it comes from, then copy it so that the copy is yours",
        )
    with tempfile.TemporaryDirectory(prefix="hpctrain-") as folder:
        rows = Path(folder) / "rows"
        argv = [sys.executable, "-m", _PROGRAM, str(path.absolute()), str(rows)]
        # Python looks for modules in the folder where it starts, first of all.
        reply = run(argv, cwd=folder, time_limit_s=TIME_LIMIT_S)
        if reply.code != 0:
            said = reply.problem or (reply.err.strip().splitlines() or ["it is damaged"])[-1]
            raise HpctrainError(f"{name} cannot be read: {said}", TABLE)
        with rows.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield number, _to_raw(json.loads(line), f"row {number} of {name}")


def _to_raw(row: dict[str, Any], where: str) -> Raw:
    a, b, c = row["pbc"]
    results = {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in row["results"].items()
    }
    return Raw(
        where,
        np.array(row["numbers"], dtype=np.int64),
        np.array(row["positions"], dtype=float).reshape(-1, 3),
        np.array(row["cell"], dtype=float),
        (a, b, c),
        results,
        row["keys"],
        row["arrays"],
    )
