"""The module of ``fit.callbacks: [continuation.on_iteration]``, alone in a folder on the path.

Pacemaker imports the first part of a dotted name only (pyace.generalfit.active_import, 0.4.0rc1),
so a module within a package cannot be named there.
"""

import importlib
import sys
from pathlib import Path

# The folder that holds the package `job`.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
callback = importlib.import_module("job.pacemaker.inside.callback")
on_iteration = callback.on_iteration
