"""The JSON Schema of a site's profile, by which editors complete and check it."""

from __future__ import annotations

import json
from typing import Any

from hpctrain.sites.profile import SiteProfile

FILE = "site.schema.json"  # beside the shipped profiles, which name it in their first line


def schema() -> dict[str, Any]:
    """As ``site_profiles/NAME.yaml`` is written: with ``extends``, and nothing required."""
    found = SiteProfile.model_json_schema()
    found["properties"]["extends"] = {
        "type": "string",
        "description": "name of the profile that this one changes",
    }
    # A profile that extends another need not name the scheduler again.
    found.pop("required", None)
    return found


def text() -> str:
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
