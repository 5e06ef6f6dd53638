"""The watch over a running fit: checkpoints, the best by validation, early and asked-for ends.

Files in the attempt's folder:
  resume/state.json  made by the driver: the state of the checkpoint to go on from
  stop               made by the driver: take a last checkpoint and end
  checkpoint/NNNNNN  see checkpoints.py
  continuation.json  which potential is the best; whether the fit was stopped, from outside or early

Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Dict

from ... import early_stopping, evidence
from .checkpoints import Checkpoints

PATIENCE = int(os.environ.get("HPCTRAIN_PATIENCE", "0"))
LOSS = "total_loss/"
# What is remembered of a schedule that looks at the losses (reduce_on_plateau).
SCHEDULE = ("best", "wait", "cooldown_counter")


class Watch:
    """What is known of the fit in progress."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._state = evidence.read_json(self._folder / "resume" / "state.json")
        self.schedule: Any = None
        self.best: Dict[str, Any] = dict(self._state.get("best") or {})
        of_fit = self._state.get("early_stopping")
        self._look = early_stopping.Look(*of_fit) if of_fit else None
        self._now: Dict[str, Dict[str, float]] = {}
        self._passed_over = 0
        self.notes: Dict[str, Any] = {}

    def take(self, tp: Any, steps_per_epoch: int) -> None:
        """Take the fit that begins: ``tp`` is tensorpotential's."""
        self._tp, self._steps = tp, steps_per_epoch
        self._checkpoints = Checkpoints(self._folder, Path(tp.output_dir))
        if tp.intra_epoch_save:
            self._passed_over = tp.step - (tp.epoch - 1) * steps_per_epoch

    def begin(self) -> None:
        """Give a schedule back what it had seen; called after it has forgotten everything."""
        kept = self._state.get("schedule") or {}
        for name in SCHEDULE:
            if self.schedule is not None and name in kept:
                setattr(self.schedule, name, kept[name])

    def note(self, filename: str, metrics: Dict[str, Any]) -> None:
        """Take note of an epoch's errors, as they are about to be written."""
        side = os.path.basename(filename).partition("_")[0]
        if side == "train" and "step" in metrics and self._passed_over:
            # gracemaker divides by all batches of the epoch, also by those of the last attempt.
            share = self._steps / (self._steps - self._passed_over)
            for name in [name for name in metrics if "loss" in name]:
                metrics[name] *= share
            self._passed_over = 0
        self._now[side] = metrics

    def _loss(self, side: str) -> float:
        return float(self._now.get(side, {}).get(LOSS + side, math.nan))

    def is_best(self) -> bool:
        """Say whether the epoch that just ended has the lowest validation loss of all attempts."""
        loss = self._loss("test")
        if not loss < self.best.get("loss", math.inf):
            return False
        self.best = {"iteration": self._tp.epoch, "loss": loss, "errors": self._errors()}
        return True

    def _errors(self) -> Dict[str, float] | None:
        test = self._now.get("test")
        return test and {
            "rmse_energy_mev_per_atom": 1000.0 * float(test.get("rmse/depa", math.nan)),
            "rmse_force_ev_per_a": float(test.get("rmse/f_comp", math.nan)),
        }

    def end(self) -> None:
        """Take a last checkpoint, and tell which epoch was the best: the training has ended.

        With it, an attempt that is killed later, at the export, is followed by one that only has
        that left to do.
        """
        with self._tp.ema_scope():
            self._checkpoint(between=False)
        if self.best:
            self._tell(best={
                "iteration": self.best["iteration"], "of": self._tp.epoch, "by": "validation loss",
                "best": self.best["errors"], "last": self._errors(),
            })  # fmt: skip

    def end_batch(self) -> None:
        """After a batch: take a checkpoint where it is due, and end where that is asked for.

        None after the last batch of an epoch, with which gracemaker cannot go on (KeyError:
        'total_loss/train'): the epoch ends in a moment.
        """
        if self._tp.step % self._steps == 0:
            return
        stop = self._stop_asked()
        if stop or self._checkpoints.due():
            with self._tp.ema_scope():
                self._checkpoint(between=True)
        if stop:
            self._end()

    def end_epoch(self) -> None:
        """After an epoch: the same, and look whether the fit has learned its data by heart."""
        train, test = self._loss("train"), self._loss("test")
        stop = self._stop_asked()
        reason = self._over_fitting(train, test)
        if stop or reason or self._checkpoints.due():
            self._checkpoint(between=False)
        if reason:
            self._tell(stopped_early=reason)
            print(reason, flush=True)
            self._tp.stop_training = True
        elif stop:
            self._end()

    def _over_fitting(self, train: float, test: float) -> str | None:
        epoch = self._tp.epoch
        if math.isnan(train):
            return f"stopped early: after epoch {epoch} the training loss is not a number"
        now = early_stopping.Look(epoch, train, test)
        if early_stopping.is_over_fitting(self._look, now, PATIENCE) and self._look:
            return early_stopping.in_words(self._look, now)
        self._look = early_stopping.better(self._look, now)
        return None

    def _stop_asked(self) -> bool:
        return (self._folder / "stop").exists()

    def _end(self) -> None:
        """End the process: the checkpoint is all that the next attempt needs."""
        self._tell(stopped=True)
        print(f"asked to stop in epoch {self._tp.epoch}", flush=True)
        raise SystemExit(0)

    def _checkpoint(self, *, between: bool) -> None:
        seen = {} if self.schedule is None else vars(self.schedule)
        schedule = {
            name: float(seen[name]) for name in SCHEDULE if math.isfinite(seen.get(name, math.inf))
        }
        self._checkpoints.save(self._tp, between, {
            "total": self._tp.epoch - between, "step": self._tp.step, "best": self.best,
            "schedule": schedule, "early_stopping": self._look,
        })  # fmt: skip

    def _tell(self, **facts: Any) -> None:
        self.notes.update(facts)
        evidence.write_json(str(self._folder / "continuation.json"), self.notes)
