"""The program that job scripts, users' own too, start: python job/train.py ATTEMPT."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    # The run's folder: what travels with a run is the package `job` in it.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(importlib.import_module("job.attempt").main(int(sys.argv[1])))
