"""The trainer's input: input.yaml, by the settings, the data and the potential it goes on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from hpctrain import __version__
from hpctrain.engines.pacemaker import input as pacemaker
from hpctrain.engines.pacemaker.faults import functions_of
from hpctrain.errors import HpctrainError
from hpctrain.fields import Evaluator
from hpctrain.potentials import parents
from hpctrain.render import render
from hpctrain.settings import ProjectConfig

if TYPE_CHECKING:
    from hpctrain.data.export import Dataset


def trainer_input(
    config: ProjectConfig,
    evaluator: Evaluator,
    dataset: Dataset,
    parent: parents.Parent | None,
    notes: list[str],
) -> tuple[dict[str, float] | str, dict[str, Any]]:
    """Return the reference energies, and what the trainer's input has to say."""
    training = config.training
    energies: dict[str, float] | str
    if parent is not None and training.b_basis_size == "auto":
        known = functions_of(parent.card["input"]) or "…"
        raise HpctrainError(
            f"training.b_basis_size is auto, and the training goes on from {parent.name}: its "
            "basis cannot become smaller",
            f"write the parent's: b_basis_size: {known}",
        )
    if parent is not None:
        energies = parent.reference_energies(training, dataset, notes)
    else:
        energies = pacemaker.reference_energies(
            training, dataset.elements, dataset.isolated_atoms, dataset.elements_left_out
        )
    facts = pacemaker.DataFacts(dataset.elements, energies)
    mapping = pacemaker.input_mapping(training, evaluator, facts)
    return energies, mapping if parent is None else parent.adapt(mapping, notes)


def input_text(
    mapping: dict[str, Any], config: ProjectConfig, run_id: str, parent: parents.Parent | None
) -> str:
    """Render the trainer's input, and make sure that it says what was meant."""
    name = parent.name if parent else None
    values = {
        "version": __version__,
        "run_id": run_id,
        **pacemaker.template_values(mapping, config.training, name),
    }
    text = render(pacemaker.TEMPLATE, values)
    if yaml.safe_load(text) != mapping:
        raise AssertionError(f"{pacemaker.TEMPLATE} does not say what was meant:\n{text}")
    return text


def list_warnings(
    energies: dict[str, float] | str,
    dataset: Dataset,
    parent: parents.Parent | None,
    notes: list[str],
) -> list[str]:
    """List what the potential's card has to warn of; the notes learn of it too."""
    if parent is not None:
        return [
            warning
            for warning in parent.card.get("warnings") or []
            if warning.startswith(pacemaker.UNDETERMINED)
        ]
    found = pacemaker.reference_warning(
        energies, dataset.elements, dataset.independent_compositions
    )
    if found is None:
        return []
    notes.append("; ".join(found))
    return [found[0]]
