"""The program in the place of train.py in a test job's folder: its script is a training's."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(importlib.import_module("job.site_test").main())
