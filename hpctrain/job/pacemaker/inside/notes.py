"""continuation.json: what the trainer's side has used, what it found, and what did not work."""

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
    """Told as they come; the training matters more than any of them."""

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
        log.info("hpctrain: %s", words)

    def warn(self, words: str) -> None:
        log.warning("hpctrain: %s", words)

    def tell(self, **news: Any) -> None:
        self.content.update(news)
        with contextlib.suppress(OSError):
            evidence.write_json(self._path, self.content)

    def problem(self, what: str) -> None:
        """Say once what does not work."""
        if what not in self.content["problems"]:
            self.content["problems"].append(what)
            self.warn(what)
            self.tell()

    def safely(self, what: str, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Do something that the training does not depend on."""
        try:
            return action(*arguments, **named)
        except Exception as error:  # noqa: BLE001 whatever it is, the training goes on
            # The message of an OSError names the file, another one each time.
            words = getattr(error, "strerror", None) or error
            self.problem(f"{what} failed: {type(error).__name__}: {words}")
            return None
