"""The option --set KEY=VALUE: dotted keys of hpctrain.yaml, and of a site profile as site.KEY."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.errors import UsageError

SECTIONS = ("data", "training", "site")
LONGEST = 100  # of an assignment in a message about it
# Text, whatever YAML takes it for: an account can be a number, an empty selection takes every row,
# and YAML 1.1 reads 12:00:00 as a number in base 60.
_TEXT = frozenset(
    {"data.select", "site.account", "site.partition", "site.qos", "site.constraint",
     "site.gpu_type", "site.walltime", "site.mail_user", "site.target", "site.queue",
     "site.memory", "site.place", "site.umask", "site.margin", "site.template", "site.output"}
)  # fmt: skip
# Of the site's profile: mappings of names to texts.
_TEXTS = ("environment", "chunk", "resources")


def parse_changes(
    assignments: Sequence[str], shorthands: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Nest ``["training.cutoff=4.5"]`` as ``{"training": {"cutoff": 4.5}}``; values are YAML.

    ``shorthands`` are values by dotted key, from options of their own; None is "not given", and
    they win. Raises UsageError for what is no assignment.
    """
    import yaml

    from hpctrain.yamlfile import parse_yaml

    short = [f"{key}={value}" for key, value in (shorthands or {}).items() if value is not None]
    changes: dict[str, Any] = {}
    for assignment in (*assignments, *short):
        key, equals, written = assignment.partition("=")
        path = key.strip().split(".")
        shown = assignment if len(assignment) <= LONGEST else f"{assignment[:LONGEST]}…"
        if not equals or len(path) < 2 or path[0] not in SECTIONS or not all(path):
            raise UsageError(
                f"--set {shown}: write SECTION.KEY=VALUE; the sections are " + ", ".join(SECTIONS),
                "for example: --set training.max_iter=500 or --set site.partition=gpu",
            )
        try:
            value = parse_yaml(written)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that cannot be
            raise UsageError(f"--set {shown}: the value is not valid YAML") from error
        named = len(path) == 3 and path[0] == "site" and path[1] in _TEXTS
        text = key.strip() in _TEXT or named
        if text and not isinstance(value, str):
            value = written
        below = changes
        for part in path[:-1]:
            below = below.setdefault(part, {})
            if not isinstance(below, dict):
                raise UsageError(
                    f"--set {shown}: {part} was set to a value before, and can have no keys"
                )
        below[path[-1]] = value
    return changes
