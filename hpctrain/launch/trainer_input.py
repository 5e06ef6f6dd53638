"""The trainer's input: by the settings, the data and the potential that it goes on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpctrain import __version__
from hpctrain.engines import engine_of
from hpctrain.engines.facts import DataFacts, Input
from hpctrain.render import render
from hpctrain.settings import ProjectConfig
from hpctrain.yamlfile import parse_yaml

if TYPE_CHECKING:
    from hpctrain.data.export import Dataset
    from hpctrain.potentials.parents import Parent


def trainer_input(
    config: ProjectConfig, evaluator: str, dataset: Dataset, parent: Parent | None
) -> Input:
    """Return what the trainer is given; HpctrainError where it would train wrongly on it."""
    facts = DataFacts(
        dataset.elements,
        dataset.isolated_atoms,
        dataset.elements_left_out,
        dataset.independent_compositions,
    )
    engine = engine_of(config.training.engine)
    return engine.input(
        config.training, evaluator, facts, None if parent is None else parent.facts_for_engine
    )


def input_text(given: Input, run_id: str) -> str:
    """Render the trainer's input, and make sure that it says what was meant."""
    values = {"version": __version__, "run_id": run_id, **given.values}
    text = render(given.template, values)
    if parse_yaml(text) != given.mapping:
        raise AssertionError(f"{given.template} does not say what was meant:\n{text}")
    return text
