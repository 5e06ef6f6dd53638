"""Sites for tests, from YAML, without a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from hpctrain.sites.load import Site
from hpctrain.sites.profile import SiteProfile


def made_site(text: str, **changes: Any) -> Site:
    """The site ``here``; ``changes`` are what --set says on top."""
    content = {"scheduler": "slurm", **(yaml.safe_load(text) or {})}
    profile = SiteProfile.model_validate({**content, **changes})
    return Site("here", profile, (Path("here.yaml"),), (content, changes))
