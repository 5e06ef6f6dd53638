"""Faults of an input that Pacemaker would train wrongly on, or find too late. Pure.

Seen with 0.4.0rc1; see docs/pacemaker.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from hpctrain.engines.sections import faults_of_sections

# Names that the job gives the data once it has converted them, see hpctrain/job/training.py.
TRAIN_FILE = "train.pckl.gzip"
TEST_FILE = "test.pckl.gzip"

CAP = "number_of_functions_per_element"
# How many radial functions (n) and angular momenta (l) each order of the expansion has; the cap
# number_of_functions_per_element takes its share from these.
SHAPE: dict[str, Any] = {
    "UNARY": {"nradmax_by_orders": [15, 6, 4, 3, 2, 2], "lmax_by_orders": [0, 3, 3, 2, 2, 1]},
    "BINARY": {"nradmax_by_orders": [15, 6, 3, 2, 2, 1], "lmax_by_orders": [0, 3, 2, 1, 1, 0]},
    "TERNARY": {"nradmax_by_orders": [15, 3, 3, 2, 1], "lmax_by_orders": [0, 2, 2, 1, 1]},
    "ALL": {"nradmax_by_orders": [15, 3, 2, 1, 1], "lmax_by_orders": [0, 2, 2, 1, 1]},
}

_SECTIONS = ("potential", "data", "fit", "backend")
_KEYS = ("cutoff", "seed", "metadata", *_SECTIONS)
# What UNARY, BINARY, TERNARY and, for four elements, ALL offer in the shape that hpctrain writes,
# counted with python-ace 0.4.0rc1; see docs/pacemaker.md. A block is a central element with a set
# of neighbours; Pacemaker shares the cap out among the blocks and fills no gaps.
_BLOCK_OFFERS = {1: 945, 2: 1281, 3: 1191, 4: 250}


def functions_of(mapping: Mapping[str, Any]) -> int | None:
    """Return the functions per element of an input; None where it does not say."""
    potential = mapping.get("potential")
    functions = potential.get("functions") if isinstance(potential, dict) else None
    cap = functions.get(CAP) if isinstance(functions, dict) else None
    return cap if isinstance(cap, int) else None


def has_our_shape(mapping: Mapping[str, Any]) -> bool:
    """Say whether the orders of an input's basis are those that hpctrain writes."""
    functions = mapping["potential"]["functions"]
    return {kind: orders for kind, orders in functions.items() if kind in SHAPE} == SHAPE


def faults(mapping: Mapping[str, Any], elements: Sequence[str], evaluator: str) -> list[str]:
    """List every fault of an input, one a line; ``elements`` are those of the data."""
    torn = faults_of_sections(mapping, _KEYS, _SECTIONS)
    if torn:
        return torn
    return [
        f"  {fault}"
        for fault in (
            *_faults_of_potential(mapping["potential"], mapping.get("cutoff"), elements),
            *_faults_of_basis(mapping["potential"].get("functions"), len(elements)),
            *_faults_of_data(mapping["data"]),
            *_faults_of_fit(mapping["fit"]),
            *_faults_of_backend(mapping["backend"], evaluator),
        )
    ]


def _faults_of_potential(
    potential: Mapping[str, Any], cutoff: object, elements: Sequence[str]
) -> Iterator[str]:
    named = potential.get("elements")
    missing = [e for e in elements if not isinstance(named, list) or e not in named]
    if missing:
        yield (
            f"potential.elements lacks {', '.join(missing)}, which the data hold: "
            "tensorpot would train wrongly on it without an error"
        )
    bonds = potential.get("bonds")
    cutoffs = []
    for bond in bonds.values() if isinstance(bonds, dict) else ():
        rcut = bond.get("rcut") if isinstance(bond, dict) else None
        cutoffs.append(float(rcut) if _is_number(rcut) else None)
    known = [rcut for rcut in cutoffs if rcut is not None]
    if not known or len(known) < len(cutoffs):
        yield "potential.bonds: every bond needs an rcut, a number"
    elif cutoff != max(known):
        yield (
            f"cutoff is {cutoff} but the largest rcut is {max(known):g}: "
            "0.2.7 reads the one, 0.4.0 the other; set training.cutoff, or both"
        )


def functions_offered(n_elements: int) -> tuple[int, int]:
    """Return how many functions per element a basis of that shape has, at least and at most.

    Pacemaker gives every block floor(cap * elements / blocks) functions, or what it has. With more
    elements than were counted the offers are those of four.
    """
    blocks = n_elements * 2 ** (n_elements - 1)
    offers = [_BLOCK_OFFERS[min(size, max(_BLOCK_OFFERS))] for size in range(1, n_elements + 1)]
    return -(-blocks // n_elements), (min(offers) + 1) * blocks // n_elements - 1


def _faults_of_basis(functions: object, n_elements: int) -> Iterator[str]:
    if functions is None or n_elements not in _BLOCK_OFFERS or not isinstance(functions, dict):
        return
    cap = functions.get(CAP)
    shape = {key: value for key, value in functions.items() if key != CAP}
    if not isinstance(cap, int) or shape != SHAPE:
        return  # another shape: what it offers is not known here
    least, most = functions_offered(n_elements)
    if not least <= cap <= most:
        yield (
            f"training.b_basis_size is {cap}, but for {n_elements} element"
            f"{'s' * (n_elements > 1)} the basis has {least} to {most} functions per element: "
            "Pacemaker would take fewer without a word"
        )


def _faults_of_data(data: Mapping[str, Any]) -> Iterator[str]:
    for key, file in (("filename", TRAIN_FILE), ("test_filename", TEST_FILE)):
        if data.get(key) != file:
            yield f"data.{key} must stay {file}: the job makes that file"
    for key in ("test_size", "datapath"):
        if key in data:
            yield f"data.{key} would train on other data than were exported"
    energies = data.get("reference_energy")
    if energies is None:
        yield "data.reference_energy must be there: the data hold total energies"
    elif energies != "auto" and not isinstance(energies, dict):
        yield (
            f"data.reference_energy is {energies!r}: give each element's energy, or auto; of a "
            "number or a preset's name the potential keeps no energies to use it with"
        )


def _faults_of_fit(fit: Mapping[str, Any]) -> Iterator[str]:
    loss = fit.get("loss")
    if not isinstance(loss, dict):
        yield "fit.loss: must be there, and hold keys and values"
        return
    kappa = loss.get("kappa")
    if kappa != "auto" and not (_is_number(kappa) and 0 <= kappa <= 1):
        yield f"fit.loss.kappa is {kappa!r}: the share of the forces, 0 to 1, or auto"
    options = fit.get("options")
    if isinstance(options, dict) and "gtol" not in options:
        yield "fit.options without gtol drops tensorpot's own (1e-8): repeat it there"
    if fit.get("min_relative_test_loss_per_iter") is not None:
        yield (
            "fit.min_relative_test_loss_per_iter can end the job without a result "
            "(ICAMS/python-ace#86): use training.patience instead"
        )


def _faults_of_backend(backend: Mapping[str, Any], evaluator: str) -> Iterator[str]:
    found = backend.get("evaluator")
    if found != evaluator:
        yield (
            f"backend.evaluator is {found!r}, but the data and the job are made for {evaluator}: "
            "set training.evaluator instead"
        )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
