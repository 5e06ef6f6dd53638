"""What proof jobs have left: ``runs/.proofs/SITE.TARGET/TIME/``, the last of each counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = ".proofs"


@dataclass(frozen=True)
class Proof:
    """One proof job. ``found`` is its proof.json, None while there is none."""

    site: str
    target: str | None
    folder: Path
    submitted: str
    job_id: str | None
    scheduler: str
    found: dict[str, Any] | None

    @property
    def verdict(self) -> str:
        """``passed``, ``failed``, or ``submitted`` as long as it has left nothing."""
        if self.found is None:
            return "submitted"
        return "failed" if self.found["problems"] else "passed"

    def words(self) -> str:
        when = (self.found["when"] if self.found else self.submitted)[:10]
        where = f" ({self.target})" if self.target else ""
        return f"{self.verdict} {when}{where}"


def read(folder: Path) -> Proof | None:
    """The proof in a folder; None if that is none."""
    facts = _json(folder / "submitted.json")
    if facts is None:
        return None
    return Proof(folder=folder, found=_json(folder / "proof.json"), **facts)


def latest(runs: Path) -> dict[str, list[Proof]]:
    """By site, the last proof of each of its targets."""
    found: dict[str, list[Proof]] = {}
    for place in sorted((runs / FOLDER).glob("*")):
        proofs = [read(folder) for folder in sorted(place.glob("*"))]
        known = [proof for proof in proofs if proof is not None]
        if known:
            found.setdefault(known[-1].site, []).append(known[-1])
    return found


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content
