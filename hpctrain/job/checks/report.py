"""The file verification.json, whole after every step, so that no result can be lost."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..evidence import write_json
from .result import result, worst
from .subject import Clock

SCHEMA = "hpctrain.verification/1"
TITLES = {
    "reproduces_test_rmse": "the archived file reproduces the errors of the training",
    "parity": "energies and forces against the labels",
    "finite_differences": "forces against finite differences",
    "dimers": "repulsive at short range",
    "bonds": "bonds and angles of molecules",
    "energy_volume": "energy against volume",
    "elastic": "elastic stability",
    "phonons": "phonons at Γ and the zone boundary",
    "vibrations": "vibrations of molecules at rest",
    "nve": "molecular dynamics conserves energy",
}


class Report:
    """verification.json, whole after every step; ``own`` are the titles of the trainer's checks."""

    def __init__(self, path: str, clock: Clock, own: Mapping[str, str]) -> None:
        self._path, self._clock = path, clock
        self._titles = {**TITLES, **own}
        reason = "not made: the job ended before"
        self.checks = {name: skipped(reason, "time") for name in self._titles}
        self.write()

    def begin(self, name: str) -> None:
        """Note that a check begins: should the program end within it, the file says so."""
        self.checks[name] = skipped("the program ended during this check", "crash")
        self.write()

    def end(self, name: str, outcome: Dict[str, Any]) -> None:
        """Note the result of a check."""
        self.checks[name] = outcome
        self.write()

    def content(self) -> Dict[str, Any]:
        """Return what the file says."""
        checks = [
            {"name": name, "title": title, **self.checks[name]}
            for name, title in self._titles.items()
        ]
        return {
            "schema": SCHEMA,
            "verdict": overall(checks),
            "made": sum(check["verdict"] != "skipped" for check in checks),
            "of": len(checks),
            "checks": checks,
            "seconds": round(self._clock.passed(), 3),
        }

    def write(self) -> None:
        """Write the file."""
        write_json(self._path, self.content())


def overall(checks: Any) -> str:
    """Return the worst verdict; what should have been checked and was not is a warning."""
    missing = any(check["data"].get("skipped") in ("time", "crash") for check in checks)
    seen = worst([check["verdict"] for check in checks])
    return worst([seen, "warn"]) if missing or seen == "skipped" else seen


def skipped(why: str, kind: str) -> Dict[str, Any]:
    """Return the result of a check that was not made: "not applicable", "time", "crash"."""
    return result("skipped", why, skipped=kind)
