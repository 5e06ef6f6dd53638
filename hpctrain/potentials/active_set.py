"""The potential that structures are chosen for, with its active set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from hpctrain.errors import HpctrainError
from hpctrain.files import sha256_of
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card
from hpctrain.project import Project


@dataclass(frozen=True)
class Origin:
    """The potential that is to be improved: its files, and its card where it has one."""

    name: str
    yaml: Path
    active_set: Path
    card: Card | None


def find_origin(project: Project | None, what: str) -> Origin:
    """Find a potential by its name, ``current``, or the path of its .yaml or .yace.

    HpctrainError if it has no active set, with the reason that its card tells.
    """
    path = Path(what)
    if path.suffix in (".yaml", ".yace", ".asi") or os.sep in what:
        origin = Origin(path.stem, path.with_suffix(".yaml"), path.with_suffix(".asi"), None)
        for file in (path, origin.yaml):
            if not file.is_file():
                raise HpctrainError(
                    f"there is no file {file}", "name a potential's .yaml, with its .asi beside it"
                )
        if not origin.active_set.is_file():
            raise HpctrainError(
                f"there is no {origin.active_set}, the active set that the grade is measured by",
                "make it where the potential was trained: pace_activeset -d "
                f"fitting_data_info.pckl.gzip {origin.yaml.name}",
            )
        return origin
    if project is None:
        raise HpctrainError(
            f"'{what}' is the name of a potential, but there is no project here",
            "change into the project's folder, or name a file: --from PATH.yaml",
        )
    card = archive.find_card(project.potentials, what)
    if "asi" not in card["files"]:
        raise HpctrainError(*_no_active_set(card))
    files = {}
    for suffix in ("yaml", "asi"):
        files[suffix] = project.potentials / card["files"][suffix]["path"]
        if not files[suffix].is_file():
            raise HpctrainError(f"{files[suffix]} is gone", "look: hpctrain potentials verify")
        if sha256_of(files[suffix]) != card["files"][suffix]["sha256"]:
            raise HpctrainError(
                f"{files[suffix]} is not the file that {card['name']}.json describes",
                f"look: hpctrain potentials verify {card['name']}",
            )
    return Origin(card["name"], files["yaml"], files["asi"], card)


def _no_active_set(card: Card) -> tuple[str, str]:
    """Say that and why a potential has no active set, and what to do."""
    why = (card.get("active_set") or {}).get("why")
    message = f"{card['name']} has no active set, which the extrapolation grade is measured by"
    if why and "switched off" in why:
        return (
            f"{message}: {why}",
            "train again with: hpctrain submit --set training.active_set=true",
        )
    dataset = card["dataset"]
    chosen = (card.get("basis_size") or {}).get("chosen")
    functions = chosen or card["settings"]["training"].get("b_basis_size")
    if dataset["train"] is None:
        return message, "make one with pace_activeset, beside the potential's .yaml"
    fits = int(0.7 * dataset["train"]["atoms"] / max(1, len(card["elements"])))
    hint = (
        "an active set needs as many atoms of each element as there are basis functions; "
        f"here there are {functions} functions, and {dataset['train']['atoms']} atoms to train on: "
        f"hpctrain submit --set training.b_basis_size={max(1, fits)}"
    )
    return (f"{message}: {why}" if why else message), hint


def elements_of(active_set: Path) -> list[str]:
    """Read the elements of an active set."""
    import numpy as np

    try:
        with np.load(active_set) as inverses:
            return sorted(inverses)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise HpctrainError(
            f"{active_set} is damaged, or no active set", "make it again with pace_activeset"
        ) from error
