"""Learning curves as a picture (PNG) and as a table (CSV). matplotlib is imported late."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpctrain.engines.curves import TrainingMetrics
from hpctrain.pages.curve_plot import plots
from hpctrain.runs.state.curves import Curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Between them stand the trainer's own numbers of where it was.
_POINT, _ERRORS = ("set", "iteration"), (
    "loss", "rmse_energy_mev_per_atom", "rmse_force_ev_per_a",
)  # fmt: skip
_COLOURS = {"train": "#1f5fa8", "test": "#d1495b"}
_KEPT = "#2e7d4f"


def learning_curve_csv(curves: Curves, key_names: Sequence[str]) -> str:
    """Write both curves as one table, a row a point; the parts of its key are named."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_POINT, *key_names, *_ERRORS])
    for name, points in (("train", curves.train), ("test", curves.test)):
        for p in points:
            writer.writerow([name, p.epoch, *p.key, p.loss, p.rmse_energy, p.rmse_force])
    return text.getvalue()


def curves_of_csv(text: str, seams: Iterable[int] = ()) -> Curves:
    """Read the curves of such a table; the seams are not in it."""
    curves = Curves(seams=list(seams))
    table = csv.DictReader(io.StringIO(text))
    parts = [name for name in table.fieldnames or () if name not in (*_POINT, *_ERRORS)]
    for row in table:
        curve = curves.train if row["set"] == "train" else curves.test
        key = tuple(int(row[name]) for name in parts)
        loss = float(row["loss"]) if row["loss"] else None
        energy, force = float(row[_ERRORS[1]]), float(row[_ERRORS[2]])
        curve.append(TrainingMetrics(int(row["iteration"]), energy, force, loss, key))
    return curves


def draw_learning_curve(curves: Curves, path: Path, best: int | None = None) -> None:
    """Draw the errors as a PNG file; ``best`` is the iteration that was kept."""
    learning_curve(curves, best).savefig(path, dpi=150, metadata={"Software": None})


def learning_curve(curves: Curves, best: int | None = None) -> Figure:
    """Draw the errors against the iteration, on logarithmic axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, plot in zip(figure.subplots(1, 2), plots(curves, best), strict=True):
        for series in plot.series:
            axes.plot(
                *zip(*series.points, strict=True),
                label=series.label,
                color=_COLOURS[series.name],
                linewidth=1.6,
                marker="o" if len(series.points) < 40 else None,
                markersize=3,
            )
        for mark in plot.marks:
            kept = mark.kind == "best"
            axes.axvline(
                mark.iteration,
                label=f"kept: {mark.iteration:,}" if kept else None,
                color=_KEPT if kept else "0.6",
                linewidth=1.2 if kept else 0.8,
                linestyle="--" if kept else ":",
            )
        axes.set_yscale("log")
        axes.set_xlabel("iteration")
        axes.set_ylabel(f"{plot.quantity} RMSE ({plot.unit})")
        axes.grid(True, which="both", color="0.92", linewidth=0.6)
        axes.set_axisbelow(True)
        if plot.series:
            axes.legend(frameon=False)
    return figure
