"""docs/reliability.md names the faults that are injected, all of them and no others."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"


def test_the_page_names_the_faults() -> None:
    injected = {
        name
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        for name in re.findall(r'\bfault\(\s*"([^"]+)"', path.read_text())
    }
    named = set(re.findall(r"^\| ([^|`-][^|]*?) +\|", PAGE.read_text(), re.MULTILINE)) - {"fault"}
    assert named == injected
    assert len(injected) > 20
