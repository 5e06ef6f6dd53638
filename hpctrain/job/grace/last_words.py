"""The reason why gracemaker failed, from what it printed last. Standard library, Python >= 3.8."""

from __future__ import annotations

import re

# What to look for in the last traceback, and what it means. {0} is what the parentheses caught.
_CAUSES = (
    (
        r"Expected bool, but got <class 'bool'>|No module named 'tf_keras'",
        "The trainer's environment has no tf_keras of TensorFlow's version: install it there.",
    ),
    (
        r"No module named '(\w+)",
        "The trainer's environment has no {0}: install it there.",
    ),
    (
        r"Neither 'stress' nor 'results' column|no stress was found",
        "A structure has no stress, and the loss asks for all: training.stress_weight: 0.",
    ),
    (
        r"No checkpoint index found at (\S+?)(?:\.best_test_loss)?\.index",
        (
            "There is no checkpoint {0}: if it is the best by validation, no epoch had a loss that "
            "is a number. A smaller learning rate may help."
        ),
    ),
    (
        r"KeyError: '([A-Z][a-z]?)'",
        "The data contain the element {0}, which the potential does not have.",
    ),
    (
        r"ResourceExhaustedError|OOM when allocating",
        "The memory was not enough: a smaller batch_size needs less.",
    ),
    (r"KeyboardInterrupt", "The trainer was interrupted (SIGINT)."),
)
_TRACEBACK = "Traceback (most recent call last):"


def last_words(said: str, most: int = 2) -> str:
    """Tell why gracemaker failed: the cause in a plain sentence where it is a known one, then the
    exception with up to ``most`` lines above it; without a traceback, the last lines."""
    at = said.rfind(_TRACEBACK)
    lines = [line.rstrip() for line in said[max(0, at) :].splitlines() if line.strip(" ^~\t")]
    if at < 0:
        return "\n".join(lines[-most:])
    end = next((i for i in range(1, len(lines)) if not lines[i].startswith(" ")), len(lines) - 1)
    words = "\n".join(lines[max(0, end - most) : end + 1])
    for pattern, sentence in _CAUSES:
        found = re.search(pattern, "\n".join(lines[: end + 1]))
        if found:
            return f"{sentence.format(*found.groups())}\n{words}"
    return words
