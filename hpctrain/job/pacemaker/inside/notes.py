"""The file continuation.json: what this start of the trainer has used, and what failed."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import Any, Callable

from ... import evidence

FILE = "continuation.json"
log = logging.getLogger("continuation")
log.setLevel(logging.INFO)


class Notes:
    """The content of continuation.json, written anew with each piece of news.

    The training matters more: what fails here is noted, and it goes on.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)
        self.content: dict[str, Any] = {
            "schema": "hpctrain.continuation/1",
            "memory": {"used": False, "why": "the fit has not begun"},
            "checkpoints": 0,
            "stopped": False,
            "problems": [],
        }

    def say(self, words: str) -> None:
        """Write a line into the trainer's log."""
        log.info("hpctrain: %s", words)

    def warn(self, words: str) -> None:
        """Write a warning into the trainer's log."""
        log.warning("hpctrain: %s", words)

    def tell(self, **news: Any) -> None:
        """Write the file, with new values of its keys."""
        self.content.update(news)
        with contextlib.suppress(OSError):
            evidence.write_json(self._path, self.content)

    def problem(self, what: str) -> None:
        """Note once what does not work, in the log and in the file."""
        if what not in self.content["problems"]:
            self.content["problems"].append(what)
            self.warn(what)
            self.tell()

    def safely(self, what: str, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Do something that the training does not depend on; None where it fails."""
        try:
            return action(*arguments, **named)
        except Exception as error:  # noqa: BLE001 whatever it is, the training goes on
            # The message of an OSError names the file, another one each time.
            words = getattr(error, "strerror", None) or error
            self.problem(f"{what} failed: {type(error).__name__}: {words}")
            return None
