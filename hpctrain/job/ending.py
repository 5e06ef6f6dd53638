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
    """The attempt ends before its walltime, with the training unfinished: why, in words."""


class Ending:
    """Whether, and when, this job has to end.

    A signal is only noted: what has begun (a process being started, a file being written) is
    finished, and the waits look here. So a signal cannot tear anything, nor can a second one.
    ``signal`` names the first one that came.
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self._began = time.monotonic()
        self._warned = False
        self._margin_s = 0.0
        self._ask_at = self._last_call = math.inf

    def listen(self) -> None:
        """Take note of signals from now on, whatever the parent of this process does with them.

        A shell that starts something in the background has it ignore SIGINT, and so would all that
        the job starts. Those begin with the default again: only what is ignored is handed down.
        """
        for number in ENDING_SIGNALS:
            # Under nohup SIGHUP is ignored, and stays so.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.signal(WARNING_SIGNAL, self._warn)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or signal.Signals(number).name

    def _warn(self, _number: int, _frame: FrameType | None) -> None:
        self._warned = True

    def ignore(self) -> None:
        """Ignore signals: all is written, and what is left is to end with the right exit code."""
        for number in (*ENDING_SIGNALS, WARNING_SIGNAL):
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        """Raise Terminated once a signal has come."""
        if self.signal:
            raise Terminated(f"ended by {self.signal}")

    def plan(self, walltime_s: float | None, margin_s: float) -> None:
        """Set the clock: the walltime asked for, or what the scheduler says, whichever is less."""
        now = time.monotonic()
        passed = max(now - self._began, environment.seconds_since_begin(time.time()))
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
        """Say why the trainer is to be asked to end now, or return None."""
        if time.monotonic() >= self._ask_at:
            return f"asked to end {duration(self._margin_s)} before the walltime"
        if self._warned:
            return f"asked to end by {WARNING_SIGNAL.name}"
        return None

    def left(self) -> float:
        """Return the seconds until it is too late to wait; infinite if no end is known."""
        return self._last_call - time.monotonic()

    def over(self) -> bool:
        """Say whether it is too late to wait any longer."""
        return time.monotonic() >= self._last_call


def duration(seconds: float) -> str:
    """Write a duration in seconds, or from two minutes on in minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
