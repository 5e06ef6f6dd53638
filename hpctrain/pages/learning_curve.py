"""Learning curves as pictures and tables. matplotlib is imported late."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from hpctrain.engines.base import TrainingMetrics
from hpctrain.runs.state.curves import Curves

_COLUMNS = (
    "set", "iteration", "ladder_step", "fit_cycle", "iteration_in_step", "loss",
    "rmse_energy_mev_per_atom", "rmse_force_ev_per_a",
)  # fmt: skip
_TRAIN, _TEST = "#1f5fa8", "#d1495b"


def learning_curve_csv(curves: Curves) -> str:
    """Both curves as one table, a row a point."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for name, points in (("train", curves.train), ("test", curves.test)):
        for p in points:
            writer.writerow([name, p.epoch, *p.key, p.loss, p.rmse_energy, p.rmse_force])
    return text.getvalue()


def curves_of_csv(text: str, seams: Iterable[int] = ()) -> Curves:
    """The curves of such a table; the seams are not in it."""
    found = Curves(seams=list(seams))
    for row in csv.DictReader(io.StringIO(text)):
        curve = found.train if row["set"] == "train" else found.test
        key = (int(row["ladder_step"]), int(row["fit_cycle"]), int(row["iteration_in_step"]))
        loss = float(row["loss"]) if row["loss"] else None
        energy, force = float(row[_COLUMNS[6]]), float(row[_COLUMNS[7]])
        curve.append(TrainingMetrics(int(row["iteration"]), energy, force, loss, key))
    return found


def learning_curve(curves: Curves, path: Path) -> None:
    """RMSE of energies and forces against the iteration, both axes of errors logarithmic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2)
    for axis, field, unit in (
        (axes[0], "rmse_energy", "energy RMSE (meV/atom)"),
        (axes[1], "rmse_force", "force RMSE (eV/Å)"),
    ):
        for points, label, colour in (
            (curves.train, "train", _TRAIN),
            (curves.test, "test", _TEST),
        ):
            if points:
                axis.plot(
                    [p.epoch for p in points],
                    [getattr(p, field) for p in points],
                    label=f"{label} {getattr(points[-1], field):.3g}",
                    color=colour,
                    linewidth=1.6,
                    marker="o" if len(points) < 40 else None,
                    markersize=3,
                )
        for seam in curves.seams:
            axis.axvline(seam, color="0.6", linewidth=0.8, linestyle=":")
        axis.set_yscale("log")
        axis.set_xlabel("iteration")
        axis.set_ylabel(unit)
        axis.grid(True, which="both", color="0.92", linewidth=0.6)
        axis.set_axisbelow(True)
        if curves.train or curves.test:
            axis.legend(frameon=False)
    figure.savefig(path, dpi=150, metadata={"Software": None})
