"""Going on from a potential: what its model.yaml says, and how the input has to follow it. Pure.

With a model given, gracemaker takes elements, cutoff and functions from it, whatever the input says
(tensorpotential 0.6.2.1, cli/gracemaker.py): another cutoff is a warning in its log only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.engines.grace.checkpoint import length_of_data
from hpctrain.errors import HpctrainError
from hpctrain.yamlfile import read_mapping

if TYPE_CHECKING:
    from hpctrain.engines.grace.settings import GraceTraining

_EMBEDDING = "ScalarChemicalEmbedding"
# What only a model of the preset fs has, and what only one with messages between atoms.
_OF_FS, _OF_LAYERS = "FSOut2ScalarTarget", "SingleParticleBasisFunctionEquivariantInd"
# Files of a potential, or of a published model, in its folder.
FILES = ("model.yaml", "checkpoint.index", "checkpoint.data-00000-of-00001")


@dataclass(frozen=True)
class Model:
    """What a model.yaml says; ``precision`` is None in those of old versions.

    ``preset`` is as in the settings; a model of three layers counts as one of two.
    """

    preset: str
    elements: tuple[str, ...]
    cutoff: float | None
    precision: str | None


def read_model(content: object, where: str) -> Model:
    """Read a model.yaml, parsed; HpctrainError where it is none."""
    instructions = content.get("instructions", content) if isinstance(content, dict) else content
    each = list(instructions.values()) if isinstance(instructions, dict) else instructions
    elements, cutoff, preset = None, None, "1layer"
    for one in each if isinstance(each, list) else ():
        if not isinstance(one, dict):
            continue
        if _EMBEDDING in str(one.get("__cls__")) and isinstance(one.get("element_map"), dict):
            places = one["element_map"]
            elements = tuple(sorted(places, key=lambda name: places[name]))
        if _OF_FS in str(one.get("__cls__")):
            preset = "fs"
        elif _OF_LAYERS in str(one.get("__cls__")):
            preset = "2layer"
        given = one.get("rcut", one.get("cutoff"))
        cutoff = float(given) if isinstance(given, int | float) else cutoff
    if elements is None:
        raise HpctrainError(
            f"{where} is not the model.yaml of a GRACE potential: it has no elements",
            "name the folder of a potential that has model.yaml and checkpoint.index",
        )
    metadata = content.get("metadata") if isinstance(content, dict) else None
    precision = metadata.get("param_dtype") if isinstance(metadata, dict) else None
    return Model(preset, elements, cutoff, precision)


def read_folder(folder: Path) -> dict[str, Any]:
    """Read the model.yaml in a potential's folder.

    HpctrainError where a file is missing, or where one is not whole.
    """
    hint = "name the folder of a potential that has model.yaml and checkpoint.index"
    for name in FILES:
        if not (folder / name).is_file():
            raise HpctrainError(
                f"{folder} has no {name}, and a training of GRACE goes on from that file", hint
            )
    content = read_mapping(folder / "model.yaml")
    read_model(content, str(folder / "model.yaml"))
    index, data = (folder / name for name in FILES[1:])
    try:
        needed = length_of_data(index.read_bytes())
    except ValueError as error:
        raise HpctrainError(
            f"{index} is not the index of a checkpoint: {error}", "copy or download the folder anew"
        ) from error
    found = data.stat().st_size
    if found < needed:
        raise HpctrainError(
            f"{data} has {found:,} bytes, and its index tells of {needed:,}: it is not whole",
            "copy or download the folder anew",
        )
    return content


def follow(mapping: dict[str, Any], parent: Model, training: GraceTraining) -> dict[str, Any]:
    """Return the input of a training that goes on from a model.

    Its functions are the model's, so that the arguments of the preset are left out; so is its
    precision, where the settings name none. Elements that the data do not hold are taken out of
    the model (``reduce_elements``). HpctrainError where the model cannot be gone on from.
    """
    potential: Mapping[str, Any] = mapping["potential"]
    elements = list(potential["elements"])
    new = [element for element in elements if element not in parent.elements]
    if new:
        raise HpctrainError(
            f"the potential to go on from has no {', '.join(new)}, which the data hold",
            "train anew (without --from), or select data without them",
        )
    precision = parent.precision or "float64"
    for key, theirs, ours in (
        ("preset", parent.preset, training.preset),
        ("cutoff", parent.cutoff, training.cutoff),
        ("precision", precision, training.precision),
    ):
        if None not in (theirs, ours) and theirs != ours:
            raise HpctrainError(
                f"the {key} of the potential to go on from is {theirs}, that of the settings "
                f"{ours}: gracemaker would keep the former",
                f"write training.{key}: {theirs}",
            )
    changes: dict[str, Any] = {"param_dtype": precision, "elements": list(parent.elements)}
    if len(parent.elements) > len(elements):
        changes.update(elements=elements, reduce_elements=True)
    kept = {key: value for key, value in potential.items() if key != "kwargs"}
    return {**mapping, "potential": {**kept, **changes}}
