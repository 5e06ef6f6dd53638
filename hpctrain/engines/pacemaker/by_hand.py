"""A folder in which somebody has run Pacemaker by hand: what its files say, and no more. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hpctrain.engines.by_hand import UNKNOWN, Labels, LogFacts
from hpctrain.engines.pacemaker.stand import LOG, TEST, TRAIN

_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} ", re.MULTILINE)
_START = re.compile(r" - Start pacemaker$", re.MULTILINE)
_DONE = re.compile(r" - Fitting done$", re.MULTILINE)
_HOST = re.compile(r" - Hostname: (\S{1,200})$", re.MULTILINE)
_CUTOFF = re.compile(r"deduced from the potential: ([0-9.]{1,20}) A")
_SEVERAL = re.compile(r"Number of fit attempts: [1-9]\d{0,8}/")
# As hpctrain's own runs name the packages.
_VERSIONS = {
    "python-ace": re.compile(r"pacemaker/pyace version: (\S{1,60})$", re.MULTILINE),
    "tensorpotential": re.compile(r"tensorpot_version: (\S{1,60})$", re.MULTILINE),
}


def log_facts(head: str, tail: str) -> LogFacts:
    """Read the first and the last part of a log, which may overlap."""
    versions = {name: found[1] for name, pattern in _VERSIONS.items()
                if (found := pattern.search(head))}  # fmt: skip
    host, cutoff = _HOST.search(head), _CUTOFF.search(head)
    since = [match.end() for match in _START.finditer(tail)]
    last_fit = tail[since[-1] :] if since else tail
    return LogFacts(
        versions,
        host[1] if host else None,
        _number(cutoff[1]) if cutoff else None,
        _seconds(_TIME.findall(head[:10_000])[:1] + _TIME.findall(tail)[-1:]),
        bool(_DONE.search(last_fit)),
        bool(_SEVERAL.search(last_fit)),
    )


def _seconds(times: list[str]) -> float | None:
    try:
        began, ended = (datetime.strptime(time, "%Y-%m-%d %H:%M:%S") for time in times)
    except ValueError:
        return None
    return max(0.0, (ended - began).total_seconds())


def training_settings(given: Mapping[str, Any], log: LogFacts) -> dict[str, Any]:
    """Return the settings of a training that input.yaml and log tell; None is not known."""
    fit, potential = _mapping(given, "fit"), _mapping(given, "potential")
    functions = _mapping(potential, "functions").get("number_of_functions_per_element")
    iterations = fit.get("maxiter")
    settings = {
        "engine": "pacemaker",
        "cutoff": log.cutoff or _cutoff(potential),
        "b_basis_size": functions if isinstance(functions, int) else UNKNOWN,
        "max_iter": iterations if _is_count(iterations) else None,
    }
    for name, section, key in (
        ("kappa", _mapping(fit, "loss"), "kappa"),
        ("optimizer", fit, "optimizer"),
        ("batch_size", _mapping(given, "backend"), "batch_size"),
        ("seed", given, "seed"),
    ):
        if isinstance(section.get(key), (int, float, str)):
            settings[name] = section[key]
    return settings


def evaluator(given: Mapping[str, Any]) -> str:
    """Return the evaluator that input.yaml names."""
    found = _mapping(given, "backend").get("evaluator")
    return found if isinstance(found, str) else UNKNOWN


def elements(given: Mapping[str, Any]) -> list[str]:
    """Return the elements that input.yaml names; none where it takes the basis from elsewhere."""
    found = _mapping(given, "potential").get("elements")
    return [str(one) for one in found] if isinstance(found, list) else []


def has_test_set(given: Mapping[str, Any]) -> bool:
    """Say whether input.yaml asks for a test set."""
    data = _mapping(given, "data")
    return any(data.get(key) for key in ("test_size", "test_filename"))


def unknown(given: Mapping[str, Any], log: LogFacts) -> list[str]:
    """List which settings are not known, in words."""
    training = training_settings(given, log)
    known = {
        "the cutoff": training["cutoff"],
        "how many iterations were asked for": training["max_iter"],
        "how many functions were asked for": training["b_basis_size"] != UNKNOWN,
        "the evaluator": evaluator(given) != UNKNOWN,
    }
    return [words for words, is_known in known.items() if not is_known]


def reference_energies(head: str) -> tuple[dict[str, float] | None, float | None]:
    """Read reference energies (eV) and shift (eV/atom) in a potential's head; None without any."""
    import yaml

    from hpctrain.yamlfile import parse_yaml

    try:
        # Its metadata stand before the functions.
        potential = parse_yaml(head.split("\nglobal:")[0])
    except (yaml.YAMLError, ValueError):
        return None, None
    metadata = potential.get("metadata") if isinstance(potential, dict) else None
    try:
        energies = json.loads(metadata["reference_energy"])  # type: ignore[index]
        numbers = {str(element): float(value) for element, value in energies.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, None
    if not all(abs(value) < 1e9 for value in numbers.values()):
        return None, None
    shift = numbers.pop("shift", 0.0)
    return numbers, shift


def _cutoff(potential: Mapping[str, Any]) -> float | None:
    bonds = _mapping(potential, "bonds")
    found = [_number(one.get("rcut")) for one in bonds.values() if isinstance(one, dict)]
    return max((one for one in found if one is not None), default=None)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1e6 else None


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 10**12


def _mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


class PacemakerByHand:
    """The Protocol ByHand, answered by the functions above."""

    input = "input.yaml"
    log = LOG
    growing = (LOG, TRAIN, TEST)
    last = "yaml"
    to_make = {"yace": "pace_yaml2yace output_potential.yaml -o output_potential.yace"}  # noqa: RUF012
    data = {"train": "fitting_data_info.pckl.gzip", "test": "test_data_info.pckl.gzip"}  # noqa: RUF012
    labels = (
        Labels({}, []),
        Labels(
            {"energy": "energy_corrected", "forces": "forces"},
            ["what was taken off the energies: the labels are Pacemaker's own, energy_corrected"],
        ),
    )
    log_facts = staticmethod(log_facts)
    training_settings = staticmethod(training_settings)
    unknown = staticmethod(unknown)
    evaluator = staticmethod(evaluator)
    elements = staticmethod(elements)
    has_test_set = staticmethod(has_test_set)
    reference_energies = staticmethod(reference_energies)
