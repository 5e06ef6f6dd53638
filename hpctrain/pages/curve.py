"""The learning curves of a page, and in words what happened on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpctrain.pages.curve_plot import Plot, plots
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel
from hpctrain.text import rmse

if TYPE_CHECKING:
    from hpctrain.pages.subject import Subject
    from hpctrain.render import Markup

NO_TEST = "the trainer wrote no test errors"


def learning_curves(subject: Subject) -> list[Panel]:
    """Draw the errors of energies and of forces."""
    if not subject.curves.train:
        return [Panel("Learning curve", missing=subject.no_curves)]
    test = "" if subject.curves.test else NO_TEST
    best = subject.best["iteration"] if subject.best else None
    return [
        Panel(f"RMSE of {plot.plural}", test, _draw(plot))
        for plot in plots(subject.curves, best, bool(subject.stopped))
    ]


def story(subject: Subject) -> list[str]:
    """Explain the marks in the figures."""
    sentences = [
        f"Attempt {number} continued after iteration {seam:,}."
        for number, seam in enumerate(subject.curves.seams, start=2)
    ]
    if subject.best:
        best = subject.best
        sentences.append(
            f"Best by {best.get('by', 'unknown measure')}: iteration {best['iteration']:,} of "
            f"{best['of']:,}, which became the potential."
        )
        if best.get("best") and best.get("last"):
            sentences.append(
                f"Its errors (meV/atom / eV/Å): {rmse(best['best'])}; those of the last "
                f"iteration: {rmse(best['last'])}."
            )
    if subject.stopped:
        sentences.append(
            f"Stopped after iteration {subject.curves.iteration:,}: {subject.stopped}."
        )
    return sentences


def _draw(plot: Plot) -> Markup:
    room = 7.0 * max(len(series.label) for series in plot.series)
    figure = Figure(f"RMSE of {plot.plural}", plot.log_iterations, plot.y, right=room)
    for mark in plot.marks:
        figure.vertical_line(
            mark.iteration, mark.words, "mark best" if mark.kind == "best" else "mark"
        )
    for series in plot.series:
        figure.line(series.points, series.name)
        if len(series.points) < 60:
            figure.dots(series.points, series.name, 3.5)
        figure.label(series.points, series.label, series.name)
    return figure.svg()
