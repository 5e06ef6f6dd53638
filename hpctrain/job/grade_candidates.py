"""The program in the place of train.py in the job of `select`: its script is a training's."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent.parent
    os.chdir(str(folder))
    # A process of its own: it says how many threads NumPy has before NumPy is there.
    os.execv(sys.executable, [sys.executable, "-m", "job.pacemaker.select"])  # noqa: S606
