"""What Pacemaker needs of its environment. Standard library only, Python 3.8 and later."""

from __future__ import annotations

import importlib.util
import re
import sys

from ..environment import versions

PACKAGES = (
    "python-ace", "tensorpotential", "tensorflow", "tensorflow-cpu",
    "numpy", "scipy", "pandas", "ase",
)  # fmt: skip


def fault(evaluator: str) -> str | None:
    """Say why the trainer cannot work in this environment, or return None. Takes a moment."""
    found = versions(PACKAGES)
    if "python-ace" not in found and importlib.util.find_spec("pyace") is None:
        return (
            "Pacemaker (python-ace) is not installed in the trainer's environment "
            f"({sys.executable}). Name the right one in the site profile: "
            "trainer: {python: /path/to/env/bin/python}"
        )
    for module in ("pandas", "ase", "numpy"):
        if importlib.util.find_spec(module) is None:
            return f"the trainer's environment ({sys.executable}) lacks {module}"
    if evaluator != "tensorpot":
        return None
    for module in ("tensorpotential", "tensorflow"):
        if importlib.util.find_spec(module) is None:
            return (
                f"the evaluator tensorpot needs {module}, which is not installed in the trainer's "
                f"environment ({sys.executable}). Install it, or set training.evaluator: pyace "
                "(slow)"
            )
    numpy = found.get("numpy", "")
    if re.match(r"2\.([4-9]|[1-9]\d)\b|[3-9]\.", numpy) and _breaks_with_numpy_2_4(
        found.get("tensorpotential")
    ):
        return (
            f"numpy {numpy} breaks tensorpotential {found['tensorpotential']} (only 0-dimensional "
            "arrays can be converted …). In the trainer's environment: pip install 'numpy<2.4'"
        )
    return None


def _breaks_with_numpy_2_4(version: str | None) -> bool:
    """Say whether a tensorpotential is not above 0.6.2.1, the newest that was seen to fail."""
    numbers = [int(part) for part in re.findall(r"\d+", version or "")]
    return bool(numbers) and numbers <= [0, 6, 2, 1]
