"""The tables of the benchmarks in docs/training.md, each between two marks."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "training.md"


def put_table(name: str, text: str) -> None:
    """Put a table into the page, in the place of the one of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = PAGE.read_text(encoding="utf-8")
    between = f"{begin}\n{text}\n{end}"
    page = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: between, page, flags=re.S)
    PAGE.write_text(page, encoding="utf-8")
