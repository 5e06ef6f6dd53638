"""The active set of a potential of the preset FS: ``python -m job.grace.active_set TABLE``.

Runs pace_activeset (python-ace) on output_potential.yaml, in the attempt's folder; it writes
output_potential.asi. Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .product import FS


def main(table: str) -> int:
    """Make the active set; other presets than FS have none."""
    if not Path(FS).is_file():
        print("only potentials of the preset FS have an active set")
        return 1
    from pyace.cli import pace_activeset

    sys.argv = ["pace_activeset", "-d", table, FS]
    pace_activeset.main()
    made = Path(FS).with_suffix(".asi")
    if not made.is_file():
        print(f"pace_activeset ended without an error and without {made}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
