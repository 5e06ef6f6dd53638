"""The memory of BFGS, its inverse Hessian: taken from a running fit, and checked before its use.

Python 3.8 and later, NumPy and SciPy of the trainer's environment.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import Any

# The matrix of BFGS takes 8 n² bytes: 1.15 GB at this limit.
MAX_PARAMETERS = 12_000
FILE = "hess_inv.npy"


def load(path: str, n: int, method: Any) -> tuple[Any, str]:
    """Load the saved matrix [n, n], or None and why it cannot be used.

    SciPy ends the fit if the matrix is not positive definite.
    """
    import numpy as np

    scipy: Any = importlib.import_module("scipy")
    if not os.path.exists(path):
        return None, "there is none"
    if method != "BFGS":
        return None, f"the optimiser is {method}"
    version = tuple(int(part) for part in re.findall(r"\d+", scipy.__version__)[:2])
    if version < (1, 12):
        return None, f"SciPy {scipy.__version__} cannot take it (1.12 can)"
    try:
        matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        return None, f"{FILE} cannot be read ({error})"
    if matrix.shape != (n, n) or matrix.dtype.kind != "f":
        return None, f"it is {matrix.dtype} {matrix.shape}, the fit has {n} parameters"
    if not np.isfinite(matrix).all():
        return None, "it is not finite"
    matrix = (matrix + matrix.T) / 2
    if not (matrix.diagonal() > 0).all():
        return None, "its diagonal is not positive"
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None, "it is not positive definite"
    return matrix, ""


def of_running_fit() -> Any:
    """Return the inverse Hessian of a BFGS that is running above us on the stack, or None.

    SciPy calls back before it updates the matrix; the last step is added here, so that the matrix
    belongs to the potential of this iteration.
    """
    import numpy as np

    frame: Any = sys._getframe()
    while frame is not None and frame.f_code.co_name != "_minimize_bfgs":
        frame = frame.f_back
    if frame is None:
        return None
    inside = frame.f_locals
    matrix, step, change = (inside.get(name) for name in ("Hk", "sk", "yk"))
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or len(matrix) > MAX_PARAMETERS:
        return matrix if isinstance(matrix, np.ndarray) and matrix.ndim == 2 else None
    matrix = matrix.astype(np.float64)  # a copy
    if not isinstance(step, np.ndarray) or not isinstance(change, np.ndarray):
        return matrix
    curvature = float(step @ change)
    if step.shape == change.shape == (len(matrix),) and curvature > 0:
        product = matrix @ change
        both = np.outer(product, step) / curvature
        matrix -= both
        matrix -= both.T
        matrix += np.outer(step, step) * ((curvature + float(change @ product)) / curvature**2)
    return matrix


def of_result(result: Any) -> Any:
    """Return the inverse Hessian with which a fit has ended, or None."""
    memory = getattr(result, "hess_inv", None)
    # L-BFGS-B has an operator there, of the same shape.
    return memory if hasattr(memory, "diagonal") else None
