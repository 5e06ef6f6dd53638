"""The reason why a trainer failed, from what it printed last. Standard library, Python >= 3.8."""

from __future__ import annotations

import re

# What to look for in the last traceback, and what it means. {0} is what the parentheses caught.
_CAUSES = (
    (
        r"No module named '(tensorflow|tensorpotential)[^']*'",
        "The trainer's environment has no {0}: install it there, or train with evaluator pyace.",
    ),
    (
        r"only 0-dimensional arrays can be converted to Python scalars",
        (
            "The trainer's environment has a NumPy that tensorpotential cannot work with: "
            'install "numpy<2.4" there.'
        ),
    ),
    (
        r"UnpicklingError",
        (
            "The data file is not a pickled table: pacemaker does not read extxyz, it wants "
            "its data as .pckl.gzip."
        ),
    ),
    (
        r"energy_corrected contains NaNs",
        "At least one structure has no energy, or NaN for one: correct it, or leave it out.",
    ),
    (
        r"Column `?(\w+)`? not found in dataset",
        "The data have no column {0}: every structure needs its energy and forces.",
    ),
    (
        r"elements_mapper_dict[\s\S]*KeyError: (?:np\.\w+\()?(?:b?')?(\w+)",
        (
            "The data contain the element {0}, which the potential does not have: add it to the "
            "potential's elements, or take its structures out of the data."
        ),
    ),
    (
        r"has no attribute 'query_data'",
        "The trainer's input has no `backend:` section: add one, with an evaluator.",
    ),
    (
        r"TestLossChangeTooSmallException",
        (
            "Early stopping came in the closing evaluation, which pacemaker does not survive "
            "(ICAMS/python-ace#86): the fit is done, its result is interim_potential_0.yaml. "
            "Fewer iterations, or no early stopping on the test loss, avoid it."
        ),
    ),
    (r"KeyboardInterrupt", "The trainer was interrupted (SIGINT)."),
)
_TRACEBACK = "Traceback (most recent call last):"
_MARKERS = re.compile(r"[\s^~]*$")


def last_words(stderr_text: str, n: int = 2) -> str:
    """Tell why a trainer failed: the cause in a plain sentence where it is a known one, then the
    exception with up to `n` lines above it; without a traceback, the last `n` lines."""
    tail = stderr_text[max(0, stderr_text.rfind(_TRACEBACK)) :].splitlines()
    lines = [line.rstrip() for line in tail if not _MARKERS.match(line)]
    end = _exception(lines)
    if end is None:
        return "\n".join(lines[-n:]) if n > 0 else ""
    words = lines[max(0, end - n) : end + 1]
    for pattern, sentence in _CAUSES:
        found = re.search(pattern, "\n".join(lines[: end + 1]))
        if found:
            return "\n".join([sentence.format(*found.groups()), *words])
    return "\n".join(words)


def _exception(lines: list[str]) -> int | None:
    """Find the line of the exception: the first that is not indented after the last frame.

    A tail may have lost the line that says Traceback, but not the frames next to the exception.
    """
    for i in range(len(lines) - 1, 0, -1):
        if not lines[i].startswith(" ") and lines[i - 1].startswith("  "):
            below_frame = any(
                line.lstrip().startswith('File "') for line in lines[max(0, i - 2) : i]
            )
            if below_frame:
                return i
    return None
