"""gracemaker, watched: ``python -m job.grace.inside.fit ARGUMENTS``, in the attempt's folder.

The arguments are gracemaker's own. It has no callbacks of the user's, so that the hooks are put
into its module of training before it begins (hooks.py). Python 3.8 and later, in the trainer's
environment.
"""

from __future__ import annotations

import os


def main() -> None:
    """Run gracemaker with the hooks."""
    # tensorpotential sets it too, on import; Keras reads it once.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    from tensorpotential.scripts import gracemaker

    from . import hooks
    from .watch import Watch

    hooks.install(Watch(os.getcwd()))
    gracemaker.main()


if __name__ == "__main__":
    main()
