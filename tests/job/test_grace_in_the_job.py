"""GRACE in the job: how an attempt begins, and the watch over a fit, without the trainer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas
import pytest

from hpctrain.job import evidence
from hpctrain.job.checks.subject import Computed
from hpctrain.job.grace import convert, engine, evaluate, plan, product
from hpctrain.job.grace.inside import checkpoints, watch
from hpctrain.job.grace.last_words import last_words

BATCHES = 3


class Tp:
    """As much of tensorpotential's fit as the watch asks for."""

    output_dir = "seed/1"
    stop_training = False

    def __init__(self, folder: Path, epoch: int = 0, step: int = 0, between: bool = False) -> None:
        self.epoch, self.step, self.intra_epoch_save = epoch, step, between
        self.there = folder / self.output_dir
        (self.there / "checkpoints").mkdir(parents=True, exist_ok=True)
        (self.there / "model.yaml").write_text("model")

    @contextlib.contextmanager
    def ema_scope(self) -> Iterator[None]:
        yield

    def save_checkpoint(self, checkpoint_name: str, is_mid_epoch: bool) -> None:
        for suffix in ("index", "data-00000-of-00001"):
            Path(f"{checkpoint_name}.{suffix}").write_text(f"{self.epoch} {is_mid_epoch}")


def begin(folder: Path, tp: Tp) -> watch.Watch:
    eye = watch.Watch(str(folder))
    eye.take(tp, BATCHES)
    eye.begin()
    return eye


def follow(eye: watch.Watch, tp: Tp, losses: list[tuple[float, float]]) -> None:
    """Let a watch see some epochs of a fit, as gracemaker would call it."""
    for train, test in losses:
        tp.epoch += 1
        for _ in range(BATCHES):
            tp.step += 1
            eye.end_batch()
        for side, loss in (("train", train), ("test", test)):
            metrics = {f"total_loss/{side}": loss, "rmse/depa": loss, "rmse/f_comp": loss}
            eye.note(f"seed/1/{side}_metrics.yaml", {**metrics, "step": tp.step})
        if eye.is_best():
            (tp.there / "checkpoints" / "checkpoint.best_test_loss.index").write_text(str(tp.epoch))
        eye.end_epoch()
        if tp.stop_training:
            break


def test_the_next_attempt_goes_on_where_the_last_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.0)
    run, first, second = tmp_path, tmp_path / "attempts" / "01", tmp_path / "attempts" / "02"
    for folder in (first, second, run / "job"):
        folder.mkdir(parents=True)
    (run / "input.yaml").write_text("seed: 1")
    evidence.write_json(str(run / "job" / "input.json"), {"seed": 1, "fit": {"maxiter": 9}})
    assert engine.begin(run, first, 1, {}).arguments == ()
    tp = Tp(first)
    eye = begin(first, tp)
    follow(eye, tp, [(3, 3), (2, 1), (1, 2)])
    assert len(list((first / "checkpoint").iterdir())) == checkpoints.KEEP
    engine.ask_to_stop(first, 0)
    with pytest.raises(SystemExit) as end:
        follow(eye, tp, [(1, 1)])
    assert end.value.code == 0
    assert engine.stopped(first)
    # After the first batch of epoch 4, which is therefore not done.
    assert (engine.iterations(first), tp.step) == (3, 3 * BATCHES + 1)
    assert engine.progress(run, 3) == "3 of 9 epochs are done"

    start = engine.begin(run, second, 2, {})
    on_cores, on_gpu = (
        engine.training(run, start, {"gpus": gpus, "patience": 5}).argv for gpus in (None, 1)
    )
    assert on_cores[-4:] == ("-p", "seed/1/model.yaml", "-rl", "-nj")
    assert on_gpu[-1] == "-rl"
    assert start.arguments == ("-p", "seed/1/model.yaml", "-rl")
    assert start.facts["from"]["iterations"] == 3
    there = second / "seed" / "1" / "checkpoints"
    assert (there / "checkpoint.index").read_text() == "4 True"
    assert (there / "checkpoint.best_test_loss.index").read_text() == "2"
    (second / "stop").unlink(missing_ok=True)

    # One batch of epoch 4 is in the checkpoint: gracemaker passes it over, and divides by all.
    tp = Tp(second, epoch=4, step=tp.step, between=True)
    eye = begin(second, tp)
    metrics = {"total_loss/train": 2.0, "loss_component/energy/train": 1.0, "step": 12}
    eye.note("seed/1/train_metrics.yaml", metrics)
    assert metrics["total_loss/train"] == pytest.approx(3.0)
    eye.note("seed/1/test_metrics.yaml", {"total_loss/test": 1.5, "step": 12})
    assert not eye.is_best()  # epoch 2 was, in the attempt before


def test_a_checkpoint_that_is_torn_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.0)
    run, folder = tmp_path, tmp_path / "attempts" / "01"
    folder.mkdir(parents=True)
    (run / "input.yaml").write_text("seed: 1")
    start = engine.begin(run, folder, 2, {})
    assert start.message == "no earlier attempt has left a checkpoint; it begins from the start"
    tp = Tp(folder)
    follow(begin(folder, tp), tp, [(2, 2), (1, 1)])
    older, newest = sorted((folder / "checkpoint").iterdir())
    assert (engine.iterations(folder), engine.steps(folder)) == (2, 2 * BATCHES)
    (folder / "checkpoint" / "000099.part").mkdir()
    assert plan.newest_of_run(run / "attempts") == newest
    for torn in ("checkpoint.index", "checkpoint.data-00000-of-00001", "state.json"):
        text = (newest / torn).read_text()
        (newest / torn).write_text(text[: len(text) // 2])
        assert plan.newest_of_run(run / "attempts") == older
        (newest / torn).unlink()
        assert plan.newest_of_run(run / "attempts") == older
        (newest / torn).write_text(text)
    assert plan.newest_of_run(run / "attempts") == newest


def test_a_fit_ends_early_by_the_rule_and_where_it_has_no_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE", 2)
    tp = Tp(tmp_path)
    eye = begin(tmp_path, tp)
    follow(eye, tp, [(5, 3), (4, 2), (3, 2.5), (2, 3), (1, 4)])
    eye.end()
    notes = json.loads((tmp_path / "continuation.json").read_text())
    assert tp.epoch == engine.iterations(tmp_path) == 4
    assert (notes["best"]["iteration"], notes["best"]["of"]) == (2, 4)
    assert notes["best"]["best"]["rmse_energy_mev_per_atom"] == 2000
    assert notes["best"]["last"]["rmse_force_ev_per_a"] == 3
    assert engine.notes(tmp_path)["stopped"].startswith("stopped early: after iteration 2")
    # The training has ended: nothing of it is left to do.
    assert engine.iterations(tmp_path) == 4
    other = tmp_path / "other"
    other.mkdir()
    tp = Tp(other)
    follow(begin(other, tp), tp, [(5, 3), (float("nan"), float("nan")), (1, 1)])
    assert tp.epoch == 2
    assert "is not a number" in (other / "continuation.json").read_text()


def test_a_parent_is_on_the_command_line_of_the_first_attempt(tmp_path: Path) -> None:
    (tmp_path / "parent.model").mkdir()
    (tmp_path / "input.yaml").write_text("seed: 1")
    start = engine.begin(tmp_path, tmp_path, 1, {})
    assert start.arguments[-1] == "--reset-epoch-and-step"
    assert start.arguments[3] == str(tmp_path / "parent.model" / "checkpoint")


def test_the_product_holds_what_a_training_goes_on_from(tmp_path: Path) -> None:
    there = plan.output(tmp_path, 7)
    (there / "final_model" / "variables").mkdir(parents=True)
    (there / "checkpoints").mkdir()
    (there / "model.yaml").write_text("model")
    (there / "FS_model.yaml").write_text("fs")
    for name in ("checkpoint", "checkpoint.best_test_loss"):
        for suffix in ("index", "data-00000-of-00001"):
            (there / "checkpoints" / f"{name}.{suffix}").write_text(name)
    product.collect(tmp_path, 7)
    model = tmp_path / product.MODEL
    assert sorted(entry.name for entry in model.iterdir()) == [
        "checkpoint.data-00000-of-00001", "checkpoint.index", "model.yaml", "variables"
    ]  # fmt: skip
    assert (model / "checkpoint.index").read_text() == "checkpoint.best_test_loss"
    assert (tmp_path / product.FS).read_text() == "fs"


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("TypeError: Expected bool, but got <class 'bool'>.", "no tf_keras"),
        ("ModuleNotFoundError: No module named 'questionary'", "no questionary"),
        ("KeyError: 'Cu'", "the element Cu"),
        ("ValueError: No checkpoint index found at seed/1/checkpoints/checkpoint"
         ".best_test_loss.index", "no epoch had a loss"),
    ],
)  # fmt: skip
def test_known_crashes_are_explained(last: str, said: str) -> None:
    text = f'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    f()\n{last}\n'
    words = last_words(text)
    assert said in words.splitlines()[0]
    assert last in words
    assert last_words("one\ntwo\nthree") == "two\nthree"


def test_structures_without_stress_have_no_weight_of_it(tmp_path: Path) -> None:
    source, target = tmp_path / "train.extxyz", tmp_path / "train.pkl.gz"
    lattice, properties = '"3 0 0 0 3 0 0 0 3"', "Properties=species:S:1:pos:R:3:forces:R:3"
    atom = "Al 0 0 0 0.1 0 0\n"
    labels = ('energy=-1 pbc="T T T" db_id=7', 'energy=-1 stress="1 0 0 0 2 0 0 0 3" pbc="T T T"')
    source.write_text(
        "".join(f"1\nLattice={lattice} {properties} {label}\n{atom}" for label in labels)
    )
    assert convert.main("4", str(source), str(target)) == 0
    table = pandas.read_pickle(target)
    assert list(table["virial_weight"]) == [0.0, 1 / 24]
    assert [list(stress) for stress in table["stress"]] == [[0.0] * 6, [1, 2, 3, 0, 0, 0]]
    assert list(table["name"]) == ["7", "2"]
    source.write_text(f"1\nLattice={lattice} {properties}\n{atom}")
    assert convert.main("4", str(source), str(target)) == 1  # no energy


def test_errors_count_from_the_free_atoms_and_stresses_that_are_labelled() -> None:
    class Fitted:
        def compute(self, atoms: list[str]) -> Computed:
            return Computed(-2.9 * len(atoms), np.zeros((len(atoms), 3)), np.full(6, 0.01))

    class Atoms(list[str]):
        def get_chemical_symbols(self) -> list[str]:
            return list(self)

    rows = [
        {"ase_atoms": Atoms(["Al"] * n), "energy": -3.3 * n, "forces": np.full((n, 3), 0.1),
         "stress": np.zeros(6), "virial_weight": weight, "name": str(n)}
        for n, weight in ((1, 0.0), (2, 1.0))
    ]  # fmt: skip
    found = evaluate.errors(
        evaluate.predict(Fitted(), pandas.DataFrame(rows), {"Al": -0.3})  # type: ignore[arg-type]
    )
    assert found["rmse_energy_mev_per_atom"] == pytest.approx(100)
    assert found["rmse_force_ev_per_a"] == pytest.approx(0.1)
    assert found["rmse_stress_mev_per_a3"] == pytest.approx(10)


def test_the_reference_energies_of_auto_stand_in_the_log() -> None:
    said = "I - reference_energy=auto: computed single-atom energies (eV): {'Al': -3.5, 'Cu': 1}\n"
    auto = {"data": {"reference_energy": "auto"}}
    assert evaluate.reference_energies(auto, said) == {"Al": -3.5, "Cu": 1.0}
    given = {"data": {"reference_energy": {"Al": -0.3}}}
    assert evaluate.reference_energies(given, "") == {"Al": -0.3}
    with pytest.raises(evaluate.Unusable):
        evaluate.reference_energies(auto, "")


def test_a_comparison_is_asked_for_as_of_every_trainer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The request is that of potentials diff; the potential says nothing but zero."""
    structures = tmp_path / "unseen.extxyz"
    structures.write_text(
        '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3:forces:R:3 '
        'energy=-0.25 pbc="T T T" source_id=1\nAl 0 0 0 0 0 0\n'
    )
    request = tmp_path / "request.json"
    one = {"potential": "p.model", "reference_energies": {"Al": -0.3}, "shift": 0.0}
    request.write_text(json.dumps({"structures": str(structures), "potentials": {"1": one}}))
    asked = []

    class Zero:
        def compute(self, atoms: object) -> Computed:
            return Computed(0.0, np.zeros((1, 3)), None)

    evaluate.compare(str(request), lambda path: asked.append(path) or Zero())  # type: ignore[func-returns-value,arg-type,return-value]
    found = json.loads(capsys.readouterr().out)
    assert asked == ["p.model"]
    assert found["1"]["rmse_energy_mev_per_atom"] == pytest.approx(50.0)
