"""When an attempt has to end: signals, and the job's own clock. Standard library, Python >= 3.8."""

from __future__ import annotations

import math
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

from . import environment

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# With this a scheduler tells that the walltime is near.
WARNING_SIGNAL = signal.SIGUSR1
# A trainer that does not end when asked is ended this long before the walltime: what it takes to
# end it, and to start the next attempt.
LAST_CALL_S = 15.0


class Terminated(Exception):
    """The scheduler ends the job: walltime, cancel, preemption. Which one, the queue tells."""


class TimeIsUp(Exception):
    """The attempt has ended before its walltime, with the training unfinished. Says why."""


class Ending:
    """Whether, and when, this job has to end.

    A signal is only noted: what has begun (a process being started, a file being written) is
    finished, and the waits look here. So a signal cannot tear anything, nor can a second one.
    """

    def __init__(self) -> None:
        self.told: str | None = None
        self._began = time.monotonic()
        self._warned = False
        self._margin_s = 0.0
        self._ask_at = self._last_call = math.inf

    def listen(self) -> None:
        for number in ENDING_SIGNALS:
            # Under nohup SIGHUP is ignored, and stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.signal(WARNING_SIGNAL, self._warn)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.told = self.told or signal.Signals(number).name

    def _warn(self, _number: int, _frame: FrameType | None) -> None:
        self._warned = True

    def ignore(self) -> None:
        """All is written: what is left is to end, with the exit code that says how."""
        for number in (*ENDING_SIGNALS, WARNING_SIGNAL):
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        if self.told:
            raise Terminated(f"ended by {self.told}")

    def plan(self, walltime_s: float | None, margin_s: float) -> None:
        """Set the clock: the walltime asked for, or what the scheduler says, whichever is less."""
        now = time.monotonic()
        passed = max(now - self._began, environment.passed(time.time()))
        known = [] if walltime_s is None else [walltime_s - passed]
        end = environment.end_time()
        if end is not None:
            known.append(end - time.time())
        # One that is over already is a clock that is wrong.
        left = min((seconds for seconds in known if seconds > 0), default=math.inf)
        self._margin_s = min(margin_s, left / 2)
        self._ask_at = now + left - self._margin_s
        self._last_call = now + left - min(LAST_CALL_S, self._margin_s / 2)

    def due(self) -> str | None:
        """Why the trainer is to be asked to end now, or None."""
        if time.monotonic() >= self._ask_at:
            return f"asked to end {span(self._margin_s)} before the walltime"
        if self._warned:
            return f"asked to end by {WARNING_SIGNAL.name}"
        return None

    def left(self) -> float:
        """Seconds until it is too late to wait any longer; infinite if no end is known."""
        return self._last_call - time.monotonic()

    def over(self) -> bool:
        """Is it too late to wait any longer?"""
        return time.monotonic() >= self._last_call


def span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
