"""A line on stderr that counts the rows while they are read."""

from __future__ import annotations

import sys
import time

REFRESH_S, WIDTH = 0.1, 24


class RowCounter:
    """Rows read so far, as a bar where the total is known; nothing in a pipe."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()
        self._began = self._last = time.monotonic()

    def __call__(self, rows: int, total: int | None) -> None:
        """Show the count, at most ten times a second."""
        now = time.monotonic()
        if not self._shown or now - self._last < REFRESH_S:
            return
        self._last = now
        rate = rows / (now - self._began)
        words = f"{rows:,} rows, {rate:,.0f}/s"
        if total:
            done = WIDTH * rows // total
            words = f"{'█' * done}{'░' * (WIDTH - done)} {rows:,} of {total:,} rows, {rate:,.0f}/s"
        print(f"\r\033[K{self._what} {words}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> RowCounter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
