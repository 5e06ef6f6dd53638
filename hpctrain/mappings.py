"""Nested mappings, as YAML files and ``--set`` give them."""

from __future__ import annotations

from typing import Any


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``below`` with ``above`` on top: mappings key by key, everything else replaced."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
