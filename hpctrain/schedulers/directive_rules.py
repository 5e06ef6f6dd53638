"""The check of a job script's head for options that a site requires, or refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpctrain.errors import HpctrainError

if TYPE_CHECKING:
    from hpctrain.sites.profile import SiteProfile

# sbatch's letters; a site's documentation uses either.
SBATCH = {
    "-A": "--account", "-c": "--cpus-per-task", "-C": "--constraint", "-G": "--gpus",
    "-n": "--ntasks", "-N": "--nodes", "-p": "--partition", "-q": "--qos", "-t": "--time",
}  # fmt: skip
# The profile's key that an option comes from.
KEYS = {
    "--account": "account", "--partition": "partition", "--qos": "qos", "--time": "walltime",
    "--nodes": "nodes", "--ntasks": "tasks", "--cpus-per-task": "cores", "--mem": "memory",
    "--constraint": "constraint", "--gpus": "gpus", "-A": "account", "-P": "account",
    "-q": "queue", "-l walltime": "walltime", "-l mem": "memory", "-l select": "cores",
}  # fmt: skip


def check(site: SiteProfile, lines: Sequence[str], letters: dict[str, str]) -> None:
    """Raise HpctrainError if ``lines`` lack what the site requires, or hold what it refuses.

    ``letters`` maps short options to the long ones that mean the same.
    """
    given = {letters.get(option, option): line for line in lines for option in _options(line)}
    for option in site.forbidden_directives:
        line = given.get(letters.get(option, option))
        if line is not None:
            raise HpctrainError(
                f"this site refuses jobs with {option}, and the script says: {line}",
                f"take it out of the site's profile{_by(letters.get(option, option))}",
            )
    missing = [
        option for option in site.required_directives if letters.get(option, option) not in given
    ]
    if missing:
        keys = [_key(letters.get(option, option)) for option in missing]
        raise HpctrainError(
            f"this site refuses jobs without: {', '.join(missing)}",
            "set " + " and ".join(f"site.{key}" for key in keys) + " with --set, or in a profile "
            "of your own that extends this one",
        )


def _options(line: str) -> list[str]:
    """Name the option of a line: ``-l select`` of ``-l select=1:ncpus=2``."""
    if match := re.match(r"-l\s*([A-Za-z_]\w*)", line):
        return [f"-l {match[1]}"]
    if match := re.match(r"--[A-Za-z][A-Za-z0-9-]*|-[A-Za-z]", line):
        return [match[0]]
    return []


def _key(option: str) -> str:
    if option in KEYS:
        return KEYS[option]
    return f"resources.{option.removeprefix('-l ')}" if option[:3] == "-l " else "extra_directives"


def _by(option: str) -> str:
    return f": the key {KEYS[option]}" if option in KEYS else ""
