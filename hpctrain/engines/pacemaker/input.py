"""Pacemaker's input, from the settings and the facts of the data. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hpctrain.engines import reference_energies as references
from hpctrain.engines.facts import DataFacts, Input, Parent
from hpctrain.engines.pacemaker.faults import CAP, SHAPE, TEST_FILE, TRAIN_FILE, faults
from hpctrain.errors import HpctrainError
from hpctrain.yamlfile import merge

if TYPE_CHECKING:
    from hpctrain.engines.pacemaker.settings import PacemakerTraining

CALLBACK = "continuation.on_iteration"
TEMPLATE = "pacemaker/input.yaml.j2"
DENSITIES = 2
RADIAL_BASE: int = max(SHAPE["UNARY"]["nradmax_by_orders"])
_RADIAL_PER_PAIR: int = (
    max(SHAPE["UNARY"]["nradmax_by_orders"][1:])
    * (max(SHAPE["UNARY"]["lmax_by_orders"]) + 1)
    * RADIAL_BASE
)
# What b_basis_size: auto chooses at most: a larger one is for those who ask for it.
MOST_OF_AUTO = 700
# 0.8 GB, which SciPy updates on one core in each iteration.
MAX_PARAMETERS_OF_BFGS = 10_000


def relative_force_weight(energies: float, forces: float) -> float:
    """Return Pacemaker's kappa, in [0, 1], from the weights of energies and forces.

    Its loss is (1 - κ) · energies + κ · forces, so κ = w_F / (w_E + w_F); 1 : 100 is 100/101.
    """
    if energies + forces == 0:
        raise HpctrainError(
            "training.kappa and training.kappa_f are both 0: nothing would be fitted",
            "write force_share: 0.5 instead of both",
        )
    return forces / (energies + forces)


def weights(training: PacemakerTraining) -> tuple[float, float] | None:
    """Return the weights of energies and forces; None where the settings give a share instead."""
    if training.kappa is None and training.kappa_f is None:
        return None
    energies = 1.0 if training.kappa is None else training.kappa
    return energies, 100.0 * energies if training.kappa_f is None else training.kappa_f


def force_share(training: PacemakerTraining) -> float:
    """Return Pacemaker's kappa: the share of the forces in the loss."""
    given = weights(training)
    return training.force_share if given is None else relative_force_weight(*given)


def share_notes(training: PacemakerTraining) -> list[str]:
    """Say what weights mean where a share may have been meant: Pacemaker's name for it is kappa."""
    if weights(training) is None:
        return []
    share, notes = force_share(training), []
    if training.kappa is not None and training.kappa_f is None:
        given = f"{training.kappa:g}"
        meant = f"if Pacemaker's κ = {given} is meant, write force_share: {given} instead; if not, "
        notes.append(
            f"training.kappa: {given} without kappa_f is the weight of the energies, and the "
            f"forces get 100 times as much: κ = {share:g}; {meant * (training.kappa <= 1)}write "
            f"kappa_f: {100 * training.kappa:g} too"
        )
    if "force_share" in training.model_fields_set and abs(share - training.force_share) > 1e-9:
        notes.append(
            f"training.force_share: {training.force_share:g} is not used: kappa and kappa_f are "
            f"given too, and κ = {share:g}"
        )
    return notes


def functions_per_element(training: PacemakerTraining) -> int:
    """Return the functions per element: with ``auto`` the most, of which the job chooses."""
    return MOST_OF_AUTO if training.b_basis_size == "auto" else training.b_basis_size


def size_is_open(training: PacemakerTraining, mapping: Mapping[str, Any]) -> bool:
    """Say whether the job is to choose the number of functions; no override has replaced it."""
    potential = mapping.get("potential")
    functions = potential.get("functions") if isinstance(potential, dict) else None
    return (
        training.b_basis_size == "auto"
        and isinstance(functions, dict)
        and functions == {CAP: MOST_OF_AUTO, **SHAPE}
    )


def parameters(functions_per_element: int, elements: int) -> int:
    """Return at most how many parameters a basis of the usual shape has.

    Each function has a coefficient per density; each pair of elements has its radial functions,
    of which Pacemaker keeps those that a function uses.
    """
    pairs = elements * (elements + 1) // 2
    return DENSITIES * functions_per_element * elements + _RADIAL_PER_PAIR * pairs


def optimizer(training: PacemakerTraining, elements: int) -> str:
    """Return the optimizer of the settings; else BFGS while its matrix (8 n² bytes) is small."""
    if training.optimizer is not None:
        return training.optimizer
    n = parameters(functions_per_element(training), elements)
    return "BFGS" if n <= MAX_PARAMETERS_OF_BFGS else "L-BFGS-B"


def input_mapping(
    training: PacemakerTraining,
    evaluator: str,
    elements: Sequence[str],
    reference_energies: dict[str, float] | str,
) -> dict[str, Any]:
    """Return what ``input.yaml`` has to say.

    HpctrainError where Pacemaker would train wrongly on it.
    """
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
            "elements": list(elements),
            "embeddings": {
                "ALL": {
                    "npot": "FinnisSinclairShiftedScaled",
                    "fs_parameters": [1, 1, 1, 0.5],
                    "ndensity": DENSITIES,
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
                CAP: functions_per_element(training),
                **SHAPE,
            },
        },
        "data": {
            "filename": TRAIN_FILE,
            "test_filename": TEST_FILE,
            "reference_energy": reference_energies,
        },
        "fit": {
            "loss": {
                "kappa": force_share(training),
                "L1_coeffs": 1e-8,
                "L2_coeffs": 1e-8,
            },
            "optimizer": optimizer(training, len(elements)),
            "maxiter": training.max_iter,
            "repulsion": "auto",
        },
        "backend": backend,
    }
    if mapping["fit"]["optimizer"] == "L-BFGS-B":
        # Giving options drops the evaluator's own gtol: it is repeated.
        mapping["fit"]["options"] = {"maxcor": 100, "gtol": 1e-8}
    mapping = merge(mapping, training.overrides)
    fit = mapping["fit"]
    if isinstance(fit, dict) and isinstance(fit.get("callbacks", []), list):
        # Beside any of the user's own, once: it takes the checkpoints, and ends the fit in time.
        others = [callback for callback in fit.get("callbacks", []) if callback != CALLBACK]
        mapping["fit"] = {**fit, "callbacks": [CALLBACK, *others]}
    found = faults(mapping, elements, evaluator)
    if found:
        raise HpctrainError(
            "\n".join(["Pacemaker would not train properly on these settings:", *found]),
            "correct them in hpctrain.yaml, under training:",
        )
    return mapping


def template_values(
    mapping: dict[str, Any], training: PacemakerTraining, parent: str | None = None
) -> dict[str, Any]:
    """Return the values of the template of ``input.yaml``: the mapping, and words for comments.

    ``parent`` is the name of the potential that the training goes on from.
    """
    given = weights(training)
    # The weights explain kappa, unless an override has replaced it.
    explained = given and mapping["fit"]["loss"].get("kappa") == force_share(training)
    named = given and {"energies": f"{given[0]:g}", "forces": f"{given[1]:g}"}
    return {"input": mapping, "weights": named if explained else None, "parent": parent}


def with_size(mapping: dict[str, Any], size: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an input with the number of functions that was chosen for it, and what follows."""
    if not size:
        return mapping
    potential, fit = mapping["potential"], mapping["fit"]
    functions = {**potential["functions"], "number_of_functions_per_element": size["chosen"]}
    if size.get("optimizer"):
        others = {key: value for key, value in fit.items() if key != "options"}
        fit = {**others, "optimizer": size["optimizer"]}
    return {**mapping, "potential": {**potential, "functions": functions}, "fit": fit}


def make_input(
    training: PacemakerTraining, evaluator: str, facts: DataFacts, start: Parent | None
) -> Input:
    """Return what Pacemaker is given; HpctrainError where it would train wrongly on it."""
    from hpctrain.engines.pacemaker import parent

    if start is not None:
        parent.refuse_auto(training, start)
    energies, notes, warnings = references.settle(training, facts, start)
    mapping = input_mapping(training, evaluator, facts.elements, energies)
    if start is not None:
        mapping, said = parent.adapt(start, mapping)
        notes += said
    return Input(
        mapping,
        TEMPLATE,
        template_values(mapping, training, None if start is None else start.name),
        {
            "start": training.start,
            "choose_basis_size": size_is_open(training, mapping),
            # The optimizer follows from the size, unless the settings name one.
            "bfgs_up_to": 0 if training.optimizer else MAX_PARAMETERS_OF_BFGS,
        },
        energies,
        [*share_notes(training), *notes],
        warnings,
    )
