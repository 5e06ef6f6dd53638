"""The findings of check about the data of a training, for submit too."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hpctrain.errors import HpctrainError
from hpctrain.runs.manifest import known_side, read_manifest
from hpctrain.runs.run import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

    from hpctrain.data.check.report import Findings, Size
    from hpctrain.data.check.scan import Preflight
    from hpctrain.data.duplicates.search import Leakage
    from hpctrain.runs.manifest import CheckRecord, FindingFacts, Manifest
    from hpctrain.settings import ProjectConfig


_SIZE = "many_parameters"


def begin(config: ProjectConfig, generation: int | None = None) -> Preflight:
    """Return a preflight that has seen no row yet; ``generation`` is the last one to train on."""
    from hpctrain.data.check.scan import Preflight

    return Preflight(
        config.training.cutoff,
        generations=config.data.generations,
        up_to=generation,
        given_tests=config.data.test_source is not None,
    )


def judge(
    preflight: Preflight,
    config: ProjectConfig,
    manifest: Manifest | None,
    *,
    skip_bad: bool = False,
) -> Findings:
    """List all findings; without a manifest, as nothing could be prepared, those of rows only."""
    from hpctrain.data.check.report import find_all

    return find_all(
        preflight,
        silence=config.data.silence,
        references=config.training.reference_energies,
        skip_bad=skip_bad,
        leakage=cast("Leakage", manifest["dataset"]["leakage"]) if manifest else None,
        size=_size(manifest) if manifest else None,
    )


def record(found: Findings, preflight: Preflight, config: ProjectConfig) -> CheckRecord:
    """Return what a run's manifest keeps, for later runs that train on the same data."""
    return {
        "findings": [
            cast("FindingFacts", one.facts()) for one in found.findings if one.name != _SIZE
        ],
        "references": config.training.reference_energies,
        "atoms": preflight.atoms,
        "telling_atoms": preflight.telling_atoms,
        "neighbours_per_atom": preflight.neighbours_per_atom(),
    }


def recall(run: Path, config: ProjectConfig) -> CheckRecord | None:
    """Return the check of a run with the same export, if it holds for these settings too."""
    manifest = read_manifest(run / MANIFEST)
    known = manifest.get("check") if manifest is not None else None
    wanted = config.training.reference_energies
    return known if known is not None and known["references"] == wanted else None


def findings_of(known: CheckRecord, config: ProjectConfig, manifest: Manifest) -> Findings:
    """Return findings that were kept, with that of the potential's size made anew."""
    from hpctrain.data.check.findings import Finding
    from hpctrain.data.check.report import Findings, find_many_parameters

    found = [
        Finding(
            one["name"], one["severity"], one["count"], tuple(one["ids"]), one["seen"],
            one["silenced"], one["without"] or "",
        )
        for one in known["findings"]
    ]  # fmt: skip
    size = _size(manifest)
    many = size and find_many_parameters(size, known["atoms"], known["telling_atoms"])
    if many:
        found.append(Finding(_SIZE, "warn", 0, (), many, _SIZE in config.data.silence))
    return Findings(found)


def refuse_mistakes(found: Findings) -> None:
    """Raise HpctrainError if a finding is certainly a mistake."""
    from hpctrain.data.check.names import CHECKS

    mistakes = [one for one in found.findings if one.stops]
    if mistakes:
        lines = [f"  {one.line()}\n    → {CHECKS[one.name].todo}" for one in mistakes]
        raise HpctrainError(
            "\n".join(["not submitted, because the data have a mistake:", *lines]),
            "fix the data, or list the name in data.silence, or use --skip-check; all findings: "
            "hpctrain check",
        )


def _size(manifest: Manifest) -> Size | None:
    """Return how large the potential is; None if it is not known, or chosen by the data."""
    from hpctrain.data.check.report import Size
    from hpctrain.engines import engine_of

    training, dataset = manifest["settings"]["training"], manifest["dataset"]
    size = engine_of(training["engine"]).size(training, manifest["input"], len(dataset["elements"]))
    if size is None:
        return None
    return Size(
        words=size.words,
        parameters=size.parameters,
        structures=known_side(dataset, "train")["structures"],
        atoms=known_side(dataset, "train")["atoms"],
        smaller=size.smaller,
    )
