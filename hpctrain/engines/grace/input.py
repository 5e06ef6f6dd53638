"""gracemaker's input, from the settings and the facts of the data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hpctrain.engines import reference_energies as references
from hpctrain.engines.facts import DataFacts, Input, Parent
from hpctrain.engines.grace import parent as parents
from hpctrain.engines.grace.faults import TEST_FILE, TRAIN_FILE, faults
from hpctrain.errors import HpctrainError
from hpctrain.yamlfile import merge

if TYPE_CHECKING:
    from hpctrain.engines.grace.settings import GraceTraining

TEMPLATE = "grace/input.yaml.j2"
PRESETS = {"fs": "FS", "1layer": "GRACE_1LAYER_latest", "2layer": "GRACE_2LAYER_latest"}
# As gracemaker's own dialogue offers them (tensorpotential 0.6.2.1, potentials/presets.py), without
# their cutoffs: those are the settings'.
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "fs": {
        "small": {
            "max_order": 3, "lmax": [5, 5, 4], "n_rad_max": [20, 15, 10], "embedding_size": 32,
            "fs_parameters": [[1.0, 1.0], [1.0, 0.5]],
        },
        "medium": {
            "max_order": 4, "lmax": [5, 5, 4, 3], "n_rad_max": [20, 15, 10, 5],
            "embedding_size": 64,
            "fs_parameters": [[1.0, 1.0], [1.0, 0.5], [1.0, 2.0], [1.0, 0.75]],
        },
        "large": {
            "max_order": 4, "lmax": [5, 5, 4, 3], "n_rad_max": [20, 20, 15, 10],
            "embedding_size": 72,
            "fs_parameters": [[1.0, 1.0], [1.0, 0.5], [1.0, 2.0], [1.0, 0.75], [1.0, 1.5]],
        },
    },
    "1layer": {
        "small": {
            "lmax": 4, "n_rad_max": 32, "prod_func_n_max": 32, "max_order": 4, "n_mlp_dens": 10,
            "n_rad_base": 8,
        },
        "medium": {
            "lmax": 4, "n_rad_max": 32, "prod_func_n_max": 64, "max_order": 4, "n_mlp_dens": 12,
            "n_rad_base": 8,
        },
        "large": {
            "lmax": 4, "n_rad_max": 42, "prod_func_n_max": 64, "max_order": 4, "n_mlp_dens": 16,
            "n_rad_base": 10,
        },
    },
    "2layer": {
        "small": {
            "lmax": [4, 3], "max_order": 4, "indicator_lmax": 1, "n_rad_max": [32, 32],
            "prod_func_n_max": [32, 32], "n_mlp_dens": 12, "n_rad_base": 8,
        },
        "medium": {
            "lmax": [4, 3], "max_order": 4, "indicator_lmax": 1, "n_rad_max": [42, 32],
            "prod_func_n_max": [42, 64], "n_mlp_dens": 16, "n_rad_base": 10,
        },
        "large": {
            "lmax": [4, 3], "max_order": 4, "indicator_lmax": 3, "n_rad_max": [42, 32],
            "prod_func_n_max": [42, 64], "n_mlp_dens": 16, "n_rad_base": 10,
        },
    },
}  # fmt: skip
# The learning rate of gracemaker's dialogue for fine-tuning (cli/wizard.py); 0.008 from scratch.
GOING_ON = 1e-3
SCHEDULES = {"cosine": "cosine_decay", "plateau": "reduce_on_plateau"}


def input_mapping(
    training: GraceTraining,
    elements: Sequence[str],
    reference_energies: dict[str, float] | str,
) -> dict[str, Any]:
    """Return what ``input.yaml`` has to say.

    HpctrainError where gracemaker would train wrongly on it.
    """
    mapping = merge(
        {
            "seed": training.seed,
            "cutoff": training.cutoff,
            "data": {
                "filename": TRAIN_FILE,
                "test_filename": TEST_FILE,
                "reference_energy": reference_energies,
                "save_dataset": False,
            },
            "potential": {
                "preset": PRESETS[training.preset],
                "elements": list(elements),
                "param_dtype": precision(training),
                "kwargs": dict(SIZES[training.preset][training.size]),
            },
            "fit": _fit(training),
        },
        training.overrides,
    )
    found = faults(mapping, elements)
    if found:
        raise HpctrainError(
            "\n".join(["GRACE would not train properly on these settings:", *found]),
            "correct them in hpctrain.yaml, under training:",
        )
    return mapping


def precision(training: GraceTraining) -> str:
    """Return the precision of the settings, else that whose forces are derivatives of the energy.

    Of an exported model in float32 they differ by 1e-2 eV/Å over 1e-4 Å, in float64 by 2e-8. Of the
    preset fs, the .yaml is computed in float64 anyway.
    """
    if training.precision is not None:
        return training.precision
    return "float32" if training.preset == "fs" else "float64"


def _fit(training: GraceTraining) -> dict[str, Any]:
    huber = {"type": "huber", "delta": training.huber_delta}
    loss: dict[str, Any] = {
        "energy": {"weight": training.energy_weight, **huber},
        "forces": {"weight": training.force_weight, **huber},
    }
    if training.stress_weight:
        # The job divides by the number of structures: see hpctrain/job/grace/convert.py.
        loss["stress"] = {
            "weight": training.stress_weight, **huber, "normalize_by_samples": False
        }  # fmt: skip
    schedule: dict[str, Any] = {"scheduler_params": {}}  # which must be there
    if training.schedule != "constant":
        schedule = {
            "scheduler": SCHEDULES[training.schedule],
            "scheduler_params": {"minimum_learning_rate": training.final_learning_rate},
        }
    return {
        "loss": loss,
        "maxiter": training.max_iter,
        "optimizer": "Adam",
        "opt_params": {"learning_rate": training.learning_rate, "amsgrad": True, "clipnorm": 1.0},
        **schedule,
        "batch_size": training.batch_size,
        "test_batch_size": training.batch_size,
        "train_shuffle": True,
        "eval_init_stats": True,
        # What the job goes on from is its own, whole or not there: hpctrain/job/grace/inside.
        "checkpoint_freq": training.max_iter,
        "progressbar": False,
    }


def make_input(training: GraceTraining, facts: DataFacts, start: Parent | None) -> Input:
    """Return what gracemaker is given; HpctrainError where it would train wrongly on it."""
    energies, notes, warnings = references.settle(training, facts, start)
    mapping = input_mapping(training, facts.elements, energies)
    if start is not None:
        model = parents.read_model(start.described, start.name)
        mapping = parents.follow(mapping, model, training)
        if training.learning_rate > GOING_ON:
            notes.append(
                f"training.learning_rate is {training.learning_rate:g}: the errors may rise at "
                f"first; gracemaker's dialogue takes {GOING_ON:g} to go on from a model"
            )
    return Input(
        mapping,
        TEMPLATE,
        {"input": mapping, "parent": None if start is None else start.name},
        {},
        energies,
        notes,
        warnings,
    )
