"""verification.json: whole after every step, so that nothing that was found can be lost."""

from __future__ import annotations

from typing import Any, Dict

from ..evidence import write_json
from .result import found, worst
from .subject import Clock

SCHEMA = "hpctrain.verification/1"
TITLES = {
    "reproduces_test_rmse": "the file has the errors that were measured",
    "parity": "energies and forces against the labels",
    "finite_differences": "forces against finite differences",
    "dimers": "repulsive at short range, no hole",
    "energy_volume": "energy against volume",
    "elastic": "elastic stability",
    "phonons": "phonons at Γ and the zone boundary",
    "nve": "molecular dynamics keeps its energy",
    "evaluators_agree": "tensorpot and pyace agree",
}


class Report:
    """verification.json, whole after every step."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._path, self._clock = path, clock
        reason = "not reached: the job ended, or was ended, before"
        self.checks = {name: skipped(reason, "time") for name in TITLES}
        self.write()

    def begin(self, name: str) -> None:
        self.checks[name] = skipped("it was begun, and the program ended within it", "crash")
        self.write()

    def end(self, name: str, result: Dict[str, Any]) -> None:
        self.checks[name] = result
        self.write()

    def content(self) -> Dict[str, Any]:
        checks = [{"name": name, "title": TITLES[name], **self.checks[name]} for name in TITLES]
        return {
            "schema": SCHEMA,
            "verdict": overall(checks),
            "checks": checks,
            "seconds": round(self._clock.passed(), 3),
        }

    def write(self) -> None:
        write_json(self._path, self.content())


def overall(checks: Any) -> str:
    """The worst; what should have been checked and was not is a warning."""
    missing = any(check["data"].get("skipped") in ("time", "crash") for check in checks)
    seen = worst([check["verdict"] for check in checks])
    return worst([seen, "warn"]) if missing or seen == "skipped" else seen


def skipped(why: str, kind: str) -> Dict[str, Any]:
    return found("skipped", why, skipped=kind)
