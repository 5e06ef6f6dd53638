"""Pacemaker (Atomic Cluster Expansion): settings and facts of the data to its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError
from hpctrain.mappings import merged

if TYPE_CHECKING:
    from hpctrain.models import Evaluator, TrainingConfig

TEMPLATE = "pacemaker/input.yaml.j2"
# Names that the job gives the data once it has converted them; see hpctrain/job/convert.py.
TRAIN_FILE = "train.pckl.gzip"
TEST_FILE = "test.pckl.gzip"


@dataclass(frozen=True)
class DataFacts:
    """What the input needs to know of the data; ``reference_energies`` in eV, or ``auto``."""

    elements: tuple[str, ...]
    reference_energies: dict[str, float] | str


def relative_force_weight(kappa: float, kappa_f: float | None) -> float:
    """Pacemaker's kappa, in [0, 1], from the weights of energies and forces.

    Its loss is (1 - κ) · energies + κ · forces, so κ = w_F / (w_E + w_F); 1 : 100 is 100/101.
    """
    forces = 100.0 * kappa if kappa_f is None else kappa_f
    if kappa + forces == 0:
        raise HpctrainError(
            "training.kappa and training.kappa_f are both 0: nothing would be fitted",
            "for example kappa: 1.0 and kappa_f: 100.0",
        )
    return forces / (kappa + forces)


def reference_energies(
    training: TrainingConfig,
    elements: Sequence[str],
    isolated_atoms: Mapping[str, Sequence[float]],
) -> dict[str, float] | str:
    """The energy of each free atom (eV), as the settings want it found."""
    wanted = training.reference_energies
    if wanted == "auto":
        return "auto"
    given = dict(wanted) if isinstance(wanted, dict) else _of_isolated_atoms(isolated_atoms)
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
            f"{{{missing[0]}: …}}, in eV), or let Pacemaker fit them (reference_energies: auto)",
        )
    unknown = [element for element in given if element not in elements]
    if unknown and isinstance(wanted, dict):
        raise HpctrainError(
            f"training.reference_energies names {', '.join(unknown)}, which the data do not hold",
            "the data hold: " + ", ".join(elements),
        )
    return {element: given[element] for element in elements}


def _of_isolated_atoms(isolated_atoms: Mapping[str, Sequence[float]]) -> dict[str, float]:
    for element, energies in isolated_atoms.items():
        if max(energies) - min(energies) > 1e-3:
            raise HpctrainError(
                f"the data hold {len(energies)} isolated atoms of {element} with different "
                f"energies ({min(energies):.4f} to {max(energies):.4f} eV)",
                f"say which is meant: training.reference_energies: {{{element}: …}}",
            )
    return {element: energies[0] for element, energies in isolated_atoms.items()}


def input_mapping(
    training: TrainingConfig, evaluator: Evaluator, facts: DataFacts
) -> dict[str, Any]:
    """What ``input.yaml`` has to say. HpctrainError where Pacemaker would train wrongly on it."""
    backend: dict[str, Any] = {"evaluator": evaluator, "display_step": training.display_step}
    if evaluator == "tensorpot":
        backend["batch_size"] = training.batch_size
    mapping: dict[str, Any] = {
        # 0.2.7 wants it here, 0.4.0 takes the largest rcut: both, and equal.
        "cutoff": training.cutoff,
        "seed": training.seed,
        "metadata": {"origin": "hpctrain"},
        "potential": {
            "deltaSplineBins": 0.001,
            "elements": list(facts.elements),
            "embeddings": {
                "ALL": {
                    "npot": "FinnisSinclairShiftedScaled",
                    "fs_parameters": [1, 1, 1, 0.5],
                    "ndensity": 2,
                }
            },
            "bonds": {
                "ALL": {
                    "radbase": "SBessel",
                    "radparameters": [5.25],
                    "rcut": training.cutoff,
                    "dcut": 0.01,
                    "NameOfCutoffFunction": "cos",
                }
            },
            "functions": {
                "number_of_functions_per_element": training.b_basis_size,
                **_SHAPE,
            },
        },
        "data": {
            "filename": TRAIN_FILE,
            "test_filename": TEST_FILE,
            "reference_energy": facts.reference_energies,
        },
        "fit": {
            "loss": {
                "kappa": relative_force_weight(training.kappa, training.kappa_f),
                "L1_coeffs": 1e-8,
                "L2_coeffs": 1e-8,
            },
            "optimizer": training.optimizer,
            "maxiter": training.max_iter,
            "repulsion": "auto",
        },
        "backend": backend,
    }
    if training.optimizer == "L-BFGS-B":
        # Giving options drops the evaluator's own gtol: it is repeated.
        mapping["fit"]["options"] = {"maxcor": 100, "gtol": 1e-8}
    mapping = merged(mapping, training.overrides)
    faults = _faults(mapping, facts)
    if faults:
        raise HpctrainError(
            "\n".join(["Pacemaker would not train properly on these settings:", *faults]),
            "look at training.overrides",
        )
    return mapping


# How many radial functions (n) and angular momenta (l) each order of the expansion has; the cap
# number_of_functions_per_element takes its share from these.
_SHAPE: dict[str, Any] = {
    "UNARY": {"nradmax_by_orders": [15, 6, 4, 3, 2, 2], "lmax_by_orders": [0, 3, 3, 2, 2, 1]},
    "BINARY": {"nradmax_by_orders": [15, 6, 3, 2, 2, 1], "lmax_by_orders": [0, 3, 2, 1, 1, 0]},
    "TERNARY": {"nradmax_by_orders": [15, 3, 3, 2, 1], "lmax_by_orders": [0, 2, 2, 1, 1]},
    "ALL": {"nradmax_by_orders": [15, 3, 2, 1, 1], "lmax_by_orders": [0, 2, 2, 1, 1]},
}


def template_values(mapping: dict[str, Any], training: TrainingConfig) -> dict[str, Any]:
    """What the template of ``input.yaml`` needs beside the mapping: the words of its comments."""
    forces = 100.0 * training.kappa if training.kappa_f is None else training.kappa_f
    weights = {"energies": f"{training.kappa:g}", "forces": f"{forces:g}"}
    # The weights explain kappa, unless an override has replaced it.
    asked = relative_force_weight(training.kappa, training.kappa_f)
    explained = mapping["fit"]["loss"].get("kappa") == asked
    return {"input": mapping, "weights": weights if explained else None}


def _faults(mapping: Mapping[str, Any], facts: DataFacts) -> list[str]:
    """What Pacemaker accepts, or finds out too late. Seen with 0.4.0rc1; see docs/pacemaker.md."""
    faults: list[str] = []
    for section in ("potential", "data", "fit", "backend"):
        if not isinstance(mapping.get(section), dict):
            faults.append(f"  {section}: must be there, and hold keys and values")
    if faults:
        return faults
    potential, data, fit, backend = (mapping[s] for s in ("potential", "data", "fit", "backend"))
    missing = [e for e in facts.elements if e not in (potential.get("elements") or [])]
    if missing:
        faults.append(
            f"  potential.elements lacks {', '.join(missing)}, which the data hold: "
            "tensorpot would train wrongly on it without an error"
        )
    if backend.get("evaluator") not in ("tensorpot", "pyace"):
        faults.append(f"  backend.evaluator is {backend.get('evaluator')!r}: tensorpot or pyace")
    for key, file in (("filename", TRAIN_FILE), ("test_filename", TEST_FILE)):
        if data.get(key) != file:
            faults.append(f"  data.{key} must stay {file}: the job makes that file")
    for key in ("test_size", "datapath"):
        if key in data:
            faults.append(f"  data.{key} would train on other data than were exported")
    if "reference_energy" not in data:
        faults.append("  data.reference_energy must be there: the data hold total energies")
    bonds = potential.get("bonds") or {}
    cutoffs = {name: bond.get("rcut") for name, bond in bonds.items() if isinstance(bond, dict)}
    if not cutoffs or any(rcut is None for rcut in cutoffs.values()):
        faults.append("  potential.bonds: every bond needs an rcut")
    elif mapping.get("cutoff") != max(cutoffs.values()):
        faults.append(
            f"  cutoff is {mapping.get('cutoff')} but the largest rcut is {max(cutoffs.values())}: "
            "0.2.7 reads the one, 0.4.0 the other; set training.cutoff, or both"
        )
    kappa = (fit.get("loss") or {}).get("kappa")
    if kappa != "auto" and not (isinstance(kappa, (int, float)) and 0 <= kappa <= 1):
        faults.append(f"  fit.loss.kappa is {kappa!r}: the share of the forces, 0 to 1, or auto")
    options = fit.get("options")
    if isinstance(options, dict) and "gtol" not in options:
        faults.append("  fit.options without gtol drops tensorpot's own (1e-8): repeat it there")
    return faults
