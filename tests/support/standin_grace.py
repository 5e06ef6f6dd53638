"""Stands in for `gracemaker`, as tensorpotential.cli.train, where no test needs a fit.

It is begun by the job's own ``job.grace.inside.fit``, so that the real hooks, the watch and the
checkpoints work on it: it calls what they replace, in the order of the real one (tensorpotential
0.6.2.1), goes on within an epoch as that does, and leaves the same files: both tables, log.txt,
model.yaml, checkpoints, final_model and FS_model.yaml. What it "fits" is the mean energy per atom,
whose errors become half in each epoch; its forces and stresses are zero. What real gracemaker does
with wrong input, it does not know.

STANDIN steers it, as it does the stand-in of pacemaker: ``pause N`` waits after its Nth epoch since
it began until it is asked to stop, with a file paused.pid, ``within N`` after a batch of that
epoch, and ``deaf N`` there for ever; ``hang`` before it begins; ``no-output``; ``sigkill``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

STAMP = "2026-11-27 17:42:{:02d},000 I - "
BEHAVIOUR, _, NUMBER = os.environ.get("STANDIN", "").partition(" ")
DATA = "data-00000-of-00001"


class Fit:
    """As much of tensorpotential's TensorPotential as the hooks ask for."""

    stop_training = False
    use_ema = False
    strategy = SimpleNamespace(num_replicas_in_sync=1)

    def __init__(self, output_dir: str) -> None:
        self.output_dir = output_dir
        self.epoch = self.step = 0
        self.intra_epoch_save = False

    @contextlib.contextmanager
    def ema_scope(self) -> Iterator[None]:
        yield

    def save_checkpoint(
        self, checkpoint_name: str | None = None, suffix: str = "", is_mid_epoch: bool = False
    ) -> None:
        name = checkpoint_name or f"{self.output_dir}/checkpoints/checkpoint"
        Path(f"{name}{suffix}.index").write_text(f"{DATA}\n")
        state = {"epoch": self.epoch, "step": self.step, "intra_epoch_save": is_mid_epoch}
        Path(f"{name}{suffix}.{DATA}").write_text(json.dumps(state))

    def load_checkpoint(self, name: str) -> None:
        if not Path(f"{name}.index").is_file():
            raise ValueError(f"No checkpoint index found at {name}.index")
        vars(self).update(json.loads(Path(f"{name}.{DATA}").read_text()))


class CallbackList:
    """What the real one of the same name does."""

    def __init__(self, callbacks: list[Any]) -> None:
        self.callbacks = callbacks

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            for one in self.callbacks:
                getattr(one, name)(*arguments)

        return call


def dump_metrics(filename: str, metrics: dict[str, Any], strategy: Any) -> None:
    with Path(filename).open("a") as table:
        table.write(f"- {json.dumps(metrics)}\n")


def get_dataset_num_batches(dataset: Any) -> int:
    return len(dataset.batches)


def log(fit: Fit, line: str) -> None:
    with Path(fit.output_dir, "log.txt").open("a") as file:
        file.write(f"{STAMP.format(min(59, fit.epoch))}{line}\n")


def read(file: str, free_atoms: dict[str, float], batch: int) -> SimpleNamespace:
    """Read a table: per atom and without free atoms, energies; and forces."""
    import numpy as np
    import pandas

    table = pandas.read_pickle(file, compression="gzip")
    structures = list(table["ase_atoms"])
    energies = [
        (energy - sum(free_atoms[symbol] for symbol in atoms.get_chemical_symbols())) / len(atoms)
        for energy, atoms in zip(table["energy"], structures, strict=True)
    ]
    numbers = range(0, len(structures), batch)
    return SimpleNamespace(
        energies=np.array(energies),
        forces=np.vstack(table["forces"].to_list()),
        stress=np.vstack(table["stress"].to_list()),
        symbols={symbol for atoms in structures for symbol in atoms.get_chemical_symbols()},
        batches=[list(range(at, min(at + batch, len(structures)))) for at in numbers],
    )


def row(side: str, data: SimpleNamespace, per_atom: float, above: float) -> dict[str, float]:
    import numpy as np

    off = data.energies - per_atom
    energy, force, stress = (
        float(np.sqrt(np.mean(np.square(of)))) * above for of in (off, data.forces, data.stress)
    )
    return {
        f"total_loss/{side}": energy**2 + force**2,
        f"loss_component/energy/{side}": energy**2, f"loss_component/forces/{side}": force**2,
        f"loss_component/stress/{side}": 0.0,
        "mae/depa": energy, "mae/de": energy, "rmse/depa": energy, "rmse/de": energy,
        "mae/f_comp": force, "rmse/f_comp": force, "mae/virial": stress, "rmse/virial": stress,
        "mae/stress": stress, "rmse/stress": stress, f"total_time/{side}/per_atom": 0.001,
    }  # fmt: skip


def pause(until: str) -> None:
    Path("paused.pid").write_text(f"{os.getpid()}\n")
    while not Path(until).exists():
        time.sleep(0.01)


def train_adam(tp: Fit, fit_config: dict[str, Any], train_ds: Any, test_ds: Any) -> None:
    """The loop over epochs and batches."""
    epochs, batches = fit_config["maxiter"], get_dataset_num_batches(train_ds)
    passed_over = 0
    if tp.intra_epoch_save:
        tp.epoch -= 1
        passed_over, tp.step = tp.step - tp.epoch * batches, tp.epoch * batches
        tp.intra_epoch_save = False
    callbacks = CallbackList([])
    per_atom = float(train_ds.energies.mean())

    def dump(share: float = 1.0, **more: Any) -> dict[str, float]:
        above = 2.0 ** (epochs - tp.epoch)
        rows = {}
        for side, data in (("train", train_ds), ("test", test_ds)):
            rows[side] = row(side, data, per_atom, above)
            if side == "train":
                rows[side]["total_loss/train"] *= share
            dump_metrics(
                f"{tp.output_dir}/{side}_metrics.yaml", rows[side] | {"epoch": tp.epoch, **more},
                strategy=tp.strategy,
            )  # fmt: skip
        losses = "TRAIN(TEST): total_loss: {total_loss/train:.3e}".format(**rows["train"])
        begun = f"Iteration #{tp.epoch}/{epochs}" if tp.epoch else "INITIAL   "
        log(tp, f"{begun} {losses} ({rows['test']['total_loss/test']:.3e})")
        return {f"{side}_loss": rows[side][f"total_loss/{side}"] for side in rows}

    dump()
    callbacks.on_train_begin()
    best, began = 1e99, tp.epoch
    while tp.epoch < epochs:
        tp.epoch += 1
        at = f"{tp.epoch - began}" == NUMBER
        for number in range(batches):
            tp.step += 1
            if at and number == passed_over and BEHAVIOUR in ("within", "deaf"):
                pause("never" if BEHAVIOUR == "deaf" else "stop")
            callbacks.on_train_batch_end(number, {"loss": 1.0} if number >= passed_over else {})
        rates = {"lr_epoch_begin": 0.01, "lr_epoch_end": 0.01}
        if at and BEHAVIOUR == "pause":
            pause("stop")
        # As it is: the sum over the batches that were trained, by the number of all.
        losses = dump((batches - passed_over) / batches, step=tp.step, **rates)
        passed_over = 0
        if losses["test_loss"] < best:
            best = losses["test_loss"]
            tp.save_checkpoint(suffix=".best_test_loss")
        callbacks.on_epoch_end(tp.epoch, losses)
        if tp.epoch % fit_config["checkpoint_freq"] == 0:
            tp.save_checkpoint()
        if tp.stop_training:
            break


def main(fit_by: Callable[..., None]) -> None:
    """gracemaker input.yaml [-p MODEL] [-cn CHECKPOINT --reset-epoch-and-step | -rl] [-sf] [-nj]"""
    import yaml

    if BEHAVIOUR == "hang":
        Path("standin.pid").write_text(f"{os.getpid()}\n")
        while True:
            time.sleep(1000)
    if BEHAVIOUR == "sigkill":
        os.kill(os.getpid(), signal.SIGKILL)
    asked = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    data, there = asked["data"], Path("seed", str(asked["seed"]))
    (there / "checkpoints").mkdir(parents=True, exist_ok=True)
    tp = Fit(str(there))
    log(tp, "            Start GRACEmaker")
    train, test = (
        read(data[key], data["reference_energy"], asked["fit"]["batch_size"])
        for key in ("filename", "test_filename")
    )
    if "-p" in sys.argv:
        assert Path(sys.argv[sys.argv.index("-p") + 1]).read_text() == "model: of the stand-in\n"
    (there / "model.yaml").write_text("model: of the stand-in\n")
    if "-cn" in sys.argv:
        tp.load_checkpoint(sys.argv[sys.argv.index("-cn") + 1])
        assert "--reset-epoch-and-step" in sys.argv
        tp.epoch = tp.step = 0
    if "-rl" in sys.argv:
        tp.load_checkpoint(f"{there}/checkpoints/checkpoint")
    log(tp, "Number of trainable parameters: 2")
    fit_by(tp, asked["fit"], train_ds=train, test_ds=test)
    tp.load_checkpoint(f"{there}/checkpoints/checkpoint.best_test_loss")
    if BEHAVIOUR == "no-output":
        return
    facts = {"chemical_symbols": asked["potential"]["elements"], "cutoff": asked["cutoff"]}
    model = there / "final_model"
    for folder in ("assets", "variables"):
        (model / folder).mkdir(parents=True)
    per_atom = {"energy_per_atom": float(train.energies.mean())}
    (model / "metadata.json").write_text(json.dumps(facts))
    (model / "metadata.yaml").write_text(yaml.safe_dump(facts))
    (model / "saved_model.pb").write_text(json.dumps(facts | per_atom))
    (model / "fingerprint.pb").write_bytes(b"fingerprint")
    for name in ("index", DATA):
        (model / "variables" / f"variables.{name}").write_bytes(b"variables")
    if "-sf" in sys.argv:
        fs = {"elements": facts["chemical_symbols"], "cutoff": facts["cutoff"]} | per_atom
        (there / "FS_model.yaml").write_text(yaml.safe_dump(fs))
