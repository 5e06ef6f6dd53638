"""What a plot of learning curves shows, whoever draws it: series, marks and axes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hpctrain.pages.axes import Axis, axis

if TYPE_CHECKING:
    from hpctrain.engines.curves import TrainingMetrics
    from hpctrain.runs.state.curves import Curves

_QUANTITIES = (
    ("energy", "energies", "rmse_energy", "meV/atom"),
    ("force", "forces", "rmse_force", "eV/Å"),
)


@dataclass(frozen=True)
class Series:
    """One curve: errors by iteration. ``name`` is ``train`` or ``test``; there is a point."""

    name: str
    points: Sequence[tuple[int, float]]

    @property
    def label(self) -> str:
        """Name the series with its last error."""
        return f"{self.name} {self.points[-1][1]:.3g}"


@dataclass(frozen=True)
class Mark:
    """An iteration at which something happened: an attempt went on, the best, the end."""

    kind: Literal["seam", "best", "stopped"]
    iteration: int
    words: str


@dataclass(frozen=True)
class Plot:
    """The errors of one quantity; ``series`` are those that have points, and may be none."""

    quantity: str
    plural: str
    unit: str
    series: Sequence[Series]
    marks: Sequence[Mark]
    y: Axis

    @property
    def iterations(self) -> Axis:
        """Return the axis from the first iteration to the last."""
        every = [iteration for one in self.series for iteration, _ in one.points] or [0]
        return Axis("iteration", min(every), max(*every, min(every) + 1))

    @property
    def log_iterations(self) -> Axis:
        """Return the axis from 0 to the last iteration, by the logarithm of 1 + n."""
        return axis("iteration", [self.iterations.high], "log1p")


def plots(curves: Curves, best: int | None = None, stopped: bool = False) -> list[Plot]:
    """Prepare the plots of energies and forces.

    ``best`` is the iteration that was kept; ``stopped`` is true where the training was ended
    before its last iteration.
    """
    marks = [Mark("seam", seam, f"attempt {number}") for number, seam in enumerate(curves.seams, 2)]
    if best is not None:
        marks.append(Mark("best", best, "best"))
    if stopped and curves.iteration is not None:
        marks.append(Mark("stopped", curves.iteration, "stopped"))
    return [
        _plot(curves, marks, quantity, plural, field, unit)
        for quantity, plural, field, unit in _QUANTITIES
    ]


def _plot(
    curves: Curves, marks: Sequence[Mark], quantity: str, plural: str, field: str, unit: str
) -> Plot:
    series = [
        Series(name, _points(points, field))
        for name, points in (("train", curves.train), ("test", curves.test))
        if points
    ]
    y = axis(f"RMSE, {unit}", (error for one in series for _, error in one.points), "log")
    return Plot(quantity, plural, unit, series, marks, y)


def _points(points: Sequence[TrainingMetrics], field: str) -> list[tuple[int, float]]:
    return [(point.epoch, getattr(point, field)) for point in points]
