"""Training on from an earlier potential: what may differ from its input. Pure.

Pacemaker adds functions to the basis of a potential that it is given, and keeps everything else of
its blocks (cutoff, radial functions, embedding), whatever the input says: 0.4.0rc1,
multispecies_basisextension.extend_basis_block. Differences are refused before the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpctrain.engines.pacemaker.input import reference_energies
from hpctrain.errors import HpctrainError
from hpctrain.settings import TrainingConfig

CAP = "number_of_functions_per_element"
# eV; reference energies nearer than this are the same, as for isolated atoms.
SAME_ENERGY = 1e-3


def obstacles(parent: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Say what keeps a training from going on from a potential; nothing where it can.

    ``parent`` and ``wanted`` are the section ``potential`` of the two inputs.
    """
    old, new = parent.get("elements") or [], wanted.get("elements") or []
    lost = [element for element in old if element not in new]
    if lost:
        yield (
            f"the parent has {', '.join(lost)}, which the selected data do not hold: "
            "select data with all its elements"
        )
    for section in ("embeddings", "bonds"):
        if parent.get(section) != wanted.get(section):
            yield from _differences(section, parent.get(section), wanted.get(section))
    others = {*parent, *wanted} - {"elements", "embeddings", "bonds", "functions"}
    for key in sorted(others):
        if parent.get(key) != wanted.get(key):
            yield _difference(key, parent.get(key), wanted.get(key))
    yield from _fewer_functions(
        parent.get("functions"), wanted.get("functions"), len(old), len(new)
    )


def _differences(name: str, old: Any, new: Any) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield _difference(name, old, new)
        return
    for key in sorted({*map(str, old), *map(str, new)}):
        if old.get(key) != new.get(key):
            yield from _differences(f"{name}.{key}", old.get(key), new.get(key))


def _difference(name: str, old: Any, new: Any) -> str:
    before, now = ("not there" if value is None else value for value in (old, new))
    return f"potential.{name} is {before} in the parent and {now} now"


def _fewer_functions(old: Any, new: Any, elements: int, now: int) -> Iterator[str]:
    # A block gets cap * elements / blocks functions of what the orders of its kind offer.
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield "potential.functions cannot be compared with the parent's"
        return
    before, after = old.get(CAP), new.get(CAP)
    if after is not None and (before is None or _share(after, now) < _share(before, elements)):
        enough = "" if before is None else (
            f"; {_share(before, elements) * 2 ** (now - 1)} or more are needed"
        )  # fmt: skip
        yield (
            f"{after} functions per element for {now} element{'s' * (now > 1)} are fewer than the "
            f"parent's {before} for {elements} (training.b_basis_size){enough}"
        )
    for kind in sorted({*old} - {CAP}):
        shapes = [_shape(functions.get(kind)) for functions in (old, new)]
        if None in shapes and old.get(kind) != new.get(kind):
            yield f"potential.functions.{kind} cannot be compared with the parent's"
        elif any(not _covers(a, b) for a, b in zip(*shapes, strict=True)):
            yield f"potential.functions.{kind} has fewer orders, n or l than the parent's"


def _share(cap: int, elements: int) -> int:
    # For n elements there are n * 2^(n-1) blocks.
    return int(cap) // int(2 ** (elements - 1))


def _shape(kind: Any) -> tuple[list[int], list[int]] | None:
    if isinstance(kind, dict) and {*kind} == {"nradmax_by_orders", "lmax_by_orders"}:
        return kind["nradmax_by_orders"], kind["lmax_by_orders"]
    return None


def _covers(old: Sequence[int], new: Sequence[int]) -> bool:
    return len(old) <= len(new) and all(a <= b for a, b in zip(old, new, strict=False))


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
    # Pacemaker takes the shift beside the elements' energies, and keeps it.
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


def without_ladder(mapping: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the input without a ladder, and whether it had one.

    With one, ``-p`` begins from an empty basis (0.4.0rc1).
    """
    fit = {
        key: value
        for key, value in mapping["fit"].items()
        if key not in ("ladder_step", "ladder_type")
    }
    return {**mapping, "fit": fit}, fit != mapping["fit"]
