"""GRACE's input from the settings, and its output, recorded and in torn pieces, as curves."""

from __future__ import annotations

import math
from typing import Any

import pytest
from paths import RECORDED

from hpctrain.engines.facts import Task
from hpctrain.engines.grace.cost import RANGE, estimate
from hpctrain.engines.grace.faults import faults
from hpctrain.engines.grace.input import SIZES, input_mapping
from hpctrain.engines.grace.log import TimesReader
from hpctrain.engines.grace.parent import follow, read_model
from hpctrain.engines.grace.settings import GraceTraining
from hpctrain.engines.grace.tables import MetricsReader
from hpctrain.engines.grace.usage import usage
from hpctrain.errors import HpctrainError

OF_GRACE = RECORDED / "grace"
ENERGIES: dict[str, float] | str = {"Al": -0.3}


def mapping(**training: Any) -> dict[str, Any]:
    return input_mapping(GraceTraining(**training), ("Al",), ENERGIES)


def read(name: str, piece: int = 10**9) -> MetricsReader:
    text, reader = (OF_GRACE / name).read_text(), MetricsReader()
    for at in range(0, len(text), piece):
        reader = MetricsReader.from_state(reader.state()) if piece < 10**9 else reader
        reader.feed(text[at : at + piece])
    return reader


def test_settings_become_the_input() -> None:
    made = mapping(
        preset="2layer", size="medium", stress_weight=7, schedule="plateau", precision="float64",
        overrides={"potential": {"kwargs": {"n_rad_base": 9}}}, cutoff=5,
        max_iter=30, batch_size=8, seed=3,
    )  # fmt: skip
    fit, potential = made["fit"], made["potential"]
    assert (made["seed"], made["cutoff"], made["data"]["reference_energy"]) == (3, 5.0, ENERGIES)
    assert potential["preset"] == "GRACE_2LAYER_latest"
    assert potential["kwargs"] == {**SIZES["2layer"]["medium"], "n_rad_base": 9}
    assert potential["param_dtype"] == "float64"
    assert (fit["maxiter"], fit["batch_size"], fit["test_batch_size"]) == (30, 8, 8)
    assert fit["loss"]["stress"]["weight"] == 7
    assert fit["loss"]["stress"]["normalize_by_samples"] is False
    assert fit["scheduler"] == "reduce_on_plateau"
    assert "stress" not in mapping(stress_weight=0)["fit"]["loss"]
    assert mapping()["fit"]["batch_size"] == 16
    precisions = [mapping(preset=name)["potential"]["param_dtype"] for name in SIZES]
    assert precisions == ["float32", "float64", "float64"]
    assert mapping(schedule="constant")["fit"]["scheduler_params"] == {}
    for preset, sizes in SIZES.items():
        for size in sizes:
            mapping(preset=preset, size=size)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"fits": {}}, "fits: there is no such section (did you mean 'fit'?)"),
        ({"data": {"filename": "train.extxyz"}}, "data.filename: must be train.pkl.gz"),
        ({"data": {"reference_energy": 0}}, "must be auto or hold an energy for each element"),
        ({"potential": {"kwargs": {"n_rad_mx": 3}}}, "no such argument (did you mean 'n_rad_max'?"),
        ({"potential": {"kwargs": {"rcut": 5}}}, "the cutoff is training.cutoff"),
        ({"potential": {"kwargs": {"lmax": [3]}}}, "lmax: needs 3 numbers, one for each order"),
        ({"potential": {"checkpoint_name": "x"}}, "checkpoint_name: cannot be set here"),
        ({"potential": {"elements": ["Cu"]}}, "elements: must be those of the data, [Al]"),
        ({"fit": {"optimizer": "BFGS"}}, "fit.optimizer: must be Adam"),
        ({"fit": {"loss": {"switch": {"after_iter": 3}}}}, "best by validation would not be known"),
        ({"fit": {"loss": {"stress": {"normalize_by_samples": True}}}}, "is not a number where"),
        ({"fit": {"target_total_updates": 9}}, "would replace training.max_iter"),
        (
            {"fit": {"scheduler_params": {"minimal_learning_rate": 1e-5}}},
            "no such key (did you mean 'minimum_learning_rate'?); gracemaker would leave it out",
        ),
    ],
)
def test_what_it_would_train_wrongly_on_is_refused(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(HpctrainError) as refused:
        mapping(overrides=overrides)
    assert said in str(refused.value)
    assert not faults(mapping(), ("Al",))


def test_the_tables_become_curves() -> None:
    reader = read("train_metrics.yaml")
    first, *_, last = reader.points
    assert (first.epoch, first.key, last.epoch, last.key) == (0, (0,), 7, (7,))
    assert first.rmse_energy == pytest.approx(3135.0934303064427)
    assert first.rmse_force == pytest.approx(1.3584900498959496)
    assert reader.best == min(reader.points[1:], key=lambda point: point.loss or math.inf)


@pytest.mark.parametrize("piece", [10**9, 500])
def test_of_epochs_that_come_twice_the_later_row_counts(piece: int) -> None:
    reader = read("test_metrics_twice.yaml", piece)
    last = reader.points[-1]
    assert (last.epoch, last.key) == (30, (30,))
    assert reader.best == last
    if piece == 10**9:
        assert [point.epoch for point in reader.points] == list(range(31))


def test_a_later_attempt_counts_from_where_it_began() -> None:
    points = read("test_metrics_third_attempt.yaml").points
    assert [point.epoch for point in points] == list(range(8))
    assert [point.key for point in points] == [(epoch,) for epoch in range(5, 13)]


def test_a_start_counts_its_own_epochs_and_torn_rows_are_left_out() -> None:
    reader = MetricsReader()
    reader.look_for((13,))
    for line in (
        '- {"total_loss/test": 1.0, "rmse/depa": 0.01, "rmse/f_comp": 0.2, "epoch": 12}',
        '- {"total_loss/test": NaN, "rmse/depa": NaN, "rmse/f_comp": NaN, "epoch": 13, "step": 9}',
        '- {"total_loss/test": 0.5, "rmse/dep',
        "[" * 5000,
        '- {"total_loss/test": 0.9, "rmse/depa": 0.02, "rmse/f_comp": 0.1, "epoch": 14, "step": 9}',
    ):
        reader.feed(line + "\n")
    assert [(point.epoch, point.key) for point in reader.points] == [(0, (12,)), (1, (13,)),
                                                                     (2, (14,))]  # fmt: skip
    assert reader.at_wanted
    assert math.isnan(reader.at_wanted.rmse_energy)
    assert reader.best == reader.points[-1]
    assert reader.best.rmse_energy == pytest.approx(20)


def test_the_log_tells_the_pace() -> None:
    text = (OF_GRACE / "log.txt").read_text()
    reader = TimesReader()
    for at in range(0, len(text), 100):
        reader = TimesReader.from_state(reader.state())
        reader.feed(text[at : at + 100])
    # The start after -rl: from the end of its first epoch, 11, to that of the last.
    assert (reader.first, reader.last) == ((11, "2026-11-27T17:44:43.405"),
                                           (30, "2026-11-27T17:45:12.070"))  # fmt: skip
    assert reader.pace() == pytest.approx(28.665 / 19)
    assert TimesReader().pace() is None


def test_usage_names_what_there_is() -> None:
    bare = usage("a b", ("Al", "Cu"), {"model"})
    assert bare["lammps"] == ["pair_style grace", 'pair_coeff * * "a b.model" Al Cu']
    assert "lammps_extrapolation" not in bare
    full = usage("p", ("Al",), {"model", "yaml", "asi"})
    assert "pair_coeff * * p.yaml p.asi Al" in full["lammps_extrapolation"]
    assert len(full["cite"]) == len(bare["cite"]) + 1


def model(*elements: str, cutoff: float = 6.0, out: str = "FSOut2ScalarTarget") -> Any:
    return {
        "metadata": {"param_dtype": "float32"},
        "instructions": {
            "RadialBasis": {"__cls__": "t.RadialBasis", "rcut": cutoff},
            "Z": {
                "__cls__": "t.ScalarChemicalEmbedding",
                "element_map": {name: place for place, name in enumerate(elements)},
            },
            "out": {"__cls__": f"t.{out}"},
        },
    }


def goes_on(content: Any, **training: Any) -> dict[str, Any]:
    followed = follow(
        mapping(**training), read_model(content, "p"), GraceTraining(**training)
    )  # fmt: skip
    return dict(followed["potential"])


def test_an_input_follows_the_potential_that_it_goes_on_from() -> None:
    assert goes_on(model("Al")) == {"preset": "FS", "elements": ["Al"], "param_dtype": "float32"}
    old = list(model("Al", "Cu")["instructions"].values())
    larger = goes_on(old)
    assert (larger["elements"], larger["reduce_elements"]) == (["Al"], True)
    assert larger["param_dtype"] == "float64"  # what models of old versions are, without a word
    for other, settings, said in (
        (model("Cu"), {}, "has no Al, which the data hold"),
        (model("Al", cutoff=5.0), {}, "write training.cutoff: 5"),
        (model("Al"), {"precision": "float64"}, "write training.precision: float32"),
        (model("Al", out="Other"), {}, "write training.preset: 1layer"),
        (model("Al", out="SingleParticleBasisFunctionEquivariantInd"), {}, "preset: 2layer"),
    ):
        with pytest.raises(HpctrainError) as refused:
            goes_on(other, **settings)
        assert said in f"{refused.value} {refused.value.hint}"
    with pytest.raises(HpctrainError, match="has no elements"):
        read_model("text", "p")


def test_the_cost_of_what_was_measured_is_told() -> None:
    found = estimate(Task(179, 628, 55.0, 1, 2), "2layer", "small", 100)
    assert found
    assert found["seconds_per_iteration"]["likely"] == pytest.approx(20.7, rel=0.1)
    assert found["seconds"]["to"] == pytest.approx(RANGE * found["seconds"]["likely"])
    assert estimate(Task(179, 628, 55.0, 1, 2), "2layer", "large", 100) is None
