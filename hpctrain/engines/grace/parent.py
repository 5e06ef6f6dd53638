"""Going on from a potential: what its model.yaml says, and how the input has to follow it. Pure.

With a model given, gracemaker takes elements, cutoff and functions from it, whatever the input says
(tensorpotential 0.6.2.1, cli/gracemaker.py): another cutoff is a warning in its log only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpctrain.errors import HpctrainError
from hpctrain.yamlfile import read_mapping

_EMBEDDING = "ScalarChemicalEmbedding"
# Files of a potential, or of a published model, in its folder.
FILES = ("model.yaml", "checkpoint.index", "checkpoint.data-00000-of-00001")


@dataclass(frozen=True)
class Model:
    """What a model.yaml says; ``precision`` is None in those of old versions."""

    elements: tuple[str, ...]
    cutoff: float | None
    precision: str | None


def read_model(content: object, where: str) -> Model:
    """Read a model.yaml, parsed; HpctrainError where it is none."""
    instructions = content.get("instructions", content) if isinstance(content, dict) else content
    each = list(instructions.values()) if isinstance(instructions, dict) else instructions
    elements, cutoff = None, None
    for one in each if isinstance(each, list) else ():
        if not isinstance(one, dict):
            continue
        if _EMBEDDING in str(one.get("__cls__")) and isinstance(one.get("element_map"), dict):
            places = one["element_map"]
            elements = tuple(sorted(places, key=lambda name: places[name]))
        given = one.get("rcut", one.get("cutoff"))
        cutoff = float(given) if isinstance(given, int | float) else cutoff
    if elements is None:
        raise HpctrainError(
            f"{where} is not the model.yaml of a GRACE potential: it has no elements",
            "name the folder of a potential that has model.yaml and checkpoint.index",
        )
    metadata = content.get("metadata") if isinstance(content, dict) else None
    precision = metadata.get("param_dtype") if isinstance(metadata, dict) else None
    return Model(elements, cutoff, precision)


def read_folder(folder: Path) -> dict[str, Any]:
    """Read the model.yaml in a potential's folder; HpctrainError where a file is missing."""
    for name in FILES:
        if not (folder / name).is_file():
            raise HpctrainError(
                f"{folder} has no {name}, and a training of GRACE goes on from that file",
                "name the folder of a potential that has model.yaml and checkpoint.index",
            )
    return read_mapping(folder / "model.yaml")


def follow(mapping: dict[str, Any], parent: Model, elements: Sequence[str]) -> dict[str, Any]:
    """Return the input of a training that goes on from a model.

    Elements that the data do not hold are taken out of the model (``reduce_elements``).
    HpctrainError where the model cannot be gone on from.
    """
    new = [element for element in elements if element not in parent.elements]
    if new:
        raise HpctrainError(
            f"the potential to go on from has no {', '.join(new)}, which the data hold",
            "train anew (without --from), or select data without them",
        )
    if parent.cutoff is not None and parent.cutoff != mapping["cutoff"]:
        raise HpctrainError(
            f"the potential to go on from has a cutoff of {parent.cutoff:g} Å, the settings have "
            f"{mapping['cutoff']:g}: gracemaker would keep the former",
            f"write training.cutoff: {parent.cutoff:g}",
        )
    potential: Mapping[str, Any] = mapping["potential"]
    wanted = potential.get("param_dtype")
    precision = parent.precision or "float64"
    if wanted not in (None, precision):
        raise HpctrainError(
            f"the potential to go on from is in {precision}, the settings ask for {wanted}",
            f"write training.precision: {precision}",
        )
    changes: dict[str, Any] = (
        {"reduce_elements": True} if len(parent.elements) > len(elements) else {}
    )
    if not changes and list(parent.elements) != list(elements):
        changes = {"elements": list(parent.elements)}  # another order
    return {**mapping, "potential": {**potential, **changes}}
