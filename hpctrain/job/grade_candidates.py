"""The program in the place of train.py in the job of `select`: its script is a training's."""

import importlib
import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent.parent
    os.chdir(str(folder))
    sys.path.insert(0, str(folder))
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    engine = importlib.import_module("job.trainer").engine_name(request)
    # A process of its own: it says how many threads NumPy has before NumPy is there.
    os.execv(sys.executable, [sys.executable, "-m", f"job.{engine}.select"])  # noqa: S606
