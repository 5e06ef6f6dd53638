"""The energies of free atoms that are taken off the labels: which, and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hpctrain.engines.facts import DataFacts, Parent
from hpctrain.engines.training import TrainingConfig
from hpctrain.errors import HpctrainError
from hpctrain.fields import SAME_ATOM

# eV; reference energies nearer than this are the same, as for isolated atoms.
SAME_ENERGY = 1e-3
UNDETERMINED = "the reference energies are not those of free atoms"


def settle(
    training: TrainingConfig, facts: DataFacts, parent: Parent | None
) -> tuple[dict[str, float] | str, list[str], list[str]]:
    """Return the reference energies (eV, or ``auto``), notes, and warnings for the card.

    A training that goes on from a potential has those of its parent.
    """
    if parent is None or parent.card is None:
        energies = reference_energies(
            training, facts.elements, facts.isolated_atoms, facts.left_out
        )
        found = reference_warning(energies, facts.elements, facts.independent_compositions)
        warning, short = found or (None, None)
        return energies, [short] if short else [], [warning] if warning else []
    known = parent.card["reference_energies"]
    if known is None:
        raise HpctrainError(
            f"the reference energies of {parent.name} are not known, so a training cannot go on "
            "from it",
            "train without --from",
        )
    kept, notes = parents_energies(
        known, parent.card["shift"] or 0.0, training, facts.elements, facts.isolated_atoms
    )
    inherited = [
        warning for warning in parent.card.get("warnings") or []
        if warning.startswith(UNDETERMINED)
    ]  # fmt: skip
    return kept, notes, inherited


def reference_energies(
    training: TrainingConfig,
    elements: Sequence[str],
    isolated_atoms: Mapping[str, Sequence[float]],
    left_out: Collection[str] = (),
) -> dict[str, float] | str:
    """Return the energy of each free atom (eV), or ``auto``, as the settings ask.

    The settings may name elements that were ``left_out`` too. HpctrainError where one is missing,
    or none of the data's.
    """
    wanted = training.reference_energies
    if wanted == "auto":
        return "auto"
    given = (
        dict(wanted) if isinstance(wanted, dict) else _energies_of_isolated_atoms(isolated_atoms)
    )
    missing = [element for element in elements if element not in given]
    if missing and isinstance(wanted, dict):
        raise HpctrainError(
            f"training.reference_energies has no energy for {', '.join(missing)}",
            "the data hold: " + ", ".join(elements),
        )
    if missing:
        raise HpctrainError(
            "training.reference_energies is isolated_atoms, but the selected data hold no "
            f"isolated atom of {', '.join(missing)}",
            "add one to the data, or give the energies (reference_energies: "
            f"{{{missing[0]}: …}}, in eV), or let the trainer fit them (reference_energies: "
            "auto; they mean something only with as many independent compositions as elements)",
        )
    unknown = [element for element in given if element not in (*elements, *left_out)]
    if unknown and isinstance(wanted, dict):
        raise HpctrainError(
            f"training.reference_energies names {', '.join(unknown)}, which the data do not hold",
            "the data hold: " + ", ".join(elements),
        )
    return {element: given[element] for element in elements}


def reference_warning(
    wanted: object, elements: Sequence[str], independent: int | None
) -> tuple[str, str] | None:
    """Warn of reference energies that are fitted and not determined: for the card, and in short.

    ``wanted`` is training.reference_energies; ``independent`` counts the independent compositions
    of the training structures, None where it is not known.
    """
    if wanted != "auto" or independent is None or independent >= len(elements):
        return None
    compositions = f"{independent} independent composition{'s' * (independent != 1)}"
    warning = (
        f"{UNDETERMINED}: the training data have {compositions} for {len(elements)} elements, "
        "so what auto fits is only a shift common to their atoms. The potential is for "
        "structures of the same compositions as its data, and for no others"
    )
    short = (
        f"reference_energies: auto fits a common shift only ({compositions} for {len(elements)} "
        "elements): the potential is for the compositions of its data; for others, add isolated "
        "atoms"
    )
    return warning, short


def _energies_of_isolated_atoms(isolated_atoms: Mapping[str, Sequence[float]]) -> dict[str, float]:
    for element, energies in isolated_atoms.items():
        if max(energies) - min(energies) > SAME_ATOM:
            raise HpctrainError(
                f"the data hold {len(energies)} isolated atoms of {element} with different "
                f"energies ({min(energies):.4f} to {max(energies):.4f} eV)",
                f"say which is meant: training.reference_energies: {{{element}: …}}",
            )
    return {element: energies[0] for element, energies in isolated_atoms.items()}


def parents_energies(
    parent: Mapping[str, float],
    shift: float,
    training: TrainingConfig,
    elements: Sequence[str],
    isolated_atoms: Mapping[str, Sequence[float]],
) -> tuple[dict[str, float], list[str]]:
    """Return the reference energies (eV) of a training that goes on, and notes about them.

    ``parent`` and ``shift`` are the potential's own. Its energies are kept, since it predicts
    energies relative to them. Isolated atoms that have other energies are refused; energies given
    in the settings are taken, and a note says how far they are apart.
    """
    wanted = training.reference_energies
    notes = []
    if isinstance(wanted, dict):
        given = reference_energies(training, elements, isolated_atoms)
        assert isinstance(given, dict)
        apart = [
            f"{element} {given[element] - (parent[element] - shift):+.4f} eV per atom"
            for element in parent
            if element in given and abs(given[element] - (parent[element] - shift)) > SAME_ENERGY
        ]
        if apart:
            notes.append(
                "training.reference_energies are not the parent's, so the parent's energies are "
                f"off at first: {', '.join(apart)}"
            )
        return given, notes
    new = [element for element in elements if element not in parent]
    if new and wanted == "auto":
        raise HpctrainError(
            f"the parent has no reference energy of {', '.join(new)}, and fitting it anew (auto) "
            "would change the others too",
            "let them be those of isolated_atoms, or give them all (training.reference_energies)",
        )
    energies = {element: parent[element] for element in elements if element in parent}
    if new:
        of_new = reference_energies(
            training, new, {e: isolated_atoms[e] for e in new if e in isolated_atoms}
        )
        assert isinstance(of_new, dict)
        # The shift is of every atom, and here it is not wanted.
        energies.update({element: energy + shift for element, energy in of_new.items()})
    if wanted == "auto":
        notes.append("reference energies: the parent's are kept, instead of fitting them (auto)")
    else:
        _check_isolated_atoms(parent, shift, isolated_atoms)
        missing = [e for e in elements if e in parent and e not in isolated_atoms]
        if missing:
            notes.append(
                f"reference energies: the parent's; the data hold no isolated {', '.join(missing)}"
            )
    # A shift stands beside the elements' energies, and is kept.
    return {**energies, "shift": shift} if shift else energies, notes


def _check_isolated_atoms(
    parent: Mapping[str, float], shift: float, isolated_atoms: Mapping[str, Sequence[float]]
) -> None:
    for element, energies in isolated_atoms.items():
        if element not in parent:
            continue
        theirs = parent[element] - shift
        far = [energy for energy in energies if abs(energy - theirs) > SAME_ENERGY]
        if far:
            raise HpctrainError(
                f"the parent's reference energy of {element} is {theirs:.4f} eV, and the isolated "
                f"atom in the data has {far[0]:.4f} eV",
                "if the parent's are meant: training.reference_energies: auto, which with --from "
                "keeps them; else train without --from",
            )
