"""Faults of an input that gracemaker would train wrongly on, or find too late. Pure.

Seen with tensorpotential 0.6.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpctrain.engines.sections import faults_of_sections
from hpctrain.yamlfile import nearest

# Names that the job gives the data once it has converted them, see hpctrain/job/grace/engine.py.
TRAIN_FILE = "train.pkl.gz"
TEST_FILE = "test.pkl.gz"

_SECTIONS = ("data", "potential", "fit")
_KEYS = ("seed", "cutoff", "cutoff_dict", *_SECTIONS)
# Every preset takes any other word in silence, and does nothing with it.
_COMMON = ("basis_type", "n_rad_base", "n_rad_max", "embedding_size", "lmax", "max_order",
           "func_init", "chem_init", "dense_nbr")  # fmt: skip
_KWARGS = {
    "FS": (*_COMMON, "Lmax", "max_sum_l", "lmax_hist", "rad_base_normalized", "crad_init",
           "fs_parameters", "normalize_prod", "parity", "simplify_prod"),
    "GRACE_1LAYER_latest": (*_COMMON, "cutoff_function_order", "prod_func_n_max", "n_mlp_dens",
                            "zbl_cutoff"),
    "GRACE_2LAYER_latest": (*_COMMON, "cutoff_function_order", "prod_func_n_max", "n_mlp_dens",
                            "indicator_lmax", "zbl_cutoff"),
}  # fmt: skip
_SCHEDULE = ("minimum_learning_rate", "warmup_epochs", "cold_learning_rate", "staircase",
             "reduction_factor", "stop_at_min", "patience", "monitor", "cooldown",
             "resume_lr")  # fmt: skip
_LOSSES = ("energy", "forces", "stress", "virial", "l2_reg", "switch", "extra_components")
# What the input has to say as it was written: the job counts on it.
_OURS = {"filename": TRAIN_FILE, "test_filename": TEST_FILE}
_ELSEWHERE = ("filename", "checkpoint_name", "finetune_foundation_model", "reduce_elements",
              "custom")  # fmt: skip


def faults(mapping: Mapping[str, Any], elements: Sequence[str]) -> list[str]:
    """List every fault of an input, one a line; ``elements`` are those of the data."""
    torn = faults_of_sections(mapping, _KEYS, _SECTIONS)
    if torn:
        return torn
    return [
        f"  {fault}"
        for fault in (
            *_faults_of_data(mapping["data"], elements),
            *_faults_of_potential(mapping["potential"], elements),
            *_faults_of_fit(mapping["fit"]),
        )
    ]


def _faults_of_data(data: Mapping[str, Any], elements: Sequence[str]) -> Iterator[str]:
    for key, ours in _OURS.items():
        if data.get(key) != ours:
            yield f"data.{key}: must be {ours}, which the job makes of the split data"
    energies = data.get("reference_energy")
    if isinstance(energies, dict):
        missing = [element for element in elements if element not in energies]
        if missing:
            yield f"data.reference_energy: has no energy for {', '.join(missing)}"
    elif energies != "auto":
        yield "data.reference_energy: must be auto or hold an energy for each element"


def _faults_of_potential(potential: Mapping[str, Any], elements: Sequence[str]) -> Iterator[str]:
    for key in _ELSEWHERE:
        if key in potential:
            # With a checkpoint in the input, each later attempt would begin from it again.
            yield f"potential.{key}: cannot be set here; to go on from a potential, use --from"
    if list(potential.get("elements") or ()) != list(elements):
        yield f"potential.elements: must be those of the data, [{', '.join(elements)}]"
    preset, kwargs = potential.get("preset"), potential.get("kwargs") or {}
    if preset not in _KWARGS:
        yield f"potential.preset: must be one of {', '.join(_KWARGS)}"
        return
    for key in kwargs:
        if key == "rcut":
            yield "potential.kwargs.rcut: the cutoff is training.cutoff"
        elif key not in _KWARGS[preset]:
            yield (
                f"potential.kwargs.{key}: {preset} has no such argument"
                f"{nearest(str(key), _KWARGS[preset])}; gracemaker would say nothing"
            )
    orders = kwargs.get("max_order")
    if preset == "FS" and isinstance(orders, int):
        for key in ("lmax", "n_rad_max"):
            given = kwargs.get(key)
            if isinstance(given, list) and len(given) < orders:
                yield f"potential.kwargs.{key}: needs {orders} numbers, one for each order"
    if preset == "GRACE_2LAYER_latest":
        first = [value[0] if isinstance(value, list) and value else value
                 for value in (kwargs.get("n_rad_max"), kwargs.get("prod_func_n_max"))]  # fmt: skip
        if first[0] != first[1]:
            yield "potential.kwargs: the first n_rad_max and prod_func_n_max must be equal"


def _faults_of_fit(fit: Mapping[str, Any]) -> Iterator[str]:
    if fit.get("optimizer") != "Adam":
        yield "fit.optimizer: must be Adam: the others leave no state to go on from"
    loss = fit.get("loss")
    if not isinstance(loss, dict) or not {"energy", "forces"} <= set(loss):
        yield "fit.loss: must have weights for energy and forces"
    else:
        for key in loss:
            if key not in _LOSSES:
                yield f"fit.loss.{key}: there is no such loss{nearest(str(key), _LOSSES)}"
        if "switch" in loss:
            yield (
                "fit.loss.switch: losses before and after it cannot be compared, and so the best "
                "by validation would not be known"
            )
        for key in ("stress", "virial"):
            if key in loss and (loss[key] or {}).get("normalize_by_samples") is not False:
                yield (
                    f"fit.loss.{key}: needs normalize_by_samples: false; else the loss is not a "
                    "number where no structure of a batch has a stress"
                )
    if "target_total_updates" in fit:
        yield "fit.target_total_updates: would replace training.max_iter"
    parameters = fit.get("scheduler_params")
    if not isinstance(parameters, dict):
        yield "fit.scheduler_params: must be there, if only as {}"
        return
    for key in parameters:
        if key not in _SCHEDULE:
            yield (
                f"fit.scheduler_params.{key}: there is no such key"
                f"{nearest(str(key), _SCHEDULE)}; gracemaker would leave it out"
            )
