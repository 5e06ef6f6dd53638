"""The tables of the benchmarks in the docs, each between two marks of its page."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def put_table(name: str, text: str, page: str = "training.md") -> None:
    """Put a table into a page of the docs, in the place of the one of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    file = DOCS / page
    content = file.read_text(encoding="utf-8")
    between = f"{begin}\n{text}\n{end}"
    content = re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: between, content, flags=re.S
    )
    file.write_text(content, encoding="utf-8")
