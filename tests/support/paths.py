"""Where the tests find what is committed: the checkout, its docs, and what was recorded."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
TESTS = CHECKOUT / "tests"
RECORDED = TESTS / "recorded"
DOCS = CHECKOUT / "docs"
