"""The sections of a trainer's input: which are unknown, and which are missing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpctrain.yamlfile import nearest


def faults_of_sections(
    mapping: Mapping[str, Any], keys: Sequence[str], sections: Sequence[str]
) -> list[str]:
    """List keys that are not among ``keys``; else the ``sections`` that hold no keys and values."""
    unknown = [key for key in mapping if key not in keys]
    if unknown:
        return [f"  {key}: there is no such section{nearest(str(key), keys)}" for key in unknown]
    return [f"  {section}: must be there, and hold keys and values"
            for section in sections if not isinstance(mapping.get(section), dict)]  # fmt: skip
