"""The user's own command at the end of a run. Standard library, Python >= 3.8.

It is called once everything is written: whatever becomes of it is a note in the result.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Mapping

from .ending import Ending, Terminated, TimeIsUp
from .steps import Failure, Steps, in_words

LIMIT_S = 60.0
# With less than this before the walltime it is not begun.
LEAST_S = 1.0


def is_due(settings: Mapping[str, Any], result: Mapping[str, Any], ending: Ending) -> bool:
    """Say whether there is a command, and the run has ended: no other attempt follows by itself.

    A job that was ended from outside has no time left, and may be started again.
    """
    if not settings.get("on_end") or result["state"] == "terminated" or ending.signal:
        return False
    return "continues" not in result and not result.get("gives_way_to")


def call(
    run: Path,
    folder: Path,
    settings: Mapping[str, Any],
    given: Mapping[str, str],
    result: Mapping[str, Any],
    ending: Ending,
) -> dict[str, Any]:
    """Run the command in the attempt's folder; return the ``problem``, None if there was none.

    ``given`` is the environment that the job was started with.
    """
    variables = {
        "PYTHONPATH": given.get("PYTHONPATH", ""),
        "HPCTRAIN_RUN": run.name,
        "HPCTRAIN_RUN_DIR": str(run),
        "HPCTRAIN_STATE": result["state"],
        "HPCTRAIN_REASON": result.get("reason") or "",
    }
    seconds = min(LIMIT_S, ending.left())
    limit = time.monotonic() + seconds

    def watch(_: int) -> None:
        if time.monotonic() > limit:
            raise TimeIsUp(f"did not end within {seconds:.0f} s and was ended")

    if seconds < LEAST_S:
        return {"problem": "there was no time for it before the walltime"}
    try:
        steps = Steps(folder, ending, _last_line)
        steps.run("on_end", tuple(settings["on_end"]), variables=variables, meanwhile=watch)
    except (Failure, TimeIsUp, Terminated) as problem:
        return {"problem": str(problem)}
    except Exception as error:  # noqa: BLE001 the run is over, whatever this was
        return {"problem": in_words(error)}
    return {"problem": None}


def _last_line(printed: str) -> str:
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return lines[-1] if lines else ""
