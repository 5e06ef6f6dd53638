"""gracemaker's input, from the settings and the facts of the data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hpctrain.engines.grace.faults import TEST_FILE, TRAIN_FILE, faults
from hpctrain.errors import HpctrainError
from hpctrain.yamlfile import merge

if TYPE_CHECKING:
    from hpctrain.engines.grace.options import GraceOptions
    from hpctrain.settings import TrainingConfig

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
# Where the settings name none: each batch is a step of Adam, so that the batches are smaller than
# those of a trainer that sums over all of them.
BATCH_SIZE = 16
SCHEDULES = {"cosine": "cosine_decay", "plateau": "reduce_on_plateau"}
# Settings that are another trainer's, and would be without effect here.
NOT_TAKEN = {
    "b_basis_size": "training.grace.size",
    "force_share": "training.grace.energy_weight and force_weight",
    "kappa": "training.grace.energy_weight",
    "kappa_f": "training.grace.force_weight",
    "evaluator": None,
    "optimizer": None,
    "display_step": None,
    "start": None,
}


def check_settings(training: TrainingConfig) -> None:
    """Raise HpctrainError where a setting is given that GRACE does not take."""
    given = [name for name in NOT_TAKEN if name in training.model_fields_set]
    if given:
        instead = [f"{NOT_TAKEN[name]} for {name}" for name in given if NOT_TAKEN[name]]
        raise HpctrainError(
            "GRACE does not take " + ", ".join(f"training.{name}" for name in given),
            "leave them out" + (f"; it has {', '.join(instead)}" if instead else ""),
        )


def input_mapping(
    training: TrainingConfig,
    options: GraceOptions,
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
                "preset": PRESETS[options.preset],
                "elements": list(elements),
                "param_dtype": options.precision,
                "kwargs": {**SIZES[options.preset][options.size], **options.kwargs},
            },
            "fit": _fit(training, options),
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


def _fit(training: TrainingConfig, options: GraceOptions) -> dict[str, Any]:
    huber = {"type": "huber", "delta": options.huber_delta}
    loss: dict[str, Any] = {
        "energy": {"weight": options.energy_weight, **huber},
        "forces": {"weight": options.force_weight, **huber},
    }
    if options.stress_weight:
        # The job divides by the number of structures: see hpctrain/job/grace/convert.py.
        loss["stress"] = {
            "weight": options.stress_weight, **huber, "normalize_by_samples": False
        }  # fmt: skip
    schedule: dict[str, Any] = {"scheduler_params": {}}  # which must be there
    if options.schedule != "constant":
        schedule = {
            "scheduler": SCHEDULES[options.schedule],
            "scheduler_params": {"minimum_learning_rate": options.final_learning_rate},
        }
    batch = training.batch_size if "batch_size" in training.model_fields_set else BATCH_SIZE
    return {
        "loss": loss,
        "maxiter": training.max_iter,
        "optimizer": "Adam",
        "opt_params": {"learning_rate": options.learning_rate, "amsgrad": True, "clipnorm": 1.0},
        **schedule,
        "batch_size": batch,
        "test_batch_size": batch,
        "train_shuffle": True,
        "eval_init_stats": True,
        # What the job goes on from is its own, whole or not there: hpctrain/job/grace/inside.
        "checkpoint_freq": training.max_iter,
        "progressbar": False,
        "jit_compile": False,
    }
