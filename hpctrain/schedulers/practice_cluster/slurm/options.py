"""The options of Slurm's programs, read and refused as they do."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

Options = dict[str, str]


class Refusal(Exception):
    """A refusal: what the program says on stderr, and its exit code."""

    def __init__(self, code: int, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.code = code


def parse(
    program: str, words: list[str], options: Mapping[str, str], code: int = 1
) -> tuple[Options, list[str]]:
    """Read options under their long names, and the words that are none.

    ``options`` has each long name and its short letter (or nothing). A name that ends with ``=``
    takes a value, one with ``?`` may; one with ``!`` is Slurm's, and not imitated. As sbatch does,
    an sbatch that has met its script reads no further; the others read on.
    """
    kinds = {name.rstrip("=?!"): name for name in options}
    letters = {letter: name.rstrip("=?!") for name, letter in options.items() if letter}
    found: Options = {}
    rest: list[str] = []
    todo = list(words)
    while todo:
        word = todo.pop(0)
        if word == "--":
            return found, [*rest, *todo]
        if not word.startswith("-") or word == "-":
            if program == "sbatch":
                return found, [word, *todo]
            rest.append(word)
            continue
        if word.startswith("--"):
            name, given, value = word[2:].partition("=")
            if name not in kinds:
                raise _usage(program, f"unrecognized option '{word}'", code)
        else:
            name, value = letters.get(word[1], ""), word[2:]
            given = value
            if not name:
                raise _usage(program, f"invalid option -- '{word[1]}'", code)
        kind = kinds[name]
        if kind.endswith("!"):
            raise Refusal(1, f"{program}: fatal: the practice cluster does not imitate --{name}")
        if kind.endswith("=") and not given:
            if not todo:
                raise _usage(program, f"option '--{name}' requires an argument", code)
            value = todo.pop(0)
        if not kind.endswith(("=", "?")) and given:
            if word.startswith("--"):
                raise _usage(program, f"option '--{name}' doesn't allow an argument", code)
            todo.insert(0, f"-{value}")  # -hX is -h -X
        found[name] = value
    return found, rest


def _usage(program: str, problem: str, code: int) -> Refusal:
    more = [] if program == "sacct" else [f'Try "{program} --help" for more information']
    return Refusal(code, f"{program}: {problem}", *more)


def read_head(script: str) -> list[str]:
    """Read the words of the ``#SBATCH`` lines, up to the first command."""
    words: list[str] = []
    for line in script.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        if line.startswith("#SBATCH"):
            try:
                words += shlex.split(line.removeprefix("#SBATCH"), comments=True)
            except ValueError:  # an open quotation mark
                words += line.removeprefix("#SBATCH").split()
    return words


def time_limit(text: str) -> float | None:
    """Read a time limit in seconds; 0 is no limit, None is not a time."""
    if text.upper() in ("-1", "UNLIMITED", "INFINITE"):
        return 0.0
    days, dash, clock = text.partition("-") if "-" in text else ("0", "", text)
    parts = clock.split(":")
    if not all(part.isascii() and part.isdecimal() for part in [days, *parts]) or len(parts) > 3:
        return None
    numbers = [int(part) for part in parts]
    # After days come hours; without them, one number is minutes, two are minutes and seconds.
    if not dash:
        numbers = [0] * (3 - len(numbers)) + numbers if len(numbers) > 1 else [0, *numbers]
    hours, minutes, seconds = [*numbers, 0, 0][:3]
    return float(((int(days) * 24 + hours) * 60 + minutes) * 60 + seconds)


def megabytes(text: str) -> int | None:
    """Read memory as --mem takes it; None is not memory."""
    number, unit = text.upper().removesuffix("B"), "M"
    if number[-1:] in tuple("KMGT"):
        number, unit = number[:-1], number[-1]
    if not (number.isascii() and number.isdecimal()):
        return None
    scale = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}[unit]
    return -int(-int(number) * scale // 1)
