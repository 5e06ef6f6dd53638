"""The learning curves: errors against the iteration, with what happened on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpctrain.pages.axes import axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel
from hpctrain.text import rmse

if TYPE_CHECKING:
    from hpctrain.engines.base import TrainingMetrics
    from hpctrain.pages.figure import Point
    from hpctrain.pages.subject import Subject
    from hpctrain.render import Markup

NO_TEST = "the trainer wrote no test errors"


def learning_curves(subject: Subject) -> list[Panel]:
    """A figure for energies and one for forces."""
    if not subject.curves.train:
        return [Panel("Learning curve", missing=subject.no_curves)]
    test = "" if subject.curves.test else NO_TEST
    return [
        Panel(f"RMSE of {what}", test, _drawn(subject, what, field, unit))
        for what, field, unit in (
            ("energies", "rmse_energy", "meV/atom"),
            ("forces", "rmse_force", "eV/Å"),
        )
    ]


def story(subject: Subject) -> list[str]:
    """What the marks in the figures mean, in words."""
    found = [
        f"Attempt {number} went on after iteration {seam:,}."
        for number, seam in enumerate(subject.curves.seams, start=2)
    ]
    if subject.best:
        best = subject.best
        found.append(
            f"Best by {best.get('by', 'unknown measure')}: iteration {best['iteration']:,} of "
            f"{best['of']:,}; the potential is that one."
        )
        if best.get("best") and best.get("last"):
            found.append(
                f"Its errors (meV/atom / eV/Å): {rmse(best['best'])}; those of the last "
                f"iteration: {rmse(best['last'])}."
            )
    if subject.stopped:
        found.append(f"Stopped after iteration {subject.curves.iteration:,}: {subject.stopped}.")
    return found


def _drawn(subject: Subject, what: str, field: str, unit: str) -> Markup:
    curves = subject.curves
    every = [*curves.train, *curves.test]
    x = axis("iteration", (point.epoch for point in every), "log1p")
    y = axis(f"RMSE, {unit}", (getattr(point, field) for point in every), "log")
    ends = {
        name: f"{name} {getattr(points[-1], field):.3g}"
        for name, points in (("train", curves.train), ("test", curves.test))
        if points
    }
    drawn = Figure(f"RMSE of {what}", x, y, right=7.0 * max(map(len, ends.values())))
    for number, seam in enumerate(curves.seams, start=2):
        drawn.upright(seam, f"attempt {number}")
    if subject.best:
        drawn.upright(subject.best["iteration"], "best", "mark best")
    if subject.stopped and curves.iteration is not None:
        drawn.upright(curves.iteration, "stopped")
    for name, points in (("train", curves.train), ("test", curves.test)):
        if points:
            along = _points(points, field)
            drawn.line(along, name)
            if len(points) < 60:
                drawn.dots(along, name, 3.5)
            drawn.label(along, ends[name], name)
    return drawn.svg()


def _points(points: list[TrainingMetrics], field: str) -> list[Point]:
    return [(float(point.epoch), getattr(point, field)) for point in points]
