"""Fit cycles over several attempts: the best cycle so far, and the random numbers.

Pacemaker chooses among the cycles of its own process, and begins its random numbers at the seed:
both go along from attempt to attempt. Python 3.8 and later, NumPy of the trainer's environment.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ... import evidence

BEST = "best_cycle.yaml"
RANDOM = "random.json"


class Cycles:
    """The best of the cycles that have ended, by the training loss, as Pacemaker chooses."""

    def __init__(self) -> None:
        self.before: tuple[float, Any] | None = None  # of the attempts before, in this ladder step
        self.here: tuple[float, Any] | None = None

    def next_ladder_step(self) -> None:
        """Forget the cycles of the ladder step that has ended."""
        self.before = self.here = None

    def end_cycle(self, loss: float, potential: Any) -> None:
        """Take note of a cycle that has ended."""
        if self.here is None or loss < self.here[0]:
            self.here = (loss, potential.copy())

    def best(self) -> tuple[float, Any] | None:
        """Return loss and potential of the best cycle, also of the attempts before."""
        both = [best for best in (self.before, self.here) if best]
        return min(both, key=lambda best: best[0], default=None)

    def best_before(self) -> Any:
        """Return the best cycle, if it is one of the attempts before."""
        best = self.best()
        return best[1].copy() if best and best is self.before else None

    def save(self, folder: str) -> None:
        """Save the random numbers, and the best cycle if there is one."""
        import numpy as np

        name, keys, *rest = np.random.get_state(legacy=True)
        evidence.write_json(os.path.join(folder, RANDOM),
                            {"state": [name, [int(key) for key in keys], *rest]})  # fmt: skip
        best = self.best()
        if best:
            best[1].save(os.path.join(folder, BEST))

    def load(self, folder: str, loss: Any) -> None:
        """Go on with the random numbers of the attempt before, and with its best cycle.

        From the seed again, the next cycle would be given the numbers of an earlier one.
        """
        import numpy as np

        if os.path.exists(os.path.join(folder, RANDOM)):
            with open(os.path.join(folder, RANDOM), encoding="utf-8") as file:
                drawn = json.load(file)["state"]
            np.random.set_state((drawn[0], np.array(drawn[1], dtype=np.uint32), *drawn[2:]))
        path = os.path.join(folder, BEST)
        if loss is not None and os.path.exists(path):
            from pyace.basis import BBasisConfiguration

            self.before = (float(loss), BBasisConfiguration(path))
