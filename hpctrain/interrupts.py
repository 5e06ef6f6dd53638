"""Ctrl-C that is held back while a step is on its way to the disk."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Stopped(KeyboardInterrupt):
    """Ctrl-C where it has only ended looking; its text says what goes on."""


class Held:
    """Whether Ctrl-C was pressed since it is held back."""

    def __init__(self) -> None:
        self.pressed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note that it was pressed; this is the handler of the signal."""
        del number, frame
        self.pressed = True


@contextlib.contextmanager
def hold_interrupts() -> Iterator[Held]:
    """Hold back Ctrl-C until the block ends, and raise KeyboardInterrupt then.

    Within another such block it is that one's. In a thread, and where the program has a handler of
    its own (or ignores Ctrl-C), nothing is held back: ``pressed`` stays False.
    """
    before = signal.getsignal(signal.SIGINT)
    if isinstance(before, Held):
        yield before
        return
    held = Held()
    if (
        before is not signal.default_int_handler
        or threading.current_thread() is not threading.main_thread()
    ):
        yield held
        return
    signal.signal(signal.SIGINT, held)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)
    if held.pressed:
        raise KeyboardInterrupt
