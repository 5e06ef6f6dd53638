"""Which site this machine belongs to, by its variables, or else by its host name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hpctrain.errors import HpctrainError
from hpctrain.sites import load
from hpctrain.yamlfile import read_mapping, validate

if TYPE_CHECKING:
    from hpctrain.sites.facts import Recognition


@dataclass(frozen=True)
class Recognised:
    """A site, and by what it was known, in words."""

    name: str
    by: str


@dataclass(frozen=True)
class Rule:
    """How one site is recognised, and the sites that its profile extends."""

    name: str
    by: Recognition
    extends: tuple[str, ...]


def recognise(rules: Iterable[Rule], environment: Mapping[str, str], host: str) -> list[Recognised]:
    """List the sites that this machine may be; variables count before host names.

    Of two profiles that fit, one that extends the other stands for both.
    """
    by_variable: dict[str, str] = {}
    by_host: dict[str, str] = {}
    extended: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        extended[rule.name] = rule.extends
        for variable, values in rule.by.variable.items():
            if environment.get(variable) in values:
                by_variable[rule.name] = f"{variable}={environment[variable]}"
        if any(re.fullmatch(pattern, host) for pattern in rule.by.host):
            by_host[rule.name] = f"host name {host}"
    found = by_variable or by_host
    covered = {below for name in found for below in extended[name]}
    return [Recognised(name, by) for name, by in found.items() if name not in covered]


def read_rules(project_folder: Path | None) -> list[Rule]:
    """Read the rules of every site that can be recognised; broken files are left out."""
    from hpctrain.sites.facts import Recognition

    found = []
    for name in load.names(project_folder):
        try:
            files = load.chain(name, project_folder)
            told = (read_mapping(file).get("recognise") for file in files)
            rule = next((rule for rule in told if rule is not None), None)
            if rule is not None:
                below = tuple(file.stem for file in files[1:] if file.stem != name)
                found.append(Rule(name, validate(Recognition, rule, files[0]), below))
        except HpctrainError:
            continue
    return found
